//! What a URL says of a Redis server: where it is, who asks, and under which prefix.
//!
//! Nothing here ever shows a password: not in `Debug`, not in an error.

use std::fmt;
use std::time::Duration;

use redis::io::tcp::{TcpSettings, socket2::TcpKeepalive};
use redis::{
    ClientTlsConfig, ConnectionAddr, ConnectionInfo, IntoConnectionInfo, ProtocolVersion,
    RedisConnectionInfo, TlsCertificates,
};

use crate::error::{Error, Result};

/// How long the kernel waits for the acknowledgement of what was sent before it gives a connection up.
const USER_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a connection is idle before the kernel asks whether the other side is still there.
const KEEPALIVE: Duration = Duration::from_secs(15);

/// How long an answer may take unless the URL says otherwise.
const DEADLINE: Duration = Duration::from_secs(2);

/// Where the jobs are kept, and how to get there.
#[derive(Clone)]
pub(super) struct Settings {
    pub(super) servers: Servers,
    nodes: Vec<(String, u16)>,
    path: Option<String>,
    login: Login,
    tls: Option<Tls>,
    pub(super) prefix: String,
    /// How long an answer may take.
    pub(super) deadline: Duration,
    /// How many replicas must have a step before it counts as done, and how long they may take.
    pub(super) replicated: Option<u32>,
}

/// What kind of servers there are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Servers {
    One,
    Cluster,
    /// Sentinels that watch the master of this name.
    Sentinel(String),
}

#[derive(Clone, Default)]
struct Login {
    user: Option<String>,
    password: Option<String>,
    sentinel_password: Option<String>,
    database: i64,
    is_resp2: bool,
}

#[derive(Clone, Default)]
struct Tls {
    root: Option<Vec<u8>>,
    client: Option<(Vec<u8>, Vec<u8>)>,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("servers", &self.servers)
            .field("nodes", &self.nodes)
            .field("path", &self.path)
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}

impl Settings {
    /// Reads a URL.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] that says what is wrong, without what may be secret.
    pub(super) fn parse(url: &str) -> Result<Self> {
        let (scheme, rest) = url.split_once(':').ok_or_else(|| invalid("it has no scheme"))?;
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let mut settings = Self {
            servers: Servers::One,
            nodes: Vec::new(),
            path: None,
            login: Login::default(),
            tls: None,
            prefix: "asyncmq".into(),
            deadline: DEADLINE,
            replicated: None,
        };
        let mut tail = None;
        if scheme == "unix" {
            settings.path = Some(decoded(rest.strip_prefix("//").unwrap_or(rest))?);
        } else {
            tail = settings.read_authority(rest)?;
        }
        match scheme {
            "redis" | "unix" => {}
            "rediss" => settings.tls = Some(Tls::default()),
            "redis+cluster" => settings.servers = Servers::Cluster,
            "redis+sentinel" => settings.read_master(&mut tail)?,
            _ => {
                return Err(invalid(
                    "its scheme is not one of redis, rediss, redis+cluster, redis+sentinel, unix",
                ));
            }
        }
        if let Some(database) = tail.filter(|tail| !tail.is_empty()) {
            settings.login.database = number("the database", &database)?;
        }
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            settings.set(key, decoded(value)?)?;
        }
        if settings.servers == Servers::Cluster && settings.login.database != 0 {
            return Err(invalid("a cluster has no database numbers"));
        }
        Ok(settings)
    }

    /// Reads `//user:password@host:port,host:port/tail` and returns the tail.
    fn read_authority(&mut self, rest: &str) -> Result<Option<String>> {
        let rest = rest.strip_prefix("//").ok_or_else(|| invalid("`//` is missing behind its scheme"))?;
        let (login, rest) = match rest.rsplit_once('@') {
            Some((login, rest)) => (Some(login), rest),
            None => (None, rest),
        };
        if let Some(login) = login {
            let (user, password) = login.split_once(':').unwrap_or((login, ""));
            self.login.user = Some(decoded(user)?).filter(|user| !user.is_empty());
            self.login.password = Some(decoded(password)?).filter(|password| !password.is_empty());
        }
        let (nodes, tail) = match rest.split_once('/') {
            Some((nodes, tail)) => (nodes, Some(decoded(tail)?)),
            None => (rest, None),
        };
        for node in nodes.split(',') {
            self.nodes.push(read_node(node)?);
        }
        Ok(tail)
    }

    /// Takes the master's name, in front of the database, out of the tail.
    fn read_master(&mut self, tail: &mut Option<String>) -> Result<()> {
        let path = tail.take().unwrap_or_default();
        let (master, database) = path.split_once('/').unwrap_or((&path, ""));
        if master.is_empty() {
            return Err(invalid("the master's name is missing: redis+sentinel://host:26379/name"));
        }
        self.servers = Servers::Sentinel(master.into());
        *tail = Some(database.into());
        Ok(())
    }

    fn set(&mut self, key: &str, value: String) -> Result<()> {
        let file = |value: &str| {
            std::fs::read(value).map_err(|error| invalid(&format!("{key} cannot be read: {error}")))
        };
        match key {
            "prefix" => self.prefix = prefix(value)?,
            "db" => self.login.database = number("db", &value)?,
            "user" => self.login.user = Some(value),
            "password" => self.login.password = Some(value),
            "sentinel_password" => self.login.sentinel_password = Some(value),
            "protocol" => match value.as_str() {
                "resp2" | "2" => self.login.is_resp2 = true,
                "resp3" | "3" => self.login.is_resp2 = false,
                _ => return Err(invalid("protocol is resp2 or resp3")),
            },
            "tls" => self.tls = (value == "true").then(|| self.tls.take().unwrap_or_default()),
            "ca" => self.tls.get_or_insert_default().root = Some(file(&value)?),
            "cert" => self.tls.get_or_insert_default().client.get_or_insert_default().0 = file(&value)?,
            "key" => self.tls.get_or_insert_default().client.get_or_insert_default().1 = file(&value)?,
            "timeout" => {
                self.deadline = crate::job::parse_duration(&value)
                    .ok()
                    .filter(|deadline| !deadline.is_zero())
                    .ok_or_else(|| invalid("timeout is a duration such as 5s"))?;
            }
            "replicated" => self.replicated = Some(number("replicated", &value)?),
            _ => {
                return Err(invalid(&format!(
                    "it has no parameter {key:?}; there are prefix, db, user, password, sentinel_password, protocol, \
                     tls, ca, cert, key, timeout and replicated"
                )));
            }
        }
        Ok(())
    }

    /// Returns how to reach the servers that the URL names, in its order.
    pub(super) fn named(&self) -> Vec<ConnectionInfo> {
        if let Some(path) = &self.path {
            return vec![self.info(ConnectionAddr::Unix(path.into()), &self.login)];
        }
        self.nodes.iter().map(|(host, port)| self.at(host, *port)).collect()
    }

    /// Returns how to reach one server.
    pub(super) fn at(&self, host: &str, port: u16) -> ConnectionInfo {
        self.info(self.address(host, port), &self.login)
    }

    /// Returns how to reach the sentinels.
    pub(super) fn sentinels(&self) -> Vec<ConnectionInfo> {
        let login = Login { password: self.login.sentinel_password.clone(), ..Login::default() };
        self.nodes.iter().map(|(host, port)| self.info(self.address(host, *port), &login)).collect()
    }

    fn address(&self, host: &str, port: u16) -> ConnectionAddr {
        match self.tls {
            Some(_) => ConnectionAddr::TcpTls { host: host.into(), port, insecure: false, tls_params: None },
            None => ConnectionAddr::Tcp(host.into(), port),
        }
    }

    fn info(&self, address: ConnectionAddr, login: &Login) -> ConnectionInfo {
        let protocol = if login.is_resp2 { ProtocolVersion::RESP2 } else { ProtocolVersion::RESP3 };
        let mut redis = RedisConnectionInfo::default()
            .set_db(login.database)
            .set_protocol(protocol)
            .set_skip_set_lib_name();
        if let Some(user) = &login.user {
            redis = redis.set_username(user);
        }
        if let Some(password) = &login.password {
            redis = redis.set_password(password);
        }
        let info = address.into_connection_info().expect("an address is complete");
        info.set_redis_settings(redis).set_tcp_settings(self.tcp())
    }

    /// Returns the options of every socket.
    pub(super) fn tcp(&self) -> TcpSettings {
        let settings = TcpSettings::default()
            .set_nodelay(true)
            .set_keepalive(TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE / 3));
        #[cfg(target_os = "linux")]
        let settings = settings.set_user_timeout(USER_TIMEOUT);
        settings
    }

    /// Returns the certificates that the URL names, if connections are encrypted.
    pub(super) fn certificates(&self) -> Option<TlsCertificates> {
        self.tls.as_ref().map(|tls| TlsCertificates {
            root_cert: tls.root.clone(),
            client_tls: tls
                .client
                .clone()
                .map(|(client_cert, client_key)| ClientTlsConfig { client_cert, client_key }),
        })
    }

    pub(super) const fn is_resp2(&self) -> bool {
        self.login.is_resp2
    }

    pub(super) fn login(&self) -> (Option<&str>, Option<&str>) {
        (self.login.user.as_deref(), self.login.password.as_deref())
    }
}

fn invalid(reason: &str) -> Error {
    Error::Invalid(format!("the Redis URL cannot be used: {reason}"))
}

fn number<N: std::str::FromStr>(what: &str, text: &str) -> Result<N> {
    text.parse().map_err(|_| invalid(&format!("{what} is not a number")))
}

/// A prefix goes in front of every key as it is; braces in it would move keys to other slots of a cluster.
fn prefix(prefix: String) -> Result<String> {
    if prefix.is_empty() || prefix.contains(['{', '}']) || prefix.chars().any(char::is_control) {
        return Err(invalid("prefix is a text without braces and control characters"));
    }
    Ok(prefix)
}

fn read_node(node: &str) -> Result<(String, u16)> {
    let (host, port) = match node.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, rest)) => (host, rest.strip_prefix(':')),
        None => node.split_once(':').map_or((node, None), |(host, port)| (host, Some(port))),
    };
    let host = if host.is_empty() { "127.0.0.1" } else { host };
    Ok((decoded(host)?, port.map_or(Ok(6379), |port| number("a port", port))?))
}

/// Takes percent signs and what they stand for apart.
fn decoded(text: &str) -> Result<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [byte, tail @ ..] = rest {
        rest = tail;
        if *byte != b'%' {
            bytes.push(*byte);
            continue;
        }
        let digits = tail.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(byte.ok_or_else(|| invalid("a percent sign needs two hexadecimal digits behind it"))?);
        rest = &tail[2..];
    }
    String::from_utf8(bytes).map_err(|_| invalid("it is not UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_of_a_url_is_read() {
        let settings =
            Settings::parse("redis://ann:p%40ss@10.0.0.1:7000/3?prefix=app:one&timeout=250ms&protocol=resp2")
                .unwrap();
        assert_eq!(settings.nodes, [("10.0.0.1".to_owned(), 7000)]);
        assert_eq!(settings.login(), (Some("ann"), Some("p@ss")));
        assert_eq!((settings.login.database, settings.login.is_resp2), (3, true));
        assert_eq!((settings.prefix.as_str(), settings.deadline), ("app:one", Duration::from_millis(250)));
    }

    #[test]
    fn several_nodes_and_a_master_are_read() {
        let settings = Settings::parse("redis+sentinel://:x@a:1,b,[::1]:3/main/2").unwrap();
        let nodes = [("a".to_owned(), 1), ("b".to_owned(), 6379), ("::1".to_owned(), 3)];
        assert_eq!(settings.nodes, nodes);
        assert_eq!(
            (settings.servers.clone(), settings.login.database),
            (Servers::Sentinel("main".into()), 2)
        );
        assert_eq!(Settings::parse("redis+cluster://a,b").unwrap().servers, Servers::Cluster);
        assert_eq!(
            Settings::parse("unix:/run/redis.sock?db=4").unwrap().path.as_deref(),
            Some("/run/redis.sock")
        );
        assert!(Settings::parse("rediss://host").unwrap().certificates().is_some());
    }

    #[test]
    fn what_cannot_be_is_refused_without_the_password() {
        let urls = [
            "redis:host",
            "redis://:secret@h:port",
            "redis://:secret@h/x",
            "redis://:secret@h?prefix={a}",
            "redis://:secret@h?colour=red",
            "redis+sentinel://:secret@h",
            "redis+cluster://:secret@h/1",
            "redis://:secret%zz@h",
        ];
        for url in urls {
            let error = Settings::parse(url).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("secret"), "{error}");
        }
        let settings = Settings::parse("redis://user:secret@h").unwrap();
        assert!(!format!("{settings:?}").contains("secret"));
    }
}
