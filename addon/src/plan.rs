//! Plans: what the provider makes for a resource, as a table in the config file.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::resource::{Order, ResourceId};

/// The plans by name.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plans {
    plans: BTreeMap<String, Plan>,
    /// The regions that the add-on is offered in.
    #[serde(default = "regions")]
    regions: BTreeSet<String>,
}

/// What a plan makes.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    #[serde(default)]
    pub agent_mode: AgentMode,
    #[serde(default)]
    connections: Vec<ConnectionPlan>,
}

/// The mode of an agent at the gateway.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum AgentMode {
    #[default]
    Standard,
    Embedded,
}

/// A connection of a plan.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
struct ConnectionPlan {
    /// `{connection}` stands for the option `--connection`, or else for the resource's name.
    #[serde(default = "own_name")]
    name: String,
    #[serde(default, rename = "type")]
    kind: ConnectionType,
    #[serde(default)]
    subtype: String,
    /// `--command` takes its place.
    #[serde(default)]
    command: Vec<String>,
    #[serde(default = "AccessMode::all")]
    access_modes: BTreeSet<AccessMode>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum ConnectionType {
    Application,
    #[default]
    Custom,
    Database,
}

/// A way to use a connection.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "lowercase")]
pub enum AccessMode {
    Connect,
    Exec,
    Runbooks,
    Schema,
}

impl AccessMode {
    fn all() -> BTreeSet<Self> {
        [Self::Connect, Self::Exec, Self::Runbooks, Self::Schema].into()
    }
}

/// A connection that a resource has by its plan and its options.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WantedConnection {
    pub name: String,
    pub kind: ConnectionType,
    pub subtype: String,
    pub command: Vec<String>,
    pub access_modes: BTreeSet<AccessMode>,
}

/// Why a plan table is not used.
#[derive(Debug, Error)]
pub enum PlanTableError {
    #[error("{0}")]
    Syntax(#[from] toml::de::Error),
    #[error("it has no plan. Add one: [plans.basic]")]
    Empty,
    #[error("the plan {plan} has two connections with the name {name}")]
    SameName { plan: String, name: String },
    #[error(
        "the connection {name} of the plan {plan} does not have {{connection}} in its name, so no two apps can have it"
    )]
    FixedName { plan: String, name: String },
}

/// Why an order cannot be met. Each text is shown to who gave it.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum OrderError {
    #[error("There is no plan {plan}. Choose one of: {known}.")]
    UnknownPlan { plan: String, known: String },
    #[error("hoop is not offered in the region {region}.")]
    UnknownRegion { region: String },
    #[error("The plan {plan} makes no connection, so --command has no effect. Leave it out or choose another plan.")]
    CommandWithoutConnection { plan: String },
    #[error(
        "{name} cannot be the name of a connection. Use letters, digits and underscores, at least 3, with single \
         hyphens or dots between them."
    )]
    BadName { name: String },
    #[error("--command cannot be read: {0}.")]
    BadCommand(shell_words::ParseError),
}

impl Plans {
    /// The plans where no config file says otherwise. `test` and `foo` are the names that Heroku's tester uses.
    pub fn built_in() -> Self {
        Self::parse(include_str!("plan/built-in.toml")).expect("the built-in plans are read by a test")
    }

    pub fn parse(text: &str) -> Result<Self, PlanTableError> {
        let plans: Self = toml::from_str(text)?;
        if plans.plans.is_empty() {
            return Err(PlanTableError::Empty);
        }
        for (plan, Plan { connections, .. }) in &plans.plans {
            for (index, ConnectionPlan { name, .. }) in connections.iter().enumerate() {
                if !name.contains(CONNECTION) {
                    return Err(PlanTableError::FixedName {
                        plan: plan.clone(),
                        name: name.clone(),
                    });
                }
                if connections[..index].iter().any(|other| other.name == *name) {
                    return Err(PlanTableError::SameName {
                        plan: plan.clone(),
                        name: name.clone(),
                    });
                }
            }
        }
        Ok(plans)
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.plans.keys().map(String::as_str)
    }

    pub fn get(&self, name: &str) -> Result<&Plan, OrderError> {
        let unknown = || OrderError::UnknownPlan {
            plan: shown(name),
            known: self.names().collect::<Vec<_>>().join(", "),
        };
        self.plans.get(name).ok_or_else(unknown)
    }

    pub fn check_region(&self, region: &str) -> Result<(), OrderError> {
        if self.regions.contains(region) {
            return Ok(());
        }
        Err(OrderError::UnknownRegion { region: shown(region) })
    }
}

impl Plan {
    /// Whether the plan can do what the options ask for.
    pub fn check(&self, id: ResourceId, order: &Order) -> Result<(), OrderError> {
        if let Some(connection) = &order.options.connection {
            check_name(connection)?;
        }
        if order.options.command.is_some() && self.connections.is_empty() {
            return Err(OrderError::CommandWithoutConnection {
                plan: order.plan.clone(),
            });
        }
        self.connections(id, order).map(drop)
    }

    /// The connections that the plan makes for this order.
    pub fn connections(&self, id: ResourceId, order: &Order) -> Result<Vec<WantedConnection>, OrderError> {
        let options = &order.options;
        let command = options
            .command
            .as_deref()
            .map(shell_words::split)
            .transpose()
            .map_err(OrderError::BadCommand)?;
        let own = if order.name.is_empty() {
            id.agent_name()
        } else {
            order.name.clone()
        };
        let own = options.connection.as_ref().unwrap_or(&own);
        let wanted = |connection: &ConnectionPlan| {
            let name = connection.name.replace(CONNECTION, own);
            check_name(&name)?;
            Ok(WantedConnection {
                name,
                kind: connection.kind,
                subtype: connection.subtype.clone(),
                command: command.clone().unwrap_or_else(|| connection.command.clone()),
                access_modes: connection.access_modes.clone(),
            })
        };
        self.connections.iter().map(wanted).collect()
    }
}

const CONNECTION: &str = "{connection}";

fn own_name() -> String {
    CONNECTION.to_owned()
}

/// The regions of Heroku's documentation.
fn regions() -> BTreeSet<String> {
    let of_provider = |region| format!("amazon-web-services::{region}");
    let regions = [
        "us-east-1",
        "us-west-1",
        "us-west-2",
        "eu-west-1",
        "eu-central-1",
        "ap-southeast-1",
        "ap-southeast-2",
        "ap-northeast-1",
    ];
    regions.into_iter().map(of_provider).collect()
}

/// The gateway's rule for names: words of letters, digits and underscores, with one hyphen or dot between two of them.
fn check_name(name: &str) -> Result<(), OrderError> {
    let is_word = |word: &str| !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    let letters = name.chars().filter(|c| !matches!(c, '-' | '.')).count();
    if letters >= 3 && name.len() <= 254 && name.split(['-', '.']).all(is_word) {
        return Ok(());
    }
    Err(OrderError::BadName { name: shown(name) })
}

/// As much of what was given as says which it is.
fn shown(given: &str) -> String {
    given.chars().take(60).collect()
}
