//! The connection: opened when it is needed, replaced when it failed, and never trusted to answer.
//!
//! A command whose answer does not come in time takes its connection with it: behind a half-open one no answer ever
//! comes. Callers repeat what was not answered; the next call opens another connection.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use redis::aio::ConnectionLike;
use redis::cluster_async::ClusterConnection;
use redis::{
    Cmd, ConnectionInfo, ErrorKind, Pipeline, ProtocolVersion, PushInfo, RedisError, RedisResult, Value,
    cluster,
};
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use super::error::{is_broken, is_demotion};
use super::one::{CONNECT, One};
use super::script::Dialect;
use super::settings::{Servers, Settings};

/// How fast the slowest line is that a deadline allows for.
const BYTES_PER_MICRO: usize = 10;
/// No answer takes that long; deadlines of their own are set at every call.
const NEVER: Duration = Duration::from_secs(600);

/// Where what the server says unasked goes to.
pub(super) type Pushes = mpsc::UnboundedSender<PushInfo>;

/// A connection to one server or to the nodes of a cluster.
#[derive(Clone)]
pub(super) enum Connection {
    One(One),
    Cluster(ClusterConnection),
}

impl Connection {
    pub(super) async fn send(&mut self, command: &Cmd) -> RedisResult<Value> {
        let answer = match self {
            Self::One(connection) => connection.send(command).await?,
            Self::Cluster(connection) => connection.req_packed_command(command).await?,
        };
        match answer {
            Value::ServerError(error) => Err(error.into()),
            answer => Ok(answer),
        }
    }

    pub(super) async fn send_all(&mut self, commands: &Pipeline, count: usize) -> RedisResult<Vec<Value>> {
        match self {
            Self::One(connection) => connection.send_all(commands, count).await,
            Self::Cluster(connection) => connection.req_packed_commands(commands, 0, count).await,
        }
    }

    pub(super) async fn subscribe(&mut self, channels: &[Vec<u8>]) -> RedisResult<()> {
        match self {
            Self::One(connection) => connection.subscribe(channels).await,
            Self::Cluster(connection) => connection.subscribe(channels).await,
        }
    }

    pub(super) async fn unsubscribe(&mut self, channels: &[Vec<u8>]) -> RedisResult<()> {
        match self {
            Self::One(connection) => connection.unsubscribe(channels).await,
            Self::Cluster(connection) => connection.unsubscribe(channels).await,
        }
    }
}

/// The way to the servers.
pub(super) struct Link {
    settings: Arc<Settings>,
    live: Mutex<Option<Live>>,
    opening: tokio::sync::Mutex<()>,
    /// How many times a connection was opened, or was tried to be.
    tries: AtomicU64,
    last_error: Mutex<Option<RedisError>>,
    /// How many times the server said that it is a replica.
    demotions: watch::Sender<u64>,
}

#[derive(Clone)]
struct Live {
    number: u64,
    connection: Connection,
    dialect: Dialect,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Link {
    pub(super) fn new(settings: Arc<Settings>) -> Self {
        let (live, opening, tries, last_error) = Default::default();
        let demotions = watch::Sender::new(0);
        Self { settings, live, opening, tries, last_error, demotions }
    }

    /// Tells whenever the server says that it is a replica, and what goes on goes on elsewhere.
    pub(super) fn demotions(&self) -> watch::Receiver<u64> {
        self.demotions.subscribe()
    }

    pub(super) const fn settings(&self) -> &Arc<Settings> {
        &self.settings
    }

    /// Returns the number of the connection in use.
    pub(super) fn connection(&self) -> Option<u64> {
        locked(&self.live).as_ref().map(|live| live.number)
    }

    /// Returns which scripts the server takes; opens a connection if there is none.
    pub(super) async fn dialect(&self) -> RedisResult<Dialect> {
        if let Some(live) = &*locked(&self.live) {
            return Ok(live.dialect);
        }
        Ok(self.live().await?.dialect)
    }

    /// Sends a command and waits for its answer, but not for ever.
    pub(super) async fn send(&self, command: &Cmd) -> RedisResult<Value> {
        self.send_heavy(command, 0).await
    }

    /// Sends a command of so many bytes, which take their time.
    pub(super) async fn send_heavy(&self, command: &Cmd, bytes: usize) -> RedisResult<Value> {
        let mut live = self.live().await?;
        let deadline = self.settings.deadline + Duration::from_micros((bytes / BYTES_PER_MICRO) as u64);
        let answer = timeout(deadline, live.connection.send(command)).await;
        self.judged(live.number, answer.unwrap_or_else(|_| Err(no_answer())))
    }

    /// Sends several commands at once.
    pub(super) async fn send_all(&self, commands: &Pipeline, count: usize) -> RedisResult<Vec<Value>> {
        let mut live = self.live().await?;
        let answer = timeout(self.settings.deadline, live.connection.send_all(commands, count)).await;
        self.judged(live.number, answer.unwrap_or_else(|_| Err(no_answer())))
    }

    fn judged<T>(&self, number: u64, answer: RedisResult<T>) -> RedisResult<T> {
        answer.inspect_err(|error| {
            if is_demotion(error) {
                self.demotions.send_modify(|count| *count += 1);
            }
            if is_broken(error) {
                let mut live = locked(&self.live);
                if live.as_ref().is_some_and(|live| live.number == number) {
                    *live = None;
                }
            }
        })
    }

    async fn live(&self) -> RedisResult<Live> {
        if let Some(live) = locked(&self.live).clone() {
            return Ok(live);
        }
        let tries = self.tries.load(Ordering::SeqCst);
        let _opening = self.opening.lock().await;
        if let Some(live) = locked(&self.live).clone() {
            return Ok(live);
        }
        // Whoever waited while somebody else tried shares what came of it.
        if self.tries.load(Ordering::SeqCst) != tries
            && let Some(error) = locked(&self.last_error).clone()
        {
            return Err(error);
        }
        let opened = self.open_live().await;
        let number = self.tries.fetch_add(1, Ordering::SeqCst);
        match opened {
            Ok((connection, dialect)) => {
                let live = Live { number, connection, dialect };
                *locked(&self.live) = Some(live.clone());
                Ok(live)
            }
            Err(error) => {
                *locked(&self.last_error) = Some(error.clone());
                Err(error)
            }
        }
    }

    async fn open_live(&self) -> RedisResult<(Connection, Dialect)> {
        let mut connection = open(&self.settings, None).await?;
        let dialect = timeout(self.settings.deadline, Dialect::of(&mut connection)).await;
        Ok((connection, dialect.unwrap_or_else(|_| Err(no_answer()))?))
    }
}

pub(super) fn no_answer() -> RedisError {
    std::io::Error::new(std::io::ErrorKind::TimedOut, "no answer came in time").into()
}

/// Opens a connection of one's own. With `pushes` it can listen.
pub(super) async fn open(settings: &Settings, pushes: Option<Pushes>) -> RedisResult<Connection> {
    let opened = match &settings.servers {
        Servers::One => {
            let info = settings.named().into_iter().next().ok_or_else(nobody)?;
            return One::open(settings, info, pushes).await.map(Connection::One);
        }
        Servers::Sentinel(name) => {
            let master =
                timeout(CONNECT * 2, find_master(settings, name)).await.map_err(|_| no_answer())??;
            return One::open(settings, master, pushes).await.map(Connection::One);
        }
        Servers::Cluster => timeout(CONNECT * 2, open_cluster(settings, pushes)).await,
    };
    opened.map_err(|_| no_answer())?.map(Connection::Cluster)
}

async fn open_cluster(settings: &Settings, pushes: Option<Pushes>) -> RedisResult<ClusterConnection> {
    let mut builder = cluster::ClusterClientBuilder::new(settings.named())
        .connection_timeout(CONNECT)
        .response_timeout(NEVER)
        .retries(3)
        .tcp_settings(settings.tcp())
        .use_protocol(if settings.is_resp2() && pushes.is_none() {
            ProtocolVersion::RESP2
        } else {
            ProtocolVersion::RESP3
        });
    let (user, password) = settings.login();
    if let Some(user) = user {
        builder = builder.username(user);
    }
    if let Some(password) = password {
        builder = builder.password(password);
    }
    if let Some(certificates) = settings.certificates() {
        builder = builder.tls(cluster::TlsMode::Secure).certs(certificates);
    }
    if let Some(pushes) = pushes {
        builder = builder.push_sender(pushes);
    }
    builder.build()?.get_async_connection().await
}

/// Asks the sentinels, one after the other, where the master is, and makes sure that it is one.
async fn find_master(settings: &Settings, name: &str) -> RedisResult<ConnectionInfo> {
    let mut last = nobody();
    for sentinel in settings.sentinels() {
        match ask_sentinel(settings, sentinel, name).await {
            Ok(master) => return Ok(master),
            Err(error) => last = error,
        }
    }
    Err(last)
}

async fn ask_sentinel(
    settings: &Settings,
    sentinel: ConnectionInfo,
    name: &str,
) -> RedisResult<ConnectionInfo> {
    let connection = One::open(settings, sentinel, None).await?;
    let mut question = redis::cmd("SENTINEL");
    question.arg("get-master-addr-by-name").arg(name);
    let address: Option<(String, u16)> =
        redis::from_redis_value(Connection::One(connection).send(&question).await?)?;
    let Some((host, port)) = address else {
        return Err(
            (ErrorKind::MasterNameNotFoundBySentinel, "the sentinel knows no master of this name").into()
        );
    };
    let master = settings.at(&host, port);
    let connection = One::open(settings, master.clone(), None).await?;
    let role = Connection::One(connection).send(&redis::cmd("ROLE")).await?;
    let (role, _): (String, Value) = match role {
        Value::Array(mut parts) if !parts.is_empty() => {
            (redis::from_redis_value(parts.remove(0))?, Value::Nil)
        }
        _ => (String::new(), Value::Nil),
    };
    if role != "master" {
        let still = std::io::Error::other("the server that the sentinel names is not yet a master");
        return Err(still.into());
    }
    Ok(master)
}

fn nobody() -> RedisError {
    (ErrorKind::InvalidClientConfig, "no server is named").into()
}
