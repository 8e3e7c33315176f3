//! `hoopstart --status`: asks the supervisors of this container.

use crate::os::processes;
use crate::start::launch::claim;
use crate::start::supervise::inquiry::{self, Form};
use crate::start::supervise::status::{App, MARKS, add, of_app};
use crate::text;
use std::io::Write as _;
use std::time::Duration;

/// The exit status where everything is well.
const HEALTHY: i32 = 0;

/// The exit status where something is not.
const NOT_HEALTHY: i32 = 1;

/// The exit status where there is nobody to ask.
const NOTHING: i32 = 2;

/// How long a supervisor has to answer.
const LIMIT: Duration = Duration::from_secs(2);

/// The answer of a whole container.
#[derive(Clone, Debug, Default)]
struct Answer {
    /// What those say that have answered, in the form that was asked for, and whether all is well with them.
    apps: Vec<(bool, String)>,
    /// The apps whose supervisors have not.
    silent: Vec<App>,
}

/// Asks all supervisors of this container and user, prints what they say, as JSON if that is asked for, and returns the
/// exit status.
pub(crate) fn run(as_json: bool) -> i32 {
    let form = if as_json { Form::Json } else { Form::Text };
    let answer = Answer::collect(form);
    // Whoever reads this may have gone.
    let _ = std::io::stdout().write_all(answer.in_form(form).as_bytes());
    answer.exit_status()
}

impl Answer {
    /// Asks.
    fn collect(form: Form) -> Self {
        let mut answer = Self::default();
        let Some(namespace) = claim::namespace() else {
            return answer;
        };
        let mut processes = processes::all();
        processes.sort_by_key(|process| process.pid);
        let (processes, names): (Vec<_>, Vec<_>) = processes
            .into_iter()
            .filter_map(|process| Some((process, claim::name(&namespace, process).ok()?)))
            .unzip();
        let Ok(answers) = inquiry::ask(&names, form, LIMIT) else {
            return answer;
        };
        for (process, said) in processes.iter().zip(answers) {
            match said {
                Ok(Some(bytes)) => {
                    let Some((mark, said)) = bytes.split_first() else {
                        continue;
                    };
                    if let Some((_, healthy)) = MARKS.iter().find(|(known, _)| known == mark) {
                        answer.apps.push((*healthy, harmless(&String::from_utf8_lossy(said))));
                    }
                }
                // Another user's supervisor answers that user only.
                Ok(None) if process.is_of_this_user() => answer.silent.push(App {
                    pid: process.pid,
                    name: processes::name(process.pid).unwrap_or_default(),
                }),
                Ok(None) | Err(_) => {}
            }
        }
        answer
    }

    /// The exit status.
    fn exit_status(&self) -> i32 {
        match () {
            () if self.apps.is_empty() && self.silent.is_empty() => NOTHING,
            () if self.silent.is_empty() && self.apps.iter().all(|(healthy, _)| *healthy) => HEALTHY,
            () => NOT_HEALTHY,
        }
    }

    /// What is printed.
    fn in_form(&self, form: Form) -> String {
        let apps = self.apps.iter().map(|(_, said)| said.clone());
        match form {
            Form::Json => {
                let apps: Vec<String> = apps.collect();
                let silent = serde_json::to_string(&self.silent).unwrap_or_default();
                format!("{{\"apps\":[{}],\"silent\":{silent}}}\n", apps.join(","))
            }
            Form::Text if self.exit_status() == NOTHING => {
                "No agent is supervised here for this user. A one-off dyno is \
                 another dyno than the app's: ask in that one, with heroku ps:exec --dyno web.1\n"
                    .to_owned()
            }
            Form::Text => apps
                .chain(self.silent.iter().map(block_of_silent))
                .collect::<Vec<_>>()
                .join("\n"),
        }
    }
}

/// An answer without anything in its lines that a terminal obeys: whoever holds the socket may have written it.
fn harmless(answer: &str) -> String {
    answer
        .split_inclusive('\n')
        .flat_map(|line| match line.strip_suffix('\n') {
            Some(line) => [text::visible(line), "\n".to_owned()],
            None => [text::visible(line), String::new()],
        })
        .collect()
}

/// What is known of an app whose supervisor does not answer.
fn block_of_silent(app: &App) -> String {
    let mut block = String::new();
    add(&mut block, "app", &of_app(app));
    let seconds = LIMIT.as_secs();
    let silence = format!("does not answer within {seconds} s; the app is not affected");
    add(&mut block, "supervisor", &silence);
    block
}

#[cfg(test)]
mod tests {
    use super::{Answer, Form, harmless};
    use crate::start::supervise::status::{Agent, App, Status};

    fn answer(apps: &[bool], silent: &[App]) -> Answer {
        Answer {
            apps: apps.iter().map(|healthy| (*healthy, "{}".to_owned())).collect(),
            silent: silent.to_vec(),
        }
    }

    #[test]
    fn the_exit_status_says_healthy_not_or_nothing() {
        for (apps, silent, expected) in [
            (&[][..], 0, 2),
            (&[true], 0, 0),
            (&[true, false], 0, 1),
            (&[true], 1, 1),
            (&[], 1, 1),
        ] {
            let silent = vec![App::default(); silent];
            assert_eq!(answer(apps, &silent).exit_status(), expected, "{apps:?} {silent:?}");
        }
    }

    #[test]
    fn for_programs_all_is_one_object() {
        let app = App {
            pid: 4,
            name: "a \"b\"".to_owned(),
        };
        assert_eq!(
            answer(&[true, false], &[app]).in_form(Form::Json),
            "{\"apps\":[{},{}],\"silent\":[{\"pid\":4,\"name\":\"a \\\"b\\\"\"}]}\n"
        );
        assert_eq!(answer(&[], &[]).in_form(Form::Json), "{\"apps\":[],\"silent\":[]}\n");
    }

    #[test]
    fn whoever_answers_writes_nothing_that_a_terminal_obeys() {
        let status = Status {
            agents: vec![Agent::default()],
            ..Status::default()
        };
        let ours = String::from_utf8(status.into_datagram(Form::Text)).unwrap();
        assert_eq!(harmless(&ours), ours);
        let shown = harmless("app:\u{1b}[2J x\rno\n\u{1b}]0;title\u{7}\u{202e}end");
        assert!(!shown.contains(|c: char| c.is_control() && c != '\n'), "{shown:?}");
        assert_eq!(shown.lines().count(), 2);
    }
}
