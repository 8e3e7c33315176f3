//! The app is what it would be without hoopstart.

use crate::shutdown::PROMISE;
use crate::support::dyno::{Dyno, Launch, Process, QUIET_AGENT, Slug, program, skipped};
use crate::terminal::Terminal;
use nix::sys::signal::{SigSet, SigmaskHow, Signal};
use std::fs;
use std::time::Instant;

/// Files of `/proc/self` in which a process shows what it was given. The first line of each is its name.
const FILES: [&str; 16] = [
    "/proc/self/status",
    "/proc/self/stat",
    "/proc/self/limits",
    "/proc/self/cmdline",
    "/proc/self/environ",
    "/proc/self/oom_score_adj",
    "/proc/self/timerslack_ns",
    "/proc/self/personality",
    "/proc/self/coredump_filter",
    "/proc/self/autogroup",
    "/proc/self/cgroup",
    "/proc/self/uid_map",
    // Their flags and places.
    "/proc/self/fdinfo/0",
    "/proc/self/fdinfo/1",
    "/proc/self/fdinfo/2",
    "/proc/self/fdinfo/7",
];

/// Lines of `status` that differ from run to run.
const VOLATILE: [&str; 8] = [
    "Vm",
    "Rss",
    "SigQ:",
    "voluntary_ctxt_switches:",
    "nonvoluntary_ctxt_switches:",
    "HugetlbPages:",
    "Cpus_",
    "ino:",
];

/// Fields of `stat`, counted from its last parenthesis, that do not differ from run to run: parent, process group,
/// session, terminal, its foreground group, priority, niceness, threads, signal to the parent, scheduling.
const STAT_FIELDS: [usize; 11] = [1, 2, 3, 4, 5, 15, 16, 17, 35, 37, 38];

/// Runs `words` with hoopstart or without, and returns what it printed on stdout.
fn output(launch: &Launch, words: &[String], under_hoopstart: bool) -> (u32, String) {
    let mut dyno = if under_hoopstart {
        launch.start(words)
    } else {
        launch.plain(words)
    };
    dyno.ends();
    // Not until stderr is closed: some of these dynos have none.
    dyno.until("the end of stdout", || dyno.stdout_ended());
    (dyno.pid(), dyno.stdout())
}

/// What a process shows of itself.
fn facts(launch: &Launch, under_hoopstart: bool) -> Vec<String> {
    let mut words = vec!["head".to_owned(), "-v".to_owned(), "-n".to_owned(), "9999".to_owned()];
    words.extend(FILES.map(str::to_owned));
    let (pid, text) = output(launch, &words, under_hoopstart);
    assert!(
        text.contains(&format!("\nPid:\t{pid}\n")),
        "the app is not the process that was started: {text}"
    );

    let mut facts: Vec<String> = text
        .lines()
        .filter(|line| !VOLATILE.iter().any(|name| line.starts_with(name)))
        .flat_map(|line| fact(line, pid))
        .collect();
    facts.extend(files(launch, under_hoopstart));
    facts
}

/// What a line of [`FILES`] says, without what differs from run to run: the number of the process, and that of the
/// scheduling group which each session has.
fn fact(line: &str, pid: u32) -> Vec<String> {
    let pid = pid.to_string();
    if let Some((_, number)) = line.split_once("/autogroup-") {
        return vec![number.trim_start_matches(char::is_numeric).to_owned()];
    }
    let steady = |field: &str| {
        if field == pid {
            "its pid".to_owned()
        } else {
            field.to_owned()
        }
    };
    match line.rsplit_once(") ") {
        Some((first, fields)) if first.starts_with(&format!("{pid} (")) => {
            let fields: Vec<_> = fields.split(' ').collect();
            STAT_FIELDS
                .iter()
                .map(|place| format!("stat field {place}: {}", steady(fields[*place])))
                .collect()
        }
        _ => vec![line.split('\t').map(steady).collect::<Vec<_>>().join("\t")],
    }
}

/// The open files of a process, its folder and its root.
fn files(launch: &Launch, under_hoopstart: bool) -> Vec<String> {
    let mut words = vec!["stat".to_owned(), "-c".to_owned(), "%N %A".to_owned()];
    words.extend(["/proc/self/cwd", "/proc/self/root"].map(str::to_owned));
    words.extend((0..64).map(|number| format!("/proc/self/fd/{number}")));
    let (_, text) = output(launch, &words, under_hoopstart);
    // A pipe has another number in each run.
    text.lines()
        .map(|line| line.split_once("pipe:[").map_or(line, |(begin, _)| begin).to_owned())
        .collect()
}

/// Asserts that an app started so cannot tell whether hoopstart was there.
#[track_caller]
fn assert_same(launch: &Launch) {
    let (without, with) = (facts(launch, false), facts(launch, true));
    let only = |these: &[String], those: &[String]| -> Vec<String> {
        these.iter().filter(|line| !those.contains(line)).cloned().collect()
    };
    assert!(
        without == with,
        "only without hoopstart: {:#?}\nonly with: {:#?}",
        only(&without, &with),
        only(&with, &without)
    );
    assert!(without.len() > 60, "the probe shows little: {without:#?}");
}

/// Asserts that the agent does run beside an app started so.
#[track_caller]
fn assert_agent_runs(launch: &Launch) {
    launch.start(["sleep", "600"]).has_agents(1);
}

#[track_caller]
fn assert_untouched_after(prelude: &str) {
    let slug = Slug::of_agent(QUIET_AGENT);
    let launch = slug.web().after(prelude);
    assert_same(&launch);
    assert_agent_runs(&launch);
}

#[test]
fn an_app_is_the_process_it_would_be_without_hoopstart() {
    assert_untouched_after("");
}

#[test]
fn an_app_without_an_agent_is_the_process_it_would_be_without_hoopstart() {
    assert_same(&Slug::of_agent(QUIET_AGENT).dyno());
    assert_same(&Slug::of_agent(QUIET_AGENT).web().with("HOOP_DISABLE", "1"));
    assert_same(&Slug::without_agent().web());
}

#[test]
fn ignored_signals_stay_ignored() {
    for signals in ["PIPE", "HUP", "CHLD", "TERM INT QUIT USR1 TSTP"] {
        assert_untouched_after(&format!("trap '' {signals}"));
    }
}

#[test]
fn blocked_signals_stay_blocked_and_none_is_pending_that_nobody_sent() {
    // A mask is a thread's own, and is passed on to what that thread starts.
    for signals in [
        vec![Signal::SIGTERM, Signal::SIGCHLD],
        vec![Signal::SIGCHLD],
        vec![Signal::SIGPIPE, Signal::SIGHUP, Signal::SIGINT, Signal::SIGUSR1],
    ] {
        let set: SigSet = signals.into_iter().collect();
        let before = set.thread_swap_mask(SigmaskHow::SIG_BLOCK).unwrap();
        let result = std::panic::catch_unwind(|| {
            assert_untouched_after("");
            // One that is pending when hoopstart starts is pending in the app.
            if set.contains(Signal::SIGTERM) {
                assert_untouched_after("kill -TERM $$");
            }
        });
        before.thread_set_mask().unwrap();
        if let Err(panic) = result {
            std::panic::resume_unwind(panic);
        }
    }
}

#[test]
fn closed_and_extra_files_stay_as_they_are() {
    for prelude in [
        "exec 7<.hoop/manifest.yml",
        "exec 3>&1 5>>log 9<.",
        "exec <&-",
        "exec 2>&-",
        "exec <&- 2>&-",
        "exec <&- 2>&- 7<.hoop/manifest.yml",
    ] {
        assert_untouched_after(prelude);
    }
}

#[test]
fn limits_umask_and_folder_stay_as_they_are() {
    assert_untouched_after("umask 027; ulimit -n 64; ulimit -c 0; ulimit -s 4096; cd bin");
}

#[test]
fn niceness_stays_as_it_is() {
    assert_untouched_after("exec nice -n 5 \"$@\"");
}

#[test]
fn the_session_stays_as_it_is() {
    if program("setsid").is_some() {
        let slug = Slug::of_agent(QUIET_AGENT);
        let launch = slug.web().in_our_group();
        assert_same(&launch);
        assert_same(&launch.after("exec setsid \"$@\""));
    }
}

#[test]
fn the_controlling_terminal_stays_as_it_is() {
    let Some(terminal) = Terminal::open() else { return };
    let slug = Slug::of_agent(QUIET_AGENT);
    let launch = slug
        .web()
        .in_our_group()
        .with("TERMINAL", &terminal.path)
        .after("exec setsid -c \"$@\" <\"$TERMINAL\"");
    assert_same(&launch);
    assert_agent_runs(&launch);
    // It is one: `stat` has its number, and the app's group is in front.
    let terminals = facts(&launch, true);
    for fact in ["stat field 3: its pid", "stat field 5: its pid"] {
        assert!(terminals.contains(&fact.to_owned()), "{terminals:#?}");
    }
    assert!(!terminals.contains(&"stat field 4: 0".to_owned()), "{terminals:#?}");
}

#[test]
fn what_the_app_blocks_and_ignores_agent_and_supervisor_do_not() {
    let slug = Slug::of_agent(QUIET_AGENT);
    let blocked = SigSet::from_iter([Signal::SIGTERM, Signal::SIGCHLD, Signal::SIGUSR1]);
    let block = move || blocked.thread_block().expect("it is a mask");
    // All that end or stop a process by default, but for those that tell of a fault of its own.
    let ignored = "trap '' HUP INT QUIT USR1 USR2 PIPE ALRM TERM CHLD TSTP TTIN TTOU XCPU VTALRM PROF IO PWR";
    for launch in [slug.web(), slug.web().started_after(block), slug.web().after(ignored)] {
        let mut dyno = launch.start(["sleep", "600"]);
        let agents = dyno.has_agents(1);
        for process in agents.iter().chain(&dyno.supervisors()) {
            // But for the moment in which something is started. The C library keeps 32 and 33 for its threads, and
            // ignores them in what it starts.
            let signals = |name: &str| u64::from_str_radix(&process.status(name), 16).unwrap_or(u64::MAX);
            dyno.until("no blocked and no ignored signal", || {
                (signals("SigBlk") == 0 && signals("SigIgn") & !(0b11 << 31) == 0).then_some(())
            });
        }
        dyno.signal(rustix::process::Signal::KILL);
        dyno.dies_by(9);
        dyno.is_gone_within(PROMISE, Instant::now());
    }
}

#[test]
fn the_files_of_the_app_keep_their_flags_while_the_agent_writes() {
    let slug = Slug::of_agent("#!/bin/sh\nwhile :; do echo line; done\n");
    let flags = |dyno: &Dyno| -> Vec<String> {
        let text = |number| fs::read_to_string(format!("/proc/{}/fdinfo/{number}", dyno.pid())).unwrap();
        let line = |text: String| text.lines().find(|line| line.starts_with("flags:")).map(str::to_owned);
        (0..3).map(|number| line(text(number)).unwrap()).collect()
    };
    let alone = slug.web().with_stdin().plain(["cat"]);
    let dyno = slug.web().with_stdin().start(["cat"]);
    dyno.logs(&"hoop | line\n".repeat(100));
    assert_eq!(flags(&dyno), flags(&alone));
}

/// The environment as the kernel has it: in its order.
fn environment(launch: &Launch, words: &[&str]) -> Vec<String> {
    let mut dyno = launch.plain(words);
    dyno.exits(0);
    dyno.until("the end of stdout", || dyno.stdout_ended());
    dyno.stdout().split_terminator('\0').map(str::to_owned).collect()
}

#[test]
fn the_environment_keeps_its_order() {
    let slug = Slug::of_agent(QUIET_AGENT);
    let launch = slug.web();
    let mut variables = vec!["ZULU=1".to_owned(), "A=".to_owned(), "M=a=b c\n".to_owned()];
    variables.extend(
        launch
            .variables()
            .iter()
            .rev()
            .map(|(name, value)| format!("{}={}", name.to_str().unwrap(), value.to_str().unwrap())),
    );
    let hoopstart = slug.hoopstart();
    let mut words = vec!["env", "-i"];
    words.extend(variables.iter().map(String::as_str));
    words.extend([hoopstart.to_str().unwrap(), "--", "cat", "/proc/self/environ"]);

    assert_eq!(environment(&launch, &words), variables);
}

#[test]
fn under_bash_the_environment_is_what_bash_gives_it() {
    if program("bash").is_none() {
        return;
    }
    let slug = Slug::of_agent(QUIET_AGENT);
    let launch = slug.web();
    for exec in ["", "exec "] {
        for app in ["cat", "/bin/cat"] {
            let shell = |command: &str| environment(&launch, &["bash", "-c", &format!("{exec}{command}")]);
            let direct = shell(&format!("{app} /proc/self/environ"));
            // With the app in `_`, where bash names what it starts.
            assert!(
                exec == "exec " || direct.iter().any(|variable| variable.starts_with("_=/")),
                "{direct:?}"
            );
            assert_eq!(shell(&format!("bin/hoopstart -- {app} /proc/self/environ")), direct);
        }
    }
}

#[test]
fn a_hidden_key_is_all_that_is_taken_from_the_environment() {
    let slug = Slug::of_agent(QUIET_AGENT);
    let launch = slug
        .web()
        .with("HOOP_DSN", "old")
        .with("HOOP_TOKEN", "t")
        .with("HOOP_HIDE_KEY", "on");
    let hoopstart = slug.hoopstart();
    let words = [hoopstart.to_str().unwrap(), "--", "cat", "/proc/self/environ"];

    let whole = environment(&launch, &words[2..]);
    let mut without = whole.clone();
    without.retain(|variable| !variable.starts_with("HOOP_KEY=") && !variable.starts_with("HOOP_DSN="));
    assert_eq!(whole.len(), without.len() + 2);
    assert_eq!(environment(&launch, &words), without);
    // Where no agent runs as well: the app that must not see it is the same.
    assert_eq!(
        environment(&launch.clone().with("HOOP_DISABLE", "1"), &words).len(),
        without.len() + 1
    );
    // And the agent keeps it.
    let dyno = launch.start(["sleep", "600"]);
    assert!(dyno.has_agents(1)[0].variable("HOOP_KEY").is_some());
}

/// Asserts that the app has no child.
#[track_caller]
fn assert_childless(dyno: &Dyno) {
    let children = Process::children_of(dyno.pid());
    dyno.assert(children.is_empty(), &format!("children of the app: {children:?}"));
}

#[test]
fn an_app_never_has_a_child_it_did_not_make() {
    // The orphan stays when it is told to end, until the next agent is started.
    let agent = "#!/bin/sh\n(trap '' TERM; sleep 600 & exit)\necho up\nexit 3\n";
    let slug = Slug::of_agent(agent);
    let dyno = slug.web().script("echo started; exec sleep 600");
    dyno.prints("started");
    dyno.until("two ends of the agent", || {
        assert_childless(&dyno);
        (dyno.stderr().matches("exited with status 3").count() == 2).then_some(())
    });
    // The orphans of the agent are the supervisor's.
    let supervisors = dyno.supervisors();
    assert_eq!(supervisors.len(), 1);
    let orphans = Process::children_of(supervisors[0].pid);
    assert!(
        orphans.iter().filter(|process| !process.is_zombie).count() == 1,
        "{orphans:?}"
    );
}

#[test]
fn a_child_the_app_did_make_is_still_its_own() {
    let slug = Slug::of_agent(QUIET_AGENT);
    // Made before hoopstart, by the same process.
    let dyno = slug.web().after("sleep 600 &").script("echo started; exec sleep 600");
    dyno.prints("started").has_agents(1);

    let children = Process::children_of(dyno.pid());
    assert_eq!(children.len(), 1, "{children:?}");
    assert_eq!(children[0].command_line(), ["sleep", "600"]);
}

#[test]
fn the_supervisor_holds_no_file_and_no_session_of_the_app() {
    let slug = Slug::of_agent(QUIET_AGENT);
    let dyno = slug
        .web()
        .after("exec 7<.hoop/manifest.yml 8>&1")
        .start(["sleep", "600"]);
    let agents = dyno.has_agents(1);
    let supervisor = dyno.supervisors().remove(0);

    for process in agents.iter().chain([&supervisor]) {
        let Ok(files) = fs::read_dir(format!("/proc/{}/fd", process.pid)) else {
            skipped("only root can see the supervisor's files");
            continue;
        };
        for entry in files.flatten() {
            let target = fs::read_link(entry.path()).unwrap_or_default();
            dyno.assert(
                !target.ends_with("manifest.yml"),
                &format!("{process:?} holds the app's file {}", target.display()),
            );
        }
        let session = rustix::process::getsid(rustix::process::Pid::from_raw(process.pid.cast_signed())).unwrap();
        dyno.assert(
            session.as_raw_nonzero().get().cast_unsigned() != dyno.pid(),
            "it is in the app's session",
        );
    }
    let stdout = |pid: u32| fs::read_link(format!("/proc/{pid}/fd/1")).ok();
    assert_ne!(stdout(supervisor.pid), stdout(dyno.pid()));
    assert_ne!(stdout(agents[0].pid), stdout(dyno.pid()));
}
