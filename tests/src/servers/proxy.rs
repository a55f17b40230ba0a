//! A TCP proxy that misbehaves: it cuts, delays, swallows, and loses replies.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU16, AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What the proxy does with what it is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Mode {
    /// It passes everything on.
    Pass = 0,
    /// It passes requests on, and nothing comes back.
    SwallowReplies = 1,
    /// Nothing goes either way, and the connections stay open.
    Swallow = 2,
    /// New connections are closed at once.
    Refuse = 3,
}

struct State {
    target: AtomicU16,
    mode: AtomicU8,
    /// What is done with connections that are opened from now on; 255 is what is done with all.
    mode_of_new: AtomicU8,
    delay: AtomicU64,
    /// Whether the next reply is cut in its middle, and the connection with it.
    halve: AtomicBool,
    /// Connections that are older than this number are cut.
    cut: watch::Sender<u64>,
}

/// A proxy in front of a server.
pub struct Proxy {
    port: u16,
    state: Arc<State>,
    accepting: tokio::task::JoinHandle<()>,
}

impl Proxy {
    /// Starts a proxy in front of a port of this machine.
    pub async fn start(target: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (mode, mode_of_new) = (AtomicU8::new(0), AtomicU8::new(255));
        let (delay, cut) = (AtomicU64::new(0), watch::Sender::new(0));
        let (target, halve) = (AtomicU16::new(target), AtomicBool::new(false));
        let state = Arc::new(State { target, mode, mode_of_new, delay, halve, cut });
        let accepting = tokio::spawn(accept(listener, state.clone()));
        Self { port, state, accepting }
    }

    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Leads connections that are opened from now on to another port.
    pub fn lead_to(&self, target: u16) {
        self.state.target.store(target, Ordering::SeqCst);
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Changes what is done with all connections, old and new.
    pub fn set(&self, mode: Mode) {
        self.state.mode.store(mode as u8, Ordering::SeqCst);
    }

    /// Changes what is done with connections that are opened from now on; the others stay as they are.
    pub fn set_new(&self, mode: Mode) {
        self.state.mode_of_new.store(mode as u8, Ordering::SeqCst);
    }

    /// Cuts every connection, and from then on passes everything on.
    pub fn heal(&self) {
        self.set(Mode::Pass);
        self.delay(Duration::ZERO);
        self.state.mode_of_new.store(255, Ordering::SeqCst);
        self.cut();
    }

    /// Holds every reply up for this long.
    pub fn delay(&self, by: Duration) {
        self.state.delay.store(u64::try_from(by.as_millis()).unwrap(), Ordering::SeqCst);
    }

    /// Lets only half of the next reply through, and then resets its connection.
    pub fn halve_next(&self) {
        self.state.halve.store(true, Ordering::SeqCst);
    }

    /// Resets every connection there is.
    pub fn cut(&self) {
        self.state.cut.send_modify(|number| *number += 1);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
        self.cut();
    }
}

impl State {
    /// Tells what is done with a connection that was opened with `own` in force.
    fn is(&self, own: u8, mode: Mode) -> bool {
        let mode_of_all = self.mode.load(Ordering::SeqCst);
        (if own == 255 { mode_of_all } else { own }) == mode as u8
    }
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    loop {
        let Ok((client, _)) = listener.accept().await else { continue };
        if state.is(255, Mode::Refuse) {
            reset(&client);
            continue;
        }
        tokio::spawn(serve(client, state.clone()));
    }
}

/// Makes the other side see a reset instead of an end.
fn reset(stream: &TcpStream) {
    let _ = stream.set_zero_linger();
}

async fn serve(client: TcpStream, state: Arc<State>) {
    let Ok(server) = TcpStream::connect(("127.0.0.1", state.target.load(Ordering::SeqCst))).await else {
        return reset(&client);
    };
    let _ = (client.set_nodelay(true), server.set_nodelay(true), client.set_zero_linger());
    let own = state.mode_of_new.load(Ordering::SeqCst);
    let mut cut = state.cut.subscribe();
    cut.mark_unchanged();
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    tokio::select! {
        () = requests(from_client, to_server, (&state, own)) => {}
        () = replies(from_server, to_client, (&state, own)) => {}
        _ = cut.changed() => {}
    }
}

async fn requests(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, (state, own): (&State, u8)) {
    let mut buffer = vec![0; 65_536];
    loop {
        let count = match from.read(&mut buffer).await {
            Ok(count) if count != 0 => count,
            _ => return,
        };
        if !state.is(own, Mode::Swallow) && to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}

async fn replies(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, (state, own): (&State, u8)) {
    let mut buffer = vec![0; 65_536];
    loop {
        let count = match from.read(&mut buffer).await {
            Ok(count) if count != 0 => count,
            _ => return,
        };
        match state.delay.load(Ordering::SeqCst) {
            0 => {}
            delay => tokio::time::sleep(Duration::from_millis(delay)).await,
        }
        if state.is(own, Mode::Swallow) || state.is(own, Mode::SwallowReplies) {
            continue;
        }
        let is_halved = 1 < count && state.halve.swap(false, Ordering::SeqCst);
        let passed = if is_halved { count / 2 } else { count };
        if to.write_all(&buffer[..passed]).await.is_err() || is_halved {
            return;
        }
    }
}
