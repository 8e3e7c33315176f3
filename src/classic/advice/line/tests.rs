use crate::acquire::config::RunTimeVars;
use crate::classic::advice::tests::{NONE, given, titles};
use crate::procfile::Procfile;
use proptest::prelude::*;

#[test]
fn a_blank_that_is_none_to_a_shell_is_told() {
    for blank in ["\u{a0}", "\u{200b} ", "\u{3000}"] {
        let advice = given(&format!("web: hoopstart{blank}-- puma"), &RunTimeVars::default());

        assert_eq!(advice.len(), 1, "{advice:?}");
        assert!(advice[0].contains("has an unusual space"), "{}", advice[0]);
        assert!(advice[0].contains("    web: hoopstart -- puma\n"), "{}", advice[0]);
    }
}

#[test]
fn a_line_that_goes_on_in_the_next_one_is_told() {
    for line in ["hoopstart -- \\", "\\", "puma -p 1 \\", "hoopstart puma\\"] {
        let advice = given(&format!("web: {line}\n  -p 2\n"), &RunTimeVars::default());

        assert_eq!(advice.len(), 1, "{advice:?}");
        assert!(advice[0].contains("ends with a backslash"), "{}", advice[0]);
    }
    assert_eq!(titles("web: hoopstart -- puma \\\\", &RunTimeVars::default()), NONE);
}

#[test]
fn a_line_that_does_not_do_what_it_seems_to_is_shown_one_that_does() {
    const EXAMPLE: &str = "hoopstart -- bundle exec puma -C config/puma.rb";
    for (line, right) in [
        ("hoopstart puma -v", "hoopstart -- puma -v"),
        (
            "A=/x/hoopstart-conf bin/hoopstart puma",
            "env A=/x/hoopstart-conf bin/hoopstart -- puma",
        ),
        ("exec hoopstart puma", "hoopstart -- puma"),
        ("env A=1 hoopstart puma", "env A=1 hoopstart -- puma"),
        ("nice -n 5 hoopstart puma", "nice -n 5 hoopstart -- puma"),
        ("cd app && hoopstart puma", "cd app && hoopstart -- puma"),
        ("cd app && hoopstart -- exec puma -v", "cd app && hoopstart -- puma -v"),
        // No command.
        ("hoopstart", EXAMPLE),
        ("hoopstart --", EXAMPLE),
        ("hoopstart && puma", "hoopstart -- puma"),
        ("hoopstart; puma", "hoopstart -- puma"),
        ("hoopstart -- && A=1 puma", "hoopstart -- env A=1 puma"),
        ("cd x && hoopstart && puma", "cd x && hoopstart -- puma"),
        // Dashes of another kind, or too many.
        ("hoopstart —— puma", "hoopstart -- puma"),
        ("FOO=a-b hoopstart - puma", "env FOO=a-b hoopstart -- puma"),
        ("hoopstart -- -- puma", "hoopstart -- puma"),
        // A blank is missing.
        ("hoopstart --bundle exec puma", "hoopstart -- bundle exec puma"),
        ("hoopstart -bundle exec puma", "hoopstart -- bundle exec puma"),
        ("hoopstart —puma", "hoopstart -- puma"),
        ("hoopstart -- --puma -p 1", "hoopstart -- puma -p 1"),
        ("hoopstart --A=b puma", "hoopstart -- env A=b puma"),
        ("hoopstart --./bin/web", "hoopstart -- ./bin/web"),
        // Options that are none.
        ("hoopstart -e x puma", "hoopstart -- puma"),
        ("hoopstart -e A=b puma", "hoopstart -- env A=b puma"),
        ("hoopstart -v bundle exec puma", "hoopstart -- bundle exec puma"),
        ("hoopstart -e puma", "hoopstart -- puma"),
        ("hoopstart --verbose puma", "hoopstart -- puma"),
        ("hoopstart --env=production puma", "hoopstart -- puma"),
        ("hoopstart --chek puma", "hoopstart -- puma"),
        ("hoopstart -c 'bundle exec puma'", "hoopstart -- bundle exec puma"),
        // Options that start nothing.
        ("hoopstart --check puma", "hoopstart -- puma"),
        ("hoopstart --check --connect -- puma", "hoopstart -- puma"),
        ("hoopstart --attach 12 -- puma", "hoopstart -- puma"),
        ("hoopstart --attach=12 puma", "hoopstart -- puma"),
        ("hoopstart --help", EXAMPLE),
        ("hoopstart --check && puma", "hoopstart -- puma"),
        ("hoopstart -V puma", "hoopstart -- puma"),
        // One word for all.
        ("hoopstart \"bundle exec puma\"", "hoopstart -- bundle exec puma"),
        ("hoopstart -- 'bundle exec puma'", "hoopstart -- bundle exec puma"),
        ("hoopstart -- \"bundle exec\" puma", "hoopstart -- bundle exec puma"),
        ("hoopstart -- \"A=b puma\"", "hoopstart -- env A=b puma"),
        ("hoopstart -- \"cd x && puma\"", "hoopstart -- bash bin/start"),
        ("hoopstart --check 'exec puma'", "hoopstart -- puma"),
        // What a shell does.
        ("hoopstart -- FOO=bar puma -v", "hoopstart -- env FOO=bar puma -v"),
        ("hoopstart FOO=bar puma -v", "hoopstart -- env FOO=bar puma -v"),
        ("A=1 hoopstart -- B=2 puma", "env A=1 hoopstart -- env B=2 puma"),
        ("hoopstart -- exec puma", "hoopstart -- puma"),
        ("hoopstart -- A=1 && puma", "hoopstart -- bash bin/start"),
        ("hoopstart -- cd app && puma", "hoopstart -- bash bin/start"),
        ("hoopstart -- FOO+=bar puma", "hoopstart -- bash bin/start"),
        ("hoopstart -- A=$(x) puma", "hoopstart -- bash bin/start"),
        ("hoopstart -- (cd x; puma)", "hoopstart -- bash bin/start"),
        (
            "hoopstart --bundle exec puma -p ${PORT:-3000}",
            "hoopstart -- bundle exec puma -p ${PORT:-3000}",
        ),
        // Values of options that are none.
        ("hoopstart --port 3000 puma", "hoopstart -- puma"),
        ("hoopstart --name web -- puma", "hoopstart -- puma"),
        // The command stands before.
        ("puma & hoopstart", "hoopstart -- puma"),
        ("migrate && puma && hoopstart", "migrate && hoopstart -- puma"),
        ("hoopstart --check || true; puma", "hoopstart -- puma"),
        // All of the line is one word.
        ("\"hoopstart -- puma\"", "hoopstart -- puma"),
        ("'hoopstart -- puma -p 1'", "hoopstart -- puma -p 1"),
        ("\"hoopstart --check puma\"", "hoopstart -- bash bin/start"),
        // Not quite our name.
        ("hoopstrat -- puma", "hoopstart -- puma"),
        ("hoop-start puma", "hoopstart -- puma"),
        ("exec Hoopstart -- puma", "hoopstart -- puma"),
        ("hoopstart: puma", "hoopstart -- puma"),
        ("hoop start -- puma", "hoopstart -- puma"),
        ("cd x && hoop_start -- puma", "cd x && hoopstart -- puma"),
        // Only the first command has an agent.
        ("hoopstart -- migrate && server", "migrate && hoopstart -- server"),
        (
            "hoopstart -- migrate && exec server -p 1",
            "migrate && exec hoopstart -- server -p 1",
        ),
        ("hoopstart -- a && b; A=1 server", "a && b; hoopstart -- env A=1 server"),
        (
            "cd x && hoopstart -- migrate&&server",
            "cd x && migrate&&hoopstart -- server",
        ),
        ("hoopstart migrate && server", "migrate && hoopstart -- server"),
        (
            "hoopstart --rake db:migrate && server",
            "rake db:migrate && hoopstart -- server",
        ),
        (
            "hoopstart -- migrate && server && echo done",
            "migrate && hoopstart -- server && echo done",
        ),
    ] {
        let advice = given(&format!("web: {line}"), &RunTimeVars::default());

        assert_eq!(advice.len(), 1, "{line}: {advice:?}");
        assert!(
            advice[0].contains(&format!("    web: {right}\n")),
            "{line}: {}",
            advice[0]
        );
        assert!(
            advice[0].contains(&format!("    web: {line}\n")),
            "{line}: {}",
            advice[0]
        );
    }
}

#[test]
fn a_secret_in_a_line_is_not_repeated() {
    for line in [
        "HOOP_KEY=grpcs://web:s3cr3t@gw.example:8443 puma",
        "HOOP_KEY=grpcs://web:s3cr3t@gw.example:8443 hoopstart puma",
        "hoopstart -- HOOP_DSN='s3cr3t x' puma",
        "hoopstart HOOP_KEY=s3cr3t puma",
        "hoopstart --key=s3cr3t puma",
        "hoopstart \"run --key s3cr3t\"",
        "hoopstart -- DATABASE_URL=postgres://u:s3cr3t@db/x migrate && server",
        "hoopstart --check puma --token s3cr3t",
        "puma --dsn=grpcs://a:s3cr3t@b:1",
    ] {
        let advice = given(&format!("web: {line}"), &RunTimeVars::default()).concat();

        assert!(!advice.contains("s3cr3t"), "{advice}");
        assert!(advice.contains("****"), "{advice}");
        assert!(
            advice.replace('\n', " ").contains("**** stands for a secret"),
            "{advice}"
        );
    }
}

#[test]
fn a_line_that_no_shell_could_run_is_shown_a_script() {
    let advice = given("web: hoopstart -e ( |", &RunTimeVars::default()).concat();
    assert!(advice.contains("\n    web: hoopstart -- bash bin/start"), "{advice}");
}

proptest! {
    #[test]
    fn any_line_has_advice_or_none_and_what_is_advised_needs_none(
        before in "(A=b |exec |env A=b |cd x && |nice )?",
        rest in "( -- \"puma x\"| \"puma x\")?( \
            (puma|--|-e|-v|—|--check|--puma|A=b|exec|cd|&&|;|'|\\$X|\\(|#|env|\\||x)){0,6}",
    ) {
        let line = format!("{before}hoopstart{rest}");
        let procfile = Procfile::parse(&format!("web: {line}"));
        for text in given(&format!("web: {line}"), &RunTimeVars::default()) {
            prop_assert!(text.starts_with("Warning: "), "{text}");
            let Some(command) = procfile.command("web") else { continue };
            let lines: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("    web: ")).collect();
            // The last is the one to paste.
            if let [quoted, .., right] = lines.as_slice()
                && *quoted == crate::text::visible(command)
            {
                prop_assert_eq!(titles(&format!("web: {right}"), &RunTimeVars::default()), NONE, "{}", text);
            }
        }
    }
}
