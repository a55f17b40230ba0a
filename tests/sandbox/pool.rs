//! Children are used again, replaced when they have served, started as they are needed and ended when they are not.

use std::collections::HashSet;
use std::time::Duration;

use asyncmq::{Registry, Sandbox, Worker, task};

use super::{result_of, serve, soon, until};

#[task(name = "pool.who", queue = "who", sandbox)]
async fn who(millis: u64, keeps: usize) -> u32 {
    tokio::time::sleep(Duration::from_millis(millis)).await;
    std::mem::forget(vec![1_u8; keeps]);
    std::process::id()
}

/// Waits in its process until so many have come to this folder.
#[task(name = "pool.meet", queue = "who", sandbox)]
async fn meet(folder: String, count: usize) -> u32 {
    std::fs::write(format!("{folder}/{}", std::process::id()), []).unwrap();
    while std::fs::read_dir(&folder).unwrap().count() < count {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    std::process::id()
}

#[tokio::test]
async fn a_child_is_replaced_after_its_number_of_jobs() {
    let (client, worker) = serve::<who>(Sandbox::new().jobs(3)).await;
    let mut seen = Vec::new();
    for _ in 0..7 {
        seen.push(result_of(&client, who::job(0, 0)).await);
    }
    seen.dedup();
    assert_eq!(seen.len(), 3, "{seen:?}");
    worker.stop().await.unwrap();
}

#[tokio::test]
async fn a_child_that_has_grown_is_replaced() {
    let (client, worker) = serve::<who>(Sandbox::new().growth(64 << 20)).await;
    let lean = result_of(&client, who::job(10, 32 << 20)).await;
    assert_eq!(result_of(&client, who::job(10, 0)).await, lean, "half of it is allowed");
    assert_eq!(result_of(&client, who::job(10, 64 << 20)).await, lean);
    assert_ne!(result_of(&client, who::job(10, 0)).await, lean, "it leaks");
    worker.stop().await.unwrap();
}

#[tokio::test]
async fn children_are_as_many_as_jobs_run_and_the_idle_ones_end_but_for_one() {
    let client = asyncmq::Client::memory();
    let worker = Worker::new(&client).registry(Registry::new().with::<who>().with::<meet>()).concurrency(4);
    let worker = worker.sandbox(Sandbox::new().idle(Duration::from_millis(50))).start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let jobs = (0..4).map(|_| meet::job(folder.path().to_str().unwrap(), 4));
    let mut children = HashSet::new();
    for job in client.enqueue_all(jobs).await.unwrap() {
        children.insert(soon("a result", job.result()).await.unwrap());
    }
    assert_eq!(children.len(), 4, "all ran at once");
    let alive = || children.iter().filter(|id| std::path::Path::new(&format!("/proc/{id}")).exists()).count();
    until("the end of the idle ones", || alive() == 1).await;
    assert!(children.contains(&result_of(&client, who::job(0, 0)).await), "the last one stays");
    worker.stop().await.unwrap();
    assert_eq!(alive(), 0);
}

#[tokio::test]
async fn one_that_dies_while_it_is_idle_harms_no_job() {
    let (client, worker) = serve::<who>(Sandbox::new()).await;
    let first = result_of(&client, who::job(0, 0)).await;
    let process = nix::unistd::Pid::from_raw(i32::try_from(first).unwrap());
    nix::sys::signal::kill(process, nix::sys::signal::Signal::SIGKILL).unwrap();
    until("its burial", || !std::path::Path::new(&format!("/proc/{first}")).exists()).await;
    assert_ne!(result_of(&client, who::job(0, 0)).await, first);
    worker.stop().await.unwrap();
}
