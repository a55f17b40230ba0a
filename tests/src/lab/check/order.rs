//! I11: while nothing is wrong, jobs of a task, key and priority are given out in the order in which they were taken in.

use std::collections::HashMap;

use crate::lab::check::Findings;
use crate::lab::world::World;

type Key = (String, String);

/// When a job was sent and taken in, and when it was first claimed.
#[derive(Clone, Copy)]
struct Passage<'a> {
    key: &'a Key,
    sent: u64,
    taken_in: u64,
    asked: u64,
    given: u64,
}

pub(super) fn check(world: &World, findings: &mut Findings) {
    let Some((from, until)) = world.phase("calm") else { return };
    let mut lines: HashMap<(&str, &str, Option<&str>, u8), Vec<Passage<'_>>> = HashMap::new();
    for (key, life) in &world.jobs {
        let ([(sent, what)], [(_, taken_in)], Some(claim)) =
            (life.sent.as_slice(), life.acknowledged.as_slice(), life.claims.first())
        else {
            continue;
        };
        let is_calm = from < *sent && claim.at < until;
        // A job may be blocked behind another one of its key, or behind those that it waits for.
        if is_calm
            && what.delay == 0
            && what.dedup.is_none()
            && what.waits.is_empty()
            && !world.pauses.iter().any(|pause| pause.queue == key.0)
        {
            let passage =
                Passage { key, sent: *sent, taken_in: *taken_in, asked: claim.began, given: claim.at };
            lines.entry((&key.0, &what.task, what.turn.as_deref(), what.priority)).or_default().push(passage);
        }
    }
    lines.into_values().for_each(|line| in_order(line, findings));
}

/// Of two jobs one of which was taken in before the other was sent, the other is not given first.
fn in_order(mut by_sent: Vec<Passage<'_>>, findings: &mut Findings) {
    let mut by_taken_in = by_sent.clone();
    by_taken_in.sort_by_key(|passage| passage.taken_in);
    by_sent.sort_by_key(|passage| passage.sent);
    let (mut earlier, mut last_asked) = (by_taken_in.into_iter().peekable(), None::<Passage<'_>>);
    for passage in by_sent {
        while let Some(before) = earlier.next_if(|before| before.taken_in < passage.sent) {
            if last_asked.is_none_or(|last| last.asked < before.asked) {
                last_asked = Some(before);
            }
        }
        if let Some(overtaken) = last_asked.filter(|last| passage.given < last.asked) {
            let what = format!("given out before {}, which was there first", overtaken.key.1);
            findings.add("I11", Some(passage.key), what);
        }
    }
}
