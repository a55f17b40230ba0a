//! What live workers can run.

use std::time::Duration;

use askama::Template;

use super::{Shell, page};
use crate::admin::Pattern;
use crate::dashboard::error::Answer;
use crate::dashboard::text::short;
use crate::dashboard::visit::Visit;

struct TaskRow {
    name: String,
    link: String,
    versions: String,
    queue: String,
    arguments: String,
    attempts: u32,
    timeout: String,
    workers: usize,
}

#[derive(Template)]
#[template(path = "tasks.html")]
struct Tasks {
    shell: Shell,
    tasks: Vec<TaskRow>,
}

/// Lists them by name.
pub(in crate::dashboard) async fn list(visit: Visit) -> Answer {
    let tasks = visit.admin().tasks().await?;
    let row = |task: &crate::admin::KnownTask| TaskRow {
        name: task.info.name.to_string(),
        link: visit.link("/jobs", &[("q", &format!("task:{}", Pattern::exactly(&task.info.name)))]),
        versions: versions(&task.versions),
        queue: task.info.queue.to_string(),
        arguments: task.info.arguments.join(", "),
        attempts: task.info.defaults.max_attempts,
        timeout: task.info.defaults.timeout.map_or_else(|| "–".into(), |time: Duration| short(time)),
        workers: task.workers,
    };
    let tasks = tasks.iter().map(row).collect();
    page(&Tasks { shell: Shell::new(&visit, "/tasks", "Tasks"), tasks })
}

fn versions(versions: &[u32]) -> String {
    match versions {
        [1] => String::new(),
        several => several.iter().map(|version| format!("v{version}")).collect::<Vec<_>>().join(" "),
    }
}
