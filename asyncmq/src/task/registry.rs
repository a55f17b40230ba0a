//! The tasks that are linked into this binary, or those that a worker was given by hand.

use std::collections::HashMap;
use std::fmt::Write;
use std::sync::OnceLock;

use crate::error::{Error, Result};
use crate::task::{OWN, Task, TaskDefinition};

/// What the macro submits for each task.
pub struct Registered(pub &'static TaskDefinition);

inventory::collect!(Registered);

/// The tasks that a worker can run.
#[derive(Debug, Clone, Default)]
pub struct Registry {
    tasks: Vec<&'static TaskDefinition>,
}

impl Registry {
    /// Makes a registry without tasks.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes a registry of all tasks that are linked into this binary.
    #[must_use]
    pub fn linked() -> Self {
        Self { tasks: tasks().collect() }
    }

    /// Adds a task.
    #[must_use]
    pub fn with<T: Task>(mut self) -> Self {
        self.tasks.push(T::__DEFINITION);
        self.tasks.sort_by_key(|task| task.name());
        self
    }

    /// Lists the tasks by name.
    pub fn iter(&self) -> impl Iterator<Item = &'static TaskDefinition> {
        self.tasks.iter().copied()
    }

    /// Refuses two tasks of one name, and no task at all, with what to do about it.
    pub(crate) fn check(&self) -> Result<()> {
        if self.tasks.is_empty() {
            return Err(Error::Startup(EMPTY.into()));
        }
        let mut message = String::new();
        for pair in self.tasks.windows(2).filter(|pair| pair[0].name() == pair[1].name()) {
            let _ = writeln!(message, "{}", duplicate(pair[0], pair[1]));
        }
        for task in self.tasks.iter().filter(|task| task.is_own()) {
            let _ = writeln!(
                message,
                "task {:?} at {}: names that begin with {OWN:?} are for tasks of this library; give it another one: `#[task(name = \"…\")]`",
                task.name(),
                task.source()
            );
        }
        if message.is_empty() { Ok(()) } else { Err(Error::Startup(message.trim_end().into())) }
    }
}

const EMPTY: &str = "no task is linked into this binary, so there is nothing to run\n  \
    a crate of tasks that is never named in code is not linked: add `use your_crate as _;` beside `main`\n  \
    a module of tasks must be declared: `mod tasks;`\n  \
    or give the worker its tasks by hand: `Worker::registry(Registry::new().with::<your_task>())`";

fn duplicate(one: &TaskDefinition, other: &TaskDefinition) -> String {
    let (name, one_at, other_at) = (one.name(), one.source(), other.source());
    if (one.file, one.line) == (other.file, other.line) {
        return format!(
            "task {name:?} at {one_at} is linked twice: its file is compiled into two crates\n  \
             declare the module in one of them only (`mod tasks;` in `lib.rs`, and `use your_crate as _;` in `main.rs`)"
        );
    }
    format!(
        "two tasks are called {name:?}:\n  {one_at}\n  {other_at}\n  \
         rename one function, or give one of them a name of its own: `#[task(name = \"…\")]`"
    )
}

fn linked_tasks() -> &'static [&'static TaskDefinition] {
    static TASKS: OnceLock<Vec<&'static TaskDefinition>> = OnceLock::new();
    TASKS.get_or_init(|| {
        let mut tasks: Vec<_> = inventory::iter::<Registered>.into_iter().map(|task| task.0).collect();
        tasks.sort_by_key(|task| (task.name(), task.file, task.line));
        tasks
    })
}

/// Lists the tasks that are linked into this binary, by name.
pub fn tasks() -> impl Iterator<Item = &'static TaskDefinition> {
    linked_tasks().iter().copied()
}

/// Returns the linked task of this name.
pub(crate) fn linked(name: &str) -> Option<&'static TaskDefinition> {
    static NAMES: OnceLock<HashMap<&'static str, &'static TaskDefinition>> = OnceLock::new();
    NAMES.get_or_init(|| tasks().map(|task| (task.name(), task)).collect()).get(name).copied()
}
