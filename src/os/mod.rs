//! This process and its surroundings: environment, files, signals, other processes, the machine's names and
//! certificates.

pub mod audience;
pub mod environment;
pub mod folders;
pub mod host_names;
pub mod offspring;
pub mod processes;
pub mod reason;
pub mod regular_file;
pub mod signals;
pub mod standard_files;
pub mod stderr;
pub mod stop;
pub mod tls;
