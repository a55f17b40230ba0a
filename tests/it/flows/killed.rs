//! Flows on worker processes that are killed again and again, and on stores that go away: none is stuck, no job comes before those that it
//! waits for, and each ends as its policies say.
//!
//! `ASYNCMQ_SEED` and `ASYNCMQ_FLOWS` set the order and how many there are.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use asyncmq::{Client, Error, FlowGraph, JobState, OnFailure};
use asyncmq_tests::flows::{End, Note, QUEUES, begin_anew, read};
use asyncmq_tests::servers::dice::Dice;
use tempfile::TempDir;

use super::plan::{NODES, Plan};
use crate::support::sqlite_url;

const WORKERS: usize = 4;
/// How many flows are enqueued between two faults.
const AT_ONCE: usize = 10;
/// How long nothing at all may happen while flows are left. A lease is a second, a server is down for as long at most.
const PATIENCE: Duration = Duration::from_secs(30);

fn setting(name: &str, default: usize) -> usize {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

/// A worker process, which ends with the test.
struct Process(Child);

impl Process {
    fn start(url: &str, folder: &Path) -> Self {
        let log = std::fs::OpenOptions::new().append(true).create(true).open(folder.join("log")).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_flow_worker"));
        command.arg(url).arg(folder).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        Self(command.spawn().expect("a worker can be started"))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What is counted.
#[derive(Debug, Default)]
struct Figures {
    flows: BTreeMap<&'static str, usize>,
    begun_anew: usize,
    deaths: usize,
    restarts: usize,
    attempts: usize,
    /// How the jobs ended.
    ends: BTreeMap<String, usize>,
    /// Flows of which a job has not ended.
    stuck: usize,
    /// Jobs that began before one that they wait for had ended.
    early: usize,
    /// Jobs that ended otherwise than they had to, ran though they had not to, or got other outputs.
    wrong: usize,
    /// The first few of these.
    told: Vec<String>,
}

impl Figures {
    fn tell(&mut self, what: impl FnOnce() -> String) {
        if self.told.len() < 5 {
            self.told.push(what());
        }
    }
}

/// Flows on their way.
struct Run<M> {
    url: String,
    folder: TempDir,
    client: Client,
    workers: Vec<Process>,
    dice: Dice,
    /// Whether it was waited in vain for anything to happen: what is left is counted then.
    is_stuck: bool,
    /// What is done to the store.
    restart: M,
    figures: Figures,
}

impl<M: FnMut(&mut Dice) -> bool> Run<M> {
    async fn start(url: &str, folder: TempDir, restart: M) -> Self {
        let seed = setting("ASYNCMQ_SEED", 7) as u64;
        println!("ASYNCMQ_SEED={seed}");
        std::fs::write(folder.path().join("notes"), "").unwrap();
        let workers = (0..WORKERS).map(|_| Process::start(url, folder.path())).collect();
        let client = Client::connect(url).await.unwrap();
        let (url, dice, figures) = (url.to_owned(), Dice::new(seed), Figures::default());
        Self { url, folder, client, workers, dice, is_stuck: false, restart, figures }
    }

    fn noted(&self) -> u64 {
        std::fs::metadata(self.folder.path().join("notes")).unwrap().len()
    }

    /// Kills a worker, or does something to the store, once a little more has happened or nothing is left.
    async fn strike(&mut self) {
        let then = self.noted() + self.dice.below(6_000);
        let is_idle = async || self.unfinished().await == Some(0);
        let patience = if self.is_stuck { Duration::ZERO } else { PATIENCE };
        let goes_on = tokio::time::timeout(patience, async {
            while self.noted() < then && !is_idle().await {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        });
        self.is_stuck |= goes_on.await.is_err();
        let place = usize::try_from(self.dice.below(WORKERS as u64)).unwrap();
        // What is there of it ends before another one takes its place.
        self.workers.remove(place);
        self.workers.push(Process::start(&self.url, self.folder.path()));
        self.figures.deaths += 1;
        self.figures.restarts += usize::from((self.restart)(&mut self.dice));
    }

    /// Enqueues a flow, as often as it takes until that is confirmed.
    async fn enqueue(&self, plan: &Plan) {
        let start = Instant::now();
        while let Err(error) = plan.flow().enqueue_on(&self.client).await {
            assert!(matches!(error, Error::Store { .. } | Error::Unconfirmed { .. }), "{error:?}");
            assert!(start.elapsed() < PATIENCE, "{error}");
        }
    }

    async fn begin_anew(&self, plan: &Plan) {
        begin_anew(self.folder.path(), &plan.id).unwrap();
        let start = Instant::now();
        let again = async || self.client.flow(&plan.id).await?.retry().await;
        while let Err(error) = again().await {
            assert!(matches!(error, Error::Store { .. } | Error::Unconfirmed { .. }), "{error:?}");
            assert!(start.elapsed() < PATIENCE, "{error}");
        }
    }

    /// Waits until all has ended, or nothing happens any more.
    async fn settled(&self) {
        let (mut seen, mut since) = (self.noted(), Instant::now());
        while self.unfinished().await.is_none_or(|left| left != 0) && since.elapsed() < PATIENCE {
            tokio::time::sleep(Duration::from_millis(20)).await;
            if seen != self.noted() {
                (seen, since) = (self.noted(), Instant::now());
            }
        }
    }

    async fn unfinished(&self) -> Option<u64> {
        let mut left = 0;
        for queue in QUEUES {
            left += self.client.queue(queue).counts().await.ok()?.unfinished();
        }
        Some(left)
    }

    /// Runs so many flows to their end under fire, and what fails of some of them once more.
    async fn flows(mut self, count: usize) {
        let start = Instant::now();
        let draw = |number| Plan::draw(format!("flow-{number}"), &mut self.dice);
        let plans: Vec<Plan> = (0..count).map(draw).collect();
        for some in plans.chunks(AT_ONCE) {
            for plan in some {
                *self.figures.flows.entry(plan.shape).or_default() += 1;
                self.enqueue(plan).await;
            }
            self.strike().await;
        }
        self.settled().await;
        let again: Vec<_> = plans.iter().filter(|plan| plan.is_begun_anew && !plan.completes()).collect();
        for some in again.chunks(AT_ONCE) {
            for plan in some {
                self.figures.begun_anew += 1;
                self.begin_anew(plan).await;
            }
            self.strike().await;
        }
        self.settled().await;
        self.judge(&plans).await;
        println!("{count} flows in {:?}: {:#?}", start.elapsed(), self.figures);
        let Figures { stuck, early, wrong, .. } = self.figures;
        assert_eq!((stuck, early, wrong), (0, 0, 0));
    }

    async fn judge(&mut self, plans: &[Plan]) {
        let mut notes: HashMap<(String, bool), Vec<Note>> = HashMap::new();
        for note in read(self.folder.path()).unwrap() {
            self.figures.attempts += usize::from(note.end.is_none());
            notes.entry((note.job.clone(), note.again)).or_default().push(note);
        }
        for plan in plans {
            let graph = self.client.flow(&plan.id).await.unwrap().graph().await.unwrap();
            self.judge_ends(plan, &graph);
            let mut lives = vec![false];
            lives.extend((plan.is_begun_anew && !plan.completes()).then_some(true));
            for again in lives {
                let of = |place: usize| notes.get(&(plan.job(place), again)).map_or(&[][..], Vec::as_slice);
                judge_life(plan, again, of, &mut self.figures);
            }
        }
    }

    fn judge_ends(&mut self, plan: &Plan, graph: &FlowGraph) {
        self.figures.stuck += usize::from(!graph.is_over());
        assert_eq!(graph.nodes.len(), NODES);
        let [_, last] = plan.ends();
        for (place, (states, node)) in last.iter().zip(&graph.nodes).enumerate() {
            let state = node.state();
            *self.figures.ends.entry(format!("{state:?}")).or_default() += 1;
            if state.is_none_or(|state| !states.contains(&state)) {
                self.figures.wrong += 1;
                self.figures.tell(|| format!("{} is {state:?}, not {states:?}: {node:?}", plan.job(place)));
            }
        }
    }
}

/// Checks of one life of a flow who ran, with what, and after whom.
fn judge_life<'a>(plan: &Plan, again: bool, of: impl Fn(usize) -> &'a [Note], figures: &mut Figures) {
    let [first, last] = plan.ends();
    let is_left = |place: usize| !again || first[place] != [JobState::Completed];
    let ends = if again { &last } else { &first };
    // When each had certainly not ended yet, where it lived at all.
    let mut ended: Vec<Option<u64>> = Vec::new();
    for (place, node) in plan.nodes.iter().enumerate() {
        let own = of(place);
        let broken = node
            .parents
            .iter()
            .filter(|(parent, policy)| ends[*parent] != [JobState::Completed] && *policy != OnFailure::Run);
        let broken: Vec<usize> = broken.map(|(parent, _)| *parent).collect();
        let runs = is_left(place) && broken.is_empty();
        let end = own.iter().find(|note| note.end.is_some_and(|end| end != End::Retry)).map(|note| note.at);
        if runs != end.is_some() || !own.iter().all(|note| note.is_fed) || runs == own.is_empty() {
            figures.wrong += 1;
            figures.tell(|| format!("{} (again: {again}), who runs: {runs}, has {own:?}", plan.job(place)));
        }
        let began = own.iter().map(|note| note.at).min().unwrap_or(u64::MAX);
        for (parent, _) in &node.parents {
            if is_left(place) && ended[*parent].is_some_and(|end| began < end) {
                figures.early += 1;
                figures.tell(|| format!("{} (again: {again}) began before {parent} ended", plan.job(place)));
            }
        }
        // Who ends with another one ends no sooner than the first of those.
        let with = broken.iter().filter_map(|parent| ended[*parent]).min();
        ended.push(if is_left(place) { end.or(with) } else { None });
    }
}

/// Enqueues, kills and judges; `restart` does something to the store now and then, and tells whether it did.
async fn none_is_stuck(url: &str, folder: TempDir, count: usize, restart: impl FnMut(&mut Dice) -> bool) {
    Run::start(url, folder, restart).await.flows(count).await;
}

async fn none_is_stuck_on_a_file(count: usize) {
    let folder = tempfile::tempdir().unwrap();
    none_is_stuck(&sqlite_url(folder.path()), folder, count, |_| false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_flow_is_stuck_on_a_file_while_workers_die() {
    none_is_stuck_on_a_file(50).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes"]
async fn none_of_a_thousand_flows_is_stuck_on_a_file_while_workers_die() {
    none_is_stuck_on_a_file(setting("ASYNCMQ_FLOWS", 1_000)).await;
}

#[cfg(feature = "redis")]
mod redis {
    use asyncmq_tests::servers::redis_server::RedisServer;

    use super::*;

    /// A server that has whatever it said it has.
    const DURABLE: [&str; 4] = ["--appendonly", "yes", "--appendfsync", "always"];

    /// Ends the server, by force or in order, and starts it again a while later.
    fn restart(server: &RedisServer, dice: &mut Dice) {
        if dice.below(2) == 0 {
            // It says nothing when it obeys.
            let _ = ::redis::cmd("SHUTDOWN").exec(&mut server.admin());
        }
        server.kill();
        let millis = [0, 0, 300, 1_000];
        std::thread::sleep(Duration::from_millis(millis[usize::try_from(dice.below(4)).unwrap()]));
        server.revive();
    }

    /// Every so manieth kill hits the server too.
    async fn none_is_stuck_on_redis(count: usize, every: usize) {
        let server = RedisServer::start(&DURABLE);
        let (url, folder, mut strikes) = (server.url(), tempfile::tempdir().unwrap(), 0);
        let now_and_then = |dice: &mut Dice| {
            strikes += 1;
            let is_due = strikes % every == 0;
            if is_due {
                restart(&server, dice);
            }
            is_due
        };
        none_is_stuck(&url, folder, count, now_and_then).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn no_flow_is_stuck_while_workers_and_server_die() {
        none_is_stuck_on_redis(50, 3).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    #[ignore = "takes minutes"]
    async fn none_of_a_thousand_flows_is_stuck_while_workers_and_server_die() {
        none_is_stuck_on_redis(setting("ASYNCMQ_FLOWS", 1_000), 6).await;
    }
}
