//! Looks up the gateway's addresses and connects to one of them, each step within a limit.

use crate::os::host_names;
use crate::start::fault::peer::Unanswered;
use hickory_resolver::net::NetError;
use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// How long each step may take, however slowly the bytes come. A healthy gateway answers in a tenth of it, and someone
/// is waiting.
const LIMIT: Duration = Duration::from_secs(5);

/// Looks up `host` as the build does: without the C library, whose resolver does not work in a static program.
pub(crate) fn resolve(host: &str) -> Result<Vec<IpAddr>, Unanswered> {
    if let Ok(address) = host.trim_matches(['[', ']']).parse() {
        return Ok(vec![address]);
    }
    let cause = |error: NetError| match () {
        () if error.is_nx_domain() => Unanswered::NoName,
        () if error.is_no_records_found() => Unanswered::NoAddress,
        () => Unanswered::Other(error.to_string()),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Unanswered::Other(error.to_string()))?;
    runtime.block_on(async {
        let lookup = tokio::time::timeout(LIMIT, host_names::addresses(host)).await;
        lookup.map_err(|_| timed_out("the name servers"))?.map_err(cause)
    })
}

/// Connects to the first of `addresses` that answers.
pub(crate) fn connect(addresses: &[IpAddr], port: u16) -> Result<TcpStream, Vec<(SocketAddr, Unanswered)>> {
    let mut causes = Vec::new();
    let limit = LIMIT / u32::try_from(addresses.len().max(1)).unwrap_or(u32::MAX);
    for address in addresses {
        let address = SocketAddr::new(*address, port);
        match TcpStream::connect_timeout(&address, limit) {
            Ok(stream) => return Ok(stream),
            Err(error) => causes.push((address, unanswered(&error, "it"))),
        }
    }
    Err(causes)
}

/// A connection on which a step takes no longer than [`LIMIT`].
pub(crate) struct Timed {
    stream: TcpStream,
    end: Instant,
    /// The first bytes that came, as many as the head of an HTTP/2 frame has.
    pub(crate) first: Vec<u8>,
}

impl Timed {
    pub(crate) fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            end: Instant::now() + LIMIT,
            first: Vec::new(),
        }
    }

    /// Starts the time of the next step.
    pub(crate) fn begin_step(&mut self) {
        self.end = Instant::now() + LIMIT;
    }

    /// How much time the step has left.
    fn left(&self) -> io::Result<Option<Duration>> {
        let left = self.end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        Ok(Some(left))
    }
}

impl Read for Timed {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.stream.set_read_timeout(self.left()?)?;
        let count = self.stream.read(bytes)?;
        let wanted = 9_usize.saturating_sub(self.first.len()).min(count);
        self.first.extend_from_slice(&bytes[..wanted]);
        Ok(count)
    }
}

impl Write for Timed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.set_write_timeout(self.left()?)?;
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

/// Whether the other side has closed the connection.
pub(crate) fn is_closed(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe
    )
}

/// Why there is no answer from `who`.
pub(crate) fn unanswered(error: &io::Error, who: &'static str) -> Unanswered {
    match error.kind() {
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => timed_out(who),
        _ if is_closed(error) => Unanswered::Closed { who },
        io::ErrorKind::ConnectionRefused => Unanswered::Refused,
        _ => Unanswered::Other(error.to_string()),
    }
}

fn timed_out(who: &'static str) -> Unanswered {
    Unanswered::TimedOut { who, limit: LIMIT }
}
