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
    #[cfg(target_os = "linux")]
    close_inherited();
    let stdin = rustix::stdio::stdin();
    let orders = UnixStream::from(rustix::io::fcntl_dupfd_cloexec(stdin, 3)?);
    rustix::stdio::dup2_stdin(std::fs::File::open("/dev/null")?)?;
    #[cfg(target_os = "linux")]
    {
        outlive_no_worker()?;
        // Lists of processes would show the last part of `/proc/self/exe`.
        let _ = rustix::thread::set_name(c"asyncmq-sandbox");
    }
    let (control, came) = receive(&orders)?;
    let mut orders = Incoming { came, ..Incoming::of(orders) };
    let frame = orders.next()?.ok_or(io::ErrorKind::UnexpectedEof)?;
    let welcome = frame.head()?;
    Ok((frame.kind == Kind::Welcome).then_some(Door { orders, control: Incoming::of(control), welcome }))
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

/// Closes what the program that started the worker had left open for it, and the worker for its child.
///
/// Whatever was opened in this process closes by itself when another program begins in it: what does not was open before, and
/// belongs to nothing here.
#[cfg(target_os = "linux")]
fn close_inherited() {
    let Ok(entries) = std::fs::read_dir("/proc/self/fdinfo") else { return };
    let numbers = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let is_inherited = |number: &i32| {
        let info = std::fs::read_to_string(format!("/proc/self/fdinfo/{number}")).unwrap_or_default();
        let flags =
            info.lines().find_map(|line| u32::from_str_radix(line.strip_prefix("flags:")?.trim(), 8).ok());
        2 < *number && flags.is_some_and(|flags| flags & rustix::fs::OFlags::CLOEXEC.bits() == 0)
    };
    for number in numbers.filter(is_inherited).collect::<Vec<_>>() {
        let _ = nix::unistd::close(number);
    }
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
