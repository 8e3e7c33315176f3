//! Kernels and sandboxes that lack something: the app runs all the same, and the agent beside it where it can.

use crate::shutdown::{PROMISE, namespace};
use crate::support::dyno::{Dyno, Launch, MULTI, Process, QUIET_AGENT, STANDARD, Slug, program, skipped};
use crate::support::kernel::refusing;
use nix::libc;
use rustix::process::Signal;
use seccompiler::{SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompRule};
use std::fs;
use std::process::{Command, Stdio};
use std::time::Instant;

/// What a kernel before 5.3 answers to a system call it does not have, and what a sandbox answers to one that it
/// forbids.
const REFUSALS: [i32; 2] = [libc::ENOSYS, libc::EPERM];

/// Makes dynos of kernels without pidfds, one for each way in which a kernel says so.
fn without_pidfds(launch: &Launch) -> Vec<Launch> {
    REFUSALS
        .into_iter()
        .filter_map(|errno| refusing(vec![(libc::SYS_pidfd_open, Vec::new())], errno))
        .map(|refuse| launch.clone().started_after(refuse))
        .collect()
}

/// What refuses copies of a process as the limit of a pids cgroup does. A process that becomes another program
/// at once, and shares its parent's memory until then, is left to the test, which starts the dyno by it.
fn refusing_processes() -> Option<impl Fn() + Clone + Send + Sync + 'static> {
    let flag = u64::from(libc::CLONE_VFORK.cast_unsigned());
    let condition = SeccompCondition::new(0, SeccompCmpArgLen::Qword, SeccompCmpOp::MaskedEq(flag), 0);
    let rule = condition.and_then(|condition| SeccompRule::new(vec![condition]));
    let calls = vec![
        (libc::SYS_clone, vec![rule.expect("the flags are the first argument")]),
        #[cfg(target_arch = "x86_64")]
        (libc::SYS_fork, Vec::new()),
    ];
    let refuse = refusing(calls, libc::EAGAIN)?;
    // Its flags are out of sight. Without it, C libraries take the call above.
    let refuse_clone3 = refusing(vec![(libc::SYS_clone3, Vec::new())], libc::ENOSYS)?;
    Some(move || {
        refuse();
        refuse_clone3();
    })
}

/// Whether the supervisor watches its app by a pidfd. Only root can see its files; others see whether it sleeps
/// without a limit, which it does not where it has to look after the app.
fn has_pidfd(supervisor: &Process) -> bool {
    let Ok(files) = fs::read_dir(format!("/proc/{}/fd", supervisor.pid)) else {
        return !wakes_by_itself(supervisor);
    };
    files
        .filter_map(|file| fs::read_link(file.ok()?.path()).ok())
        .any(|target| target.to_string_lossy().contains("pidfd"))
}

/// Whether a process that nothing happens to is woken within three seconds.
fn wakes_by_itself(process: &Process) -> bool {
    let wakes = || process.status("voluntary_ctxt_switches");
    let mut last = wakes();
    // What is under way at the start of an agent, or when the test looks, is soon over.
    for _ in 0..3 {
        std::thread::sleep(std::time::Duration::from_secs(1));
        if std::mem::replace(&mut last, wakes()) == last {
            return false;
        }
    }
    true
}

/// Asserts that the supervisor could not be started and that this is said in one line.
#[track_caller]
fn assert_one_line_about_the_supervisor(dyno: &Dyno) {
    let lines = dyno.own_lines();
    dyno.assert(
        lines.len() == 1
            && lines[0].starts_with("hoopstart: warning: ")
            && lines[0].ends_with("[start::supervisor-failed]"),
        "expected one line about the supervisor",
    );
}

#[test]
fn where_the_kernel_has_pidfds_the_end_of_the_app_is_noticed_by_one() {
    let slug = Slug::of_agent(QUIET_AGENT);
    let dyno = slug.web().start(["sleep", "600"]);
    dyno.has_agents(1);
    // If it does not, the tests below are of no other kernel than this.
    assert!(has_pidfd(&dyno.supervisors()[0]), "{:?}", dyno.processes());
}

#[test]
fn without_pidfds_every_end_of_the_app_is_as_it_was_and_ends_the_agent() {
    let slug = Slug::of_agent(QUIET_AGENT);
    for launch in without_pidfds(&slug.web().after("ulimit -c 0")) {
        let mut dyno = launch.clone().with_stdin().script("echo up; read line; exit 7");
        dyno.prints("up\n").logs("hoop | agent up\n");
        dyno.assert(!has_pidfd(&dyno.supervisors()[0]), "the kernel has pidfds");
        dyno.write("go\n");
        dyno.exits(7);
        dyno.is_gone_within(PROMISE, Instant::now());
        dyno.closes_output();
        assert_eq!((dyno.stdout(), dyno.own_lines()), ("up\n".to_owned(), vec![]));

        for code in [0, 1, 126, 127, 255] {
            launch.script(&format!("exit {code}")).exits(code);
        }
        for signal in [Signal::TERM, Signal::KILL] {
            let mut dyno = launch.start(["sleep", "600"]);
            dyno.has_agents(1);
            dyno.signal(signal);
            dyno.dies_by(signal.as_raw());
            dyno.is_gone_within(PROMISE, Instant::now());
            dyno.closes_output();
        }
    }
}

#[test]
fn where_there_is_no_room_for_another_stack_the_agent_runs_all_the_same() {
    let slug = Slug::of_agent(QUIET_AGENT);
    let condition = |argument, operator, value| {
        SeccompCondition::new(argument, SeccompCmpArgLen::Qword, operator, value).expect("a right condition")
    };
    // The length of the stack, and what an allocator adds.
    let (least, most) = (8 << 20, (8 << 20) + (64 << 10));
    let stack = vec![
        condition(1, SeccompCmpOp::Ge, least),
        condition(1, SeccompCmpOp::Le, most),
    ];
    let stack = SeccompRule::new(stack).expect("a right rule");
    let Some(without_room) = refusing(vec![(libc::SYS_mmap, vec![stack])], libc::ENOMEM) else {
        return;
    };
    let mut dyno = slug
        .web()
        .started_after(without_room)
        .with_stdin()
        .script("read line; exit 7");
    dyno.logs("hoop | agent up\n");
    dyno.write("go\n");
    dyno.exits(7);
    dyno.is_gone_within(PROMISE, Instant::now());
    assert_eq!(dyno.own_lines(), Vec::<String>::new());
}

#[test]
fn with_and_without_pidfds_an_app_that_nobody_has_reaped_yet_is_gone() {
    let slug = Slug::of_agent(QUIET_AGENT);
    for launch in [slug.web()].into_iter().chain(without_pidfds(&slug.web())) {
        let mut dyno = launch.with_stdin().script("read line; exit 7");
        dyno.logs("hoop | agent up\n");
        dyno.write("go\n");
        // The test is its parent, and asks for its status only after this.
        dyno.until("the end of the agent", || {
            (dyno.agents().is_empty() && dyno.supervisors().is_empty()).then_some(())
        });
        dyno.exits(7);
    }
}

#[test]
fn without_proc_the_agent_runs_beside_the_app_and_ends_after_it() {
    let hide = "mount -t tmpfs nothing /proc && exec \"$@\"";
    let Some(mut words) = namespace(&["--mount", "sh", "-c", hide, "sh"]) else {
        return;
    };
    let app = ["sh", "-c", "ls /proc; echo up; read line; exit 7"];
    words.extend([".hoop/bin/hoopstart", "--"].into_iter().chain(app).map(str::to_owned));
    let slug = Slug::of_agent(QUIET_AGENT);
    for launch in [slug.web()].into_iter().chain(without_pidfds(&slug.web())) {
        let mut dyno = launch.with_stdin().plain(&words);
        dyno.prints("up\n").logs("hoop | agent up\n");
        dyno.write("go\n");
        dyno.exits(7);
        dyno.is_gone_within(PROMISE, Instant::now());
        dyno.closes_output();
        dyno.assert(dyno.stdout() == "up\n", "there was something in /proc");
        let lines = dyno.own_lines();
        dyno.assert(
            lines.iter().all(|line| line.starts_with("hoopstart: warning: ")) && lines.len() <= 1,
            "expected one warning at most",
        );
    }
}

#[test]
fn where_nothing_can_be_waited_for_the_supervisor_does_not_spin_and_sees_the_end_of_the_app() {
    let calls = vec![
        (libc::SYS_ppoll, Vec::new()),
        #[cfg(target_arch = "x86_64")]
        (libc::SYS_poll, Vec::new()),
    ];
    for errno in REFUSALS {
        let Some(refuse) = refusing(calls.clone(), errno) else {
            return;
        };
        let slug = Slug::of_agent(QUIET_AGENT);
        let mut dyno = slug
            .web()
            .started_after(refuse)
            .with_stdin()
            .script("read line; exit 7");
        dyno.has_agents(1);
        let supervisor = dyno.supervisors().remove(0);
        let sleeps = || supervisor.status("voluntary_ctxt_switches").parse::<u64>().unwrap();
        // It sleeps again and again, and does nothing else.
        let before = sleeps();
        dyno.until("three sleeps", || (sleeps() >= before + 3).then_some(()));
        let stat = fs::read_to_string(format!("/proc/{}/stat", supervisor.pid)).unwrap();
        let times = stat.rsplit_once(") ").unwrap().1.split(' ').skip(11).take(2);
        let ticks: u64 = times.map(|ticks| ticks.parse::<u64>().unwrap()).sum();
        assert!(ticks < 100, "{ticks} ticks of a hundredth of a second");
        dyno.write("go\n");
        dyno.exits(7);
        dyno.is_gone_within(PROMISE, Instant::now());
    }
}

#[test]
fn without_dev_null_the_app_runs_and_one_line_says_what_is_missing() {
    let hide = "mount -t tmpfs nothing /dev && exec \"$@\"";
    for kind in [&["--mount"][..], &["--mount", "--pid", "--fork"]] {
        let Some(mut words) = namespace(&[kind, &["sh", "-c", hide, "sh"]].concat()) else {
            return;
        };
        let app = ["sh", "-c", "echo up; exit 7"];
        words.extend([".hoop/bin/hoopstart", "--"].into_iter().chain(app).map(str::to_owned));
        let slug = Slug::of_agent(QUIET_AGENT);
        let mut dyno = slug.web().plain(&words);
        dyno.exits(7).closes_output();
        assert_eq!(dyno.stdout(), "up\n");
        assert_one_line_about_the_supervisor(&dyno);
        dyno.assert(
            dyno.stderr().contains("(/dev/null: no such file or directory)"),
            "the line names it",
        );
        dyno.is_gone_within(PROMISE, Instant::now());
    }
}

#[test]
fn where_no_supervisor_can_be_started_the_app_runs_and_one_line_says_so() {
    let Some(refuse) = refusing_processes() else {
        return;
    };
    let (slug, sh) = (Slug::of_agent(QUIET_AGENT), program("sh").expect("there is a shell"));
    let launch = slug.web().started_after(refuse).without_second_mark();
    let start = |app: &str| {
        // With a path, and in no other folder, the standard library has no need of a fork.
        let mut command = Command::new(&sh);
        command
            .args([
                "-c",
                "cd \"$HOME\" && ulimit -c 0 && exec .hoop/bin/hoopstart -- sh -c \"$0\"",
                app,
            ])
            .env_clear()
            .envs(launch.variables().iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        Dyno::of(&launch, command)
    };
    let mut dyno = start("echo up; exit 7");
    dyno.exits(7).closes_output();
    assert_eq!(dyno.stdout(), "up\n");
    assert_one_line_about_the_supervisor(&dyno);
    dyno.assert(dyno.stderr().lines().count() == 1, "nothing else is to be said");
    dyno.assert(dyno.processes().is_empty(), "nothing was started");

    for code in [0, 1, 78, 127, 255] {
        start(&format!("exit {code}")).exits(code);
    }
    start("kill -9 $$").dies_by(9);
}

#[test]
fn where_no_agent_can_be_started_the_app_runs_and_it_is_tried_again() {
    // The one call that only the start of an agent makes.
    let Some(refuse) = refusing(vec![(libc::SYS_setpgid, Vec::new())], libc::EAGAIN) else {
        return;
    };
    let slug = Slug::of_agent(QUIET_AGENT);
    let launch = slug.web().in_our_group().started_after(refuse);
    let mut dyno = launch.with_stdin().script("echo up; read line; exit 7");
    dyno.prints("up\n").logs("; next try in 1s").logs("; next try in 2s");
    dyno.write("go\n");
    dyno.exits(7);
    dyno.is_gone_within(PROMISE, Instant::now());
    dyno.closes_output();
    assert_eq!(dyno.stdout(), "up\n");
    for line in dyno.stderr().lines() {
        let expected = "hoopstart: warning: agent could not be started (";
        dyno.assert(
            line.starts_with(expected),
            "expected a line for each try, and nothing else",
        );
    }
}

/// What makes a program the only process of its user, at this limit of processes, where this machine permits
/// that.
fn at_limit(limit: u32) -> Option<Vec<String>> {
    // A limit of processes is none for root, and is counted for each user in each namespace.
    let user = (100_000 * limit + std::process::id()).to_string();
    let words = if rustix::process::geteuid().is_root() {
        program("setpriv")?;
        vec!["setpriv", "--reuid", &user, "--clear-groups", "--no-new-privs"]
    } else {
        program("unshare")?;
        vec!["unshare", "--user"]
    };
    let words = words.into_iter().map(str::to_owned);
    program("prlimit")?;
    Some(
        words
            .chain(["prlimit".to_owned(), format!("--nproc={limit}")])
            .collect(),
    )
}

/// Whether a shell at this limit can start one other process.
fn can_fork(at_limit: &[String]) -> bool {
    Command::new(&at_limit[0])
        .args(&at_limit[1..])
        .args(["sh", "-c", "(exit 3); test $? = 3"])
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

#[test]
fn at_any_limit_of_processes_the_app_runs_with_its_own_status() {
    let (Some(one), Some(two)) = (at_limit(1), at_limit(2)) else {
        return;
    };
    if can_fork(&one) || !can_fork(&two) {
        skipped("this machine limits no processes for us");
        return;
    }
    let slug = Slug::of_agent("#!/bin/sh\necho \"agent up\"\nexec sleep 600\n");
    fs::set_permissions(slug.home(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("it is ours");
    let app = [".hoop/bin/hoopstart", "--", "sh", "-c", "echo up; read line; exit 7"];
    // The app, what starts the supervisor, the supervisor, an agent.
    for limit in 1..=4 {
        let words = at_limit(limit).into_iter().flatten();
        let words = words.chain(app.map(str::to_owned));
        let mut dyno = slug.web().with_stdin().plain(words);
        dyno.prints("up\n");
        if limit > 2 {
            dyno.logs("hoop | agent up\n");
        }
        dyno.write("go\n");
        dyno.exits(7);
        dyno.is_gone_within(PROMISE, Instant::now());
        dyno.closes_output();
        assert_eq!(dyno.stdout(), "up\n");
        if limit <= 2 {
            assert_one_line_about_the_supervisor(&dyno);
        }
    }
}

#[test]
fn the_supervisor_is_one_thread_and_each_agent_one_process() {
    let slug = Slug::of_agent("#!/bin/sh\necho \"agent up\"\nwhile :; do wait; done\n");
    let launch = slug.web().with("HOOP_KEY", MULTI).with("HOOP_CONNECTION", "one,two");
    let dyno = launch.start(["sleep", "600"]);
    // Also after another start.
    for starts in [2, 3] {
        dyno.until("the agents", || {
            (dyno.stderr().matches(" | agent up\n").count() == starts).then_some(())
        });
        // The app, the supervisor, two agents: against a limit of 256 threads in all, each counts.
        let processes = dyno.processes();
        assert_eq!(processes.len(), 4, "{processes:?}");
        for process in &processes {
            assert_eq!(process.status("Threads"), "1", "{process:?}");
        }
        dyno.agents()[0].signal(Signal::KILL);
    }
}

#[test]
fn where_memory_runs_out_the_agent_is_taken_first_and_the_app_last() {
    let slug = Slug::of_agent(QUIET_AGENT);
    let dyno = slug.web().with("HOOP_KEY", STANDARD).start(["sleep", "600"]);
    dyno.logs("hoop | agent up\n");
    let score = |pid| fs::read_to_string(format!("/proc/{pid}/oom_score_adj")).unwrap();

    let agent: i32 = score(dyno.agents()[0].pid).trim().parse().unwrap();
    let supervisor: i32 = score(dyno.supervisors()[0].pid).trim().parse().unwrap();
    assert!(agent > supervisor, "{agent}, {supervisor}");
    assert_eq!(score(dyno.pid()), score(std::process::id()), "the app's is its own");
    let app: i32 = score(dyno.pid()).trim().parse().unwrap();
    assert!(supervisor > app, "{supervisor}, {app}");
}

#[test]
fn thirty_two_files_are_enough_for_two_agents_and_the_app_keeps_its_limit() {
    let limit = "#!/bin/sh\necho \"agent has $(ulimit -n), $(ulimit -Hn)\"\n";
    let slug = Slug::of_agent(&QUIET_AGENT.replace("#!/bin/sh\n", limit));
    let launch = slug.web().with("HOOP_KEY", MULTI).with("HOOP_CONNECTION", "one,two");
    let mut dyno = launch
        .after("ulimit -n 32")
        .with_stdin()
        .script("ulimit -n; ulimit -Hn; read line; exit 7");
    for name in ["one", "two"] {
        dyno.logs(&format!("hoop:{name} | agent has 32, 32\n"))
            .logs(&format!("hoop:{name} | agent up\n"));
    }
    // Also after many starts.
    for round in 1..=3 {
        dyno.agents()[0].signal(Signal::KILL);
        dyno.until("another start", || {
            (dyno.stderr().matches(" | agent up\n").count() == 2 + round).then_some(())
        });
    }
    dyno.write("go\n");
    dyno.exits(7);
    dyno.is_gone_within(PROMISE, Instant::now());
    dyno.closes_output();
    assert_eq!(dyno.stdout(), "32\n32\n");
    let own = dyno.own_lines();
    dyno.assert(
        own.len() == 3 && own.iter().all(|line| line.contains("was killed by signal 9")),
        "nothing but what this test did",
    );
}

#[test]
fn with_hardly_any_file_the_app_runs_with_its_own_status() {
    let slug = Slug::of_agent(QUIET_AGENT);
    // With three, the loader of the app itself fails.
    for files in 4..=12 {
        let launch = slug.web().after(&format!("ulimit -n {files}"));
        let mut dyno = launch.with_stdin().script("ulimit -n; read line; exit 7");
        dyno.prints(&format!("{files}\n"));
        dyno.until("the agent, or why there is none", || {
            (dyno.stderr().contains("agent up\n") || !dyno.own_lines().is_empty()).then_some(())
        });
        dyno.write("go\n");
        dyno.exits(7);
        dyno.is_gone_within(PROMISE, Instant::now());
        dyno.closes_output();
        dyno.assert(dyno.stdout() == format!("{files}\n"), "nothing of ours goes to stdout");
        // A supervisor that has come up tries again, and each try is a line.
        let mut lines = dyno.own_lines();
        lines.retain(|line| !line.starts_with("hoopstart: warning: agent could not be started ("));
        let said = lines.iter().all(|line| line.ends_with("[start::supervisor-failed]"));
        dyno.assert(
            said && lines.len() <= 1,
            "expected one line about the supervisor at most",
        );
    }
}
