//! Why a child is no more, in words for the error of the attempt that it had in hand.

use std::fmt::Write;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use crate::task::Stop;

/// A child that is no more.
#[derive(Debug)]
pub(super) struct Lost {
    pub(super) why: Why,
    /// The end of what it printed.
    pub(super) last_words: String,
}

/// Why a child is no more.
#[derive(Debug)]
pub(super) enum Why {
    /// It ended by itself, or somebody else ended it. `None` if the system did not say how.
    Ended(Option<ExitStatus>),
    /// It was killed, as its handler did not stop in time.
    DidNotStop(Stop),
    /// It was killed, as what it sent makes no sense.
    Garbled(String),
}

/// How much of what a process printed goes into the message, in bytes: with the reason it is less than is kept of one.
const SHOWN: usize = 3_500;
/// What Rust prints when a stack has overflowed, and when memory cannot be had.
const OVERFLOWED: &str = "has overflowed its stack";
const NO_MEMORY: &str = "memory allocation of ";

impl Lost {
    /// Says how the process ended; `cap` is how many bytes of memory it was allowed.
    pub(super) fn message(&self, cap: Option<u64>) -> String {
        let mut message = match &self.why {
            Why::Ended(None) => "the handler's process ended".to_owned(),
            Why::Ended(Some(status)) => self.ended(*status, cap),
            Why::DidNotStop(_) => "the handler's process was killed, as it did not stop in time".to_owned(),
            Why::Garbled(what) => {
                format!("the handler's process was killed, as it broke its channel: {what}")
            }
        };
        if !self.last_words.is_empty() {
            let _ = write!(message, "\nthe last it printed:\n{}", shown(&self.last_words));
        }
        message
    }

    fn ended(&self, status: ExitStatus, cap: Option<u64>) -> String {
        let Some(signal) = status.signal() else {
            let code = status.code().unwrap_or_default();
            return format!("the handler's process ended by itself with code {code}");
        };
        let name = name_of(signal);
        let aborted = name == "SIGABRT";
        match cap {
            Some(cap) if aborted && self.last_words.contains(NO_MEMORY) => {
                format!("the handler's process exceeded {} of memory", size(cap))
            }
            _ if aborted && self.last_words.contains(OVERFLOWED) => {
                format!(
                    "the stack of the handler overflowed: its process was killed by signal {signal} ({name})"
                )
            }
            _ if name == "SIGKILL" => format!(
                "the handler's process was killed by signal {signal} ({name}) from outside; the system does so when it has no \
                 memory left"
            ),
            _ => format!("the handler's process was killed by signal {signal} ({name})"),
        }
    }
}

/// Returns as much of the end of a text as goes into a message.
pub(super) fn shown(text: &str) -> &str {
    let start = text.ceil_char_boundary(text.len().saturating_sub(SHOWN));
    text.get(start..).unwrap_or_default()
}

/// Writes a size in the largest unit that it is a whole number of.
pub(super) fn size(bytes: u64) -> String {
    let units = [("GiB", 30), ("MiB", 20), ("KiB", 10)];
    let unit = units.into_iter().find(|(_, bits)| bytes != 0 && bytes.trailing_zeros() >= *bits);
    unit.map_or_else(|| format!("{bytes} bytes"), |(unit, bits)| format!("{} {unit}", bytes >> bits))
}

/// Names a signal.
fn name_of(signal: i32) -> &'static str {
    use rustix::process::Signal;
    let names = [
        (Signal::ABORT, "SIGABRT"),
        (Signal::SEGV, "SIGSEGV"),
        (Signal::BUS, "SIGBUS"),
        (Signal::ILL, "SIGILL"),
        (Signal::FPE, "SIGFPE"),
        (Signal::TRAP, "SIGTRAP"),
        (Signal::KILL, "SIGKILL"),
        (Signal::TERM, "SIGTERM"),
        (Signal::INT, "SIGINT"),
        (Signal::HUP, "SIGHUP"),
        (Signal::QUIT, "SIGQUIT"),
        (Signal::PIPE, "SIGPIPE"),
        (Signal::ALARM, "SIGALRM"),
        (Signal::SYS, "SIGSYS"),
        (Signal::XCPU, "SIGXCPU"),
        (Signal::USR1, "SIGUSR1"),
        (Signal::USR2, "SIGUSR2"),
    ];
    let known = names.into_iter().find(|(known, _)| known.as_raw() == signal);
    known.map_or("unknown to asyncmq", |(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(wait_status: i32, last_words: &str, cap: Option<u64>) -> String {
        let status = Some(ExitStatus::from_raw(wait_status));
        Lost { why: Why::Ended(status), last_words: last_words.into() }.message(cap)
    }

    #[test]
    fn every_end_has_words_of_its_own() {
        assert_eq!(said(6, "", None), "the handler's process was killed by signal 6 (SIGABRT)");
        assert_eq!(said(3 << 8, "", None), "the handler's process ended by itself with code 3");
        let no_memory = "memory allocation of 1073741824 bytes failed";
        assert!(said(6, no_memory, Some(512 << 20)).contains("exceeded 512 MiB of memory"));
        assert!(!said(6, no_memory, None).contains("exceeded"), "nobody set a limit");
        assert!(!said(6, "", Some(512 << 20)).contains("exceeded"), "it aborted for another reason");
        assert!(
            said(6, "thread 'x' has overflowed its stack", None).contains("stack of the handler overflowed")
        );
        assert!(said(9, "", None).contains("no memory left"));
        assert!(said(11, "", None).contains("signal 11 (SIGSEGV)"));
        let traced = format!("{no_memory}\n{}", "a call\n".repeat(2_000));
        let said_of_it = said(6, &traced, Some(1 << 20));
        assert!(
            said_of_it.contains("exceeded 1 MiB") && said_of_it.len() < 4_000,
            "its trace does not hide it"
        );
        assert!(said(6, "who knows", None).ends_with("\nthe last it printed:\nwho knows"));
    }

    #[test]
    fn sizes_are_written_as_they_were_set() {
        assert_eq!(
            [size(512 << 20), size(1 << 30), size(1_000), size(0)],
            ["512 MiB", "1 GiB", "1000 bytes", "0 bytes"]
        );
    }
}
