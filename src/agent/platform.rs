//! The machine the slug is for.

use std::fmt;

/// A platform the agent is published for. Builds run on the architecture of the dynos they are for, so the
/// platform is the one this program was compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Platform {
    /// 64-bit ARM.
    Arm64,
    /// 64-bit x86.
    Amd64,
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
compile_error!("the hoop agent is published for x86_64 and aarch64 only");

impl Platform {
    /// Every platform.
    pub const ALL: [Platform; 2] = [Platform::Arm64, Platform::Amd64];

    /// The platform this program was compiled for.
    pub const OWN: Platform = if cfg!(target_arch = "aarch64") {
        Platform::Arm64
    } else {
        Platform::Amd64
    };

    /// The names the release server uses for the architecture: each tarball is published under both,
    /// and the first is asked for.
    pub fn published_names(self) -> [&'static str; 2] {
        match self {
            Platform::Arm64 => ["arm64", "aarch64"],
            Platform::Amd64 => ["x86_64", "amd64"],
        }
    }

    /// Go's name of the architecture, which the agent reports of itself.
    pub fn architecture(self) -> &'static str {
        match self {
            Platform::Arm64 => "arm64",
            Platform::Amd64 => "amd64",
        }
    }
}

impl fmt::Display for Platform {
    /// Writes what `hoop version` reports as its platform, such as `linux/amd64`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "linux/{}", self.architecture())
    }
}
