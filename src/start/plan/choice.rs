//! The lists that say in which dynos the agent runs.

use crate::config;
use crate::procfile::{NOT_RUN_BY_DEFAULT, OF_LANGUAGES, Procfile};
use crate::start::fault::dynos::{DynosFault, Reason, Remainder};
use crate::start::plan::dyno::Dyno;
use crate::start::plan::starter::Starter;
use crate::text;

/// A list of process types and dynos from a config var.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct DynoList(Vec<String>);

impl DynoList {
    /// Reads names separated by commas, and skips empty ones.
    pub(crate) fn parse(value: &str) -> Self {
        Self(
            value
                .split(',')
                .map(str::trim)
                .filter(|item| !item.is_empty())
                .map(str::to_owned)
                .collect(),
        )
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn names(&self, dyno: &Dyno) -> bool {
        self.0.iter().any(|item| dyno.is_named_by(item))
    }

    /// The process types of its items.
    pub(crate) fn process_types(&self) -> impl Iterator<Item = String> + '_ {
        self.0.iter().map(|item| Dyno::parse(Some(item)).process_type)
    }

    /// The items that can never match a dyno, on any platform and with any Procfile.
    pub(crate) fn impossible(&self) -> Vec<String> {
        let impossible = self.0.iter().filter(|item| !can_be_dyno(item));
        impossible.map(|item| text::excerpt(item, LONGEST_SHOWN)).collect()
    }

    /// The items whose type the app does not have. `known` are the types of its Procfile; the type of the dyno `here`
    /// exists whatever the Procfile says. Without a Procfile nothing is known to be wrong.
    pub(crate) fn unknown(&self, known: &[&str], here: &Dyno) -> Vec<String> {
        let is_unknown = |item: &&String| {
            let dyno = Dyno::parse(Some(item));
            let process_type = dyno.process_type.as_str();
            !known.is_empty()
                && can_be_dyno(item)
                && !known.contains(&process_type)
                && !known.contains(&item.as_str())
                && !here.is_named_by(item)
                && process_type != here.process_type
                && !OF_LANGUAGES.contains(&process_type)
                && !dyno.is_local()
                && !dyno.is_ignored_by_default()
        };
        self.0
            .iter()
            .filter(is_unknown)
            .map(|item| text::visible(item))
            .collect()
    }

    /// What the list was probably meant to be, ready to paste: the parts of its items that can be names or, without
    /// any, `otherwise`.
    pub(crate) fn repaired(&self, otherwise: &str) -> String {
        let is_of_name = |character: char| character.is_ascii_alphanumeric() || "._-".contains(character);
        // The parts of a URL are not names, and one may be the secret of a key that was pasted here.
        let items = self
            .0
            .iter()
            .filter(|item| !item.contains("://") && !item.contains('@'));
        let parts = items.flat_map(|item| item.split(|character| !is_of_name(character)));
        let mut names: Vec<&str> = Vec::new();
        for part in parts.map(|part| part.trim_matches(['.', '-'])) {
            let name = if can_be_dyno(part) {
                part
            } else {
                part.split('.').next().unwrap_or_default()
            };
            if !name.is_empty() && !names.contains(&name) {
                names.push(name);
            }
        }
        if names.is_empty() {
            otherwise.to_owned()
        } else {
            names.join(",")
        }
    }
}

/// The most characters of a wrong item that are shown, since a line in a log must be short enough not to tear.
const LONGEST_SHOWN: usize = 40;

/// Whether a process type or a dyno can have this name: a name that the Procfile can have and, on Cedar, a dot and a
/// number. On Dokku, what follows the dot may be any id of a scheduled task.
fn can_be_dyno(item: &str) -> bool {
    let (process_type, number) = item
        .split_once('.')
        .map_or((item, None), |(name, rest)| (name, Some(rest)));
    let is_name = |text: &str| {
        let is_of_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        !text.is_empty() && text.bytes().all(is_of_name)
    };
    let is_number = |text: &str| !text.starts_with('0') && !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let can_follow = |rest: &str| match process_type {
        "cron" => rest.split('.').all(is_name),
        _ => is_number(rest),
    };
    is_name(process_type) && number.is_none_or(can_follow)
}

/// The lists that say in which dynos the agent runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Choice {
    /// `HOOP_PROCESS_TYPES`, if set.
    pub only: Option<DynoList>,
    /// `HOOP_IGNORE_PROCESS_TYPES`, if set. It replaces [`NOT_RUN_BY_DEFAULT`].
    pub never: Option<DynoList>,
}

impl Choice {
    /// Decides whether the agent runs in `dyno` of an app with this Procfile, with the reason.
    pub(crate) fn runs_in(&self, dyno: &Dyno, procfile: &Procfile, starter: Starter) -> Result<Reason, Reason> {
        match (&self.only, &self.never) {
            (_, Some(never)) if never.names(dyno) => Err(Reason::Ignored),
            (Some(only), _) if only.names(dyno) => Ok(Reason::Listed),
            (Some(_), _) => Err(Reason::NotListed),
            (None, Some(_)) => Ok(Reason::NotIgnored),
            (None, None) => dyno.by_default(procfile, starter),
        }
    }

    /// What is wrong with the lists, as seen from the dyno `here` of an app with this Procfile.
    pub(crate) fn faults(&self, here: &Dyno, procfile: &Procfile) -> Vec<DynosFault> {
        let known: Vec<&str> = procfile.process_types().collect();
        let ignored = NOT_RUN_BY_DEFAULT.join(",");
        let only = self
            .only
            .iter()
            .map(|list| (config::PROCESS_TYPES, list, Remainder::Nowhere, "web"));
        let never = self.never.iter().map(|list| {
            let name = config::IGNORE_PROCESS_TYPES;
            (name, list, Remainder::Everywhere, ignored.as_str())
        });
        let mut faults = Vec::new();
        for (name, list, without_any, otherwise) in only.chain(never) {
            let (impossible, unknown) = (list.impossible(), list.unknown(&known, here));
            let remainder = if impossible.len() + unknown.len() == list.len() {
                without_any
            } else {
                Remainder::Items
            };
            if !impossible.is_empty() || list.len() == 0 {
                faults.push(DynosFault::NoDynoName {
                    name,
                    items: impossible,
                    right: list.repaired(otherwise),
                    remainder,
                });
            }
            if !unknown.is_empty() {
                faults.push(DynosFault::ProcessTypeUnknown {
                    name,
                    unknown,
                    known: known.iter().map(|name| text::visible(name)).collect(),
                    remainder,
                });
            }
        }
        faults
    }

    /// Whether the agent runs in any process type of the Procfile.
    pub(crate) fn leaves_some(&self, procfile: &Procfile) -> bool {
        let mut types = procfile.process_types();
        types.any(|name| self.runs_in_type(name, procfile, Starter::CommandLine))
    }

    /// Whether the lists exclude every process type of the Procfile, and name no other.
    pub(crate) fn leaves_none(&self, procfile: &Procfile) -> bool {
        let is_listed = self.only.is_some() || self.never.is_some();
        let has_types = procfile.process_types().next().is_some();
        let mut outside = self.only.iter().flat_map(DynoList::process_types);
        let is_outside = |name: String| {
            procfile.command(&name).is_none() && self.runs_in_type(&name, procfile, Starter::CommandLine)
        };
        is_listed && has_types && !self.leaves_some(procfile) && !outside.any(is_outside)
    }

    /// Whether the agent runs in at least one dyno of the type.
    pub(crate) fn runs_in_type(&self, process_type: &str, procfile: &Procfile, starter: Starter) -> bool {
        let any = Dyno {
            name: process_type.to_owned(),
            process_type: process_type.to_owned(),
        };
        // A list of single dynos names some dynos of a type.
        let some = || {
            self.only
                .iter()
                .flat_map(DynoList::process_types)
                .any(|named| named == process_type)
        };
        let ruled_out = self.never.as_ref().is_some_and(|never| never.names(&any));
        self.runs_in(&any, procfile, starter).is_ok() || some() && !ruled_out
    }
}

#[cfg(test)]
mod tests;
