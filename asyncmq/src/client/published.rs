//! What running workers publish about their tasks, for jobs by name.

use crate::backend::TaskInfo;
use crate::client::Client;

/// Returns what the workers say about the task of this name; the newest version if they differ.
///
/// It may be a few seconds old, so that enqueueing by name does not list the workers each time.
/// A store that cannot be asked counts as silent: the job is taken with the defaults, or the enqueue fails by itself.
pub(crate) async fn find(client: &Client, task: &str) -> Option<TaskInfo> {
    if let Some(info) = client.handle.published(task) {
        return Some(info);
    }
    let workers = client.workers().await.ok()?;
    let tasks = workers.into_iter().filter(|worker| worker.alive).flat_map(|worker| worker.tasks);
    let info = tasks.filter(|known| known.name == *task).max_by_key(|known| known.version)?;
    client.handle.remember_published(&info);
    Some(info)
}
