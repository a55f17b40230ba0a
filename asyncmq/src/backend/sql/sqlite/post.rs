//! Letters between the processes on one file: datagram sockets in a directory beside it.
//!
//! A letter is a hint. One that is lost is made up for by the receiver, which looks from time to time whether the
//! file has changed.

use std::io;
use std::path::{Path, PathBuf};

/// How long a letterbox waits before its owner looks for itself whether the file has changed.
pub(super) const LOOK_EVERY: std::time::Duration = std::time::Duration::from_millis(500);

/// Returns the directory of letterboxes beside a file.
fn directory(file: &Path) -> PathBuf {
    let mut name = file.file_name().unwrap_or_default().to_owned();
    name.push(".wake");
    file.with_file_name(name)
}

#[cfg(unix)]
pub(super) use unix::{Letterbox, Postman};

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
    /// A list of letterboxes is trusted once the directory has been unchanged for this long: times of files are coarse.
    const SETTLED_AFTER: Duration = Duration::from_millis(50);
    /// As many letters may lie in a box; when so many were there, others may have found it full.
    const FULL_BOX: usize = 8;

    /// Where letters for this process arrive.
    #[derive(Debug)]
    pub(in super::super) struct Letterbox {
        socket: UnixDatagram,
        path: PathBuf,
    }

    impl Letterbox {
        /// Sets up a letterbox beside the file.
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

        /// Waits for letters, but not for ever. Returns whether the box was so full that some may be missing.
        pub(in super::super) fn wait(&self, mut read: impl FnMut(&[u8])) -> io::Result<bool> {
            let mut letter = [0; super::super::letter::LONGEST];
            self.socket.set_nonblocking(false)?;
            self.socket.set_read_timeout(Some(LOOK_EVERY))?;
            match self.socket.recv(&mut letter) {
                Ok(length) => read(&letter[..length]),
                Err(error) if is_pause(&error) => return Ok(false),
                Err(error) => return Err(error),
            }
            self.socket.set_nonblocking(true)?;
            let mut count = 1;
            while let Ok(length) = self.socket.recv(&mut letter) {
                read(&letter[..length]);
                count += 1;
            }
            Ok(FULL_BOX <= count)
        }
    }

    fn is_pause(error: &io::Error) -> bool {
        matches!(
            error.kind(),
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted
        )
    }

    impl Drop for Letterbox {
        fn drop(&mut self) {
            let _ = fs::remove_file(&self.path);
        }
    }

    /// Sends letters to all other processes on a file.
    #[derive(Debug)]
    pub(in super::super) struct Postman {
        directory: PathBuf,
        socket: UnixDatagram,
        boxes: Vec<PathBuf>,
        /// When the directory last changed, if the list of boxes can be trusted until it changes again.
        as_of: Option<SystemTime>,
    }

    impl Postman {
        pub(in super::super) fn new(file: &Path) -> io::Result<Self> {
            let socket = UnixDatagram::unbound()?;
            socket.set_nonblocking(true)?;
            Ok(Self { directory: directory(file), socket, boxes: Vec::new(), as_of: None })
        }

        /// Sends a letter to everybody but the owner of the box called `own`. Returns the boxes that nobody reads any
        /// more, which it removed.
        pub(in super::super) fn send(&mut self, letter: &[u8], own: Option<&str>) -> Vec<String> {
            self.look_around();
            let mut dead = Vec::new();
            for path in &self.boxes {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                if own.is_some_and(|own| own == name) {
                    continue;
                }
                if let Err(error) = self.send_to(path, letter)
                    && matches!(error.kind(), io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound)
                {
                    let _ = fs::remove_file(path);
                    dead.push(name.into_owned());
                }
            }
            dead
        }

        fn send_to(&self, path: &Path, letter: &[u8]) -> io::Result<()> {
            let (address, _held) = address(path)?;
            self.socket.send_to(letter, address).map(drop)
        }

        /// Brings the list of boxes up to date.
        fn look_around(&mut self) {
            let changed = fs::metadata(&self.directory).and_then(|data| data.modified()).ok();
            if changed.is_some() && changed == self.as_of {
                return;
            }
            let entries = fs::read_dir(&self.directory).into_iter().flatten().flatten();
            self.boxes = entries.map(|entry| entry.path()).collect();
            let settled = |at: &SystemTime| at.elapsed().is_ok_and(|age| SETTLED_AFTER < age);
            self.as_of = changed.filter(settled);
        }

        /// Lists the names of all boxes.
        pub(in super::super) fn names(&mut self) -> Vec<String> {
            self.as_of = None;
            self.look_around();
            let names = self.boxes.iter().filter_map(|path| path.file_name());
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

        fn received(letterbox: &Letterbox) -> Vec<Vec<u8>> {
            let mut letters = Vec::new();
            letterbox.wait(|letter| letters.push(letter.to_vec())).unwrap();
            letters
        }

        #[test]
        fn a_letter_reaches_every_box_but_ones_own() {
            let dir = tempfile::tempdir().unwrap();
            let file = dir.path().join("x.db");
            let (one, other) = (Letterbox::open(&file).unwrap(), Letterbox::open(&file).unwrap());
            let mut postman = Postman::new(&file).unwrap();
            assert!(postman.send(b"hello", Some(&one.name())).is_empty());
            assert_eq!(received(&other), [b"hello"]);
            assert!(received(&one).is_empty());
        }

        #[test]
        fn a_long_path_is_no_hindrance() {
            let dir = tempfile::tempdir().unwrap();
            let long = dir.path().join("d".repeat(120));
            fs::create_dir(&long).unwrap();
            let letterbox = Letterbox::open(&long.join("x.db")).unwrap();
            Postman::new(&long.join("x.db")).unwrap().send(b"far", None);
            assert_eq!(received(&letterbox), [b"far"]);
        }

        #[test]
        fn boxes_of_the_dead_are_cleared_away() {
            let dir = tempfile::tempdir().unwrap();
            let file = dir.path().join("x.db");
            let living = Letterbox::open(&file).unwrap();
            let dead = directory(&file).join("dead");
            drop(UnixDatagram::bind(&dead).unwrap());
            let mut postman = Postman::new(&file).unwrap();
            assert_eq!(postman.send(b"x", None), ["dead"]);
            assert!(!dead.exists());
            assert_eq!(postman.names(), [living.name()]);
        }
    }
}

#[cfg(not(unix))]
pub(super) use elsewhere::{Letterbox, Postman};

/// Where there are no such sockets, each process looks for itself.
#[cfg(not(unix))]
mod elsewhere {
    use super::{Path, io};

    #[derive(Debug)]
    pub(in super::super) struct Letterbox(String);

    impl Letterbox {
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
    pub(in super::super) struct Postman;

    impl Postman {
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
