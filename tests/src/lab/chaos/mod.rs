//! The run under faults: real processes, a real store, and a seed that says what goes wrong when.
//!
//! ```text
//!  calm ──▶ faults, one after the other ──▶ heal: everything ends ──▶ end: every job is looked at
//!   │ `crew` keeps five workers and two producers running, each behind a proxy of its own
//!   │ `watch` sends each worker a canary ten times a second
//!   └ `fault` draws and inflicts; `arena` is the store and what can be done to it; `finish` looks at what is left
//! ```

mod arena;
mod crew;
mod fault;
mod finish;
mod watch;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use asyncmq::Client;

use crate::lab::beats;
use crate::lab::check::{self, Report};
use crate::lab::event::Event;
use crate::lab::history;
use crate::lab::journal::Journal;
use crate::lab::send::Sender;
use crate::lab::turns;
use crate::lab::worker;
use crate::servers::dice::Dice;
use arena::Arena;
pub use arena::StoreKind;
use crew::Crew;
use fault::Inflictor;
use watch::Watch;

/// What a run is to be.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The store.
    pub store: StoreKind,
    /// What the order of the faults, their victims and the jobs are drawn from.
    pub seed: u64,
    /// How long it lasts, without the time to start and to look at what is left.
    pub length: Duration,
    /// How many jobs are enqueued in a second.
    pub rate: u64,
    /// The only kinds of faults to inflict; all if empty.
    pub only: Vec<String>,
    /// Whether two of the workers live 45 s in the future and in the past.
    pub offsets: bool,
    /// Where histories and logs go.
    pub folder: PathBuf,
    /// The folder of the programs `lab_worker` and `lab_producer`.
    pub programs: PathBuf,
    /// Variables of the workers' environment.
    pub variables: Vec<(String, String)>,
}

impl Plan {
    /// Says what is run.
    fn words(&self) -> BTreeMap<String, String> {
        let commit = Command::new("git").args(["rev-parse", "--short", "HEAD"]).output();
        let commit = commit.map(|said| String::from_utf8_lossy(&said.stdout).trim().to_owned());
        let places = crew::PLACES.len();
        let offsets = if self.offsets { "two clocks wrong by 45 s" } else { "all clocks right" };
        let settings = format!(
            "{places} workers of {} hands, lease {:?}, max_crashes {}, {} jobs a second for {:?}, {offsets}",
            worker::CONCURRENCY,
            worker::LEASE,
            worker::MAX_CRASHES,
            self.rate,
            self.length
        );
        let words = [
            ("seed", self.seed.to_string()),
            ("store", format!("{:?}", self.store).to_lowercase()),
            ("commit", commit.unwrap_or_default()),
            ("settings", settings),
        ];
        words.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// Returns how long nothing goes wrong, and from when on nothing more goes wrong.
    fn times(&self) -> (Duration, Duration) {
        (self.length / 20, self.length * 9 / 10)
    }
}

/// Lets processes run under faults, and checks what they wrote down.
///
/// # Errors
///
/// What kept it from being carried through. A violated invariant is no error: the report has it.
pub async fn run(plan: &Plan, mut say: impl FnMut(&str)) -> anyhow::Result<Report> {
    start_empty(&plan.folder)?;
    let journal = Arc::new(Journal::in_folder(&plan.folder)?);
    let arena = Arc::new(Arena::start(plan).await?);
    let client = Client::connect(&arena.url()).await?;
    let sender = Sender { client, journal: journal.clone() };
    let crew = Arc::new(Crew::start(plan, arena.clone(), journal.clone()).await?);
    let watch = Watch::start(sender.clone(), arena.clone());
    let mut dice = Dice::new(plan.seed);
    let (calm, faults) = plan.times();
    watch.all_consume(Duration::from_secs(60)).await?;
    let start = Instant::now();
    phase(&journal, "calm");
    crew.produce(plan)?;
    turns::holds().into_iter().for_each(|hold| journal.note(Event::Held(hold)));
    beats::start(&sender.client, &journal).await?;
    tokio::time::sleep(calm).await;
    phase(&journal, "faults");
    let mut inflictor = Inflictor::new(plan, arena.clone(), crew.clone(), sender.clone());
    while start.elapsed() < faults {
        let Some(next) = inflictor.next(&mut dice) else { break };
        say(&format!("{:4} s  fault {:3}  {}", start.elapsed().as_secs(), next.number, next.kind));
        inflictor.inflict(&next, &mut dice).await?;
        watch.all_consume(Duration::from_secs(60)).await?;
        inflictor.rest(start, faults, &mut dice).await;
    }
    phase(&journal, "heal");
    tokio::time::sleep(plan.length.saturating_sub(start.elapsed())).await;
    beats::stop(&sender.client, &journal).await?;
    crew.stop_producing().await?;
    say("the faults are over; waiting for the last jobs");
    let drained = finish::drained(&sender, &watch).await;
    watch.stop().await;
    crew.stop().await?;
    phase(&journal, "end");
    finish::look(&sender, &arena, drained).await?;
    say("checking");
    let folder = plan.folder.clone();
    let lines = tokio::task::spawn_blocking(move || history::read(&folder)).await??;
    let mut report = check::check(&lines);
    report.run = plan.words();
    for violation in &report.told {
        say(&format!("{} {}", violation.invariant, violation.what));
        if let Some(job) = &violation.job {
            say(&check::story(&lines, job));
        }
    }
    Ok(report)
}

fn phase(journal: &Journal, name: &str) {
    journal.note(Event::Phase { name: name.to_owned() });
}

/// Makes the folder of a run. What an earlier run of this laboratory left there goes, and nothing else.
fn start_empty(folder: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder)?;
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if ["journal.", "log.", "jobs.db"].iter().any(|known| name.starts_with(known)) {
            if path.is_dir() { std::fs::remove_dir_all(&path)? } else { std::fs::remove_file(&path)? }
        }
    }
    Ok(())
}
