//! Who did it: each change leaves a record.

use std::ops::Range;

use crate::admin::Admin;
use crate::backend::AuditEntry;
use crate::error::Result;

/// Who orders, and through what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// A person or a program, as far as that is known.
    pub who: String,
    /// `cli`, `dashboard`, `program`, or what a program calls itself.
    pub source: String,
}

impl Actor {
    /// Returns who runs this process, as its environment says.
    #[must_use]
    pub fn of_process() -> Self {
        let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        let user = variable("USER").or_else(|| variable("LOGNAME")).or_else(name_of_user);
        let user = user.unwrap_or_else(|| "somebody".into());
        let host = variable("HOSTNAME").or_else(|| {
            let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
            Some(name.trim().to_owned())
        });
        let who = host.map_or_else(|| user.clone(), |host| format!("{user}@{host}"));
        Self { who, source: "program".into() }
    }
}

/// Looks up who runs this process where the environment does not tell, as in services and containers.
fn name_of_user() -> Option<String> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let uid = status.lines().find_map(|line| line.strip_prefix("Uid:"))?.split_whitespace().next()?;
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let name = users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (name, _, number) = (fields.next()?, fields.next()?, fields.next()?);
        (number == uid).then(|| name.to_owned())
    });
    Some(name.unwrap_or_else(|| format!("user {uid}")))
}

impl Admin {
    /// Lists what people ordered, the latest first.
    ///
    /// # Errors
    ///
    /// [`Error::Store`](crate::Error::Store) when the store cannot be asked.
    pub async fn audit(&self, places: Range<u64>) -> Result<Vec<AuditEntry>> {
        self.client.handle.ask("list what was ordered", self.client.backend().audit(places.into())).await
    }

    /// Carries an order out, on record from its begin to its end: whoever dies in its midst leaves a trace. The outcome of
    /// the order is what counts: a record that cannot be kept is a line in the log.
    pub(crate) async fn on_record<T>(
        &self,
        (action, subject): (&str, &str),
        order: impl Future<Output = Result<T>>,
        changed: impl FnOnce(&T) -> u64,
    ) -> Result<T> {
        let mut entry = self.entry(action, subject);
        self.keep(&entry).await;
        let outcome = order.await;
        match &outcome {
            Ok(done) => entry.changed = changed(done),
            Err(error) => entry.error = Some(error.to_string()),
        }
        entry.ended = true;
        self.keep(&entry).await;
        outcome
    }

    /// Keeps a record that is worded already.
    pub(super) async fn keep(&self, entry: &AuditEntry) {
        let kept = self.client.backend().record(entry).await;
        if let Err(error) = kept {
            tracing::warn!(%error, action = entry.action, subject = entry.subject, "no record of this order could be kept");
        }
    }

    pub(super) fn entry(&self, action: &str, subject: &str) -> AuditEntry {
        AuditEntry::new(&self.actor.who, &self.actor.source, action, subject)
    }
}
