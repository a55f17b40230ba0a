//! What the store finds when it looks at its server. A user who may not ask is told so, and nothing more.

use std::collections::HashMap;

use redis::Value;

use super::RedisStore;
use crate::backend::Finding;
use crate::job::Name;

/// The oldest server that is served.
const OLDEST: (u32, u32) = (6, 2);
/// Above this share of its memory limit a server is nearly full.
const NEARLY_FULL: f64 = 0.9;
/// What a client and a worker must be allowed to do, each with what fails without it.
const NEEDED: [(&str, &str); 10] = [
    ("evalsha", "nothing works"),
    ("get", "no job is handed out"),
    ("incr", "no job is taken in"),
    ("incrby", "no job is taken in"),
    ("bitfield", "no job is taken in alone"),
    ("publish", "idle workers start jobs late and nobody hears events"),
    ("subscribe", "idle workers start jobs late and nobody hears events"),
    ("hscan", "running jobs cannot be listed"),
    ("smembers", "queues cannot be listed"),
    ("lpos", "jobs cannot be removed from the middle of a queue"),
];

type Info = HashMap<String, String>;

impl RedisStore {
    /// Looks at everything; each check is one function.
    pub(super) async fn look_at_server(&self) -> Vec<Finding> {
        let info = self.info().await;
        let settings = self.settings_of_server().await;
        let mut findings = Vec::new();
        match &info {
            Some(info) => {
                findings.push(version(info));
                findings.push(role(info));
                findings.extend(memory(info));
                findings.extend(disk(info));
            }
            None => findings.push(Finding::note("version", "this user may not ask (INFO)")),
        }
        match &settings {
            Some(settings) => {
                findings.push(persistence(settings));
                findings.push(eviction(settings));
            }
            None => findings.push(Finding::note("persistence", "this user may not ask (CONFIG GET)")),
        }
        findings.push(self.rights().await);
        findings
    }

    async fn info(&self) -> Option<Info> {
        let answer = self.link.send(&redis::cmd("INFO")).await.ok()?;
        let text: String = redis::from_redis_value(answer).ok()?;
        let lines = text.lines().filter_map(|line| line.split_once(':'));
        Some(lines.map(|(name, value)| (name.to_owned(), value.trim().to_owned())).collect())
    }

    async fn settings_of_server(&self) -> Option<Info> {
        let mut question = redis::cmd("CONFIG");
        question.arg("GET").arg("*");
        let answer: Value = self.link.send(&question).await.ok()?;
        redis::from_redis_value(answer).ok().filter(|settings: &Info| !settings.is_empty())
    }

    /// Asks the server what it would let this user do, without doing it.
    async fn rights(&self) -> Finding {
        let mut question = redis::cmd("ACL");
        question.arg("WHOAMI");
        let user = self
            .link
            .send(&question)
            .await
            .ok()
            .and_then(|user| redis::from_redis_value::<String>(user).ok());
        let Some(user) = user else { return Finding::note("rights", "this user may not ask (ACL WHOAMI)") };
        let mut refused = Vec::new();
        for (command, without) in NEEDED {
            let mut question = redis::cmd("ACL");
            question.arg("DRYRUN").arg(&user).arg(command).arg(self.arguments_of(command));
            match self.link.send(&question).await.map(redis::from_redis_value::<String>) {
                Ok(Ok(answer)) if answer != "OK" && answer.contains("permission") => {
                    refused.push(format!("{command} ({without})"));
                }
                Ok(_) => {}
                Err(_) => return Finding::note("rights", format!("user {user} may not ask (ACL DRYRUN)")),
            }
        }
        if refused.is_empty() {
            return Finding::good("rights", format!("user {user} may do what is needed"));
        }
        let says = format!("user {user} may not: {}", refused.join(", "));
        Finding::problem(
            "rights",
            says,
            "give it the rights that docs/redis.md lists under \"Least privilege\", for the prefix of this URL",
        )
    }

    /// Gives a command that is only tried the arguments that it wants: keys and channels as this store calls them, since
    /// rights are given for those.
    fn arguments_of(&self, command: &str) -> Vec<String> {
        let (common, queue) = (self.keys.common(), self.keys.queue(&Name::from_static("default")));
        match command {
            "smembers" => vec![format!("{common}queues")],
            "subscribe" => vec![format!("{common}ev")],
            "publish" => vec![format!("{common}ev"), "0".into()],
            "hscan" => vec![format!("{queue}active"), "0".into()],
            "get" | "incr" => vec![format!("{queue}n")],
            "incrby" => vec![format!("{queue}n"), "1".into()],
            "bitfield" => [&format!("{common}R"), "SET", "i64", "#0", "1"].map(Into::into).to_vec(),
            "lpos" => vec![format!("{queue}lc"), "x".into()],
            _ => vec!["0".into(), "0".into()],
        }
    }
}

fn version(info: &Info) -> Finding {
    let (name, text) = match info.get("valkey_version") {
        Some(version) => ("Valkey", version.as_str()),
        None => ("Redis", info.get("redis_version").map_or("of unknown version", String::as_str)),
    };
    let mut numbers = text.split('.').map_while(|number| number.parse().ok());
    let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    match OLDEST <= version {
        true => Finding::good("version", format!("{name} {text}")),
        false => Finding::problem(
            "version",
            format!("{name} {text} is too old"),
            "use Redis 6.2 or later, or Valkey",
        ),
    }
}

fn role(info: &Info) -> Finding {
    match info.get("role").map(String::as_str) {
        Some("slave") => Finding::problem(
            "role",
            "this is a replica: it takes nothing in",
            "write the master's address into the URL, or name it by its Sentinels (redis+sentinel://)",
        ),
        _ => {
            let replicas = info.get("connected_slaves").map_or("0", String::as_str);
            Finding::good("role", format!("master, {replicas} replica(s)"))
        }
    }
}

fn memory(info: &Info) -> Option<Finding> {
    let figure = |name: &str| info.get(name)?.parse::<f64>().ok();
    let (used, most) = (figure("used_memory")?, figure("maxmemory").unwrap_or(0.0));
    let says = format!("{:.0} MiB used", used / 1_048_576.0);
    Some(if most == 0.0 {
        Finding::note(
            "memory",
            format!("{says}, without a limit (maxmemory): the machine's memory is the limit"),
        )
    } else if most * NEARLY_FULL < used {
        let says = format!("{says} of {:.0}: when it is full, new jobs are refused", most / 1_048_576.0);
        Finding::warning(
            "memory",
            says,
            "raise maxmemory, or remove jobs: asyncmq queue clean, asyncmq dead remove",
        )
    } else {
        Finding::good("memory", format!("{says} of {:.0}", most / 1_048_576.0))
    })
}

/// Whether the server could write what it keeps.
fn disk(info: &Info) -> Option<Finding> {
    let failed = |name: &str| info.get(name).is_some_and(|status| status != "ok");
    (failed("rdb_last_bgsave_status") || failed("aof_last_write_status")).then(|| {
        let says = "the server could not write its latest snapshot or log to the disk";
        Finding::problem(
            "disk",
            says,
            "look at the server's log: the disk is full or not writable, as a rule",
        )
    })
}

fn persistence(settings: &Info) -> Finding {
    let is = |name: &str| settings.get(name).map_or("", String::as_str);
    match (is("appendonly"), is("appendfsync")) {
        ("yes", "no") => Finding::warning(
            "persistence",
            "an append-only file that the system writes when it likes: a power cut may lose half a minute",
            "set appendfsync to everysec or always",
        ),
        ("yes", how) => Finding::good("persistence", format!("an append-only file, synced {how}")),
        _ if is("save").is_empty() => Finding::problem(
            "persistence",
            "nothing is kept: all jobs are lost when the server stops",
            "set appendonly to yes",
        ),
        _ => Finding::warning(
            "persistence",
            "snapshots only: jobs since the last one are lost when the server stops",
            "set appendonly to yes",
        ),
    }
}

fn eviction(settings: &Info) -> Finding {
    match settings.get("maxmemory-policy").map(String::as_str) {
        Some("noeviction") | None => Finding::good("eviction", "nothing is thrown away when memory is full"),
        Some(policy) => Finding::problem(
            "eviction",
            format!("maxmemory-policy is {policy}: the server throws jobs away when its memory is full"),
            "set maxmemory-policy to noeviction",
        ),
    }
}
