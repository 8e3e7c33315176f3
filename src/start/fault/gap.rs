//! Why other processes of the same user can read the agent key out of an agent.

use std::fmt;
use std::io;

/// Why an agent's memory and environment can be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Gap {
    /// It runs as root.
    Root,
    /// Its file is another user's.
    Foreign,
    /// Its file has other names, or is a link.
    Shared,
    /// A change of the file's mode would copy it.
    Copying,
    /// It is a script, and its interpreter must be able to read it.
    Script,
    /// The file's mode cannot be changed, with this error number.
    Refused(i32),
    /// Nothing is wrong with the file.
    Unexplained,
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Gap::Root => "it runs as root",
            Gap::Foreign => "its file belongs to another user",
            Gap::Shared => "its file has a second name (a hard link)",
            Gap::Copying => "its file is on an overlay file system",
            Gap::Script => "it is a script",
            Gap::Unexplained => "this system does not prevent it",
            Gap::Refused(number) => {
                let error = io::Error::from_raw_os_error(*number).to_string().to_lowercase();
                return write!(f, "its file cannot be changed: {error}");
            }
        })
    }
}
