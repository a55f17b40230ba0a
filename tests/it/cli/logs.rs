//! What handlers log, and the trace that they are a part of, stand with their jobs.

use asyncmq::NewJob;
use serde_json::{Value, json};

use super::{Desk, desks};

const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// Lets a worker run everything there is, and returns a job as `job inspect` shows it.
fn run_all(desk: &Desk, flags: &[&str], id: &str) -> Value {
    let words = ["worker", "start", "--burst", "--log-level", "off"];
    desk.run(&[&words[..], flags].concat()).done();
    desk.json(&["job", "inspect", id])
}

fn lines(job: &Value) -> Vec<String> {
    let line = |line: &Value| line.as_str().unwrap().to_owned();
    job["logs"].as_array().unwrap().iter().map(line).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_handlers_log_is_kept_with_their_jobs() {
    for desk in desks() {
        let queue = desk.client().await.queue("talk");
        for (id, count) in [("1", 2), ("2", 0), ("3", 0), ("4", 500)] {
            let job = NewJob::new("talk").args(json!({ "lines": count })).id(id);
            queue.add(job).await.unwrap();
            match id {
                "1" => {
                    let job = run_all(&desk, &[], id);
                    let told = lines(&job);
                    assert_eq!(
                        told,
                        ["INFO  talking lines=2 api_key=[redacted]", "WARN  line 1", "WARN  line 2"]
                    );
                    let child = job["result"].as_str().unwrap().to_owned();
                    let child = desk.json(&["job", "inspect", &child]);
                    assert_eq!(lines(&child), ["ERROR humming tune=\"an old one\""], "of a plain function");
                }
                "2" => assert_eq!(lines(&run_all(&desk, &["--job-log-level", "off"], id)).len(), 0),
                "3" => {
                    let told = lines(&run_all(&desk, &["--job-log-level", "debug"], id));
                    assert!(told.contains(&"DEBUG whispered".to_owned()), "{told:?}");
                }
                _ => {
                    let told = lines(&run_all(&desk, &[], id));
                    assert_eq!(told.len(), 101, "{told:?}");
                    assert!(told[100].starts_with("(what follows in the log is not kept"), "{told:?}");
                }
            }
        }
        assert!(desk.run(&["job", "inspect", "1"]).done().out.contains("WARN  line 2"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_a_part_of_the_trace_of_whoever_enqueued_it() {
    for desk in desks() {
        let queue = desk.client().await.queue("talk");
        let trace: asyncmq::TraceContext = TRACE.parse().unwrap();
        let job = NewJob::new("talk").args(json!({ "lines": 0 }));
        queue.add(job.clone().id("1").trace(trace.with_state("vendor=1"))).await.unwrap();
        queue.add(job.id("2")).await.unwrap();
        let headers = |job: &Value| job["headers"].clone();
        for (id, wanted) in
            [("1", json!([["traceparent", TRACE], ["tracestate", "vendor=1"]])), ("2", json!([]))]
        {
            let parent = run_all(&desk, &[], id);
            let child = desk.json(&["job", "inspect", parent["result"].as_str().unwrap()]);
            assert_eq!((headers(&parent), headers(&child)), (wanted.clone(), wanted));
        }
    }
}
