//! Starts a child: the same binary, with an environment of its own and two channels.
//!
//! The channel of orders is its standard input, the control channel comes with the first message, and whatever it prints goes
//! into a pipe. Nothing else of the worker is open in it.

use std::ffi::OsString;
use std::io::{self, IoSlice, PipeReader};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command};

use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};

/// The variable that makes a process a child: it holds the id of its worker's process.
pub(super) const MARK: &str = "ASYNCMQ_SANDBOX_OF";

/// The arguments of a child. A program that calls `init` first never looks at them; the harness of a test binary takes them for
/// the name of the one test to run.
pub(super) const ARGUMENTS: [&str; 3] = ["asyncmq_sandbox_child", "--exact", "--nocapture"];

/// What is passed on of the environment: what programs need to start, to find files, and to speak to people.
const PASSED_ON: [&str; 18] = [
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "HOSTNAME",
    "LANG",
    "LANGUAGE",
    "TZ",
    "TMPDIR",
    "LD_LIBRARY_PATH",
    "DYLD_LIBRARY_PATH",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "RUST_LOG",
    "RUST_BACKTRACE",
    "RUST_LIB_BACKTRACE",
    "LLVM_PROFILE_FILE",
];

/// The worker's side of a child's channels.
#[derive(Debug)]
pub(super) struct Channels {
    pub(super) orders: UnixStream,
    pub(super) control: UnixStream,
    pub(super) output: PipeReader,
}

/// Starts a child and sends it this first message.
pub(super) fn spawn(passed_on: &[String], welcome: &[u8]) -> io::Result<(Child, Channels)> {
    let (orders, childs_orders) = UnixStream::pair()?;
    let (control, childs_control) = UnixStream::pair()?;
    let (output, childs_output) = io::pipe()?;
    let mut command = Command::new(program()?);
    command
        .args(ARGUMENTS)
        .env_clear()
        .envs(environment(passed_on))
        .env(MARK, std::process::id().to_string())
        .stdin(OwnedFd::from(childs_orders))
        .stdout(childs_output.try_clone()?)
        .stderr(childs_output)
        // A group of its own: what it starts can be ended with it, and a Ctrl-C at the terminal is the worker's.
        .process_group(0);
    if let Some(name) = std::env::args_os().next() {
        command.arg0(name);
    }
    let process = command.spawn()?;
    // One that is gone already is seen to be by whoever waits for its answer.
    if let Err(error) = send_with(&orders, welcome, &childs_control) {
        tracing::debug!(%error, "a child did not take its first message");
    }
    Ok((process, Channels { orders, control, output }))
}

/// Returns the way to the binary that runs here: on Linux to the very file, also once another one has taken its place.
fn program() -> io::Result<PathBuf> {
    match cfg!(target_os = "linux") {
        true => Ok(PathBuf::from("/proc/self/exe")),
        false => std::env::current_exe(),
    }
}

fn environment(passed_on: &[String]) -> impl Iterator<Item = (OsString, OsString)> {
    std::env::vars_os().filter(|(name, _)| {
        let name = name.to_string_lossy();
        name.starts_with("LC_")
            || PASSED_ON.contains(&&*name)
            || passed_on.iter().any(|passed| *passed == name)
    })
}

/// Sends a message and an open file with it.
fn send_with(socket: &UnixStream, message: &[u8], file: &impl AsFd) -> io::Result<()> {
    let files = [file.as_fd()];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    control.push(SendAncillaryMessage::ScmRights(&files));
    let sent = sendmsg(socket, &[IoSlice::new(message)], &mut control, SendFlags::empty())?;
    let rest = message.get(sent..).unwrap_or_default();
    io::Write::write_all(&mut &*socket, rest)
}
