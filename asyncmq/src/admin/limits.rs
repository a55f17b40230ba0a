//! What queues and tasks are held to, and what is ordered about it.

use crate::admin::Admin;
use crate::backend::LimitInfo;
use crate::error::Result;
use crate::job::{Limit, LimitScope};

impl Admin {
    /// Lists what a queue and its tasks are held to.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidName`](crate::Error::InvalidName), and [`Error::Store`](crate::Error::Store) when the store cannot be
    /// asked.
    pub async fn limits(&self, name: &str) -> Result<Vec<LimitInfo>> {
        self.client.queue(name).limits().await
    }

    /// Says how many turns a key of a task has while each other key has one. Returns whether that changed anything.
    ///
    /// # Errors
    ///
    /// What [`Queue::set_key_weight`](crate::Queue::set_key_weight) says.
    pub async fn set_key_weight(&self, name: &str, task: &str, key: &str, weight: u32) -> Result<bool> {
        let (queue, subject) = (self.client.queue(name), format!("{name} task:{task} key:{key}"));
        let set = queue.set_key_weight(task, key, weight);
        self.on_record(("queue.weigh", &subject), set, |changed| u64::from(*changed)).await
    }

    /// Holds a queue or one of its tasks to a limit; `None` takes back what was ordered. Returns whether that changed anything.
    ///
    /// # Errors
    ///
    /// What [`Admin::limits`] says.
    pub async fn set_limit(&self, name: &str, scope: LimitScope, limit: Option<Limit>) -> Result<bool> {
        let queue = self.client.queue(name);
        let subject = match &scope {
            LimitScope::Queue => name.to_owned(),
            LimitScope::Task(task) => format!("{name} task:{task}"),
        };
        let set = async {
            match &scope {
                LimitScope::Queue => queue.limit(limit).await,
                LimitScope::Task(task) => queue.limit_task(task.as_str(), limit).await,
            }
        };
        let action = if limit.is_some() { "queue.limit" } else { "queue.unlimit" };
        self.on_record((action, &subject), set, |changed| u64::from(*changed)).await
    }
}
