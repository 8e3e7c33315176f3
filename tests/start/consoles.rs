//! Consoles: an app on a terminal, as one-off dynos and laptops have it.
//!
//! The terminal is that of `script`, which hands on what is written to its stdin.

use crate::support::dyno::{Dyno, QUIET_AGENT, Slug, program};

/// Starts an interactive bash under hoopstart on a terminal.
fn console(slug: &Slug) -> Option<Dyno> {
    program("bash")?;
    let script = program("script")?;
    let hoopstart = slug.hoopstart();
    let command = format!(
        "exec '{}' -- bash --norc --noprofile -i",
        hoopstart.display().to_string().replace('\'', r"'\''")
    );
    let dyno = slug
        .web()
        .with("TERM", "dumb")
        .with("PS1", "")
        .with("SHELL", "/bin/sh")
        .with_stdin()
        .plain([
            script.as_os_str(),
            "-q".as_ref(),
            "-e".as_ref(),
            "-c".as_ref(),
            command.as_ref(),
            "/dev/null".as_ref(),
        ]);
    dyno.prints("hoop | agent up");
    Some(dyno)
}

#[test]
fn job_control_works_and_the_agent_sees_no_key_of_the_terminal() {
    let slug = Slug::of_agent(QUIET_AGENT);
    let Some(mut dyno) = console(&slug) else { return };
    let agent = dyno.has_agents(1)[0].pid;
    let runs = |dyno: &Dyno, word: &str| {
        let processes = dyno.processes();
        processes
            .iter()
            .any(|process| process.command_line() == ["sleep", word])
    };

    // Ctrl-C ends the job in front, and the shell goes on.
    dyno.write("sleep 611\n");
    dyno.until("a job", || runs(&dyno, "611").then_some(()));
    dyno.write("\x03");
    dyno.until("the job's end", || (!runs(&dyno, "611")).then_some(()));
    dyno.write("echo status $?.\n");
    dyno.prints("status 130.");

    // Ctrl-Z stops it, and `fg` takes it back.
    dyno.write("sleep 612\n");
    dyno.until("a job", || runs(&dyno, "612").then_some(()));
    dyno.write("\x1a");
    dyno.prints("Stopped");
    dyno.write("fg\n");
    dyno.until("the job in front again", || {
        let processes = dyno.processes();
        let job = processes
            .iter()
            .find(|process| process.command_line() == ["sleep", "612"])?;
        job.status("State").starts_with('S').then_some(())
    });
    dyno.write("\x03");
    dyno.until("the job's end", || (!runs(&dyno, "612")).then_some(()));

    // The window's size is the terminal's.
    dyno.write("stty rows 33 cols 77; stty size; echo sized\n");
    dyno.prints("33 77");

    assert_eq!(dyno.has_agents(1)[0].pid, agent);
    // Ctrl-D ends the shell, and `script` with it.
    dyno.write("exit 5\n");
    dyno.exits(5);
    dyno.is_gone_within(std::time::Duration::from_secs(10), std::time::Instant::now());
}
