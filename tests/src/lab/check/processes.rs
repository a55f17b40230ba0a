//! I19: how workers stop.

use std::collections::HashMap;

use crate::lab::check::Findings;
use crate::lab::world::{Claim, World};

/// How long a signal may take to be noticed, in microseconds: the process may just not have been given a processor.
const NOTICED: u64 = 250_000;

/// Whose claim, and that claim.
type Claimed<'a> = (&'a (String, String), &'a Claim);

pub(super) fn check(world: &World, findings: &mut Findings) {
    let mut claims: HashMap<u32, Vec<Claimed<'_>>> = HashMap::new();
    for (key, life) in &world.jobs {
        life.claims.iter().for_each(|claim| claims.entry(claim.pid).or_default().push((key, claim)));
    }
    for (pid, process) in &world.processes {
        let Some((told, _)) = process.signals.iter().find(|(_, signal)| signal == "SIGTERM") else {
            continue;
        };
        let of_process = claims.get(pid).into_iter().flatten();
        for (key, claim) in of_process.filter(|(_, claim)| told + NOTICED < claim.began) {
            let late = claim.began - told;
            findings.add("I19", Some(key), format!("claimed {late} us after its process was told to stop"));
        }
        let was_killed = process.signals.iter().any(|(_, signal)| signal == "SIGKILL");
        match process.exit {
            Some((_, Some(0))) => {}
            _ if was_killed => {}
            Some((_, code)) => {
                findings.add("I19", None, format!("process {pid} ended with {code:?} after SIGTERM"));
            }
            None => findings.add("I19", None, format!("process {pid} did not end after SIGTERM")),
        }
    }
}
