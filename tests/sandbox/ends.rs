//! Whatever a handler does to its process, the attempt fails with the reason, and others go on.

use asyncmq::job::FailureKind;
use asyncmq::{Sandbox, task};
use nix::sys::signal::{Signal, raise};

use super::{assert_says, failure_of, result_of, serve};

/// Ends the process in one of many ways; `nothing` lets it live.
#[task(name = "ends.end", queue = "ends", sandbox, memory = "256MiB", timeout = "20s")]
async fn end(how: &str) -> u32 {
    match how {
        "abort" => {
            eprintln!("a clue");
            std::process::abort()
        }
        "exit" => std::process::exit(3),
        "overflow" => u32::from(deeper(&[0; 128]) == 7),
        "segv" => loop {
            raise(Signal::SIGSEGV).unwrap();
        },
        "kill" => {
            raise(Signal::SIGKILL).unwrap();
            0
        }
        "hoard" => {
            let mut hoard: Vec<Vec<u8>> = Vec::new();
            loop {
                hoard.push(vec![1; 16 << 20]);
            }
        }
        "large" => u32::from(vec![how.len(); 1 << 30].contains(&7)),
        "chatter" => {
            (0..20_000).for_each(|number| eprintln!("line {number}"));
            std::process::abort()
        }
        "garbage" => {
            use std::io::Write;
            std::io::stderr().write_all(&[0xff; 100_000]).unwrap();
            eprintln!("end of it");
            std::process::abort()
        }
        "orphan" => {
            // It holds the child's output open, and does not care that its parent dies.
            std::process::Command::new("sleep").arg("1000").spawn().unwrap();
            std::process::exit(4)
        }
        "spawned" => {
            let gone = tokio::spawn(async { std::process::exit(5) });
            gone.await.unwrap_or(0)
        }
        _ => std::process::id(),
    }
}

#[expect(unconditional_recursion, reason = "it is what is tested")]
fn deeper(stack: &[u8; 128]) -> u8 {
    let mut more = *stack;
    more[0] = more[1].wrapping_add(1);
    deeper(std::hint::black_box(&more)).wrapping_add(more[0])
}

#[tokio::test(flavor = "multi_thread")]
async fn every_end_of_a_process_is_a_failed_attempt_with_its_reason() {
    let (client, worker) = serve::<end>(Sandbox::new()).await;
    let warm = result_of(&client, end::job("nothing")).await;
    assert_eq!(result_of(&client, end::job("nothing")).await, warm, "a warm child is used again");
    let ends: [(&str, &[&str]); 10] = [
        ("abort", &["killed by signal 6 (SIGABRT)", "the last it printed:\na clue"]),
        ("exit", &["ended by itself with code 3"]),
        ("overflow", &["stack of the handler overflowed", "signal 6 (SIGABRT)"]),
        ("segv", &["killed by signal 11 (SIGSEGV)"]),
        ("kill", &["signal 9 (SIGKILL) from outside"]),
        ("hoard", &["exceeded 256 MiB of memory"]),
        ("large", &["exceeded 256 MiB of memory"]),
        ("chatter", &["SIGABRT", "line 19999"]),
        ("orphan", &["ended by itself with code 4"]),
        ("spawned", &["ended by itself with code 5"]),
    ];
    for (how, parts) in ends {
        let failure = failure_of(&client, end::job(how)).await;
        assert_says(&failure, FailureKind::Crash, parts);
        let next = result_of(&client, end::job("nothing")).await;
        assert_ne!(next, warm, "{how}: another child took its place");
    }
    let garbage = failure_of(&client, end::job("garbage")).await;
    assert_says(&garbage, FailureKind::Crash, &["SIGABRT", "end of it"]);
    worker.stop().await.unwrap();
}
