//! The file: where it may lie, and how it is opened.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::fault::{Fault, Step};
use super::migrate::migrate;

/// The first SQLite without the bug that can damage a file whose log starts anew under several processes.
const FIRST_SOUND_VERSION: i32 = 3_051_003;
/// How long SQLite itself waits for another writer that does not keep to the lock.
const BUSY: Duration = Duration::from_secs(10);
/// How many prepared statements a connection keeps.
const STATEMENTS: usize = 128;
/// How many KiB of pages the writer keeps. More would cost more than it saves: SQLite goes through the whole cache after
/// each transaction that had to split a page.
const CACHE_KIB: i64 = 8_192;
/// How large the log may stay once it has been checkpointed, in bytes.
const LOG_LIMIT: i64 = 67_108_864;

/// How much a commit survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Synchronous {
    /// A confirmed step survives a power cut: it is on the disk.
    #[default]
    Full,
    /// A confirmed step survives the death of any process, but a power cut or a crash of the operating system may take
    /// the last ones (as a rule those of some seconds) with it. The file stays sound.
    Normal,
}

/// Where the jobs are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// In memory, in one process.
    Memory,
    /// In a file.
    File(PathBuf),
}

impl Place {
    pub(super) fn file(&self) -> Option<&Path> {
        match self {
            Self::Memory => None,
            Self::File(path) => Some(path),
        }
    }
}

/// Makes sure that the place will do: a directory that is there, on a disk of this machine.
pub(super) fn check(place: &Place) -> Step<()> {
    if rusqlite::version_number() < FIRST_SOUND_VERSION {
        return Err(Fault::Refused(
            "this SQLite is older than 3.51.3 and can damage files: link a later one",
        ));
    }
    let Some(file) = place.file() else { return Ok(()) };
    let directory = file.parent().filter(|parent| !parent.as_os_str().is_empty());
    let directory = directory.unwrap_or(Path::new(".")).canonicalize()?;
    if is_on_network(&directory) {
        return Err(Fault::Refused(
            "the file lies on a network file system, where SQLite's locks do not hold: put it on a local disk",
        ));
    }
    Ok(())
}

/// Opens the file for writing, and makes it when there is none and `create` says so.
pub(super) fn open_writer(place: &Place, create: bool) -> Step<Connection> {
    let mut flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    if create {
        flags |= OpenFlags::SQLITE_OPEN_CREATE;
    }
    let mut conn = match place {
        Place::Memory => Connection::open_in_memory_with_flags(flags)?,
        Place::File(path) => Connection::open_with_flags(path, flags)?,
    };
    prepare(&conn)?;
    // Only a file without tables takes note of these two.
    conn.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    if place.file().is_some() {
        log_ahead(&conn)?;
    }
    conn.pragma_update(None, "cache_size", -CACHE_KIB)?;
    conn.pragma_update(None, "temp_store", "MEMORY")?;
    migrate(&mut conn)?;
    conn.pragma_update(None, "synchronous", "NORMAL")?;
    Ok(conn)
}

/// Sets what holds for every connection.
fn prepare(conn: &Connection) -> Step<()> {
    conn.busy_timeout(BUSY)?;
    conn.set_prepared_statement_cache_capacity(STATEMENTS);
    // A plan must not depend on what is bound: otherwise SQLite prepares a statement anew whenever that changes.
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(())
}

fn log_ahead(conn: &Connection) -> Step<()> {
    let mode: String =
        conn.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get::<_, String>(0))?;
    if mode != "wal" {
        return Err(Fault::Refused("the file system has no shared memory, which SQLite's log needs"));
    }
    conn.pragma_update(None, "journal_size_limit", LOG_LIMIT)?;
    // The writer looks after the log itself, and after what has to be on the disk.
    conn.pragma_update(None, "wal_autocheckpoint", 0)?;
    Ok(())
}

/// Opens a connection that only reads.
pub(super) fn open_reader(path: &Path) -> Step<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags)?;
    prepare(&conn)?;
    conn.pragma_update(None, "query_only", true)?;
    Ok(conn)
}

/// Says which file is damaged.
pub(super) fn damaged(place: &Place, fault: &Fault) -> Fault {
    let file = place.file().map_or_else(|| "in memory".into(), |file| file.display().to_string());
    Fault::Damaged(format!(
        "the file {file} is damaged or no SQLite database ({fault}); it is left as it is: put a backup in its place, \
         or recover what is in it with `sqlite3 {file} .recover`"
    ))
}

/// Tells whether a directory lies on another machine, as far as the system says.
fn is_on_network(directory: &Path) -> bool {
    const NETWORK: [&str; 13] = [
        "nfs",
        "nfs4",
        "cifs",
        "smb3",
        "smbfs",
        "9p",
        "afs",
        "ceph",
        "lustre",
        "gpfs",
        "fuse.sshfs",
        "fuse.glusterfs",
        "fuse.s3fs",
    ];
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    kind_of_mount(&mounts, directory).is_some_and(|kind| NETWORK.contains(&kind))
}

/// Returns the kind of the file system that a directory lies on.
fn kind_of_mount<'a>(mounts: &'a str, directory: &Path) -> Option<&'a str> {
    let mounts = mounts.lines().filter_map(|line| {
        let (mount, rest) = line.split_once(" - ")?;
        let point = mount.split(' ').nth(4)?.replace("\\040", " ");
        directory.starts_with(&point).then(|| (point.len(), rest.split(' ').next().unwrap_or_default()))
    });
    // Of mounts on one point the last counts.
    mounts.enumerate().max_by_key(|(line, (length, _))| (*length, *line)).map(|(_, (_, kind))| kind)
}

/// Returns the file that stands for the right to write.
pub(super) fn lock_path(file: &Path) -> PathBuf {
    beside(file, ".lock")
}

/// Returns where SQLite keeps the log of a file.
pub(super) fn log_path(file: &Path) -> PathBuf {
    beside(file, "-wal")
}

fn beside(file: &Path, ending: &str) -> PathBuf {
    let mut name = file.file_name().unwrap_or_default().to_owned();
    name.push(ending);
    file.with_file_name(name)
}

/// Returns a path by which a file can be told from others, whether it exists or not.
pub(super) fn absolute(path: &Path) -> io::Result<PathBuf> {
    if let Ok(path) = path.canonicalize() {
        return Ok(path);
    }
    let path = std::path::absolute(path)?;
    let name = path.file_name().map(ToOwned::to_owned).unwrap_or_default();
    Ok(path.parent().map_or_else(
        || path.clone(),
        |parent| parent.canonicalize().map_or_else(|_| path.clone(), |parent| parent.join(name)),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_mount_point_counts() {
        let mounts = "1 0 8:1 / / rw - ext4 /dev/sda rw\n\
                      2 1 0:9 / /data rw shared:7 - nfs4 server:/x rw\n\
                      3 2 8:2 / /data/my\\040disk rw - xfs /dev/sdb rw\n";
        assert_eq!(kind_of_mount(mounts, Path::new("/home")), Some("ext4"));
        assert_eq!(kind_of_mount(mounts, Path::new("/data/jobs")), Some("nfs4"));
        assert_eq!(kind_of_mount(mounts, Path::new("/data/my disk/jobs")), Some("xfs"));
        assert_eq!(kind_of_mount(mounts, Path::new("/database")), Some("ext4"));
    }

    #[test]
    fn a_missing_directory_is_an_error() {
        assert!(check(&Place::File("/no/such/directory/jobs.db".into())).is_err());
    }
}
