//! Every line that hoopstart writes to the app's log. Each kind of fault has a file.
//!
//! One event is one line on stderr, since dyno logs are read line by line. Each line says what is wrong, what it
//! means for the app, what to do, and ends with the failure id.

pub mod addition;
pub mod agent;
pub mod command;
pub mod config;
pub mod debug;
pub(crate) mod duration;
pub mod dynos;
pub mod ended;
pub mod gap;
pub mod gateway;
pub mod peer;
pub mod program;
pub mod publish;
pub(crate) mod sentence;
pub mod supervisor;
pub mod trouble;

use crate::agent::publish::PublishFault;
use crate::failure::Failure;
use crate::os::stderr;
use crate::start::fault::agent::AgentFault;
use crate::start::fault::command::CommandFault;
use crate::start::fault::config::ConfigFault;
use crate::start::fault::dynos::DynosFault;
use crate::start::fault::ended::EndedFault;
use crate::start::fault::gateway::GatewayFault;
use crate::start::fault::publish::FileFault;
use crate::start::fault::sentence::{Kind, error, warning};
use crate::start::fault::supervisor::SupervisorFault;
use crate::start::fault::trouble::Trouble;
use std::fmt;

macro_rules! kinds {
    ($( $variant:ident($kind:ty), )*) => {
        /// Something that is wrong at run time.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum Fault {
            $( $variant($kind), )*
        }

        $( impl From<$kind> for Fault {
            fn from(fault: $kind) -> Self {
                Fault::$variant(fault)
            }
        } )*

        impl Fault {
            fn kind(&self) -> &dyn Kind {
                match self {
                    $( Fault::$variant(fault) => fault, )*
                }
            }
        }
    };
}

kinds! {
    Config(ConfigFault),
    File(FileFault),
    Connection(PublishFault),
    Agent(AgentFault),
    Dynos(DynosFault),
    Gateway(GatewayFault),
    NotConnected(Trouble),
    Ended(EndedFault),
    Supervisor(SupervisorFault),
    Command(CommandFault),
}

impl Fault {
    /// The failure id.
    pub fn failure(&self) -> Failure {
        self.kind().failure()
    }

    /// Whether the agent cannot be configured or found, which is what `HOOP_REQUIRED` stops a boot for.
    pub fn stops_a_required_agent(&self) -> bool {
        self.kind().stops_a_required_agent()
    }

    /// The whole line.
    pub fn line(&self) -> String {
        if self.kind().is_error() {
            error(self, self.failure())
        } else {
            warning(self, self.failure())
        }
    }

    /// The whole line if `HOOP_REQUIRED` is on, which may stop the boot.
    pub fn line_if_required(&self) -> String {
        if !self.stops_a_required_agent() {
            return self.line();
        }
        let mut sentence = self.kind().sentence();
        sentence.state = "; HOOP_REQUIRED is on, so nothing was started, exit 78".into();
        error(sentence, self.failure())
    }
}

impl fmt::Display for Fault {
    /// The sentence, without `hoopstart: ` and without the failure id.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind().sentence().fmt(f)
    }
}

/// Writes the line of a fault to stderr.
pub(crate) fn tell(fault: impl Into<Fault>) {
    stderr::say(&fault.into().line());
}
