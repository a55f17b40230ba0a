//! A child's process and all that it has started: how it begins, how it is seen to end, and how it is ended.
//!
//! A thread of its own starts each child and waits for its end. Linux tells a child of the death of the thread that started it,
//! and a process that has not been waited for keeps its number, so that nobody else is killed in its name.

use std::io;
use std::process::{Child, ExitStatus};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, WaitOptions, kill_process_group, waitid, waitpgid,
};
use tokio::sync::{oneshot, watch};

use super::spawn::{self, Channels};

/// How long the end of a process that was killed is waited for: the kernel may be busy with its memory.
const ENDS_WITHIN: Duration = Duration::from_secs(5);
/// The stack of the thread that waits, in bytes.
const STACK: usize = 256 << 10;

/// A child's process. Dropped, it is killed with all of its group.
#[derive(Debug)]
pub(super) struct Process {
    group: Arc<Group>,
    ended: watch::Receiver<Option<Ended>>,
}

/// How a process ended; nothing if the system did not say.
type Ended = Option<ExitStatus>;

/// The group of a child and all that it has started, but for what has left it.
#[derive(Debug)]
struct Group {
    id: Pid,
    /// Whether the number may be another group's by now.
    is_over: Mutex<bool>,
}

impl Group {
    fn is_over(&self) -> MutexGuard<'_, bool> {
        self.is_over.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn kill(&self) {
        let is_over = self.is_over();
        if !*is_over {
            let _ = kill_process_group(self.id, Signal::KILL);
        }
    }

    /// Waits for the child, kills what it leaves behind, and says how it ended.
    fn bury(&self, mut child: Child) -> Ended {
        let leave_it = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        while let Err(rustix::io::Errno::INTR) = waitid(WaitId::Pid(self.id), leave_it) {}
        let mut is_over = self.is_over();
        let _ = kill_process_group(self.id, Signal::KILL);
        let ended = child.wait().ok();
        *is_over = true;
        drop(is_over);
        ended
    }

    /// As the first process of a container, the worker inherits what a child has left, and has to wait for it.
    fn bury_orphans(&self) {
        if std::process::id() == 1 {
            while let Ok(Some(_)) = waitpgid(self.id, WaitOptions::empty()) {}
        }
    }
}

impl Process {
    /// Starts a child and sends it this first message.
    pub(super) async fn start(passed_on: Vec<String>, welcome: Vec<u8>) -> io::Result<(Self, Channels)> {
        let (started, starting) = oneshot::channel();
        let (tell, ended) = watch::channel(None);
        let live = move || {
            let (child, channels) = match spawn::spawn(&passed_on, &welcome) {
                Ok(spawned) => spawned,
                Err(error) => return drop(started.send(Err(error))),
            };
            let Some(id) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) else { return };
            let group = Arc::new(Group { id, is_over: Mutex::new(false) });
            let process = Self { group: group.clone(), ended };
            // If nobody waits for it any more, it is dropped, and killed by that.
            drop(started.send(Ok((process, channels))));
            let ended = group.bury(child);
            tell.send_replace(Some(ended));
            group.bury_orphans();
        };
        thread::Builder::new().name("asyncmq-child".into()).stack_size(STACK).spawn(live)?;
        starting.await.unwrap_or_else(|_| Err(io::Error::other("the system gave it no number")))
    }

    /// Tells whether the process has ended.
    pub(super) fn has_ended(&self) -> bool {
        self.ended.borrow().is_some()
    }

    /// Waits until the process has ended, and returns how.
    pub(super) async fn ended(&self) -> Ended {
        let mut ended = self.ended.clone();
        let seen = ended.wait_for(Option::is_some).await;
        seen.ok().and_then(|ended| *ended).flatten()
    }

    /// Ends the process and all of its group. Those that have left the group live on.
    pub(super) fn kill(&self) {
        self.group.kill();
    }

    /// Kills what is left, and returns how the process ended.
    pub(super) async fn bury(&self) -> Ended {
        self.kill();
        tokio::time::timeout(ENDS_WITHIN, self.ended()).await.ok().flatten()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}
