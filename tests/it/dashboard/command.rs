//! `asyncmq dashboard` as a process.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Stdio};

use asyncmq::Client;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::PASSWORD;
use crate::support::{soon, sqlite_url};

struct Desk {
    folder: TempDir,
}

struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Desk {
    async fn new() -> Self {
        let desk = Self { folder: tempfile::tempdir().unwrap() };
        // With a client the store is there.
        Client::connect(&desk.url()).await.unwrap();
        desk
    }

    fn url(&self) -> String {
        sqlite_url(self.folder.path())
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_operator"));
        command
            .arg("dashboard")
            .args(words)
            .current_dir(self.folder.path())
            .env_clear()
            .env("ASYNCMQ_URL", self.url());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn refused(&self, words: &[&str]) -> (i32, String) {
        let output = self.command(words).output().unwrap();
        (output.status.code().unwrap_or(-1), String::from_utf8(output.stderr).unwrap())
    }
}

/// Starts it and returns where it listens.
fn start(command: &mut Command) -> (Ended, String) {
    let mut child = Ended(command.spawn().unwrap());
    let mut said = String::new();
    BufReader::new(child.0.stderr.take().unwrap()).read_line(&mut said).unwrap();
    let address = said.split("http://").nth(1).unwrap_or_else(|| panic!("{said}"));
    let address = address.split([' ', ',', ';']).next().unwrap().to_owned();
    (child, address)
}

async fn get(address: &str, path: &str, headers: &str) -> String {
    let mut line = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n{headers}\r\n");
    line.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    soon("an answer", line.read_to_string(&mut answer)).await.unwrap();
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn it_serves_this_machine_and_ends_when_told_to() {
    let desk = Desk::new().await;
    let (mut process, address) = start(&mut desk.command(&["--listen", "127.0.0.1:0"]));
    assert!(get(&address, "/queues", "").await.starts_with("HTTP/1.1 200"));
    assert!(get(&address, "/queues", "x-forwarded-for: 9.9.9.9\r\n").await.starts_with("HTTP/1.1 403"));
    let info = get(&address, "/api/info", "").await;
    assert!(info.contains("jobs.db") && info.contains("\"store\":\"sqlite\""), "{info}");
    let mut open = TcpStream::connect(&address).await.unwrap();
    open.write_all(format!("GET /live HTTP/1.1\r\nhost: {address}\r\n\r\n").as_bytes()).await.unwrap();
    let mut head = [0; 12];
    open.read_exact(&mut head).await.unwrap();
    kill(Pid::from_raw(process.0.id().try_into().unwrap()), Signal::SIGTERM).unwrap();
    let ended = tokio::task::spawn_blocking(move || process.0.wait().unwrap().code());
    assert_eq!(soon("its end", ended).await.unwrap(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn it_shows_nothing_to_everybody() {
    let desk = Desk::new().await;
    let (code, says) = desk.refused(&["--listen", "0.0.0.0:0"]);
    assert!(code == 2 && says.contains("can be reached from other machines"), "{code} {says}");
    let (code, says) = desk.refused(&["--listen", "nowhere"]);
    assert!(code == 2 && says.contains("is no address"), "{code} {says}");

    let mut guarded = desk.command(&["--listen", "0.0.0.0:0"]);
    let (_process, address) = start(
        guarded
            .env("ASYNCMQ_DASHBOARD_TOKEN", "0123456789abcdef")
            .env("ASYNCMQ_DASHBOARD_PASSWORD", PASSWORD),
    );
    let address = address.replace("0.0.0.0", "127.0.0.1");
    assert!(get(&address, "/api/queues", "").await.starts_with("HTTP/1.1 401"));
    assert!(
        get(&address, "/api/queues", "authorization: Bearer 0123456789abcdef\r\n")
            .await
            .starts_with("HTTP/1.1 200")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn users_stand_in_a_file_with_hashes_of_their_passwords() {
    let desk = Desk::new().await;
    let mut hashing = desk.command(&["--hash-password"]).stdin(Stdio::piped()).spawn().unwrap();
    hashing.stdin.take().unwrap().write_all(format!("{PASSWORD}\n").as_bytes()).unwrap();
    let mut hash = String::new();
    hashing.stdout.take().unwrap().read_to_string(&mut hash).unwrap();
    assert!(hashing.wait().unwrap().success() && hash.starts_with("$argon2id$"), "{hash}");

    let file = desk.folder.path().join("users.toml");
    let users = format!("[[user]]\nname = \"ann\"\nrole = \"viewer\"\npassword_hash = \"{}\"\n", hash.trim());
    std::fs::write(&file, &users).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let (_process, address) = start(&mut desk.command(&["--listen", "127.0.0.1:0", "--users", "users.toml"]));
    let mut line = TcpStream::connect(&address).await.unwrap();
    let form = "name=ann&password=correct+horse";
    let request = format!(
        "POST /login HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\norigin: http://{address}\r\n\
         content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{form}",
        form.len()
    );
    line.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    soon("an answer", line.read_to_string(&mut answer)).await.unwrap();
    assert!(
        answer.starts_with("HTTP/1.1 303") && answer.contains("set-cookie: asyncmq_session="),
        "{answer}"
    );

    for (wrong, says) in [
        ("", "there is nobody in it"),
        ("[[user]]\nname = \"ann\"\nrole = \"boss\"\npassword_hash = \"x\"\n", "argon2"),
        ("[[token]]\nname = \"ann\"\nrole = \"viewer\"\ntoken = \"geheim\"\n", "less than 16"),
        ("[[token]]\nname = \"ann\"\nrole = \"viewer\"\ntokne = \"geheim-geheim-geheim\"\n", "line 4"),
    ] {
        std::fs::write(&file, wrong).unwrap();
        let (code, said) = desk.refused(&["--users", "users.toml"]);
        let is_said = said.contains(says) || (says == "argon2" && said.contains("no role \"boss\""));
        assert!(code == 2 && is_said && !said.contains("geheim"), "{code} {said}");
    }
}
