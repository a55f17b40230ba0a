//! The jobs of flows that worker processes run while they are killed, and what is noted of them.
//!
//! Each process adds lines to the file `notes` of its folder, one write for each, so that nothing is lost that came before a kill. A flow
//! that is begun anew has a file of its name in the folder `again`: that is how its jobs know which of their two lives they live.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use asyncmq::{Context, Registry, TaskError, task};
use serde::{Deserialize, Serialize};

use crate::lab::journal;

/// The queues that the jobs of a flow stand in.
pub const QUEUES: [&str; 2] = ["flows.here", "flows.there"];

/// How an attempt ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// The job completes.
    Complete,
    /// It is tried again.
    Retry,
    /// It fails for good.
    Fail,
    /// It cancels itself.
    Cancel,
}

/// Something that happened to an attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// Microseconds of the monotonic clock.
    pub at: u64,
    /// The job's id.
    pub job: String,
    /// Whether its flow was begun anew.
    pub again: bool,
    /// The number of the attempt.
    pub attempt: u32,
    /// Nothing as it begins; then how it is about to end.
    pub end: Option<End>,
    /// Whether the outputs of others are what they returned.
    pub is_fed: bool,
}

struct Notes {
    folder: PathBuf,
    file: File,
}

static NOTES: OnceLock<Notes> = OnceLock::new();

/// Sets the folder of this process.
///
/// # Errors
///
/// Those of the file.
pub fn note_in(folder: &Path) -> std::io::Result<()> {
    let file = OpenOptions::new().append(true).create(true).open(folder.join("notes"))?;
    let _ = NOTES.set(Notes { folder: folder.to_owned(), file });
    Ok(())
}

/// Tells the jobs of a flow that they live once more.
///
/// # Errors
///
/// Those of the file.
pub fn begin_anew(folder: &Path, flow: &str) -> std::io::Result<()> {
    std::fs::create_dir_all(folder.join("again"))?;
    std::fs::write(folder.join("again").join(flow), "")
}

/// Reads all notes. The last line may still be missing its end.
///
/// # Errors
///
/// Those of the file, and a line that is none.
pub fn read(folder: &Path) -> anyhow::Result<Vec<Note>> {
    let text = std::fs::read_to_string(folder.join("notes"))?;
    let whole = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
    Ok(whole.map(serde_json::from_str).collect::<Result<_, _>>()?)
}

impl Notes {
    fn add(&self, note: &Note) {
        let mut line = serde_json::to_vec(note).expect("it is plain data");
        line.push(b'\n');
        (&self.file).write_all(&line).expect("notes can be written");
    }
}

/// Takes a while, and ends as it was told: by the number of the attempt, in its first life and in its second. Returns its id.
#[task(name = "flows.step", queue = "flows.here", retries = 3, backoff = "fixed(10ms)")]
pub async fn step(
    ctx: &Context,
    lives: (Vec<End>, Vec<End>),
    micros: u64,
    expected: Vec<String>,
    outputs: Vec<String>,
) -> Result<String, TaskError> {
    let notes = NOTES.get().expect("`note_in` comes first");
    let flow = ctx.job_id().rsplit_once('.').map_or("", |(flow, _)| flow);
    let again = notes.folder.join("again").join(flow).exists();
    let ends = if again { lives.1 } else { lives.0 };
    let place = usize::try_from(ctx.attempt()).unwrap_or(usize::MAX).min(ends.len()).saturating_sub(1);
    let end = ends.get(place).copied().unwrap_or(End::Complete);
    let (job, attempt, is_fed) = (ctx.job_id().to_string(), ctx.attempt(), outputs == expected);
    let mut note = Note { at: journal::now(), job, again, attempt, end: None, is_fed };
    notes.add(&note);
    tokio::time::sleep(Duration::from_micros(micros)).await;
    (note.at, note.end) = (journal::now(), Some(end));
    notes.add(&note);
    match end {
        End::Complete => Ok(note.job),
        End::Retry => Err(TaskError::retry("not yet")),
        End::Fail => Err(TaskError::permanent("it was told to")),
        End::Cancel => Err(TaskError::cancel("it was told to")),
    }
}

/// Returns the tasks of flows.
#[must_use]
pub fn registry() -> Registry {
    Registry::new().with::<step>()
}
