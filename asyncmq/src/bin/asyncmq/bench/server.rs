//! What a Redis server says of itself: the steadiest measure there is of what a store costs.

#[cfg(feature = "redis")]
pub(super) use redis_server::Server;

/// What a server had done and held at one time.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sample {
    /// Processor time, in seconds.
    pub(super) cpu: f64,
    pub(super) commands: f64,
    /// Bytes.
    pub(super) memory: f64,
}

#[cfg(feature = "redis")]
mod redis_server {
    use redis::aio::MultiplexedConnection;

    use super::Sample;

    /// A connection of its own to a single server.
    pub(crate) struct Server(MultiplexedConnection);

    impl Server {
        /// Connects, if the URL is that of one Redis server.
        pub(crate) async fn of(url: &str) -> Option<Self> {
            let plain = url.split('?').next().unwrap_or(url);
            if !["redis://", "unix:", "redis+unix:"].iter().any(|scheme| plain.starts_with(scheme)) {
                return None;
            }
            let client = redis::Client::open(plain).ok()?;
            client.get_multiplexed_async_connection().await.ok().map(Self)
        }

        /// Asks how the server stands; nothing if it does not say.
        pub(crate) async fn sample(&self) -> Sample {
            let mut connection = self.0.clone();
            let info: redis::RedisResult<String> =
                redis::cmd("INFO").arg("everything").query_async(&mut connection).await;
            let info = info.unwrap_or_default();
            let value = |name: &str| {
                let line = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
                line.and_then(|text| text.trim().parse::<f64>().ok()).unwrap_or(0.0)
            };
            Sample {
                cpu: value("used_cpu_user") + value("used_cpu_sys"),
                commands: value("total_commands_processed"),
                memory: value("used_memory"),
            }
        }
    }
}

/// Stands in where no server can be asked.
#[cfg(not(feature = "redis"))]
pub(super) struct Server;

#[cfg(not(feature = "redis"))]
impl Server {
    #[expect(clippy::unused_async, reason = "with the feature it waits")]
    pub(super) async fn of(_: &str) -> Option<Self> {
        None
    }

    #[expect(clippy::unused_async, reason = "with the feature it waits")]
    pub(super) async fn sample(&self) -> Sample {
        Sample::default()
    }
}
