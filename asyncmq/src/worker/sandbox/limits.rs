//! What a child keeps itself to: how much memory it may use, and that it leaves no core behind.
//!
//! The limit is on data (`RLIMIT_DATA`): what a process can write to and shares with nobody. Address space, which allocators reserve
//! in plenty and never touch, does not count. Only Linux keeps it for all of that.

use std::sync::atomic::{AtomicU64, Ordering};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::frames::Usage;

/// Whether the system keeps the limit.
pub(super) const ARE_KEPT: bool = cfg!(target_os = "linux");

/// What stands for no limit.
const NONE: u64 = 0;

/// The limit that is set.
static CAP: AtomicU64 = AtomicU64::new(NONE);

/// Sets how many bytes the process may use; the system is asked only if that is a change.
pub(super) fn cap(memory: Option<u64>) -> std::io::Result<()> {
    let wanted = memory.unwrap_or(NONE);
    if !ARE_KEPT || CAP.swap(wanted, Ordering::Relaxed) == wanted {
        return Ok(());
    }
    let maximum = getrlimit(Resource::Data).maximum;
    let current = [memory, maximum].into_iter().flatten().min();
    Ok(setrlimit(Resource::Data, Rlimit { current, maximum })?)
}

/// Lets no core be written: it would take longer and more space than all else about a crash.
pub(super) fn leave_no_core() {
    let _ =
        setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: getrlimit(Resource::Core).maximum });
}

/// Returns how much memory this process uses; zeros where the system does not tell.
pub(super) fn usage() -> Usage {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim().strip_suffix(" kB")?.parse::<u64>().ok().map(|kib| kib << 10)
    };
    Usage { data: field("VmData:").unwrap_or_default(), resident: field("VmRSS:").unwrap_or_default() }
}

/// Returns how much of this process lies in memory.
pub(super) fn resident() -> Option<u64> {
    let pages = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = pages.split(' ').nth(1)?.parse().ok()?;
    Some(pages * rustix::param::page_size() as u64)
}
