//! Worker processes that are killed, stopped and starved, and jobs that kill theirs.

use std::sync::Arc;
use std::time::Duration;

use asyncmq::{Client, JobHandle, JobState, Task};
use asyncmq_tests::work;
use nix::sys::signal::Signal;

use crate::redis::crew::{Crew, Supervisor, now};
use crate::support::{soon, until};
use asyncmq_tests::servers::redis_server::RedisServer;

/// How long a worker may be silent.
const LEASE: Duration = Duration::from_secs(1);

/// Waits for a job's result: the process that ran it.
async fn ran_by<T: Task<Output = u32>>(handle: &JobHandle<T>) -> u32 {
    soon("a result", handle.result()).await.unwrap()
}

async fn counts(client: &Client) -> asyncmq::Counts {
    client.queue("work").counts().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_of_a_killed_process_run_again_within_a_second_of_the_lease() {
    let server = RedisServer::start(&[]);
    let client = Client::connect(&server.url()).await.unwrap();
    let crew = Crew::new(LEASE);
    for _ in 0..2 {
        let mut first = crew.start(&server.url(), "first", 10);
        let mut handles = Vec::new();
        for _ in 0..10 {
            handles.push(work::hold::job().enqueue_on(&client).await.unwrap());
        }
        crew.started(first.process(), 10).await;
        let second = crew.start(&server.url(), "second", 10);
        second.consumes(&client).await;
        crew.let_go(second.process());
        let killed = now();
        first.die();
        let again = crew.started(second.process(), 10).await;
        let last = again.iter().map(|start| start.at).max().unwrap();
        println!("all ten run again {:?} after the kill, with a lease of {LEASE:?}", last - killed);
        assert!(last - killed <= LEASE + Duration::from_secs(1), "only after {:?}", last - killed);
        for handle in &handles {
            assert_eq!(ran_by(handle).await, second.process());
            assert_eq!(handle.job().await.unwrap().crashes(), 1);
            assert_eq!(crew.runs()[handle.id().as_str()], 2);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn forty_long_jobs_of_a_killed_process_all_run_again_as_soon_as_one() {
    let server = RedisServer::start(&[]);
    let client = Client::connect(&server.url()).await.unwrap();
    let crew = Crew::new(LEASE);
    let mut first = crew.start(&server.url(), "first", 40);
    client.enqueue_all((0..40).map(|_| work::hold::job())).await.unwrap();
    crew.started(first.process(), 40).await;
    let second = crew.start(&server.url(), "second", 50);
    second.consumes(&client).await;
    let killed = now();
    first.die();
    // None of them ends meanwhile, so nobody makes room for another.
    let again = crew.started(second.process(), 40).await;
    let last = again.iter().map(|start| start.at).max().unwrap();
    println!("all forty run again {:?} after the kill, with a lease of {LEASE:?}", last - killed);
    assert!(last - killed <= LEASE + Duration::from_secs(1), "only after {:?}", last - killed);
    crew.let_go(second.process());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_slept_past_its_lease_settles_nothing_that_another_one_has() {
    let server = RedisServer::start(&[]);
    let client = Client::connect(&server.url()).await.unwrap();
    let crew = Crew::new(LEASE);
    let first = crew.start(&server.url(), "first", 10);
    let handle = work::hold::job().enqueue_on(&client).await.unwrap();
    crew.started(first.process(), 1).await;
    let second = crew.start(&server.url(), "second", 10);
    second.consumes(&client).await;
    first.send(Signal::SIGSTOP);
    crew.started(second.process(), 1).await;
    // The sleeper's handler ends as soon as it wakes, so its word comes too late.
    crew.let_go(first.process());
    first.send(Signal::SIGCONT);
    first.consumes(&client).await;
    assert_eq!(handle.state().await.unwrap(), JobState::Active);
    assert_eq!(counts(&client).await.active, 1);
    crew.let_go(second.process());
    assert_eq!(ran_by(&handle).await, second.process());
    assert_eq!(crew.runs()[handle.id().as_str()], 2);
    assert_eq!(handle.job().await.unwrap().crashes(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_slept_past_its_lease_settles_what_nobody_has_taken() {
    let server = RedisServer::start(&[]);
    let client = Client::connect(&server.url()).await.unwrap();
    let crew = Crew::new(LEASE);
    let first = crew.start(&server.url(), "first", 10);
    for is_rescued in [false, true] {
        let handle = work::hold::job().enqueue_on(&client).await.unwrap();
        until("the job starts", async || crew.runs().contains_key(handle.id().as_str())).await;
        // Nobody takes anything meanwhile, not even the sleeper itself when it wakes.
        client.queue("work").pause().await.unwrap();
        first.send(Signal::SIGSTOP);
        let stopped = now();
        if is_rescued {
            until("a rescue", async || client.backend().rescue(3, 10).await.unwrap() == 1).await;
            assert_eq!(handle.state().await.unwrap(), JobState::Waiting);
        } else {
            until("the end of the lease", async || stopped + LEASE * 2 < now()).await;
        }
        crew.let_go(first.process());
        first.send(Signal::SIGCONT);
        assert_eq!(ran_by(&handle).await, first.process());
        assert_eq!(crew.runs()[handle.id().as_str()], 1, "rescued: {is_rescued}");
        assert_eq!(handle.job().await.unwrap().crashes(), 0);
        client.queue("work").resume().await.unwrap();
        std::fs::remove_file(crew.folder.path().join(format!("go.{}", first.process()))).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_whose_handlers_block_keeps_its_leases() {
    let server = RedisServer::start(&[]);
    let client = Client::connect(&server.url()).await.unwrap();
    let crew = Crew::new(LEASE);
    let first = crew.start(&server.url(), "first", 8);
    let millis = u64::try_from((LEASE * 3).as_millis()).unwrap();
    let on_its_thread = client.enqueue_all((0..4).map(|_| work::block::job(millis))).await.unwrap();
    let aside = client.enqueue_all((0..4).map(|_| work::block_aside::job(millis))).await.unwrap();
    crew.started(first.process(), 8).await;
    let second = crew.start(&server.url(), "second", 8);
    second.consumes(&client).await;
    for (one, other) in on_its_thread.iter().zip(&aside) {
        assert_eq!((ran_by(one).await, ran_by(other).await), (first.process(), first.process()));
    }
    assert!(crew.runs().values().all(|runs| *runs == 1), "{:?}", crew.runs());
}

#[tokio::test(flavor = "multi_thread")]
async fn running_jobs_outlast_a_server_that_is_down_for_longer_than_their_lease() {
    let server = Arc::new(RedisServer::start(&["--appendonly", "yes"]));
    let client = Client::connect(&server.url()).await.unwrap();
    let crew = Crew::new(LEASE);
    let first = crew.start(&server.url(), "first", 10);
    let handles = client.enqueue_all((0..10).map(|_| work::hold::job())).await.unwrap();
    crew.started(first.process(), 10).await;
    // One that has nothing to do would take them over at once.
    let second = crew.start(&server.url(), "second", 10);
    second.consumes(&client).await;
    crew.let_go(second.process());
    for _ in 0..3 {
        server.kill();
        let down = now();
        until("the end of every lease", async || down + LEASE * 2 < now()).await;
        let revived = server.clone();
        tokio::task::spawn_blocking(move || revived.revive()).await.unwrap();
        second.consumes(&client).await;
    }
    crew.let_go(first.process());
    for handle in &handles {
        soon("a result", handle.result()).await.unwrap();
    }
    let runs = crew.runs();
    let again = handles.iter().filter(|handle| runs[handle.id().as_str()] != 1).count();
    assert_eq!(again, 0, "{again} jobs ran again, though their worker lived");
}

/// Lets a job that aborts its process run beside a hundred others that take so long each.
async fn quarantine(members: usize, millis: u64) {
    const INNOCENT: usize = 100;
    let server = RedisServer::start(&[]);
    let client = Client::connect(&server.url()).await.unwrap();
    let crew = Arc::new(Crew::new(LEASE / 2));
    let mut innocent = Vec::new();
    for _ in 0..INNOCENT {
        innocent.push(work::wait::job(millis).enqueue_on(&client).await.unwrap());
    }
    let poison = work::abort::job(INNOCENT / 2).enqueue_on(&client).await.unwrap();
    // One process takes all of them; after its first death the others share what is suspect.
    let supervisor = Supervisor::start(&crew, &server.url(), members, INNOCENT + 1);
    let all_ended = async {
        while counts(&client).await.unfinished() != 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(300), all_ended).await.expect("all jobs end");
    let job = poison.job().await.unwrap();
    assert_eq!((job.state(), job.crashes()), (JobState::Failed, 3));
    for handle in &innocent {
        assert_eq!(handle.state().await.unwrap(), JobState::Completed, "{:?}", handle.job().await);
    }
    let runs = crew.runs();
    let again = innocent.iter().filter(|handle| 1 < runs[handle.id().as_str()]).count();
    let most = innocent.iter().map(|handle| runs[handle.id().as_str()]).max();
    println!(
        "{} deaths; {again} of {INNOCENT} innocents ran again, at most {most:?} times",
        supervisor.deaths()
    );
    assert_eq!(supervisor.deaths(), 3, "one death for each run of the job that aborts");
    assert!(0 < again, "nobody was beside it");
    let effects = crew.effects();
    assert!(innocent.iter().all(|handle| effects.iter().any(|effect| effect.id == handle.id().as_str())));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_job_that_kills_its_process_is_quarantined() {
    quarantine(4, 50).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a minute: the same with jobs that outlast their lease"]
async fn only_the_job_that_kills_its_process_is_quarantined_among_long_ones() {
    quarantine(8, 1_500).await;
}
