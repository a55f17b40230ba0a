//! A connection to one server.

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::select_ok;
use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::io::tcp::{TcpSettings, socket2::SockRef};
use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionAddr, ConnectionInfo, Pipeline, ProtocolVersion,
    RedisResult, Value,
};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

use super::driver::Driver;
use super::link::{Pushes, no_answer};
use super::settings::Settings;

/// How long it may take to open a connection.
pub(super) const CONNECT: Duration = Duration::from_secs(2);
/// How many bytes of answers wait in one go for those who asked.
const PIPELINE: usize = 1_024;

/// A connection to one server.
#[derive(Clone)]
pub(super) struct One {
    connection: MultiplexedConnection,
    /// What moves its bytes; nothing where a task does that by itself: where they are encrypted.
    driver: Option<Arc<Driver>>,
}

impl One {
    pub(super) async fn open(
        settings: &Settings,
        mut info: ConnectionInfo,
        pushes: Option<Pushes>,
    ) -> RedisResult<Self> {
        if pushes.is_some() {
            // What comes unasked comes in the newer protocol only.
            let redis = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
            info = info.set_redis_settings(redis);
        }
        let mut config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT))
            .set_response_timeout(None)
            .set_pipeline_buffer_size(PIPELINE);
        if let Some(pushes) = pushes {
            config = config.set_push_sender(pushes);
        }
        timeout(CONNECT * 2, connect(settings, info, config)).await.map_err(|_| no_answer())?
    }

    pub(super) async fn send(&mut self, command: &Cmd) -> RedisResult<Value> {
        let Self { connection, driver } = self;
        match driver {
            Some(driver) => driver.with(connection.send_packed_command(command)).await,
            None => connection.send_packed_command(command).await,
        }
    }

    pub(super) async fn send_all(&mut self, commands: &Pipeline, count: usize) -> RedisResult<Vec<Value>> {
        let Self { connection, driver } = self;
        match driver {
            Some(driver) => driver.with(connection.req_packed_commands(commands, 0, count)).await,
            None => connection.req_packed_commands(commands, 0, count).await,
        }
    }

    pub(super) async fn subscribe(&mut self, channels: &[Vec<u8>]) -> RedisResult<()> {
        self.connection.subscribe(channels).await
    }

    pub(super) async fn unsubscribe(&mut self, channels: &[Vec<u8>]) -> RedisResult<()> {
        self.connection.unsubscribe(channels).await
    }
}

async fn connect(
    settings: &Settings,
    info: ConnectionInfo,
    config: AsyncConnectionConfig,
) -> RedisResult<One> {
    match info.addr().clone() {
        ConnectionAddr::Tcp(host, port) => {
            let stream = timeout(CONNECT, reach(&host, port)).await.map_err(|_| no_answer())??;
            set(&stream, info.tcp_settings())?;
            driven(&info, stream, config).await
        }
        #[cfg(unix)]
        ConnectionAddr::Unix(path) => {
            driven(&info, tokio::net::UnixStream::connect(path).await?, config).await
        }
        _ => {
            let client = match settings.certificates() {
                Some(certificates) => Client::build_with_tls(info, certificates)?,
                None => Client::open(info)?,
            };
            let connection = client.get_multiplexed_async_connection_with_config(&config).await?;
            Ok(One { connection, driver: None })
        }
    }
}

/// Connects to whichever address of a host answers first: one that swallows everything must not keep the others waiting.
async fn reach(host: &str, port: u16) -> std::io::Result<TcpStream> {
    let addresses: Vec<_> = lookup_host((host, port)).await?.collect();
    if addresses.is_empty() {
        return Err(std::io::Error::new(ErrorKind::NotFound, format!("{host} has no address")));
    }
    let tries = addresses.into_iter().map(|address| Box::pin(TcpStream::connect(address)));
    select_ok(tries).await.map(|(stream, _)| stream)
}

/// Sets the options of a socket.
fn set(stream: &TcpStream, settings: &TcpSettings) -> std::io::Result<()> {
    stream.set_nodelay(settings.nodelay())?;
    let socket = SockRef::from(stream);
    if let Some(keepalive) = settings.keepalive() {
        socket.set_tcp_keepalive(keepalive)?;
    }
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(settings.user_timeout())?;
    Ok(())
}

async fn driven<S: AsyncRead + AsyncWrite + Send + Unpin + 'static>(
    info: &ConnectionInfo,
    stream: S,
    config: AsyncConnectionConfig,
) -> RedisResult<One> {
    let (connection, work) =
        MultiplexedConnection::new_with_config(info.redis_settings(), stream, config).await?;
    Ok(One { connection, driver: Some(Arc::new(Driver::start(work))) })
}
