//! The floors of the source: which folder may use which, and that nothing goes in a circle.

#![expect(clippy::unwrap_used, reason = "a test ends where something is not as it must be")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use syn::ext::IdentExt as _;
use syn::visit::{self, Visit};

/// What each folder or file at the top of `src/` may use, top floor first. CONTRIBUTING.md has the same table.
const FLOORS: [(&str, &[&str]); 10] = [
    ("try", &["slug", "classic", "start", "os"]),
    ("slug", &["classic", "acquire", "agent", "os"]),
    ("classic", &["acquire", "messages", "build_log", "agent", "os"]),
    ("cnb", &["acquire", "messages", "build_log", "agent", "os"]),
    ("build_log", &["messages", "acquire", "os"]),
    ("messages", &["acquire", "agent", "os"]),
    ("acquire", &["agent", "os"]),
    ("start", &["agent", "os"]),
    ("agent", &["os"]),
    ("os", &[]),
];

/// The entry, which uses everything below.
const ENTRY: [&str; 3] = ["main", "lib", "cli"];

/// Words that every floor may use, from top to bottom: each may use those behind it.
const WORDS: [&str; 5] = ["failure", "procfile", "secret", "config", "text"];

/// The folders of `src/start/`, from top to bottom: each may use those behind it.
const START: [&str; 6] = ["check", "launch", "supervise", "plan", "log", "fault"];

/// A module, by the names of its path below the crate.
type Module = Vec<String>;

/// What one module uses of another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Use {
    by: Module,
    of: Module,
}

impl Use {
    fn new(by: &str, of: &str) -> Self {
        let module = |path: &str| path.split("::").map(str::to_owned).collect();
        Self {
            by: module(by),
            of: module(of),
        }
    }

    fn shown(&self) -> String {
        format!("{} uses {}", self.by.join("::"), self.of.join("::"))
    }
}

/// Collects the paths of a file that begin at the crate or at a module around, without those of its tests.
struct Paths<'a> {
    module: &'a Module,
    found: Vec<Module>,
}

impl Paths<'_> {
    /// Adds a path, once it begins at the crate.
    fn add(&mut self, path: &[String]) {
        let mut base = self.module.clone();
        let mut names = path.iter().peekable();
        match names.next().map(String::as_str) {
            Some("crate") => base.clear(),
            Some("self") => {}
            Some("super") => {
                base.pop();
                while names.next_if(|name| *name == "super").is_some() {
                    base.pop();
                }
            }
            _ => return,
        }
        base.extend(names.cloned());
        self.found.push(base);
    }

    /// Adds every path of a `use`.
    fn add_tree(&mut self, before: &[String], tree: &syn::UseTree) {
        let with = |name: &syn::Ident| [before, &[name.unraw().to_string()]].concat();
        match tree {
            syn::UseTree::Path(path) => self.add_tree(&with(&path.ident), &path.tree),
            syn::UseTree::Name(name) => self.add(&with(&name.ident)),
            syn::UseTree::Rename(name) => self.add(&with(&name.ident)),
            syn::UseTree::Glob(_) => self.add(before),
            syn::UseTree::Group(group) => group.items.iter().for_each(|tree| self.add_tree(before, tree)),
        }
    }
}

/// Whether an item is compiled for tests only.
fn is_of_tests(attributes: &[syn::Attribute]) -> bool {
    let is_test = |attribute: &syn::Attribute| {
        attribute.path().is_ident("cfg")
            && attribute
                .parse_args::<syn::Path>()
                .is_ok_and(|path| path.is_ident("test"))
    };
    attributes.iter().any(is_test)
}

impl<'ast> Visit<'ast> for Paths<'_> {
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if !is_of_tests(&item.attrs) {
            visit::visit_item_mod(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        if !is_of_tests(&item.attrs) {
            self.add_tree(&[], &item.tree);
        }
    }

    // `pub(super)` uses nothing.
    fn visit_visibility(&mut self, _: &'ast syn::Visibility) {}

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let names: Vec<String> = path
            .segments
            .iter()
            .map(|segment| segment.ident.unraw().to_string())
            .collect();
        self.add(&names);
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        // Its arguments are expressions more often than not; what they are not, `use` has to name.
        let arguments = syn::punctuated::Punctuated::<syn::Expr, syn::Token![,]>::parse_terminated;
        if let Ok(arguments) = call.parse_body_with(arguments) {
            let arguments: Vec<syn::Expr> = arguments.into_iter().collect();
            let mut inner = Paths {
                module: self.module,
                found: Vec::new(),
            };
            for argument in &arguments {
                inner.visit_expr(argument);
            }
            self.found.append(&mut inner.found);
        }
    }
}

/// Every file of `src/` as a module, with its text.
fn modules() -> BTreeMap<Module, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders = vec![root.clone()];
    let mut modules = BTreeMap::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|suffix| suffix == "rs") {
                let below = path.strip_prefix(&root).unwrap().with_extension("");
                let mut module: Module = below.iter().map(|name| name.to_str().unwrap().to_owned()).collect();
                if module.last().is_some_and(|name| name == "mod") {
                    module.pop();
                }
                modules.insert(module, fs::read_to_string(&path).unwrap());
            }
        }
    }
    // Compiled for tests only.
    modules.retain(|module, _| module.last().is_none_or(|name| name != "tests"));
    modules
}

/// What each of `modules` uses of the others.
fn uses(modules: &BTreeMap<Module, String>) -> BTreeSet<Use> {
    let mut uses = BTreeSet::new();
    for (by, text) in modules {
        let file = syn::parse_file(text).unwrap_or_else(|error| panic!("{}: {error}", by.join("::")));
        let mut paths = Paths {
            module: by,
            found: Vec::new(),
        };
        paths.visit_file(&file);
        let modules_of = paths.found.iter().filter_map(|path| {
            let lengths = (1..=path.len()).rev();
            lengths
                .map(|length| &path[..length])
                .find(|path| modules.contains_key(*path))
        });
        uses.extend(modules_of.filter(|of| of != by).map(|of| Use {
            by: by.clone(),
            of: of.to_vec(),
        }));
    }
    uses
}

/// What of `uses` goes in circles: what is left when nothing else can be taken away from the bottom or the top.
fn circles(mut uses: BTreeSet<Use>) -> Vec<String> {
    loop {
        let by: BTreeSet<Module> = uses.iter().map(|one| one.by.clone()).collect();
        let of: BTreeSet<Module> = uses.iter().map(|one| one.of.clone()).collect();
        let before = uses.len();
        uses.retain(|one| by.contains(&one.of) && of.contains(&one.by));
        if uses.len() == before {
            return uses.iter().map(Use::shown).collect();
        }
    }
}

/// `uses` as those of the folders and files that stand side by side, at the first place where two paths part.
fn of_siblings(uses: &BTreeSet<Use>) -> BTreeSet<Use> {
    let siblings = uses.iter().filter_map(|one| {
        let same = one.by.iter().zip(&one.of).take_while(|(by, of)| by == of).count();
        let (by, of) = (one.by.get(..=same)?, one.of.get(..=same)?);
        Some(Use {
            by: by.to_vec(),
            of: of.to_vec(),
        })
    });
    siblings.collect()
}

/// What of `uses` the floors do not allow.
fn trespasses(uses: &BTreeSet<Use>) -> Vec<String> {
    let behind = |list: &[&str], by: &str, of: &str| {
        let place = |name: &str| list.iter().position(|listed| *listed == name);
        place(by).is_none_or(|by| place(of).is_none_or(|of| by < of))
    };
    let is_allowed = |one: &Use| {
        let (by, of) = (one.by[0].as_str(), one.of[0].as_str());
        if by == of {
            let inner = one.by.get(1).zip(one.of.get(1));
            return by != "start" || inner.is_none_or(|(by, of)| by == of || behind(&START, by, of));
        }
        if ENTRY.contains(&by) {
            return !["main", "lib"].contains(&of);
        }
        if WORDS.contains(&by) {
            return WORDS.contains(&of) && behind(&WORDS, by, of);
        }
        let floor = FLOORS.iter().find(|(floor, _)| *floor == by);
        WORDS.contains(&of) || floor.is_some_and(|(_, below)| below.contains(&of))
    };
    uses.iter().filter(|one| !is_allowed(one)).map(Use::shown).collect()
}

#[test]
fn a_folder_uses_only_floors_below_it() {
    let modules = modules();
    let mut uses = uses(&modules);
    // `lib.rs` names all.
    uses.retain(|one| one.by != ["lib"] && one.by != ["main"]);

    assert_eq!(trespasses(&uses), Vec::<String>::new());
    let top: BTreeSet<&str> = modules
        .keys()
        .filter_map(|module| module.first())
        .map(String::as_str)
        .collect();
    let known = FLOORS.iter().map(|(floor, _)| *floor).chain(ENTRY).chain(WORDS);
    assert_eq!(top, known.collect());
}

#[test]
fn no_two_files_and_no_two_folders_use_each_other_in_a_circle() {
    let mut uses = uses(&modules());
    uses.retain(|one| one.by != ["lib"]);

    assert_eq!(circles(uses.clone()), Vec::<String>::new(), "files");
    assert_eq!(circles(of_siblings(&uses)), Vec::<String>::new(), "folders");
}

#[test]
fn contributing_has_the_same_floors() {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("CONTRIBUTING.md")).unwrap();
    let names = |cell: &str| -> Vec<String> {
        let names = cell.split('`').skip(1).step_by(2);
        names
            .map(|name| name.trim_end_matches('/').trim_end_matches(".rs").to_owned())
            .collect()
    };
    let rows = |title: &str| -> Vec<(Vec<String>, Vec<String>)> {
        let table = text.split_once(title).unwrap().1.split("\n\n").next().unwrap();
        let rows = table.lines().filter(|row| row.starts_with("| `"));
        rows.map(|row| {
            let cells: Vec<&str> = row.trim_matches('|').split('|').collect();
            (names(cells[0]), names(cells.last().unwrap()))
        })
        .collect()
    };
    let floors = rows("| Folder of `src/` |");
    let (entry, floors) = floors.split_first().unwrap();
    let (words, floors) = floors.split_last().unwrap();

    assert_eq!(entry.0, ["main", "cli"]);
    let mut sorted = words.0.clone();
    sorted.sort();
    assert_eq!(sorted, {
        let mut words = WORDS.to_vec();
        words.sort_unstable();
        words
    });
    let expected: Vec<_> = FLOORS
        .iter()
        .map(|(floor, below)| {
            (
                vec![(*floor).to_owned()],
                below.iter().map(|name| (*name).to_owned()).collect(),
            )
        })
        .collect();
    assert_eq!(floors, expected);
    let start: Vec<String> = rows("| Folder |").into_iter().flat_map(|(folder, _)| folder).collect();
    assert_eq!(start, START);
}

#[test]
fn what_is_not_allowed_is_found() {
    let modules: BTreeMap<Module, String> = [
        ("os", "use crate::agent::key::{self, AgentKey};"),
        ("agent", "mod key;"),
        (
            "agent::key",
            "fn f() { let _ = super::version(crate::text::visible(\"\")); }",
        ),
        ("text", "#[cfg(test)] mod tests { use crate::os; }"),
        ("acquire", "fn f() { println!(\"{}\", crate::start::check::run()); }"),
        ("start::check", "use crate::start::plan;"),
        ("start::plan", "use super::check as other;"),
        ("secret", "use crate::procfile;"),
        ("procfile", ""),
    ]
    .into_iter()
    .map(|(module, text)| (module.split("::").map(str::to_owned).collect(), text.to_owned()))
    .collect();
    let uses = uses(&modules);

    let expected = [
        ("acquire", "start::check"),
        ("agent::key", "agent"),
        ("agent::key", "text"),
        ("os", "agent::key"),
        ("secret", "procfile"),
        ("start::check", "start::plan"),
        ("start::plan", "start::check"),
    ];
    assert_eq!(uses, expected.map(|(by, of)| Use::new(by, of)).into_iter().collect());
    assert_eq!(
        trespasses(&uses),
        [
            "acquire uses start::check",
            "os uses agent::key",
            "secret uses procfile",
            "start::plan uses start::check",
        ]
    );
    assert_eq!(
        circles(uses),
        ["start::check uses start::plan", "start::plan uses start::check"]
    );
    let folders = ["a::x", "b::y", "b::z", "a::w"]
        .windows(2)
        .step_by(2)
        .map(|pair| Use::new(pair[0], pair[1]));
    let folders: BTreeSet<Use> = folders.collect();
    assert!(circles(folders.clone()).is_empty());
    assert_eq!(circles(of_siblings(&folders)), ["a uses b", "b uses a"]);
}
