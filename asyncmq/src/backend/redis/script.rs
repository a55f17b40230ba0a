//! The scripts: what is sent to the server and how. Each is one atomic step.

use std::sync::LazyLock;

use redis::{Cmd, ErrorKind, RedisError, RedisResult, RedisWrite, ServerErrorKind, Value};

use super::link::{Connection, Link};

/// How a script tells the server what it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// By flags in its first line, as servers since 7.0 read them.
    Flags,
    /// Not at all.
    Plain,
}

impl Dialect {
    /// Finds out which one a server reads.
    pub(super) async fn of(connection: &mut Connection) -> RedisResult<Self> {
        let mut probe = redis::cmd("SCRIPT");
        probe.arg("LOAD").arg("#!lua flags=no-writes\nreturn 1");
        match connection.send(&probe).await {
            Ok(_) => Ok(Self::Flags),
            Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::ResponseError) => {
                Ok(Self::Plain)
            }
            Err(error) => Err(error),
        }
    }
}

/// One script, in both dialects.
pub(super) struct Script {
    flags: Spelt,
    plain: Spelt,
}

struct Spelt {
    code: String,
    hash: String,
}

impl Spelt {
    fn of(code: String) -> Self {
        let hash = redis::Script::new(&code).get_hash().to_owned();
        Self { code, hash }
    }
}

impl Script {
    /// Puts a script together from the parts that it needs.
    pub(super) fn of(flags: &str, parts: &[(&str, &str)]) -> Self {
        #[cfg(not(feature = "seeded-bugs"))]
        let body: String = parts.iter().map(|(_, text)| *text).collect();
        #[cfg(feature = "seeded-bugs")]
        let body: String = parts.iter().map(|(name, text)| super::seeds::sown(name, text)).collect();
        let flags = format!("#!lua{}{flags}\n{body}", if flags.is_empty() { "" } else { " flags=" });
        Self { flags: Spelt::of(flags), plain: Spelt::of(body) }
    }

    const fn spelt(&self, dialect: Dialect) -> &Spelt {
        match dialect {
            Dialect::Flags => &self.flags,
            Dialect::Plain => &self.plain,
        }
    }
}

macro_rules! parts {
    ($($name:ident)*) => {
        &[$((stringify!($name), include_str!(concat!("scripts/", stringify!($name), ".lua")))),*]
    };
}
#[cfg(feature = "seeded-bugs")]
pub(super) use parts;

macro_rules! scripts {
    ($($(#[$doc:meta])* $name:ident = $flags:literal, $($part:ident)*;)*) => {
        $($(#[$doc])* pub(super) static $name: LazyLock<Script> =
            LazyLock::new(|| Script::of($flags, parts!($($part)*)));)*
    };
}

// Completing works at the server's memory limit; taking in is refused there.
scripts! {
    PUSH = "", base marks wake by_key lines_keyed let_wait together side notes lengths push_together rarely emit side lines_keyed lines notes keys pins ended kin unpin mail push_keyed rarer limit permits room push_room push_rarely rare recall push push_only;
    PUSH_ONE = "", push_one base marks wake by_key lines_keyed let_wait together side notes lengths push_together rarely emit side lines_keyed lines notes keys pins ended kin unpin mail push_keyed rarer limit permits room push_room push_rarely rare push push_only;
    FIRE = "", base marks wake by_key lines_keyed let_wait together side notes lengths push_together rarely emit side lines_keyed lines notes keys pins ended kin unpin mail push_keyed rarer limit permits room push_room push_rarely rare plans recall fire push fire_only;
    PLAN = "", base marks wake plans plan;
    UNPLAN = "allow-oom", base unplan;
    DUE_PLANS = "no-writes", base due_plans;
    CLAIM = "allow-oom", base marks rarely emit wake side lines_keyed lines notes keys pins ended kin unpin mail tell limit permits carry settle_rarely claim_rarely room claim_again rare limited lines_keyed wake limit permits holds rings lengths claim_held claim claim_only;
    SETTLE = "allow-oom", base marks rarely emit wake side lines_keyed lines notes keys pins ended kin unpin mail tell limit permits carry settle_rarely claim_rarely room claim_again rare limited lines_keyed wake limit permits holds rings lengths claim_held endings side notes keyed_ends settle settle_only;
    TURN = "allow-oom", base marks rarely emit wake side lines_keyed lines notes keys pins ended kin unpin mail tell limit permits carry settle_rarely claim_rarely room claim_again rare limited lines_keyed wake limit permits holds rings lengths claim_held endings side notes keyed_ends settle claim turn;
    REPORT = "allow-oom", base emit side tell report;
    EXTEND = "allow-oom", base extend;
    ARM = "allow-oom", base marks arm;
    DEAD = "allow-oom", base dead;
    RESCUE = "allow-oom", base marks emit wake side lines_keyed lines notes keys pins ended kin unpin mail limit permits carry let_go rescue;
    STRAYS = "allow-oom", base marks emit wake side lines_keyed lines notes keys pins ended kin unpin mail limit permits carry let_go strays;
    FORGET = "allow-oom", base forget;
    STRIKE = "allow-oom", base strike;
    REGISTER = "allow-oom", base emit register;
    DEREGISTER = "allow-oom", base emit deregister;
    EXPIRE = "allow-oom", base marks emit wake side lines_keyed lines notes keys pins ended kin unpin mail expire;
    PRUNE = "allow-oom", base marks emit wake side lines_keyed lines notes keys pins ended kin unpin mail limit permits prune;
    PAUSE = "allow-oom", base marks emit wake pause;
    LIMITS = "allow-oom", base marks emit wake limit limits;
    WEIGHT = "allow-oom", base marks emit wake weight;
    ORDER = "allow-oom", base marks emit wake side lines_keyed lines notes keys pins ended kin unpin mail order;
    TAKE = "allow-oom", base marks emit wake side lines_keyed lines notes keys pins ended kin unpin mail limit permits take;
    ASK_AGAIN = "allow-oom", base marks emit wake side lines_keyed lines notes keys pins ended kin unpin mail ask_again;
    COLLECT = "allow-oom", base marks emit wake side lines_keyed lines notes keys pins ended kin unpin mail collect;
    DELIVER = "allow-oom", base marks emit wake side lines_keyed lines notes keys pins ended kin unpin mail deliver;
    KNOWN = "no-writes", base known;
    KEY = "allow-oom", base marks emit wake side lines_keyed lines notes keys key;
    LOOK = "no-writes", base all look;
    LIST = "no-writes", base side lines_keyed lines all latest list;
    SCAN = "no-writes", base side lines_keyed lines all latest scan;
    HELD = "no-writes", base held;
    COUNT_PARKED = "no-writes", base count_parked;
    AUDIT = "allow-oom", base audit;
    STATS = "no-writes", base marks side lines_keyed stats;
    LISTEN = "allow-oom", base listen;
    EARS = "allow-oom", base ears;
}

/// What becomes of the messages to queues in other slots that a call leaves behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mail {
    /// They are carried before the caller has its answer.
    First,
    /// They are carried behind the caller's back.
    Behind,
    /// The caller sees to them.
    Left,
}

/// A call of a script that is being written.
pub(super) struct Call {
    script: &'static Script,
    dialect: Dialect,
    command: Cmd,
    bytes: usize,
    mail: Mail,
}

impl Call {
    /// Begins a call with the bases of its keys.
    pub(super) fn new(script: &'static Script, dialect: Dialect, bases: &[String]) -> Self {
        let mut command = redis::cmd("EVALSHA");
        command.arg(&script.spelt(dialect).hash).arg(bases.len());
        for base in bases {
            command.write_arg(base.as_bytes());
        }
        Self { script, dialect, command, bytes: 0, mail: Mail::First }
    }

    /// Adds bytes.
    pub(super) fn arg(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        self.bytes += bytes.as_ref().len();
        self.command.write_arg(bytes.as_ref());
        self
    }

    /// Adds a number.
    pub(super) fn number(&mut self, number: impl std::fmt::Display) -> &mut Self {
        self.command.write_arg_fmt(number);
        self
    }

    /// Says what becomes of messages that the call leaves behind.
    pub(super) const fn with_mail(&mut self, mail: Mail) {
        self.mail = mail;
    }

    pub(super) const fn mail(&self) -> Mail {
        self.mail
    }

    /// Returns the base of the first queue.
    pub(super) fn base(&self) -> Option<&[u8]> {
        match self.command.args_iter().nth(4)? {
            redis::Arg::Simple(base) => Some(base),
            _ => None,
        }
    }

    /// Makes the call. A server that does not have the script, be it that it was restarted, is given it.
    pub(super) async fn send(&self, link: &Link) -> RedisResult<Value> {
        for _ in 0..3 {
            match link.send_heavy(&self.command, self.bytes).await {
                Err(error) if is_missing(&error) => self.load(link).await?,
                answer => return answer,
            }
        }
        link.send_heavy(&self.command, self.bytes).await
    }

    /// Makes the call and waits until so many replicas have what it wrote.
    pub(super) async fn send_replicated(&self, link: &Link, replicas: u32) -> RedisResult<Value> {
        let mut wait = redis::cmd("WAIT");
        // It holds up whatever comes behind it on the connection, so it is short: callers repeat the call, and wait again.
        wait.arg(replicas).arg((link.settings().deadline.as_millis() as u64 / 8).max(1));
        let mut both = redis::pipe();
        both.add_command(self.command.clone()).add_command(wait);
        both.ignore_errors();
        for _ in 0..3 {
            let mut answers = link.send_all(&both, 2).await?.into_iter();
            let (answer, acknowledged) = (answers.next().unwrap_or_default(), answers.next());
            if let Value::ServerError(error) = answer {
                let error = RedisError::from(error);
                if !is_missing(&error) {
                    return Err(error);
                }
                self.load(link).await?;
                continue;
            }
            return match acknowledged {
                Some(Value::Int(count)) if i64::from(replicas) <= count => Ok(answer),
                _ => Err(std::io::Error::other("too few replicas have confirmed the step").into()),
            };
        }
        Err(super::link::no_answer())
    }

    async fn load(&self, link: &Link) -> RedisResult<()> {
        let mut load = redis::cmd("SCRIPT");
        load.arg("LOAD").arg(&self.script.spelt(self.dialect).code);
        link.send(&load).await.map(|_| ())
    }
}

fn is_missing(error: &RedisError) -> bool {
    error.kind() == ErrorKind::Server(ServerErrorKind::NoScript)
}
