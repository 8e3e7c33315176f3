//! The Procfile: any text is read, each process type has one command that is in the text, and any has its advice.
#![no_main]

use hoop_buildpack::acquire::config::RunTimeVars;
use hoop_buildpack::classic::advice::{App, advice};
use hoop_buildpack::classic::survey::{OtherBuildpacks, ProcfileState};
use hoop_buildpack::procfile::Procfile;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let procfile = Procfile::parse(text);
    let types: Vec<_> = procfile.process_types().collect();
    for (process_type, command) in procfile.processes() {
        assert!(!process_type.is_empty() && !process_type.contains([':', '\n', ' ']));
        assert!(!command.contains('\n') && text.contains(process_type) && text.contains(command));
        assert_eq!(procfile.command(process_type), Some(command));
        assert_eq!(types.iter().filter(|listed| **listed == process_type).count(), 1);
    }
    let procfile = ProcfileState::of_bytes(text.as_bytes());
    let version = "1.148.0".parse().expect("it is a version");
    let app = App {
        agent: Some(&version),
        is_pinned: true,
        procfile: &procfile,
        by_script: &[],
        run_time: &RunTimeVars::default(),
        others: &OtherBuildpacks::default(),
    };
    for message in advice(&app) {
        assert!(message.render().starts_with("Warning: "));
    }
});
