//! What deduplication costs a Redis server: nothing for jobs without a key, and as much beside a million jobs as beside none.

use std::time::Duration;

use asyncmq::Dedup;
use asyncmq::backend::Pushed;
use asyncmq::job::{DedupKey, Envelope};

use super::caller::{Caller, plain};

fn keyed(key: &str, mode: Dedup) -> Envelope {
    let mut job = plain();
    job.deduplicate(DedupKey::new(key, mode).unwrap());
    job
}

/// A job that has a record of its own without having a key.
fn tagged(number: u32) -> Envelope {
    let mut job = plain();
    job.extras_mut().tags = vec![number.to_string()];
    job
}

impl Caller {
    /// Returns how many commands the server has carried out, those of scripts included and what tests ask it not.
    fn commands(&self) -> u64 {
        let stats: String = self.server.order(&["INFO", "commandstats"]);
        let of_line = |line: &str| {
            let (name, rest) = line.strip_prefix("cmdstat_")?.split_once(":calls=")?;
            let is_counted = !["info", "config|set", "evalsha", "script|load"].contains(&name);
            is_counted.then(|| rest.split(',').next()?.parse::<u64>().ok()).flatten()
        };
        stats.lines().filter_map(of_line).sum()
    }

    /// Returns how many commands it takes to push so many jobs without a key, and to run them.
    async fn commands_of_plain(&mut self, count: usize) -> (u64, u64) {
        let before = self.commands();
        assert!(
            self.push((0..count).map(|_| plain()).collect()).await.iter().all(|met| *met == Pushed::Added)
        );
        let pushed = self.commands();
        self.run(count).await;
        (pushed - before, self.commands() - pushed)
    }

    /// Does so for one job and for a hundred. Of several tries the least counts: now and then a claim extends its lease, or meets a lane
    /// for the first time.
    async fn least_commands(&mut self) -> [(u64, u64); 2] {
        let mut least = [(u64::MAX, u64::MAX); 2];
        for _ in 0..4 {
            for (least, count) in least.iter_mut().zip([1, 100]) {
                let (pushed, ran) = self.commands_of_plain(count).await;
                *least = (least.0.min(pushed), least.1.min(ran));
            }
        }
        least
    }

    /// Returns the microseconds of processor time, and the commands, of one of many lone pushes.
    async fn cost(&mut self, count: u32, job: impl Fn(u32) -> Envelope) -> (f64, f64) {
        for number in 0..count / 10 {
            self.push(vec![job(number)]).await;
        }
        let (before, cpu) = (self.commands(), self.server.cpu());
        for number in 0..count {
            self.push(vec![job(count + number)]).await;
        }
        let cpu = self.server.cpu() - cpu;
        #[expect(clippy::cast_precision_loss, reason = "a mean needs no exact count")]
        let commands = (self.commands() - before) as f64;
        (cpu / f64::from(count), commands / f64::from(count))
    }
}

#[tokio::test]
async fn a_job_without_a_key_costs_no_command_more() {
    let mut scene = Caller::new().await;
    assert_eq!(scene.least_commands().await, BEFORE, "what was so before there were keys");

    // A queue that has jobs with a record of their own is asked for more; keys add nothing to that.
    scene.push(vec![Envelope { priority: 9, ..tagged(1) }]).await;
    let beside_tagged = scene.least_commands().await;
    let key = Envelope { priority: 9, ..keyed("key", Dedup::Simple) };
    scene.push(vec![key]).await;
    assert_eq!(scene.least_commands().await, beside_tagged);
}

/// Commands of a push and of a run of one and of a hundred jobs. Keys have added none. That the count of batches is a key of its own has:
/// one to a claim and two to a push of many, and all of them take less time for it.
const BEFORE: [(u64, u64); 2] = [(11, 21), (15, 21)];

impl Caller {
    /// Returns the microseconds of processor time of a hundred jobs from their push to their end.
    async fn lives_of_hundred(&mut self, jobs: Vec<Envelope>) -> f64 {
        let before = self.server.cpu();
        let met = self.push(jobs).await;
        assert!(met.iter().all(|met| *met == Pushed::Added), "{met:?}");
        self.run(100).await;
        self.server.cpu() - before
    }
}

/// Measures jobs from their push to their end, a hundred at a time. Each kind has a server of its own, and they take turns, as machines do
/// other things too.
async fn lives(rounds: u32) {
    let mut scenes = [Caller::new().await, Caller::new().await, Caller::new().await];
    let mut micros = [0.0; 3];
    for round in 0..=rounds {
        for (kind, scene) in scenes.iter_mut().enumerate() {
            let job = |number: u32| match kind {
                0 => plain(),
                1 => tagged(number),
                _ => keyed(&number.to_string(), Dedup::Simple),
            };
            let cpu = scene.lives_of_hundred((0..100).map(|place| job(100 * round + place)).collect()).await;
            // The first round makes lanes known.
            micros[kind] += if round == 0 { 0.0 } else { cpu / f64::from(100 * rounds) };
        }
    }
    let [plain, tagged, keyed] = micros;
    println!(
        "from push to end, a hundred at a time: {plain:.1} µs, with a tag {tagged:.1}, with a key {keyed:.1}: {:.2} times",
        keyed / plain
    );
}

async fn costs(scene: &mut Caller, count: u32, what: &str) -> [f64; 4] {
    let window = Dedup::Throttle(Duration::from_secs(3_600));
    let plain = scene.cost(count, |_| plain()).await;
    let tagged = scene.cost(count, tagged).await;
    let taken_in = scene.cost(count, |number| keyed(&format!("{what} {number}"), Dedup::Simple)).await;
    let left_out = scene.cost(count, |_| keyed("one", Dedup::Simple)).await;
    let throttled = scene.cost(count, |number| keyed(&format!("{what} w{number}"), window)).await;
    let replaced = scene.cost(count, |_| keyed("two", Dedup::Replace)).await;
    for (kind, (cpu, commands)) in [
        ("without a key", plain),
        ("with a tag", tagged),
        ("taken in", taken_in),
        ("left out", left_out),
        ("throttled", throttled),
        ("replaced", replaced),
    ] {
        println!("{what}: a job {kind} costs {cpu:.1} µs of the server's CPU and {commands:.1} commands");
    }
    [taken_in.1, left_out.1, throttled.1, replaced.1]
}

/// Measures lone pushes into an empty queue and into one in which so many jobs wait.
async fn measure(many: usize, count: u32) {
    let mut scene = Caller::new().await;
    let alone = costs(&mut scene, count, "empty").await;
    for _ in 0..many / 1_000 {
        scene.push((0..1_000).map(|_| plain()).collect()).await;
    }
    let crowded = costs(&mut scene, count, &format!("{many} waiting")).await;
    for (crowded, alone) in crowded.iter().zip(alone) {
        assert!((crowded - alone).abs() < 1.5, "{crowded} {alone}");
    }
}

#[tokio::test]
async fn many_waiting_jobs_make_no_key_dearer() {
    lives(3).await;
    measure(20_000, 100).await;
}

#[tokio::test]
#[ignore = "takes a minute and wants a machine that is idle"]
async fn a_million_waiting_jobs_make_no_key_dearer() {
    lives(200).await;
    measure(1_000_000, 5_000).await;
}
