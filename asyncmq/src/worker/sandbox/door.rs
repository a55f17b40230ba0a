//! Where a process finds out that it is a child, and takes its channels into its hands.

use std::io::{self, IoSliceMut, Read};
use std::mem::MaybeUninit;
use std::os::unix::net::UnixStream;

use bytes::BytesMut;
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
use rustix::process::{Signal, getpid, getppid};

use super::frames::{self, Frame, Kind, Welcome};
use super::spawn::MARK;

/// A child's side of its channels.
pub(super) struct Door {
    pub(super) orders: Incoming,
    pub(super) control: Incoming,
    pub(super) welcome: Welcome,
    /// Open files that the process was born with besides its own.
    pub(super) inherited: Vec<String>,
}

/// Tells whether this process is a child that has not come to its work yet.
pub(crate) fn is_child() -> bool {
    let Ok(worker) = std::env::var(MARK) else { return false };
    // What a handler starts inherits the mark, and neither the channel nor the worker as its parent.
    if rustix::net::sockopt::socket_type(rustix::stdio::stdin()).is_err() {
        return false;
    }
    let parent = getppid().map(|parent| parent.as_raw_nonzero().to_string());
    if parent.as_deref() != Some(&*worker) {
        // Whoever gave it this socket for its work is gone: nobody waits for what the program would do now.
        std::process::exit(0);
    }
    true
}

/// Takes the channels, if this process is a child.
pub(super) fn open() -> io::Result<Option<Door>> {
    if !is_child() {
        return Ok(None);
    }
    let inherited = inherited();
    let stdin = rustix::stdio::stdin();
    let orders = UnixStream::from(rustix::io::fcntl_dupfd_cloexec(stdin, 3)?);
    rustix::stdio::dup2_stdin(std::fs::File::open("/dev/null")?)?;
    #[cfg(target_os = "linux")]
    outlive_no_worker()?;
    let (control, came) = receive(&orders)?;
    let mut orders = Incoming { came, ..Incoming::of(orders) };
    let frame = orders.next()?.ok_or(io::ErrorKind::UnexpectedEof)?;
    let welcome = frame.head()?;
    Ok((frame.kind == Kind::Welcome).then_some(Door {
        orders,
        control: Incoming::of(control),
        welcome,
        inherited,
    }))
}

/// Sees to it that the death of the worker reaches also a child that is stopped: woken, it notices the end of its channels.
///
/// The signal is sent when the thread ends that started the child, also if the worker lives: it must do no harm.
#[cfg(target_os = "linux")]
fn outlive_no_worker() -> io::Result<()> {
    Ok(rustix::process::set_parent_process_death_signal(Some(Signal::CONT))?)
}

/// Ends this process and all that it has started.
pub(super) fn end_all() -> ! {
    // Its group is its own, unless somebody has moved it to another one.
    if rustix::process::getpgrp() == getpid() {
        let _ = rustix::process::kill_current_process_group(Signal::KILL);
    }
    std::process::exit(1)
}

/// Lists the files that are open besides standard input and output.
fn inherited() -> Vec<String> {
    let Ok(entries) = std::fs::read_dir("/proc/self/fd") else { return Vec::new() };
    let files = entries.flatten().filter_map(|entry| {
        let number: u32 = entry.file_name().to_str()?.parse().ok()?;
        let file = std::fs::read_link(entry.path()).ok()?;
        let is_this_list = file.starts_with("/proc") && file.ends_with("fd");
        (2 < number && !is_this_list).then(|| format!("{number}: {}", file.display()))
    });
    files.collect()
}

/// Waits for the first message and the channel that comes with it.
fn receive(orders: &UnixStream) -> io::Result<(UnixStream, BytesMut)> {
    let mut piece = [0; 4_096];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut files = RecvAncillaryBuffer::new(&mut space);
    let received = recvmsg(orders, &mut [IoSliceMut::new(&mut piece)], &mut files, RecvFlags::CMSG_CLOEXEC)?;
    let control = files.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut files) => files.next(),
        _ => None,
    });
    let control =
        control.ok_or_else(|| io::Error::other("no control channel came with the first message"))?;
    Ok((control.into(), piece.get(..received.bytes).unwrap_or_default().into()))
}

/// A channel, as frames come from it.
pub(super) struct Incoming {
    pub(super) stream: UnixStream,
    came: BytesMut,
    /// Where a piece stands before it is put to the others.
    piece: Vec<u8>,
}

impl Incoming {
    fn of(stream: UnixStream) -> Self {
        Self { stream, came: BytesMut::new(), piece: vec![0; 65_536] }
    }

    /// Waits for the next frame; `None` once the channel has ended.
    pub(super) fn next(&mut self) -> io::Result<Option<Frame>> {
        loop {
            if let Some(frame) = frames::take(&mut self.came, u64::MAX)? {
                return Ok(Some(frame));
            }
            match self.stream.read(&mut self.piece) {
                Ok(0) => return Ok(None),
                Ok(read) => self.came.extend_from_slice(self.piece.get(..read).unwrap_or_default()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return Ok(None),
                Err(error) => return Err(error),
            }
        }
    }
}
