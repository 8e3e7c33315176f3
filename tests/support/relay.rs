//! A relay on loopback that can be cut, as a gateway that goes away and comes back.

use std::io;
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// Every connection to `port` goes on to its target. It listens until the test's process ends.
pub(crate) struct Relay {
    pub(crate) port: u16,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    is_cut: bool,
    streams: Vec<TcpStream>,
}

impl Relay {
    /// A relay to `target`.
    pub(crate) fn to(target: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port of loopback is free");
        let port = listener.local_addr().expect("it is bound").port();
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let mut state = shared.lock().unwrap_or_else(PoisonError::into_inner);
                // Whoever comes while it is cut is turned away: the stream is closed at once.
                if !state.is_cut
                    && let Ok([near, far]) = Self::join(stream, target)
                {
                    state.streams.extend([near, far]);
                }
            }
        });
        Self { port, state }
    }

    /// Ends all connections and lets none through.
    pub(crate) fn cut(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.is_cut = true;
        for stream in state.streams.drain(..) {
            // One that has ended cannot be shut down.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Lets connections through again.
    pub(crate) fn mend(&self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).is_cut = false;
    }

    /// Copies both ways, until one end closes.
    fn join(near: TcpStream, target: SocketAddr) -> io::Result<[TcpStream; 2]> {
        let far = TcpStream::connect(target)?;
        for (mut from, mut to) in [
            (near.try_clone()?, far.try_clone()?),
            (far.try_clone()?, near.try_clone()?),
        ] {
            thread::spawn(move || {
                let _ = io::copy(&mut from, &mut to);
                let _ = to.shutdown(Shutdown::Both);
            });
        }
        Ok([near, far])
    }
}
