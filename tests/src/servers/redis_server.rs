//! A Redis server that a test starts for itself, and that ends with it.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// On how many ports a server is tried to be started.
pub const PORTS_TRIED: usize = 5;

/// A server on a port of its own.
pub struct RedisServer {
    port: u16,
    options: Vec<String>,
    process: Mutex<Child>,
    directory: TempDir,
}

impl RedisServer {
    /// Starts a server with these options (`--name value`), and waits until it answers.
    pub fn start(options: &[&str]) -> Self {
        let server = (0..PORTS_TRIED).find_map(|_| Self::try_start(options));
        server.expect("a server that is started with these options stays")
    }

    /// Starts a server on a port that is free, unless somebody takes it in the moment between, or the server ends for another reason.
    pub fn try_start(options: &[&str]) -> Option<Self> {
        let server = Self::spawn_in(free_port(), tempfile::tempdir().unwrap(), options);
        server.wait_while_it_lives().map(|_| server)
    }

    /// Starts a server on this port.
    pub fn start_on(port: u16, options: &[&str]) -> Self {
        Self::start_in(port, tempfile::tempdir().unwrap(), options)
    }

    /// Starts a server on the files of a folder.
    pub fn start_in(port: u16, directory: TempDir, options: &[&str]) -> Self {
        let server = Self::spawn_in(port, directory, options);
        server.wait();
        server
    }

    fn spawn_in(port: u16, directory: TempDir, options: &[&str]) -> Self {
        let options: Vec<String> = options.iter().map(ToString::to_string).collect();
        let process = Mutex::new(spawn(port, directory.path(), &options));
        Self { port, options, process, directory }
    }

    /// Returns the server that tests share: it starts with the first and ends with the last of those that run together.
    pub fn shared() -> Arc<Self> {
        static SHARED: Mutex<Weak<RedisServer>> = Mutex::new(Weak::new());
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(server) = shared.upgrade() {
            return server;
        }
        let server = Arc::new(Self::start(&[]));
        *shared = Arc::downgrade(&server);
        server
    }

    /// Returns the folder of its files.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Kills the server as a power switch would, and leaves it dead.
    pub fn kill(&self) {
        let mut process = self.process.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = process.kill();
        let _ = process.wait();
    }

    /// Starts the server again, on its port and with its files; returns what it said before it answered.
    pub fn revive(&self) -> Vec<String> {
        self.revive_with(&[])
    }

    /// Starts the server again, this once with more options.
    pub fn revive_with(&self, options: &[&str]) -> Vec<String> {
        let more = options.iter().map(ToString::to_string);
        let options: Vec<_> = self.options.iter().cloned().chain(more).collect();
        *self.process.lock().unwrap_or_else(PoisonError::into_inner) =
            spawn(self.port, self.directory.path(), &options);
        self.wait()
    }

    /// Opens a connection for orders to the server itself.
    pub fn admin(&self) -> redis::Connection {
        redis::Client::open(self.url()).unwrap().get_connection().unwrap()
    }

    /// Sends one order.
    pub fn order<T: redis::FromRedisValue>(&self, words: &[&str]) -> T {
        let mut order = redis::cmd(words[0]);
        for word in &words[1..] {
            order.arg(word);
        }
        match order.query(&mut self.admin()) {
            // Who becomes a master or a replica drops its connections in that moment; a question can be asked again.
            Err(error) if words[0] == "INFO" && error.is_io_error() => {
                order.query(&mut self.admin()).unwrap()
            }
            answer => answer.unwrap(),
        }
    }

    /// Tells whether so many replicas have all that was written so far. It writes a key of that name to know: a connection
    /// that wrote nothing is told at once that all is well. A replica that its master calls online may have nothing yet.
    pub fn is_confirmed_by(&self, replicas: usize, key: &str) -> bool {
        let mut orders = redis::pipe();
        orders.cmd("SET").arg(key).arg(1).ignore().cmd("DEL").arg(key).ignore();
        orders.cmd("WAIT").arg(replicas).arg(100);
        orders.query::<(usize,)>(&mut self.admin()).is_ok_and(|(confirmed,)| confirmed == replicas)
    }

    /// Returns a figure that the server has of itself (`INFO`).
    pub fn figure(&self, name: &str) -> f64 {
        let info: String = self.order(&["INFO", "everything"]);
        let line = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.expect("the server has this figure").trim().parse().unwrap()
    }

    /// Returns how many microseconds of processor time the server has used.
    pub fn cpu(&self) -> f64 {
        (self.figure("used_cpu_user") + self.figure("used_cpu_sys")) * 1e6
    }

    fn wait(&self) -> Vec<String> {
        self.wait_while_it_lives().unwrap_or_else(|| panic!("the server on port {} has ended", self.port))
    }

    /// Waits until the server answers. Returns what it said before; nothing if it has ended.
    fn wait_while_it_lives(&self) -> Option<Vec<String>> {
        let (start, mut said) = (Instant::now(), Vec::new());
        loop {
            let answer = redis::Client::open(self.url())
                .and_then(|client| client.get_connection())
                .and_then(|mut connection| redis::cmd("PING").query::<String>(&mut connection));
            match answer {
                Ok(_) => return Some(said),
                // It answers, though not to just anybody.
                Err(error) if error.code() == Some("NOAUTH") => return Some(said),
                Err(_) if self.has_ended() => return None,
                Err(error) if start.elapsed() < Duration::from_secs(20) => {
                    said.push(error.to_string());
                    std::thread::sleep(Duration::from_millis(5));
                }
                Err(error) => panic!("the server does not answer: {error}"),
            }
        }
    }
}

impl RedisServer {
    fn has_ended(&self) -> bool {
        let mut process = self.process.lock().unwrap_or_else(PoisonError::into_inner);
        !matches!(process.try_wait(), Ok(None))
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Returns a port that nobody uses.
pub fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

fn spawn(port: u16, directory: &Path, options: &[String]) -> Child {
    let defaults = ["--save", "", "--appendonly", "no", "--bind", "127.0.0.1", "--dir"];
    Command::new("redis-server")
        .arg("--port")
        .arg(port.to_string())
        .args(defaults)
        .arg(directory)
        .args(options)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("redis-server can be started")
}
