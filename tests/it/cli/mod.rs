//! The command line as an operator has it: real processes, at a terminal and without one, on each store.

mod dedup;
mod doctor;
mod flow;
mod journey;
mod limit;
mod logs;
mod schedule;
mod shapes;
mod steer;
mod terminal;

use std::io::Write;
use std::process::{Child, Command, Stdio};
#[cfg(feature = "redis")]
use std::sync::Arc;

use asyncmq::Client;
use serde_json::Value;
use tempfile::TempDir;

#[cfg(feature = "redis")]
use asyncmq_tests::servers::redis_server::RedisServer;

use crate::support::sqlite_url;

const OPERATOR: &str = env!("CARGO_BIN_EXE_operator");

/// A store and a folder to run commands in.
struct Desk {
    url: String,
    folder: TempDir,
    #[cfg(feature = "redis")]
    _server: Option<Arc<RedisServer>>,
}

/// What a command said.
struct Said {
    code: i32,
    out: String,
    err: String,
}

impl Said {
    #[track_caller]
    fn done(self) -> Self {
        assert_eq!(self.code, 0, "{}{}", self.out, self.err);
        self
    }

    #[track_caller]
    fn json(self) -> Value {
        let said = self.done();
        serde_json::from_str(&said.out).unwrap_or_else(|error| panic!("{error}: {}", said.out))
    }
}

/// Returns a desk at a new store of each kind that has processes.
fn desks() -> Vec<Desk> {
    let folder = tempfile::tempdir().unwrap();
    let url = sqlite_url(folder.path());
    #[cfg(feature = "redis")]
    {
        let server = RedisServer::shared();
        let url_there = format!("{}?prefix={}", server.url(), uuid::Uuid::new_v4().simple());
        let there = Desk { url: url_there, folder: tempfile::tempdir().unwrap(), _server: Some(server) };
        vec![Desk { url, folder, _server: None }, there]
    }
    #[cfg(not(feature = "redis"))]
    vec![Desk { url, folder }]
}

impl Desk {
    /// Returns a client on the store; with it the store is there.
    async fn client(&self) -> Client {
        Client::connect(&self.url).await.unwrap()
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(OPERATOR);
        command.args(words).current_dir(self.folder.path());
        command.env_clear().env("ASYNCMQ_URL", &self.url).env("USER", "ann").env("HOSTNAME", "desk");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs a command to its end.
    fn run(&self, words: &[&str]) -> Said {
        said(&self.command(words).output().unwrap())
    }

    /// Runs a command to its end and hands it this on standard input.
    fn run_with(&self, words: &[&str], input: &str) -> Said {
        let mut child = self.command(words).stdin(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        said(&child.wait_with_output().unwrap())
    }

    fn json(&self, words: &[&str]) -> Value {
        self.run(&[words, &["--json"]].concat()).json()
    }

    /// Starts a worker, and waits until it is listed.
    async fn worker(&self, client: &Client, flags: &[&str]) -> Running {
        let words = [&["worker", "start", "--log-level", "error"], flags].concat();
        let child = self.command(&words).stdout(Stdio::null()).stderr(Stdio::inherit()).spawn().unwrap();
        let process = child.id();
        let is_listed = async || client.workers().await.unwrap().iter().any(|worker| worker.pid == process);
        crate::support::until("the worker", is_listed).await;
        Running(child)
    }
}

fn said(output: &std::process::Output) -> Said {
    Said {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8(output.stdout.clone()).unwrap(),
        err: String::from_utf8(output.stderr.clone()).unwrap(),
    }
}

/// A process that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
