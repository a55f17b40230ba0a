//! What empties a queue: shown first, and done when the queue's name was typed.

use std::time::Duration;

use askama::Template;
use tokio::time::timeout;

use super::rows::JobRow;
use super::{Shell, done, page};
use crate::admin::{Cleared, Query};
use crate::backend::{Drain, Force};
use crate::dashboard::error::{Answer, Refusal};
use crate::dashboard::text::{grouped, short};
use crate::dashboard::visit::{Fields, Params, Visit};
use crate::job::{Job, JobState, parse_duration};

/// How many jobs are shown.
pub(in crate::dashboard) const SAMPLE: usize = 5;
/// A count that takes longer is not waited for.
pub(super) const SOON: Duration = Duration::from_millis(200);

#[derive(Template)]
#[template(path = "clear.html")]
struct Clear {
    shell: Shell,
    heading: String,
    says: String,
    name: String,
    hidden: Vec<(&'static str, String)>,
    verb: &'static str,
    back: String,
    jobs: Vec<JobRow>,
    can_pick: bool,
    none: &'static str,
}

/// Reads what is to be cleared.
pub(in crate::dashboard) fn what_of(params: &Params) -> Result<Cleared, Refusal> {
    match params.must("what")? {
        "drain" if params.is_set("delayed") => Ok(Cleared::Drain(Drain::WaitingAndDelayed)),
        "drain" => Ok(Cleared::Drain(Drain::Waiting)),
        "clean" => {
            let name = params.must("state")?;
            let unknown = || {
                Refusal::bad(format!(
                    "there is no state {name:?}; there are {}",
                    JobState::ALL.map(JobState::name).join(", ")
                ))
            };
            let state = JobState::from_name(name).ok_or_else(unknown)?;
            let age = params.get("older").unwrap_or("0s");
            let age = parse_duration(age).map_err(|reason| Refusal::bad(format!("older: {reason}")))?;
            Ok(Cleared::Clean(state, age))
        }
        "obliterate" if params.is_set("force") => Ok(Cleared::Obliterate(Force::RemoveActive)),
        "obliterate" => Ok(Cleared::Obliterate(Force::RefuseActive)),
        other => Err(Refusal::bad(format!("{other:?} cannot be ordered; drain, clean and obliterate can"))),
    }
}

/// Shows what would go.
pub(in crate::dashboard) async fn preview(visit: Visit) -> Answer {
    let (name, what) = (visit.query.must("name")?, what_of(&visit.query)?);
    let (count, sample) = count(&visit, name, what).await?;
    let keys = ["name", "what", "state", "older", "delayed", "force"];
    let hidden = keys.iter().filter_map(|key| Some((*key, visit.query.get(key)?.to_owned())));
    let (verb, says) = would(name, what, &count);
    page(&Clear {
        shell: Shell::new(&visit, "/queues", verb).still(),
        heading: format!("{verb} {name}?"),
        says,
        name: name.to_owned(),
        hidden: hidden.collect(),
        verb,
        back: visit.link("/queue", &[("name", name)]),
        jobs: JobRow::list(&visit, &sample),
        can_pick: false,
        none: "No job would go.",
    })
}

/// Counts what would go, and takes the first of them. Where an age counts, each job has to be looked at: if that takes
/// long, it is said how many there are at most.
async fn count(visit: &Visit, name: &str, what: Cleared) -> Result<(String, Vec<Job>), Refusal> {
    let admin = visit.admin();
    if let Ok(preview) = timeout(SOON, admin.preview_clear(name, what, SAMPLE)).await {
        let preview = preview?;
        return Ok((grouped(preview.count), preview.sample));
    }
    let states = match what {
        Cleared::Clean(state, _) => vec![state],
        _ => JobState::ALL.to_vec(),
    };
    let query = Query::all().in_queue(name).in_states(&states);
    let most = admin.count_at_most(&query).await?;
    Ok((format!("at most {}", grouped(most)), admin.jobs(&query, None, SAMPLE).await?.jobs))
}

fn would(name: &str, what: Cleared, count: &str) -> (&'static str, String) {
    let many = |noun: &str| format!("{count} {noun}{}", if count == "1" { "" } else { "s" });
    match what {
        Cleared::Drain(Drain::Waiting) => {
            ("Drain", format!("This would remove {} from {name}.", many("waiting job")))
        }
        Cleared::Drain(Drain::WaitingAndDelayed) => {
            ("Drain", format!("This would remove {} from {name}.", many("waiting or delayed job")))
        }
        Cleared::Clean(state, age) => {
            let older =
                if age == Duration::ZERO { String::new() } else { format!(", older than {}", short(age)) };
            ("Clean", format!("This would remove {} from {name}{older}.", many(&format!("{state} job"))))
        }
        Cleared::Obliterate(force) => {
            let running = if force == Force::RemoveActive { ", running ones too" } else { "" };
            ("Obliterate", format!("This would remove the queue {name} with {}{running}.", many("job")))
        }
    }
}

/// Does it.
pub(in crate::dashboard) async fn carry_out(visit: Visit, Fields(fields): Fields) -> Answer {
    let (name, what) = (fields.must("name")?, what_of(&fields)?);
    if fields.get("confirm") != Some(name) {
        return Err(Refusal::bad("the queue's name was not typed, so nothing was removed"));
    }
    let queue = name.to_owned();
    visit.order(|admin| async move { admin.clear(&queue, what).await }).await?;
    match what {
        Cleared::Obliterate(_) => Ok(done(&visit, ("/queues", &[]), "cleared")),
        _ => Ok(done(&visit, ("/queue", &[("name", name)]), "cleared")),
    }
}
