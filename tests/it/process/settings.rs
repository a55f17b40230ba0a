//! How a worker binary is set up.

use std::process::Output;
use std::time::Duration;

use super::{command, end_of};

const STATELESS: &str = env!("CARGO_BIN_EXE_stateless");

/// Runs the binary to its end in a folder with this `asyncmq.toml`.
fn run_with(file: &str, vars: &[(&str, &str)], flags: &[&str]) -> Output {
    run_binary(STATELESS, file, vars, flags)
}

fn run_binary(binary: &str, file: &str, vars: &[(&str, &str)], flags: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    if !file.is_empty() {
        std::fs::write(folder.path().join("asyncmq.toml"), file).unwrap();
    }
    let mut command = command(binary, folder.path());
    let child = command.envs(vars.iter().copied()).args(flags).spawn().unwrap();
    end_of(child, Duration::from_secs(20))
}

fn shown(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn complaint(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn the_linked_tasks_can_be_listed() {
    let output = run_with("", &[], &["--list-tasks"]);
    assert_eq!(output.status.code(), Some(0));
    let rows: Vec<Vec<String>> = shown(&output)
        .lines()
        .map(|line| {
            line.split("  ").filter(|cell| !cell.is_empty()).map(|cell| cell.trim().to_owned()).collect()
        })
        .collect();
    assert_eq!(rows[0], ["TASK", "QUEUE", "RETRIES", "ARGUMENTS"]);
    assert_eq!(rows[1], ["add", "sums", "2", "a: i64, b: Option<i64>"]);
    assert_eq!(rows[2], ["send", "mail", "0", "to: String"]);
}

#[test]
fn the_settings_are_printed_with_where_they_come_from() {
    let output = run_with(
        "worker_concurrency = 3\nlease = \"7s\"\nqueues = [\"sums\"]\n",
        &[("ASYNCMQ_LEASE", "8s"), ("ASYNCMQ_CONCURRENCY", "4"), ("ASYNCMQ_URL", "memory:")],
        &["--print-config", "-c", "5", "--rate-limit", "100/1s"],
    );
    assert_eq!(output.status.code(), Some(0), "{}", complaint(&output));
    let shown = shown(&output);
    let line = |name: &str| {
        let line = shown.lines().find(|line| line.starts_with(&format!("{name} = "))).unwrap();
        line.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(line("worker_concurrency"), "worker_concurrency = 5 # --concurrency");
    assert_eq!(line("lease"), "lease = \"8s\" # ASYNCMQ_LEASE");
    assert_eq!(line("queues"), "queues = [\"sums\"] # asyncmq.toml");
    assert_eq!(line("rate_limit"), "rate_limit = \"100/1s\" # --rate-limit");
    assert_eq!(line("drain_timeout"), "drain_timeout = \"25s\" # default");
    assert_eq!(line("url"), "url = \"memory:\" # ASYNCMQ_URL");
}

#[test]
fn a_password_in_the_url_is_not_printed() {
    let output = run_with("", &[("ASYNCMQ_URL", "redis://app:geheim@host/0")], &["--print-config"]);
    assert!(shown(&output).contains("redis://app:***@host/0"), "{}", shown(&output));
    assert!(!shown(&output).contains("geheim"));
}

#[test]
fn a_misspelt_key_of_the_file_is_an_error_with_the_nearest_one() {
    let output = run_with("drain_timout = \"3s\"\n", &[], &["--burst"]);
    assert_ne!(output.status.code(), Some(0));
    let said = complaint(&output);
    assert!(said.contains("asyncmq.toml") && said.contains("did you mean `drain_timeout`?"), "{said}");
}

#[test]
fn a_misspelt_variable_is_warned_about() {
    let output = run_with("", &[("ASYNCMQ_DRAIN_TIMOUT", "3s")], &["--burst"]);
    assert_eq!(output.status.code(), Some(0));
    let said = complaint(&output);
    assert!(said.contains("ASYNCMQ_DRAIN_TIMOUT") && said.contains("drain_timeout"), "{said}");
}

#[test]
fn wrong_flags_and_values_are_errors_that_say_what_to_write() {
    let output = run_with("", &[], &["--concurency", "3"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(complaint(&output).contains("--concurrency"), "{}", complaint(&output));
    for (flags, part) in [
        (["--concurrency", "many"], "\"many\""),
        (["--rate-limit", "fast"], "fast"),
        (["--drain-timeout", "soon"], "soon"),
        (["--log-format", "xml"], "text or json"),
        (["--url", "mysql://host"], "sqlite:path"),
    ] {
        let output = run_with("", &[], &flags);
        assert!(!matches!(output.status.code(), Some(0) | None), "{flags:?}");
        assert!(complaint(&output).contains(part), "{flags:?}: {}", complaint(&output));
        assert!(!complaint(&output).contains("panicked"), "{flags:?}: {}", complaint(&output));
    }
}

#[test]
fn a_file_can_be_named_and_must_then_be_there() {
    let output = run_with("", &[], &["--config", "other.toml", "--burst"]);
    assert_ne!(output.status.code(), Some(0));
    assert!(complaint(&output).contains("other.toml"), "{}", complaint(&output));
}

#[test]
fn help_names_every_flag_of_the_manual() {
    let output = run_with("", &[], &["--help"]);
    assert_eq!(output.status.code(), Some(0));
    let shown = shown(&output);
    for flag in [
        "-q, --queue",
        "-c, --concurrency",
        "--rate-limit",
        "--url",
        "--log-level",
        "--log-format",
        "--drain-timeout",
        "--burst",
        "--list-tasks",
        "--print-config",
        "--exclude-queue",
    ] {
        assert!(shown.contains(flag), "{flag}: {shown}");
    }
}

#[test]
fn a_burst_ends_when_nothing_is_left_to_do() {
    let output = run_with("", &[], &["--burst", "--log-format", "json"]);
    assert_eq!(output.status.code(), Some(0));
    let said = complaint(&output);
    assert!(said.contains("nothing waits and nothing runs"), "{said}");
    assert!(said.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()), "{said}");
}

#[test]
fn two_tasks_of_one_name_are_refused_with_both_places_and_the_fix() {
    let output = run_binary(env!("CARGO_BIN_EXE_twins"), "", &[], &[]);
    assert_eq!(output.status.code(), Some(1));
    let said = complaint(&output);
    assert_eq!(said.matches("src/bin/twins.rs:").count(), 2, "{said}");
    assert!(said.contains("\"twin\"") && said.contains("#[task(name = "), "{said}");
}

#[test]
fn a_binary_without_tasks_is_refused_with_the_fix() {
    let output = run_binary(env!("CARGO_BIN_EXE_empty"), "", &[], &[]);
    assert_eq!(output.status.code(), Some(1));
    let said = complaint(&output);
    assert!(said.contains("use your_crate as _;") && said.contains("mod tasks;"), "{said}");
}
