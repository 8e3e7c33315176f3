//! A build that is stopped by a signal: what it made so far goes, and the status says by which.

mod support;

use rustix::fs::{OFlags, fcntl_setfl};
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::io::{PipeReader, PipeWriter};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;
use support::build::Build;
use support::dyno::eventually;
use support::mirror::{Archive, Mirror, VERSION, agent_that, archive_path};
use support::server::Reply;
use support::signals::hear_signals;
use support::tree::Tree;

/// How often a build is stopped at some moment.
const TIMES: u32 = 40;

/// A build on its way.
struct UnderWay(Child);

impl UnderWay {
    fn start(build: &Build) -> Self {
        let mut command = build.command(build.compile_arguments());
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        Self::of(command)
    }

    fn of(mut command: Command) -> Self {
        hear_signals();
        Self(command.spawn().expect("the program can be started"))
    }

    fn signal(&self, signal: Signal) {
        // Fails where it has ended, which the test finds out by its status.
        let _ = kill_process(Pid::from_child(&self.0), signal);
    }

    /// Waits for the end, and returns exit code and stderr.
    fn end(self) -> (Option<i32>, String) {
        let output = self.0.wait_with_output().expect("a child can be waited for");
        (
            output.status.code(),
            String::from_utf8_lossy(&output.stderr).into_owned(),
        )
    }
}

/// The scratch folder of a build that is under way in `app`.
fn scratch_in(app: &Path) -> Option<PathBuf> {
    let names = fs::read_dir(app).expect("the app can be listed");
    names
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| path.to_string_lossy().contains(".hoop-scratch-"))
}

#[test]
fn a_build_that_is_stopped_in_mid_download_leaves_nothing() {
    let mirror = Mirror::of(VERSION);
    let size = mirror.archive(VERSION).len();
    for (signal, code, name) in [
        (Signal::TERM, 143, "SIGTERM"),
        (Signal::INT, 130, "SIGINT"),
        (Signal::HUP, 129, "SIGHUP"),
    ] {
        for has_cache_dir in [true, false] {
            let server = mirror.serve();
            let reply = Reply::ok(mirror.archive(VERSION)).stall_after(size / 2);
            server.answer(&format!("/{}", archive_path(VERSION)), [reply]);
            let build = Build::from(&server.url());
            if !has_cache_dir {
                fs::remove_dir(build.cache()).expect("it is empty");
            }
            let before = build.snapshot();
            let under_way = UnderWay::start(&build);
            eventually("half of the agent is there", || half_is_cached(&build, size));

            assert!(scratch_in(build.app()).is_some(), "there is something to remove");
            under_way.signal(signal);
            let (status, stderr) = under_way.end();

            assert_eq!(status, Some(code), "{name}: {stderr}");
            let line = format!(" !     The build was stopped by {name}. Its scratch files are removed.\n");
            assert_eq!(stderr, line);
            assert_eq!(build.snapshot(), before, "{name}, cache dir: {has_cache_dir}");
            assert_eq!(Tree::of(build.scratch()).paths(), [] as [&str; 0]);
        }
    }
}

#[test]
fn a_build_that_is_stopped_waits_for_no_reader_of_its_log() {
    let mirror = Mirror::of(VERSION);
    let size = mirror.archive(VERSION).len();
    let server = mirror.serve();
    let reply = Reply::ok(mirror.archive(VERSION)).stall_after(size / 2);
    server.answer(&format!("/{}", archive_path(VERSION)), [reply]);
    let build = Build::from(&server.url());
    let before = build.snapshot();
    let (_unread, full) = full_pipe();
    let mut command = build.command(build.compile_arguments());
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(full);
    let mut under_way = UnderWay::of(command);
    eventually("half of the agent is there", || half_is_cached(&build, size));
    under_way.signal(Signal::TERM);

    let status = eventually("the build has ended", || {
        under_way.0.try_wait().expect("a child can be waited for")
    });
    assert_eq!(status.code(), Some(143));
    assert_eq!(build.snapshot(), before);
}

#[test]
fn a_build_that_is_stopped_has_no_report_of_the_one_before() {
    let mirror = Mirror::of(VERSION);
    let server = mirror.serve();
    let build = Build::from(&server.url());
    build.compile_installs(VERSION);
    assert_eq!(build.report()["outcome"], "success");
    server.answer("/latest.txt", [Reply::silence()]);
    let under_way = UnderWay::start(&build);
    eventually("the build is under way", || scratch_in(build.app()));
    under_way.signal(Signal::TERM);

    assert_eq!(under_way.end().0, Some(143));
    assert!(build.report().is_empty(), "{:?}", build.report());
}

/// A pipe that nobody reads, and that takes no byte more.
fn full_pipe() -> (PipeReader, PipeWriter) {
    let (unread, full) = std::io::pipe().expect("a pipe can be made");
    fcntl_setfl(&full, OFlags::NONBLOCK).expect("a pipe can be told not to block");
    while rustix::io::write(&full, b"\n").is_ok() {}
    fcntl_setfl(&full, OFlags::empty()).expect("a pipe can be told to block");
    (unread, full)
}

/// Whether the first half of the agent is in the cache, of an archive of `size` bytes.
fn half_is_cached(build: &Build, size: usize) -> Option<()> {
    let partial = fs::read_dir(build.cache().join("hoop")).ok()?.next()?.ok()?;
    (partial.metadata().ok()?.len() >= size as u64 / 2).then_some(())
}

#[test]
fn an_agent_that_is_proving_itself_ends_with_the_build() {
    let agent = agent_that("echo $$ >pid.part; mv pid.part pid; exec sleep 600");
    let server = Mirror::with(VERSION, &Archive::holding(&agent).packed()).serve();
    let build = Build::from(&server.url());
    let before = build.snapshot();
    let under_way = UnderWay::start(&build);
    let agent = eventually("the agent runs", || {
        fs::read_to_string(scratch_in(build.app())?.join("proof/pid")).ok()
    });
    under_way.signal(Signal::TERM);

    assert_eq!(under_way.end().0, Some(143));
    assert_eq!(build.snapshot(), before);
    let stat = format!("/proc/{}/stat", agent.trim());
    eventually("the agent has ended", || match fs::read_to_string(&stat) {
        // Nobody may be there to reap it.
        Ok(stat) => stat.contains(") Z ").then_some(()),
        Err(_) => Some(()),
    });
}

#[test]
fn a_stopped_build_has_installed_all_or_nothing() {
    let releases = tempfile::tempdir().expect("a scratch folder can be made");
    Mirror::of(VERSION).write_to(releases.path());
    let url = format!("file://{}", releases.path().display());
    let began = Instant::now();
    let whole = support::build::built_from(&url).snapshot();
    let duration = began.elapsed();
    let mut stopped = 0;
    for number in 0..TIMES {
        let build = Build::from(&url);
        let before = build.snapshot();
        let under_way = UnderWay::start(&build);
        // Spread over the whole of a build, and at no round moment of it. Any moment will do.
        std::thread::sleep(duration.mul_f64((f64::from(number) + fastrand::f64()) / f64::from(TIMES)));
        under_way.signal(Signal::TERM);
        let (status, stderr) = under_way.end();

        let after = build.snapshot();
        match status {
            Some(143) => stopped += 1,
            // Before the build listens, a signal ends it as it ends any program.
            None => {}
            Some(0) => assert_eq!(after, whole, "{stderr}"),
            status => panic!("{status:?}: {stderr}"),
        }
        let slug_is_whole = after.app() == whole.app();
        assert!(slug_is_whole || after.app() == before.app(), "{after:#?}");
        let cache = if slug_is_whole { whole.cache() } else { before.cache() };
        assert_eq!(after.cache(), cache, "slug and cache change together");
    }
    assert!(stopped > 0, "no build was caught under way");
}

#[test]
fn a_hangup_that_was_ignored_stays_ignored() {
    let mirror = Mirror::of(VERSION);
    let server = mirror.serve();
    server.answer(&format!("/{}", archive_path(VERSION)), [Reply::silence()]);
    let build = Build::from(&server.url());
    let inner = build.command(build.compile_arguments());
    let mut command = Command::new("sh");
    command
        .args(["-c", "trap '' HUP; exec \"$@\"", "sh"])
        .arg(inner.get_program())
        .args(inner.get_args());
    command
        .env_clear()
        .envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let under_way = UnderWay::of(command);
    eventually("the build is under way", || scratch_in(build.app()));
    let status = fs::read_to_string(format!("/proc/{}/status", under_way.0.id())).expect("it runs");
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = u64::from_str_radix(ignored.expect("each has such a line").trim(), 16).expect("it is a number");
    assert_eq!(ignored & 1, 1, "HUP is signal 1");
    under_way.signal(Signal::HUP);
    under_way.signal(Signal::TERM);

    let (status, stderr) = under_way.end();
    assert_eq!(status, Some(143), "{stderr}");
    assert!(stderr.contains("by SIGTERM."), "{stderr}");
}
