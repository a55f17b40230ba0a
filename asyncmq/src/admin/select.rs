//! The walk of a query through a store: queue by queue, state by state, in bounded steps.

use crate::admin::{Admin, Query};
use crate::backend::{Cursor, Scanned};
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::job::{Job, JobId, JobState, Name};

/// How many jobs one step asks the store for.
pub(super) const STEP: usize = 250;

/// Where a walk stands: a state of a queue, and how far in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stand {
    pub(super) queue: Name,
    pub(super) state: JobState,
    pub(super) after: Option<Cursor>,
}

impl Stand {
    /// Writes it so that it can be kept: what can be any text comes last.
    pub(super) fn to_text(&self) -> String {
        let after = self.after.as_ref().map_or("", Cursor::as_str);
        format!("{}.{after}.{}", self.state, self.queue)
    }

    pub(super) fn from_text(text: &str) -> Result<Self> {
        let mut parts = text.splitn(3, '.');
        let (state, after, queue) = (parts.next(), parts.next(), parts.next());
        let wrong = || Error::Invalid(format!("{text:?} is no cursor: begin again without one"));
        let state = state.and_then(JobState::from_name).ok_or_else(wrong)?;
        let after = after.filter(|after| !after.is_empty()).map(Cursor::from_stored);
        Ok(Self { queue: Name::from_stored(queue.ok_or_else(wrong)?), state, after })
    }
}

/// A walk through the jobs that a query means.
pub(super) struct Walk<'a> {
    admin: &'a Admin,
    query: &'a Query,
    now: Timestamp,
    /// What is still to be walked through, the next one last.
    left: Vec<Stand>,
    /// If the query names ids: those that are still to be looked up.
    ids: Option<Vec<JobId>>,
    /// How many jobs were looked at.
    pub(super) looked: u64,
    /// How often the store was asked for some.
    asked: u64,
}

impl<'a> Walk<'a> {
    /// Begins a walk, or goes on where one stood, through the states among `states`.
    pub(super) async fn new(
        admin: &'a Admin,
        query: &'a Query,
        states: &[JobState],
        from: Option<Stand>,
    ) -> Result<Self> {
        let handle = &admin.client.handle;
        let now = handle.ask("tell its time", admin.client.backend().now()).await?;
        let ids = query.ids();
        let ids = ids.map(each_once).transpose()?;
        let left = if ids.is_some() { Vec::new() } else { places(admin, query, states, from).await? };
        Ok(Self { admin, query, now, left, ids, looked: 0, asked: 0 })
    }

    /// Looks at some more jobs and returns those that are meant; `None` at the end.
    pub(super) async fn step(&mut self, limit: usize) -> Result<Option<Vec<Job>>> {
        if let Some(ids) = &mut self.ids {
            let Some(id) = ids.pop() else { return Ok(None) };
            self.asked += 1;
            let backend = self.admin.client.backend();
            let jobs = self.admin.client.handle.ask("look a job up", backend.find_everywhere(&id)).await?;
            return Ok(Some(self.meant(jobs)));
        }
        let Some(stand) = self.left.last().cloned() else { return Ok(None) };
        let scanned = self.scan(&stand, limit).await?;
        Ok(Some(self.pass(stand, scanned)))
    }

    /// Does the same, and returns no more than `room`: the walk then stands behind the last one returned.
    pub(super) async fn step_into(&mut self, room: usize) -> Result<Option<Vec<Job>>> {
        let Some(stand) = self.left.last().cloned().filter(|_| self.ids.is_none()) else {
            return self.step(room).await;
        };
        // Where every job is meant, no more is asked for than can be shown; where few are, the first step shows it.
        let mut limit = if self.looked == 0 { room.min(STEP) } else { STEP };
        loop {
            let scanned = self.scan(&stand, limit).await?;
            let mut meant = (1..)
                .zip(&scanned.jobs)
                .filter(|(_, job)| self.query.matches_shown(job, self.now, &self.admin.hidden));
            let last = meant.nth(room.saturating_sub(1)).map(|(place, _)| place);
            match last {
                // Asked again for as many, it answers with those up to the last that can be shown.
                Some(last) if meant.next().is_some() => limit = last,
                _ => {
                    drop(meant);
                    return Ok(Some(self.pass(stand, scanned)));
                }
            }
        }
    }

    async fn scan(&mut self, stand: &Stand, limit: usize) -> Result<Scanned> {
        if self.asked != 0 {
            // A store in memory answers without ever waiting: others want their turn, and whoever asked may have given up.
            tokio::task::yield_now().await;
        }
        self.asked += 1;
        let backend = self.admin.client.backend();
        let scan = backend.scan(&stand.queue, stand.state, stand.after.as_ref(), limit);
        self.admin.client.handle.ask("list jobs", scan).await
    }

    /// Goes on behind what was scanned, and returns those of it that are meant.
    fn pass(&mut self, mut stand: Stand, scanned: Scanned) -> Vec<Job> {
        self.left.pop();
        if scanned.next.is_some() {
            stand.after = scanned.next;
            self.left.push(stand);
        }
        self.meant(scanned.jobs)
    }

    /// Returns how much was done so far, in jobs looked at; an answer of the store costs as much as some of them.
    pub(super) const fn effort(&self) -> u64 {
        self.looked + 20 * self.asked
    }

    /// Tells whether it looks jobs up that the query names, of which there are few.
    pub(super) const fn is_by_id(&self) -> bool {
        self.ids.is_some()
    }

    /// Returns where the walk goes on; nothing at its end.
    pub(super) fn stand(&self) -> Option<&Stand> {
        self.left.last()
    }

    fn meant(&mut self, mut jobs: Vec<Job>) -> Vec<Job> {
        self.looked += jobs.len() as u64;
        jobs.retain(|job| self.query.matches_shown(job, self.now, &self.admin.hidden));
        jobs
    }
}

/// Lists what a query has to be looked for in, the first one last.
async fn places(
    admin: &Admin,
    query: &Query,
    states: &[JobState],
    from: Option<Stand>,
) -> Result<Vec<Stand>> {
    let wanted: Vec<JobState> = query.states().into_iter().filter(|state| states.contains(state)).collect();
    let queues = admin.client.queues().await?;
    let queues = queues.into_iter().filter(|queue| query.wants_queue(queue));
    let mut places: Vec<Stand> = queues
        .flat_map(|queue| {
            wanted.iter().map(move |state| Stand { queue: queue.clone(), state: *state, after: None })
        })
        .collect();
    let rank = |stand: &Stand| (stand.queue.clone(), wanted.iter().position(|state| *state == stand.state));
    begin_at(&mut places, from, rank);
    Ok(places)
}

/// Leaves of places, which stand in the order of their ranks, those from where a walk stood, and turns them round: the first one is taken last.
pub(super) fn begin_at<R: PartialOrd>(
    places: &mut Vec<Stand>,
    from: Option<Stand>,
    rank: impl Fn(&Stand) -> R,
) {
    if let Some(from) = from {
        let begin = rank(&from);
        places.retain(|stand| begin <= rank(stand));
        if let Some(first) = places.first_mut().filter(|first| rank(first) == begin) {
            first.after = from.after;
        }
    }
    places.reverse();
}

/// How many jobs a query may name by their ids: each is looked for in every queue.
const MOST_IDS: usize = 200;

/// Leaves out ids that are named twice.
fn each_once(mut ids: Vec<JobId>) -> Result<Vec<JobId>> {
    ids.sort_unstable_by(|one, other| other.as_str().cmp(one.as_str()));
    ids.dedup();
    match ids.len() {
        0..=MOST_IDS => Ok(ids),
        many => Err(Error::Invalid(format!(
            "a query names at most {MOST_IDS} ids, and this one {many}: say what they have in common, or ask in parts"
        ))),
    }
}
