//! A line on which answers can be lost: one call, counted from the start, is not made, or is made and not answered; or all
//! are not made from there on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use asyncmq::backend::{Backend, StoreError};
use tokio::sync::{Mutex, Notify};

use super::line::{Answer, Call, Line, Verb, Wire};

/// On which way the call is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// It never reaches the store.
    Request,
    /// The store carries it out, and the answer does not come back.
    Reply,
}

/// Which call is lost, counted from 0, and how.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fault {
    pub(crate) call: usize,
    pub(crate) side: Side,
}

/// How long the fault lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lasting {
    OneCall,
    FromThereOn,
}

/// A wire on which a counted call is lost.
#[derive(Debug)]
pub(crate) struct Counted {
    fault: Option<Fault>,
    lasting: Lasting,
    calls: AtomicUsize,
    dead: AtomicBool,
    died: Notify,
    /// Held while a call is made, so that nothing is done on a line that is dead.
    turn: Mutex<()>,
}

impl Counted {
    fn of(lasting: Lasting, fault: Option<Fault>) -> Self {
        let (calls, dead, died) = (AtomicUsize::new(0), AtomicBool::new(false), Notify::new());
        Self { fault, lasting, calls, dead, died, turn: Mutex::default() }
    }
}

impl Wire for Counted {
    async fn carry<T: Send + 'static>(&self, verb: Verb, call: impl Call<T>) -> Answer<T> {
        if matches!(verb, Verb::Look | Verb::Subscribe | Verb::Tidy) {
            return call().await;
        }
        let _turn = self.turn.lock().await;
        let number = self.calls.fetch_add(1, Ordering::SeqCst);
        let lost = self.fault.filter(|fault| fault.call == number).map(|fault| fault.side);
        let dead = self.dead.load(Ordering::SeqCst);
        let answer = if dead || lost == Some(Side::Request) {
            Err(StoreError::unanswered("the request was lost"))
        } else {
            call().await.and_then(|answer| match lost {
                Some(_) => Err(StoreError::unanswered("the reply was lost")),
                None => Ok(answer),
            })
        };
        // Only now: whoever waits for this moves the clock, and the last call was made before.
        if lost.is_some() && self.lasting == Lasting::FromThereOn {
            self.dead.store(true, Ordering::SeqCst);
            self.died.notify_one();
        }
        answer
    }
}

/// A store of which calls are lost.
pub(crate) type FaultyBackend = Line<Counted>;

impl FaultyBackend {
    /// Loses one call.
    pub(crate) fn new(inner: Arc<dyn Backend>, fault: Option<Fault>) -> Arc<Self> {
        Self::over(inner, Counted::of(Lasting::OneCall, fault))
    }

    /// Loses one call and all that follow, until the line is mended.
    pub(crate) fn cut(inner: Arc<dyn Backend>, fault: Fault) -> Arc<Self> {
        Self::over(inner, Counted::of(Lasting::FromThereOn, Some(fault)))
    }

    /// Returns the same store on a line of its own, which loses nothing.
    pub(crate) fn beside(&self) -> Arc<Self> {
        self.on(Counted::of(Lasting::OneCall, None))
    }

    /// Waits until the line is dead.
    pub(crate) async fn dead(&self) {
        while !self.wire().dead.load(Ordering::SeqCst) {
            self.wire().died.notified().await;
        }
    }

    /// Mends the line.
    pub(crate) fn mend(&self) {
        self.wire().dead.store(false, Ordering::SeqCst);
    }

    /// Returns how many calls there were that count.
    pub(crate) fn calls(&self) -> usize {
        self.wire().calls.load(Ordering::SeqCst)
    }
}
