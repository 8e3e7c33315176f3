//! Links lead somewhere, and every page can be found.

use crate::{document, documents, root};

#[test]
fn links_lead_somewhere() {
    for page in documents() {
        let file = root().join(&page.path);
        let folder = file.parent().expect("it is in a folder");
        for link in page.text.split("](").skip(1) {
            let target = link.split(')').next().unwrap_or_default();
            if target.starts_with("https://") {
                continue;
            }
            let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
            let linked = if path.is_empty() {
                file.clone()
            } else {
                folder.join(path)
            };
            assert!(linked.exists(), "{}: {target}", page.path);
            if !anchor.is_empty() {
                let linked = document(linked.to_str().expect("it is ASCII"));
                assert!(linked.anchors().contains(anchor), "{}: {target}", page.path);
            }
        }
    }
}

#[test]
fn every_document_can_be_found_from_the_readme() {
    let readme = document("README.md").text;
    for page in documents() {
        let is_linked = readme.contains(&format!("]({})", page.path));
        assert!(is_linked || page.path == "README.md", "{}", page.path);
    }
}

/// It has what an app owner needs first. The rest has pages of its own.
#[test]
fn the_readme_is_short() {
    assert!(document("README.md").text.lines().count() <= 220);
}
