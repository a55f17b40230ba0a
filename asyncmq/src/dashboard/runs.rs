//! Orders about many jobs that are under way, or just ended: pages come back to see how far they are.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

use super::error::Refusal;
use super::watch::Watch;
use crate::admin::{Admin, BulkProgress, BulkReport, Order, Query};

/// How many may be under way at once.
const AT_ONCE: usize = 4;
/// How many are remembered.
const KEPT: usize = 50;

/// How far an order is.
#[derive(Debug, Clone)]
pub(super) enum Stage {
    Working(BulkProgress),
    Done(BulkReport),
    Failed(String),
}

/// One order about many jobs.
pub(super) struct Run {
    pub(super) number: u64,
    pub(super) order: Order,
    pub(super) query: Query,
    pub(super) who: String,
    stop: Arc<AtomicBool>,
    stage: watch::Receiver<Stage>,
}

impl Run {
    pub(super) fn stage(&self) -> Stage {
        self.stage.borrow().clone()
    }

    /// Ends it after the step that is under way.
    pub(super) fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// Waits until it has ended.
    pub(super) async fn ended(&self) -> Stage {
        let mut stage = self.stage.clone();
        let ended = stage.wait_for(|stage| !matches!(stage, Stage::Working(_))).await;
        ended.map_or_else(|_| Stage::Failed("it was cut off".into()), |stage| stage.clone())
    }
}

/// The orders of this dashboard.
#[derive(Default)]
pub(super) struct Runs(Mutex<(u64, VecDeque<Arc<Run>>)>);

impl Runs {
    /// Begins one. It goes on when whoever asked has gone, so that it ends with a record.
    pub(super) fn begin(
        &self,
        admin: &Admin,
        (order, query): (&Order, &Query),
        (who, watch): (&str, &Arc<Watch>),
    ) -> Result<Arc<Run>, Refusal> {
        let mut runs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let busy = runs.1.iter().filter(|run| matches!(run.stage(), Stage::Working(_))).count();
        if AT_ONCE <= busy {
            return Err(Refusal::busy(format!(
                "{busy} orders are under way already: wait for one of them to end"
            )));
        }
        let (tell, stage) = watch::channel(Stage::Working(BulkProgress::default()));
        runs.0 += 1;
        let run = Arc::new(Run {
            number: runs.0,
            order: order.clone(),
            query: query.clone(),
            who: who.to_owned(),
            stop: Arc::default(),
            stage,
        });
        make_room(&mut runs.1);
        runs.1.push_back(run.clone());
        let (progress, watch) = (tell.clone(), watch.clone());
        let work = admin.carry_out(order, query).stop_when(run.stop.clone());
        let work = work.on_progress(move |far| {
            progress.send_replace(Stage::Working(far));
        });
        tokio::spawn(async move {
            let stage = match work.await {
                Ok(report) => Stage::Done(report),
                Err(error) => Stage::Failed(error.to_string()),
            };
            tell.send_replace(stage);
            watch.changed();
        });
        Ok(run)
    }

    /// Returns one of them.
    pub(super) fn find(&self, number: u64) -> Option<Arc<Run>> {
        let runs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        runs.1.iter().find(|run| run.number == number).cloned()
    }

    /// Lists those that are under way.
    pub(super) fn working(&self) -> Vec<Arc<Run>> {
        let runs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        runs.1.iter().filter(|run| matches!(run.stage(), Stage::Working(_))).cloned().collect()
    }
}

/// Forgets the oldest that have ended; one that still works can be stopped only as long as it is known.
fn make_room(runs: &mut VecDeque<Arc<Run>>) {
    while KEPT <= runs.len()
        && let Some(place) = runs.iter().position(|run| !matches!(run.stage(), Stage::Working(_)))
    {
        runs.remove(place);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_that_still_works_is_never_forgotten() {
        let run = |number, stage| {
            let (query, who) = (Query::default(), "ann".into());
            let (stop, stage) = (Arc::default(), watch::channel(stage).1);
            Arc::new(Run { number, order: Order::Retry, query, who, stop, stage })
        };
        let mut runs = VecDeque::from([run(0, Stage::Working(BulkProgress::default()))]);
        for number in 1..200 {
            make_room(&mut runs);
            runs.push_back(run(number, Stage::Done(BulkReport::default())));
        }
        assert_eq!((runs[0].number, runs[1].number, runs.len()), (0, 151, KEPT));
    }
}
