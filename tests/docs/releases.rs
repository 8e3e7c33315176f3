//! What a person does by hand to release, and what the documents say until then.

use crate::{document, read};

#[test]
fn a_release_is_ten_lines_and_the_main_branch_never_names_what_is_not_published() {
    // A person does this by hand, so it has an end.
    let commands = document("RELEASING.md").fences().remove(0);
    assert!(commands.language == "sh" && commands.lines.len() <= 10);
    let place = |beginning: &str| {
        let found = commands.lines.iter().position(|line| line.starts_with(beginning));
        found.unwrap_or_else(|| panic!("no line begins with {beginning}"))
    };
    let tag = format!("v{}", env!("CARGO_PKG_VERSION"));
    let order = [
        "rm -rf dist && gh run download \"$run\" ".to_owned(),
        format!("bin/package --pin && bin/package --check {tag}"),
        format!("git push origin {tag}"),
        format!("bin/package --check {tag} --published"),
        "git push origin main".to_owned(),
    ];
    let places: Vec<_> = order.iter().map(|line| place(line)).collect();
    assert!(places.is_sorted(), "{commands:?}");
    assert_eq!(places.last(), Some(&(commands.lines.len() - 1)));

    // Without the first the newest run is asked for, and without the second one that has failed looks like one that
    // has not.
    for line in commands.lines.iter().filter(|line| line.starts_with("gh run watch")) {
        assert!(line.contains("$run") || line.contains("$(gh run list "), "{line}");
        assert!(line.contains(" --exit-status "), "{line}");
    }
}

#[test]
fn once_there_is_a_release_no_document_says_that_there_is_none() {
    let is_released = read("libexec/program").contains("\nversion ");
    for (path, words) in [
        ("README.md", "until the first release"),
        ("docs/installing.md", "until the first release"),
        ("docs/cloud-native.md", "There is no release yet"),
        ("CHANGELOG.md", ", once there is a release"),
    ] {
        let says_none = document(path).prose().contains(words);
        assert_eq!(says_none, !is_released, "{words:?} in {path}");
    }
}
