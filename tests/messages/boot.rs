//! Everything that hoopstart can say, of each kind at least once.

use hoop_buildpack::agent::connections::{ConnectionsFault, Merged};
use hoop_buildpack::agent::database::DatabaseFault;
use hoop_buildpack::agent::generation::Generation;
use hoop_buildpack::agent::key_fault::KeyFault;
use hoop_buildpack::agent::limits::Limit;
use hoop_buildpack::agent::publish::{NameFault, NotHere, PublishFault};
use hoop_buildpack::agent::version::Version;
use hoop_buildpack::start::check::report::Fact;
use hoop_buildpack::start::check::started_by::StartedBy;
use hoop_buildpack::start::check::status_report::StatusReport;
use hoop_buildpack::start::check::transport::{Certificate, Encryption};
use hoop_buildpack::start::fault::Fault;
use hoop_buildpack::start::fault::addition::Addition;
use hoop_buildpack::start::fault::agent::AgentFault;
use hoop_buildpack::start::fault::command::{CommandFault, Misreading};
use hoop_buildpack::start::fault::config::ConfigFault;
use hoop_buildpack::start::fault::debug::Decided;
use hoop_buildpack::start::fault::dynos::{DynosFault, Reason, Remainder};
use hoop_buildpack::start::fault::ended::{self, Ended, EndedFault, Ending};
use hoop_buildpack::start::fault::gap::Gap;
use hoop_buildpack::start::fault::gateway::{GatewayFault, Ignored, InvalidVariable, TlsCause, TlsRemedy};
use hoop_buildpack::start::fault::peer::{Broken, Peer, Unanswered};
use hoop_buildpack::start::fault::program::{Unfit, UnfitInterpreter};
use hoop_buildpack::start::fault::publish::FileFault;
use hoop_buildpack::start::fault::supervisor::{InternalError, SupervisorFault};
use hoop_buildpack::start::fault::trouble::Trouble;
use hoop_buildpack::start::supervise::status::{AgentStatus, AppStatus, ConditionStatus, State, Status};
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

fn text(text: &str) -> String {
    text.to_owned()
}

fn version(text: &str) -> Version {
    text.parse().expect("this is a version")
}

fn place() -> String {
    text("gateway.example:8443")
}

fn address() -> SocketAddr {
    SocketAddr::from(([203, 0, 113, 7], 8443))
}

const LIMIT: Duration = Duration::from_secs(5);

fn merged() -> Merged {
    Merged {
        name: text("orders_db"),
        written: vec![text("Órders DB"), text("orders_db")],
    }
}

fn connection(name: Option<&str>, description: Option<&str>) -> Fact {
    Fact::Connection {
        name: name.map(text),
        description: description.map(text),
    }
}

fn published() -> Vec<PublishFault> {
    let connection = || text("orders-db");
    let name_invalid = |fault| PublishFault::NameInvalid {
        connection: text("${NAME}-db"),
        fault,
    };
    let url_invalid = |fault| PublishFault::DatabaseUrlInvalid {
        connection: connection(),
        variable: text("DATABASE_URL"),
        fault,
    };
    let name_unset = |variable: &str| PublishFault::NameUnset {
        connection: format!("${{{variable}}}-db"),
        variable: text(variable),
    };
    vec![
        name_unset("HEROKU_APP_NAME"),
        name_unset("NAME"),
        name_invalid(NameFault::NotName),
        name_invalid(NameFault::Vanishes),
        name_invalid(NameFault::TooLong(300)),
        name_invalid(NameFault::HoldsSecret),
        PublishFault::Merged {
            first: text("Orders DB"),
            other: text("\u{d3}rders DB"),
            name: text("orders_db"),
            differ: false,
        },
        PublishFault::Merged {
            first: text("Orders DB"),
            other: text("\u{d3}rders DB"),
            name: text("orders_db"),
            differ: true,
        },
        PublishFault::DatabaseUnset {
            connection: connection(),
            variable: text("DATABASE_URL"),
        },
        url_invalid(DatabaseFault::NotUrl),
        url_invalid(DatabaseFault::SeveralHosts),
        url_invalid(DatabaseFault::Scheme),
        url_invalid(DatabaseFault::NoHost),
        url_invalid(DatabaseFault::NoUser),
        url_invalid(DatabaseFault::NoPassword),
        url_invalid(DatabaseFault::NotUtf8),
        url_invalid(DatabaseFault::Port),
        url_invalid(DatabaseFault::NoName),
        url_invalid(DatabaseFault::NameHasSlash),
        url_invalid(DatabaseFault::SslMode),
        PublishFault::NeedsNewerAgent {
            connection: connection(),
            needs: vec!["database:", "review:"],
            version: version("1.20.11"),
        },
        PublishFault::ProcessTypeUnknown {
            connection: connection(),
            unknown: vec![text("wroker")],
            known: vec![text("web"), text("worker")],
        },
        PublishFault::HoldsSecret {
            connection: connection(),
        },
        PublishFault::EntrypointHoldsSecret {
            connection: connection(),
        },
        PublishFault::ListHoldsSecret,
        PublishFault::NeverPublished {
            connection: connection(),
            process_types: vec![text("run"), text("release")],
        },
        PublishFault::ExportWithoutEffect {
            connection: connection(),
            variables: vec![text("HOOP_KEY"), text("LOG_LEVEL")],
        },
    ]
}

fn file() -> [FileFault; 3] {
    let mistake = text("hoop.yml, line 3, column 5: unknown key `comand`, expected one of `command`, `database`");
    let no_effect = |agent_is_too_old| FileFault::NoEffect { agent_is_too_old };
    [FileFault::Invalid { mistake }, no_effect(false), no_effect(true)]
}

fn config() -> Vec<ConfigFault> {
    let key = |name, fault| ConfigFault::KeyMalformed { name, fault };
    let not_published = |text| ConfigFault::ConnectionNotPublished { version: version(text) };
    vec![
        ConfigFault::KeyMissing,
        key("HOOP_KEY", KeyFault::NoPort),
        key("HOOP_DSN", KeyFault::LineBreak),
        key("HOOP_KEY", KeyFault::Mode),
        ConfigFault::ConnectionMissing,
        ConfigFault::ConnectionInvalid(ConnectionsFault::Unset(text("DB_NAME"))),
        ConfigFault::ConnectionInvalid(ConnectionsFault::TooLong(300)),
        ConfigFault::ConnectionInvalid(ConnectionsFault::NameTooLong(254)),
        ConfigFault::ConnectionInvalid(ConnectionsFault::NotName(text("env.NAMES"))),
        ConfigFault::ConnectionInvalid(ConnectionsFault::HoldsKey),
        ConfigFault::ConnectionInvalid(ConnectionsFault::Vanishes(text("\u{301}"))),
        ConfigFault::ConnectionsMerged(merged()),
        not_published("1.148.0"),
        not_published("1.20.11"),
        ConfigFault::CommandInvalid,
        ConfigFault::CommandHoldsKey,
        ConfigFault::ValueUnknown {
            name: "HOOP_LOG_LEVEL",
            value: text("verbose"),
            known: &["info", "debug", "warn", "error"],
        },
        ConfigFault::SwitchInvalid {
            name: "HOOP_DISABLE",
            value: text("enabled"),
        },
        ConfigFault::MemoryInvalid {
            value: text("64MB"),
            default: 64,
        },
        ConfigFault::NotWithAutostart { name: "HOOP_HIDE_KEY" },
        ConfigFault::AutostartInImage,
    ]
}

fn agent() -> Vec<AgentFault> {
    let path = || text("/app/.hoop/bin/hoop");
    let too_old = |text, limit| AgentFault::TooOld {
        version: version(text),
        limit,
    };
    vec![
        too_old("1.20.11", Limit::RefusesUnstated),
        too_old("1.19.63", Limit::RefusesMultiConnection),
        too_old("1.14.6", Limit::TakesNoKey),
        too_old("1.20.11", Limit::ServesNoSession),
        too_old("1.19.63", Limit::NeedsOldGateway { takes_one_name: false }),
        too_old("1.14.10", Limit::NeedsOldGateway { takes_one_name: true }),
        AgentFault::Missing { path: path() },
        AgentFault::NotExecutable { path: path() },
        AgentFault::Unfit {
            path: path(),
            cause: Unfit::OtherMachine("arm64"),
        },
        AgentFault::ManifestUnreadable {
            path: text("/app/.hoop/manifest.yml"),
            cause: text("No such file or directory (os error 2)"),
        },
    ]
}

fn dynos() -> Vec<DynosFault> {
    let types = |types: &[&str]| types.iter().map(|name| text(name)).collect();
    let unknown = |name, unknown, remainder| DynosFault::ProcessTypeUnknown {
        name,
        unknown: types(unknown),
        known: types(&["web", "worker"]),
        remainder,
    };
    let no_dyno = |name, items, right: &str, remainder| DynosFault::NoDynoName {
        name,
        items: types(items),
        right: text(right),
        remainder,
    };
    let not_started = |line: Option<&str>, right: Option<&str>| DynosFault::NotStarted {
        line: line.map(|line| (text("web"), text(line))),
        right: right.map(text),
        in_image: false,
    };
    let in_image = |process_type: Option<&str>| DynosFault::NotStarted {
        line: process_type.map(|process_type| (text(process_type), text("web: puma"))),
        right: process_type.map(|_| text("web: hoopstart -- puma")),
        in_image: true,
    };
    vec![
        in_image(Some("web")),
        in_image(None),
        unknown("HOOP_PROCESS_TYPES", &["wbe"], Remainder::Items),
        unknown("HOOP_PROCESS_TYPES", &["wbe.1", "clock"], Remainder::Nowhere),
        unknown("HOOP_IGNORE_PROCESS_TYPES", &["clock"], Remainder::Everywhere),
        no_dyno(
            "HOOP_PROCESS_TYPES",
            &["web.*", "\"worker\""],
            "web,worker",
            Remainder::Nowhere,
        ),
        no_dyno("HOOP_PROCESS_TYPES", &[], "web", Remainder::Nowhere),
        no_dyno(
            "HOOP_IGNORE_PROCESS_TYPES",
            &["run worker"],
            "web,run,worker",
            Remainder::Items,
        ),
        not_started(
            Some("web: bundle exec puma"),
            Some("web: hoopstart -- bundle exec puma"),
        ),
        not_started(Some("web: cd app && puma"), None),
        not_started(None, None),
        DynosFault::Nowhere,
    ]
}

pub(crate) fn troubles() -> Vec<Trouble> {
    vec![
        Trouble::KeyRejected,
        Trouble::AlreadyConnected,
        Trouble::NameMissing,
        Trouble::NameTaken { name: text("orders") },
        Trouble::TurnedAway {
            cause: text("license expired"),
        },
        Trouble::Unresolved {
            place: place(),
            cause: text("name resolver error: produced zero addresses"),
        },
        Trouble::Unreachable {
            place: place(),
            cause: text("dial tcp 203.0.113.7:8443: connect: connection refused"),
        },
        Trouble::OtherService {
            place: text("gateway.example:8009"),
            cause: text("http2: frame too large, note that the frame header looked like an HTTP/1.1 header"),
        },
        Trouble::Tls {
            place: place(),
            cause: text("tls: failed to verify certificate: x509: certificate signed by unknown authority"),
        },
    ]
}

fn ended(ending: Ending, seconds: u64, pause: u64) -> Ended {
    Ended {
        connection: None,
        ending,
        age: Duration::from_secs(seconds),
        pause: Duration::from_secs(pause),
    }
}

/// The lines about an agent that has ended, and about one that runs again.
pub(crate) fn ends() -> Vec<String> {
    let not_started = |number| Ending::not_started(&io::Error::from_raw_os_error(number));
    let of_connection = Ended {
        connection: Some(text("orders")),
        ..ended(Ending::Status(2), 3, 8)
    };
    let ends = [
        ended(Ending::Status(1), 0, 1),
        ended(Ending::Signal(9), 3_600, 1),
        ended(not_started(2), 0, 2),
        ended(not_started(11), 0, 2),
        of_connection,
    ];
    let steady = ended::steady(Duration::from_mins(10), 136, Duration::from_hours(2));
    ends.iter().map(Ended::line).chain([steady]).collect()
}

fn ends_with_more() -> Vec<EndedFault> {
    vec![
        EndedFault::Misconfigured(ended(Ending::Status(1), 0, 300)),
        EndedFault::Crashing {
            ended: ended(Ending::Status(2), 3, 8),
            times: 4,
        },
    ]
}

fn supervisor() -> Vec<SupervisorFault> {
    let cause = text("Resource temporarily unavailable (os error 11)");
    vec![SupervisorFault::NotStarted(cause), SupervisorFault::Internal]
}

fn unfit() -> Vec<Unfit> {
    let interpreter = |cause| Unfit::NoInterpreter {
        interpreter: text("/usr/bin/no-ruby"),
        cause,
    };
    vec![
        Unfit::NotFound,
        interpreter(UnfitInterpreter::NotFound),
        interpreter(UnfitInterpreter::WithoutInterpreter),
        Unfit::CarriageReturn {
            interpreter: text("/bin/sh"),
        },
        Unfit::Folder,
        Unfit::NotAFile,
        Unfit::Refused(text("permission denied")),
        Unfit::OtherMachine("arm64"),
        Unfit::Foreign,
        Unfit::Truncated,
        Unfit::PartOfProgram,
        interpreter(UnfitInterpreter::Folder),
        interpreter(UnfitInterpreter::Refused),
        interpreter(UnfitInterpreter::OtherMachine),
        interpreter(UnfitInterpreter::Damaged),
    ]
}

fn commands() -> Vec<CommandFault> {
    let misread = |command: &str, cause, line: Option<&str>| CommandFault::Misread {
        command: text(command),
        cause,
        line: line.map(text),
    };
    let option = |option: &str, meant: Option<&str>| CommandFault::OptionUnknown {
        option: text(option),
        meant: meant.map(text),
    };
    let cannot_run = unfit().into_iter().map(|cause| CommandFault::CannotRun {
        command: text(match cause {
            Unfit::NotFound => "bundel",
            Unfit::Folder => "/etc",
            _ => "bin/web",
        }),
        cause,
    });
    let others = [
        CommandFault::Missing,
        option("--chek", Some("--check")),
        option("-e", None),
        misread("cd", Misreading::ShellCommand, None),
        misread("FOO=1", Misreading::Assignment, Some("hoopstart -- env FOO=1 puma")),
        misread("puma -p 80", Misreading::Quoted, Some("hoopstart -- puma -p 80")),
        misread("—", Misreading::Dashes, Some("hoopstart -- puma")),
        CommandFault::TooLarge {
            command: text("bin/web"),
        },
    ];
    others.into_iter().chain(cannot_run).collect()
}

fn peers() -> Vec<Peer> {
    let broken = [
        Broken::LongFrame(65_536),
        Broken::GoAway(String::new()),
        Broken::GoAway(text("too_many_pings")),
        Broken::Reset(8),
        Broken::UnreadableHeaders,
        Broken::EndlessFrames,
    ];
    let others = [
        Peer::Http1,
        Peer::Silent,
        Peer::Http2,
        Peer::Tls,
        Peer::Ssh,
        Peer::Unknown(text("\u{16}\u{3}hello")),
        Peer::NotTls(Box::new(Peer::Http1)),
        Peer::NoHttp2,
        Peer::NoAlpn,
        Peer::OtherService,
        Peer::GrpcStatus {
            status: text("13"),
            message: text("internal"),
        },
        Peer::HttpStatus(text("404")),
        Peer::Lost(Unanswered::TimedOut {
            who: "it",
            limit: LIMIT,
        }),
    ];
    others.into_iter().chain(broken.map(Peer::Broken)).collect()
}

fn gateway() -> Vec<GatewayFault> {
    let unresolved = |cause| GatewayFault::Unresolved {
        host: text("gateway.example"),
        cause,
    };
    let unreachable = |causes: &[Unanswered]| GatewayFault::Unreachable {
        place: place(),
        causes: causes.iter().map(|cause| (address(), cause.clone())).collect(),
    };
    let certificate = |cause: &str, remedy| GatewayFault::Tls {
        place: place(),
        cause: TlsCause::Refused(text(cause)),
        remedy,
    };
    let tls = |cause| GatewayFault::Tls {
        place: place(),
        cause,
        remedy: TlsRemedy::Gateway,
    };
    let mismatch = |text, agent_has_tls, obeys_scheme| GatewayFault::Mismatch {
        place: place(),
        version: version(text),
        agent_has_tls,
        obeys_scheme,
    };
    let ignored = |name, reason| GatewayFault::VariableIgnored { name, reason };
    let invalid = |name, cause| GatewayFault::VariableInvalid { name, cause };
    let who = "the gateway";
    let other = peers()
        .into_iter()
        .map(|peer| GatewayFault::Other { place: place(), peer });
    let faults = [
        unresolved(Unanswered::NoName),
        unresolved(Unanswered::NoAddress),
        unresolved(Unanswered::Other(text("no connections available"))),
        unreachable(&[Unanswered::Refused]),
        unreachable(&[
            Unanswered::TimedOut {
                who: "it",
                limit: LIMIT,
            },
            Unanswered::Closed { who: "it" },
        ]),
        certificate("invalid peer certificate: UnknownIssuer", TlsRemedy::Authority),
        certificate("invalid peer certificate: not valid for this name", TlsRemedy::Name),
        certificate("invalid peer certificate: UnknownIssuer", TlsRemedy::NewerAgent),
        tls(TlsCause::Lost(Unanswered::TimedOut { who, limit: LIMIT })),
        tls(TlsCause::ServerName(text("gate way"))),
        mismatch("1.148.0", true, true),
        mismatch("1.22.0", true, false),
        mismatch("1.148.0", false, true),
        ignored(
            "HOOP_TLSCA",
            Ignored::OldAgent {
                version: version("1.22.0"),
                since: "1.23.3",
            },
        ),
        ignored("HOOP_TLSCA", Ignored::Token),
        ignored("HOOP_TLS_SKIP_VERIFY", Ignored::Value(text("1"))),
        invalid("HOOP_TLSCA", InvalidVariable::NoCertificate),
        invalid(
            "HOOP_TLSCA",
            InvalidVariable::Base64(text("Invalid symbol 33, offset 4")),
        ),
        invalid("HOOP_TLSCA", InvalidVariable::NotAFile { path: text("/app") }),
        invalid(
            "TLS_CA",
            InvalidVariable::Unreadable {
                path: text("/ca.pem"),
                cause: text("no such file or directory"),
            },
        ),
    ];
    faults.into_iter().chain(other).collect()
}

/// Everything that can be wrong at run time.
pub(crate) fn faults() -> Vec<Fault> {
    let mut faults: Vec<Fault> = Vec::new();
    faults.extend(config().into_iter().map(Fault::from));
    faults.extend(file().map(Fault::from));
    faults.extend(published().into_iter().map(Fault::from));
    faults.extend(agent().into_iter().map(Fault::from));
    faults.extend(dynos().into_iter().map(Fault::from));
    faults.extend(troubles().into_iter().map(Fault::from));
    faults.extend(ends_with_more().into_iter().map(Fault::from));
    faults.extend(supervisor().into_iter().map(Fault::from));
    faults.extend(commands().into_iter().map(Fault::from));
    faults.extend(gateway().into_iter().map(Fault::from));
    faults
}

const REASONS: [Reason; 9] = [
    Reason::Disabled,
    Reason::Ignored,
    Reason::NotIgnored,
    Reason::Listed,
    Reason::NotListed,
    Reason::Wrapped,
    Reason::ByDefault,
    Reason::NotByDefault,
    Reason::Local,
];

const GENERATIONS: [Generation; 4] = [
    Generation::NamesInEnvironment,
    Generation::NamesInGateway,
    Generation::RunWithArguments,
    Generation::RunWithCommand,
];

/// What `HOOPSTART_DEBUG` adds, and the line about a fault in our own code.
pub(crate) fn debug_lines() -> Vec<String> {
    let version = version("1.148.0");
    let mut decided = vec![
        Decided::Dyno {
            name: "web.1",
            reason: Reason::ByDefault,
        },
        Decided::NotHere(Reason::Disabled),
        Decided::NotStarted,
        Decided::RunsAlready(4),
    ];
    decided.extend(GENERATIONS.map(|generation| Decided::Agents {
        version: &version,
        generation,
        count: 2,
    }));
    let internal = InternalError {
        place: text("src/start/plan/mod.rs:90:14"),
    };
    let lines = decided.iter().map(Decided::to_string);
    lines.chain([internal.to_string()]).collect()
}

/// What is added to the lines of an agent.
pub(crate) fn additions() -> Vec<String> {
    [Addition::Cut(16_384), Addition::Trace(12)]
        .map(|addition| addition.to_string())
        .into()
}

/// Every fact that `hoopstart --check` may tell.
pub(crate) fn facts() -> Vec<Fact> {
    let gateway = |encryption, is_grpc| Fact::Gateway {
        place: place(),
        encryption,
        is_grpc,
    };
    let handshake = |is_tls_1_2, is_checked| Fact::Handshake { is_tls_1_2, is_checked };
    let name = ("HOOP_TLSSERVERNAME", text("gateway.internal"));
    let restricted = |ca, name| Fact::Certificate(Certificate::Restricted { ca, name });
    let mut facts = vec![Fact::Dyno {
        name: text("web.1"),
        has_agent: true,
        reason: Reason::ByDefault,
    }];
    facts.extend(REASONS.map(|reason| Fact::Dyno {
        name: text("run.1"),
        has_agent: false,
        reason,
    }));
    facts.extend([
        Fact::StartedBy(StartedBy::Procfile(Vec::new())),
        Fact::StartedBy(StartedBy::Procfile(vec![text("web"), text("worker")])),
        Fact::StartedBy(StartedBy::Image(Vec::new())),
        Fact::StartedBy(StartedBy::Image(vec![text("web"), text("worker")])),
        Fact::StartedBy(StartedBy::Script),
        Fact::StartedBy(StartedBy::Autostart),
        Fact::StartedBy(StartedBy::CommandLine),
        Fact::StartedBy(StartedBy::Nothing(None)),
        Fact::Agent(version("1.148.0")),
        Fact::NoAgent(None),
        Fact::NoAgent(Some(Reason::Disabled)),
    ]);
    facts.extend(GENERATIONS.map(Fact::Generation));
    facts.extend([
        Fact::TwoKeys,
        gateway(Encryption::PlainText, true),
        gateway(Encryption::Tls, true),
        gateway(Encryption::TlsForWs, true),
        gateway(Encryption::TlsAlways, true),
        gateway(Encryption::Tls, false),
        Fact::GatewayUnknown,
        Fact::Certificate(Certificate::Unused(vec!["HOOP_TLSCA", "HOOP_TLSSERVERNAME"])),
        Fact::Certificate(Certificate::Any {
            variable: "HOOP_TLS_SKIP_VERIFY",
        }),
        restricted(Some("HOOP_TLSCA"), None),
        restricted(None, Some(name.clone())),
        restricted(Some("HOOP_TLSCA"), Some(name)),
        connection(Some("orders"), None),
        connection(None, None),
        connection(
            Some("orders-db"),
            Some("database, URL from DATABASE_URL; review by dba"),
        ),
        Fact::NotHere(NotHere::Elsewhere {
            name: text("orders-console"),
            description: text("command bundle exec rails console; only in worker"),
        }),
        Fact::NotHere(NotHere::LeftOut {
            name: text("orders-shell"),
        }),
        Fact::Merged(merged()),
        Fact::App { hides_key: false },
        Fact::App { hides_key: true },
        Fact::Command(PathBuf::from("/app/bin/puma")),
        Fact::Proxy("HTTPS_PROXY"),
        Fact::Resolved(vec![address().ip(), "2001:db8::7".parse().expect("this is an address")]),
        Fact::Connected(address()),
        Fact::NoHandshake,
        handshake(false, true),
        handshake(true, false),
        Fact::Answer,
        Fact::NotAsked,
    ]);
    facts
}

/// What `hoopstart --status` prints where much is to be told.
pub(crate) fn status_report() -> StatusReport {
    let app = |pid, name| AppStatus { pid, name: text(name) };
    let well = Status {
        app: app(4, "puma"),
        healthy: true,
        buildpack_version: text("0.1.0"),
        agent_version: text("1.148.0"),
        seconds: 90_061,
        key_hidden: true,
        key_visible_because: None,
        agents: vec![AgentStatus {
            connection: Some(text("orders")),
            publishes: Some(text("database, URL from DATABASE_URL; masks EMAIL_ADDRESS")),
            state: State::Running,
            pid: Some(17),
            seconds: Some(3_720),
            restarts: 1,
            memory: Some(9 * 1024 * 1024),
            sessions: 2,
            lines: vec![text("hoop | one"), text("hoop | two\u{1b}")],
            ..AgentStatus::default()
        }],
    };
    let agent = |state, next_start_in_seconds, restarts| AgentStatus {
        state,
        next_start_in_seconds,
        restarts,
        ..AgentStatus::default()
    };
    let down = AgentStatus {
        pid: Some(18),
        seconds: Some(1),
        condition: Some(ConditionStatus {
            id: text("start::key-rejected"),
            text: text("the gateway does not accept the agent key"),
            seconds: 120,
        }),
        ..agent(State::Running, None, 0)
    };
    let ill = Status {
        app: app(5, "node"),
        healthy: false,
        key_hidden: false,
        key_visible_because: Some(Gap::Root.to_string()),
        agents: vec![
            down,
            agent(State::Running, None, 0),
            agent(State::Renewing, None, 0),
            agent(State::Waiting, Some(61), 3),
            agent(State::Ended, None, 0),
        ],
        ..well.clone()
    };
    let gaps = [
        Gap::Foreign,
        Gap::Shared,
        Gap::Copying,
        Gap::Script,
        Gap::Refused(30),
        Gap::Unexplained,
    ];
    let visible = gaps.map(|gap| Status {
        key_visible_because: Some(gap.to_string()),
        agents: Vec::new(),
        ..well.clone()
    });
    StatusReport {
        apps: [well, ill].into_iter().chain(visible).collect(),
        silent: vec![app(6, "sleep")],
    }
}
