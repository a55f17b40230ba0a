//! What pages hear while they are open: that something changed, or what. Streams end with the dashboard and with the session.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::{Stream, stream};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, watch};
use tokio::time::{Instant, sleep_until};

use super::access::session::Touch;
use super::error::{Answer, Refusal};
use super::state::{LivePlace, Shared};
use super::visit::{Visit, Visitor};
use super::watch::recent::Wanted;
use crate::admin::view::EventView;

/// Pages look again at most so often.
const AT_MOST: Duration = Duration::from_secs(1);
/// A stream in which nothing happens shows so often that it is still there.
const QUIET: Duration = Duration::from_secs(10);

/// A stream lasts at most so long: the page then comes again, and is asked anew whether it may.
const LONGEST: Duration = Duration::from_secs(600);

/// What every stream needs: its place, and whether it may go on.
struct Line {
    /// Weak would be wrong here: a page that is open keeps the dashboard alive.
    dashboard: Shared,
    visitor: Visitor,
    stop: watch::Receiver<bool>,
    until: Instant,
    _place: LivePlace,
}

impl Line {
    fn open(visit: Visit) -> Result<Self, Refusal> {
        let full = || Refusal::busy("too many live pages are open; this one can be read all the same");
        let place = visit.dashboard.live_place().ok_or_else(full)?;
        let stop = visit.dashboard.stop.subscribe();
        let until = Instant::now() + LONGEST;
        Ok(Self { dashboard: visit.dashboard, visitor: visit.visitor, stop, until, _place: place })
    }

    /// Tells whether the session that opened it is still there.
    fn may_go_on(&self) -> bool {
        let session = self.visitor.session.as_ref();
        session.is_none_or(|key| self.dashboard.sessions.whose(key, Touch::Page).is_some())
    }
}

/// Waits until the dashboard stops.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

/// Says again and again that something changed, at most once a second; pages then look again.
pub(super) async fn changes(visit: Visit) -> Answer {
    let changes = visit.dashboard.watch.changes.subscribe();
    let line = Line::open(visit)?;
    let state = (line, changes, Instant::now());
    Ok(sse(stream::unfold(state, |(mut line, mut changes, not_before)| async move {
        let change = async {
            sleep_until(not_before).await;
            changes.changed().await.is_ok()
        };
        let event = tokio::select! {
            () = stopped(&mut line.stop) => return None,
            () = sleep_until(line.until) => return None,
            is_open = change => if is_open { Event::default().event("change").data("1") } else { return None },
            () = tokio::time::sleep(QUIET) => Event::default().event("quiet").data("1"),
        };
        if !line.may_go_on() {
            return None;
        }
        Some((Ok(event), (line, changes, Instant::now() + AT_MOST)))
    })))
}

/// Reads which events are wanted.
pub(super) fn wanted(visit: &Visit) -> Wanted {
    let text = |name| visit.query.get(name).map(ToOwned::to_owned);
    Wanted { kind: text("kind"), queue: text("queue"), task: text("task"), job: text("job") }
}

/// Tells what happens, event by event, as JSON.
pub(super) async fn events(visit: Visit) -> Answer {
    let (wanted, heard) = (wanted(&visit), visit.dashboard.watch.recent.listen());
    let line = Line::open(visit)?;
    Ok(sse(stream::unfold((line, heard, wanted), |(mut line, mut heard, wanted)| async move {
        let event = tokio::select! {
            () = stopped(&mut line.stop) => return None,
            () = sleep_until(line.until) => return None,
            event = next_wanted(&mut heard, &wanted) => event?,
            () = tokio::time::sleep(QUIET) => Event::default().event("quiet").data("1"),
        };
        if !line.may_go_on() {
            return None;
        }
        Some((Ok(event), (line, heard, wanted)))
    })))
}

async fn next_wanted(heard: &mut broadcast::Receiver<Arc<EventView>>, wanted: &Wanted) -> Option<Event> {
    loop {
        match heard.recv().await {
            Ok(event) if wanted.wants(&event) => {
                return Event::default().event("event").json_data(&*event).ok();
            }
            Ok(_) => {}
            Err(RecvError::Lagged(count)) => {
                return Some(Event::default().event("missed").data(count.to_string()));
            }
            Err(RecvError::Closed) => return None,
        }
    }
}

fn sse(events: impl Stream<Item = Result<Event, Infallible>> + Send + 'static) -> Response {
    let mut response = Sse::new(events).into_response();
    // Proxies that gather answers would keep it from arriving.
    response.headers_mut().insert("x-accel-buffering", axum::http::HeaderValue::from_static("no"));
    response
}
