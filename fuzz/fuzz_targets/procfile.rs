//! The Procfile: any text is read, and each process type has one command that is in the text.
#![no_main]

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
});
