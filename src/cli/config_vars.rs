//! The config vars, as help lists them.

use crate::config::{self, ReadAt};
use std::fmt::Write as _;

/// The width of help, in characters.
const WIDTH: usize = 90;

/// What is read at `read_at`, a config var and what it does in each paragraph.
pub(super) fn list(read_at: ReadAt) -> String {
    let vars = || config::ALL.iter().filter(|var| var.read_at == read_at);
    let column = vars().map(|var| var.name.len()).max().unwrap_or_default() + 4;
    let mut list = String::new();
    for var in vars() {
        let mut effect = var.effect.replace('`', "");
        if !matches!(var.default, "" | "off") {
            let _ = write!(effect, " Default: {}.", var.default);
        }
        let first = format!("{:column$}", format!("  {}", var.name));
        let rest = " ".repeat(column);
        let options = textwrap::Options::new(WIDTH)
            .initial_indent(&first)
            .subsequent_indent(&rest);
        list.push_str(&textwrap::fill(&effect, options));
        list.push('\n');
    }
    list
}

#[cfg(test)]
mod tests {
    use super::{ReadAt, WIDTH, config, list};

    #[test]
    fn every_config_var_is_listed_where_it_is_read_and_no_line_is_too_long() {
        let (build, run) = (list(ReadAt::Build), list(ReadAt::Run));
        for var in config::ALL {
            let (here, elsewhere) = match var.read_at {
                ReadAt::Build => (&build, &run),
                ReadAt::Run => (&run, &build),
            };
            let line = format!("  {} ", var.name);
            assert!(here.contains(&line) && !elsewhere.contains(&line), "{line}");
        }
        assert!((build + &run).lines().all(|line| line.chars().count() <= WIDTH));
    }
}
