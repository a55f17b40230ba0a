//! Letters between the processes on one file: datagram sockets in a directory beside it.
//!
//! A message is a hint. One that is lost is made up for by the receiver, which looks from time to time whether the
//! file has changed.

use std::io;
use std::path::{Path, PathBuf};

/// How long a socket waits before its owner looks for itself whether the file has changed.
pub(super) const LOOK_EVERY: std::time::Duration = std::time::Duration::from_millis(500);

/// Returns the directory of sockets beside a file.
fn directory(file: &Path) -> PathBuf {
    let mut name = file.file_name().unwrap_or_default().to_owned();
    name.push(".wake");
    file.with_file_name(name)
}

#[cfg(unix)]
pub(super) use unix::{WakeupSender, WakeupSocket};

#[cfg(unix)]
mod unix {
    use std::fs::{self, File};
    use std::os::fd::AsRawFd;
    use std::os::unix::net::UnixDatagram;
    use std::time::{Duration, SystemTime};

    use uuid::Uuid;

    use super::{LOOK_EVERY, Path, PathBuf, directory, io};

    /// The longest path that a socket's address holds everywhere.
    const LONGEST_PATH: usize = 100;
    /// A list of sockets is trusted once the directory has been unchanged for this long: times of files are coarse.
    const SETTLED_AFTER: Duration = Duration::from_millis(50);
    /// As many messages may lie in a socket; when so many were there, others may have found it full.
    const FULL_SOCKET: usize = 8;

    /// Where messages for this process arrive.
    #[derive(Debug)]
    pub(in super::super) struct WakeupSocket {
        socket: UnixDatagram,
        path: PathBuf,
    }

    impl WakeupSocket {
        /// Sets up a socket beside the file.
        pub(in super::super) fn open(file: &Path) -> io::Result<Self> {
            let directory = directory(file);
            fs::create_dir_all(&directory)?;
            let path = directory.join(Uuid::now_v7().simple().to_string());
            let (address, _held) = address(&path)?;
            let socket = UnixDatagram::bind(address)?;
            Ok(Self { socket, path })
        }

        /// Returns the name by which the other processes know it.
        pub(in super::super) fn name(&self) -> String {
            self.path.file_name().unwrap_or_default().to_string_lossy().into_owned()
        }

        /// Waits for messages, but not for ever. Returns whether the socket was so full that some may be missing.
        pub(in super::super) fn wait(&self, mut read: impl FnMut(&[u8])) -> io::Result<bool> {
            let mut message = [0; super::super::wakeup_message::LONGEST];
            self.socket.set_nonblocking(false)?;
            self.socket.set_read_timeout(Some(LOOK_EVERY))?;
            match self.socket.recv(&mut message) {
                Ok(length) => read(&message[..length]),
                Err(error) if is_pause(&error) => return Ok(false),
                Err(error) => return Err(error),
            }
            self.socket.set_nonblocking(true)?;
            let mut count = 1;
            while let Ok(length) = self.socket.recv(&mut message) {
                read(&message[..length]);
                count += 1;
            }
            Ok(FULL_SOCKET <= count)
        }
    }

    fn is_pause(error: &io::Error) -> bool {
        matches!(
            error.kind(),
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted
        )
    }

    impl Drop for WakeupSocket {
        fn drop(&mut self) {
            let _ = fs::remove_file(&self.path);
        }
    }

    /// Sends messages to all other processes on a file.
    #[derive(Debug)]
    pub(in super::super) struct WakeupSender {
        directory: PathBuf,
        socket: UnixDatagram,
        sockets: Vec<PathBuf>,
        /// When the directory last changed, if the list of sockets can be trusted until it changes again.
        as_of: Option<SystemTime>,
    }

    impl WakeupSender {
        pub(in super::super) fn new(file: &Path) -> io::Result<Self> {
            let socket = UnixDatagram::unbound()?;
            socket.set_nonblocking(true)?;
            Ok(Self { directory: directory(file), socket, sockets: Vec::new(), as_of: None })
        }

        /// Sends a message to everybody but the owner of the socket called `own`. Returns the sockets that nobody reads any
        /// more, which it removed.
        pub(in super::super) fn send(&mut self, message: &[u8], own: Option<&str>) -> Vec<String> {
            self.look_around();
            let mut dead = Vec::new();
            for path in &self.sockets {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                if own.is_some_and(|own| own == name) {
                    continue;
                }
                if let Err(error) = self.send_to(path, message)
                    && matches!(error.kind(), io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound)
                {
                    let _ = fs::remove_file(path);
                    dead.push(name.into_owned());
                }
            }
            dead
        }

        fn send_to(&self, path: &Path, message: &[u8]) -> io::Result<()> {
            let (address, _held) = address(path)?;
            self.socket.send_to(message, address).map(drop)
        }

        /// Brings the list of sockets up to date.
        fn look_around(&mut self) {
            let changed = fs::metadata(&self.directory).and_then(|data| data.modified()).ok();
            if changed.is_some() && changed == self.as_of {
                return;
            }
            let entries = fs::read_dir(&self.directory).into_iter().flatten().flatten();
            self.sockets = entries.map(|entry| entry.path()).collect();
            let settled = |at: &SystemTime| at.elapsed().is_ok_and(|age| SETTLED_AFTER < age);
            self.as_of = changed.filter(settled);
        }

        /// Lists the names of all sockets.
        pub(in super::super) fn names(&mut self) -> Vec<String> {
            self.as_of = None;
            self.look_around();
            let names = self.sockets.iter().filter_map(|path| path.file_name());
            names.map(|name| name.to_string_lossy().into_owned()).collect()
        }
    }

    /// Returns an address for a path, and what has to stay open as long as it is used: a long path goes by its directory.
    fn address(path: &Path) -> io::Result<(PathBuf, Option<File>)> {
        if path.as_os_str().len() < LONGEST_PATH {
            return Ok((path.to_owned(), None));
        }
        let directory = File::open(path.parent().unwrap_or(Path::new(".")))?;
        let name = path.file_name().unwrap_or_default();
        let short = Path::new("/proc/self/fd").join(directory.as_raw_fd().to_string()).join(name);
        Ok((short, Some(directory)))
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        fn received(socket: &WakeupSocket) -> Vec<Vec<u8>> {
            let mut messages = Vec::new();
            socket.wait(|message| messages.push(message.to_vec())).unwrap();
            messages
        }

        #[test]
        fn a_message_reaches_every_socket_but_ones_own() {
            let dir = tempfile::tempdir().unwrap();
            let file = dir.path().join("x.db");
            let (one, other) = (WakeupSocket::open(&file).unwrap(), WakeupSocket::open(&file).unwrap());
            let mut wakeup_sender = WakeupSender::new(&file).unwrap();
            assert!(wakeup_sender.send(b"hello", Some(&one.name())).is_empty());
            assert_eq!(received(&other), [b"hello"]);
            assert!(received(&one).is_empty());
        }

        #[test]
        fn a_long_path_is_no_hindrance() {
            let dir = tempfile::tempdir().unwrap();
            let long = dir.path().join("d".repeat(120));
            fs::create_dir(&long).unwrap();
            let socket = WakeupSocket::open(&long.join("x.db")).unwrap();
            WakeupSender::new(&long.join("x.db")).unwrap().send(b"far", None);
            assert_eq!(received(&socket), [b"far"]);
        }

        #[test]
        fn sockets_of_the_dead_are_cleared_away() {
            let dir = tempfile::tempdir().unwrap();
            let file = dir.path().join("x.db");
            let living = WakeupSocket::open(&file).unwrap();
            let dead = directory(&file).join("dead");
            drop(UnixDatagram::bind(&dead).unwrap());
            let mut wakeup_sender = WakeupSender::new(&file).unwrap();
            assert_eq!(wakeup_sender.send(b"x", None), ["dead"]);
            assert!(!dead.exists());
            assert_eq!(wakeup_sender.names(), [living.name()]);
        }
    }
}

#[cfg(not(unix))]
pub(super) use elsewhere::{WakeupSender, WakeupSocket};

/// Where there are no such sockets, each process looks for itself.
#[cfg(not(unix))]
mod elsewhere {
    use super::{Path, io};

    #[derive(Debug)]
    pub(in super::super) struct WakeupSocket(String);

    impl WakeupSocket {
        pub(in super::super) fn open(_: &Path) -> io::Result<Self> {
            Ok(Self(uuid::Uuid::now_v7().simple().to_string()))
        }

        pub(in super::super) fn name(&self) -> String {
            self.0.clone()
        }

        pub(in super::super) fn wait(&self, _: impl FnMut(&[u8])) -> io::Result<bool> {
            std::thread::sleep(std::time::Duration::from_millis(50));
            Ok(false)
        }
    }

    #[derive(Debug)]
    pub(in super::super) struct WakeupSender;

    impl WakeupSender {
        pub(in super::super) fn new(_: &Path) -> io::Result<Self> {
            Ok(Self)
        }

        pub(in super::super) fn send(&mut self, _: &[u8], _: Option<&str>) -> Vec<String> {
            Vec::new()
        }

        pub(in super::super) fn names(&mut self) -> Vec<String> {
            Vec::new()
        }
    }
}
