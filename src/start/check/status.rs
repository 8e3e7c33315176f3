//! `hoopstart --status`: asks the supervisors of this container.

use crate::os::processes;
use crate::start::check::status_report::{LIMIT, StatusReport};
use crate::start::launch::claim;
use crate::start::supervise::inquiry;
use crate::start::supervise::status::{AppStatus, Status};
use std::io::Write as _;

/// Asks all supervisors of this container and user, prints the answers, as JSON if `as_json`, and returns the exit
/// status.
pub(crate) fn run(as_json: bool) -> i32 {
    let report = ask();
    let text = if as_json { report.json() } else { report.to_string() };
    // The reader may have gone.
    let _ = std::io::stdout().write_all(text.as_bytes());
    report.exit_status()
}

/// Asks all supervisors at once.
fn ask() -> StatusReport {
    let mut report = StatusReport::default();
    let Some(namespace) = claim::namespace() else {
        return report;
    };
    let mut processes = processes::all();
    processes.sort_unstable_by_key(|process| process.pid);
    let (processes, names): (Vec<_>, Vec<_>) = processes
        .into_iter()
        .filter_map(|process| Some((process, claim::name(&namespace, process).ok()?)))
        .unzip();
    let Ok(answers) = inquiry::ask(&names, LIMIT) else {
        return report;
    };
    for (process, answer) in processes.iter().zip(answers) {
        match answer {
            Ok(Some(datagram)) => report.apps.extend(Status::of_datagram(&datagram)),
            // A supervisor answers only its own user.
            Ok(None) if process.is_of_this_user() => report.silent.push(AppStatus {
                pid: process.pid,
                name: processes::name(process.pid).unwrap_or_default(),
            }),
            Ok(None) | Err(_) => {}
        }
    }
    report
}
