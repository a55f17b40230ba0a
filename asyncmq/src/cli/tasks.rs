//! `asyncmq tasks`: what live workers can run.

use clap::Command;

use super::Ended;
use super::flags::leaf;
use super::out::Tone;
use super::out::object;
use super::out::table::Table;
use super::session::Session;
use crate::admin::view::TaskView;
use crate::error::Result;

/// Describes the command.
pub(super) fn command() -> Command {
    leaf("tasks", "Lists the tasks that live workers have published")
}

/// Runs it.
pub(super) async fn run(session: &Session) -> Result<Ended> {
    let tasks = session.admin.tasks().await?;
    if session.out.json {
        let tasks: Vec<TaskView> = tasks.iter().map(Into::into).collect();
        session.out.json(&object!({ tasks: tasks }))?;
        return Ok(Ended::Done);
    }
    if tasks.is_empty() {
        session.out.note("No live worker has published a task.");
        return Ok(Ended::Done);
    }
    let mut table = Table::new(&["TASK", "QUEUE", "ARGUMENTS", "#TRIES", "VERSION", "#WORKERS"]);
    for task in &tasks {
        let versions: Vec<_> = task.versions.iter().map(ToString::to_string).collect();
        table.row([
            (task.info.name.to_string(), Tone::Bold),
            (task.info.queue.to_string(), Tone::None),
            (task.info.arguments.join(", "), Tone::None),
            (task.info.defaults.max_attempts.to_string(), Tone::None),
            (versions.join(", "), if task.versions.len() == 1 { Tone::None } else { Tone::Warning }),
            (task.workers.to_string(), if task.workers == 0 { Tone::Bad } else { Tone::None }),
        ]);
    }
    session.out.table(&table)?;
    Ok(Ended::Done)
}
