//! The worker's side of one child: gives it an attempt, hears what it says of it, and ends it if it does not stop.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use serde::Serialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::frames::{self, End, Frame, Hello, Kind, Order, StopOrder};
use super::heard;
use super::lost::{Lost, Why};
use super::output::Output;
use super::process::Process;
use crate::task::{Attempt, Stop};

/// How much room there is for what comes next.
const ROOM: usize = 8_192;
/// How much longer than its handler's grace a child has: it may end the handler by itself, which costs no process.
const MARGIN: Duration = Duration::from_millis(100);

/// A child that is ready, or runs an attempt. Dropped, it and all that it has started are killed.
#[derive(Debug)]
pub(super) struct Child {
    // First, so that it is killed before its channels close.
    process: Process,
    reader: Reader,
    writer: OwnedWriteHalf,
    control: Arc<Control>,
    output: Output,
    /// How many attempts it was given.
    pub(super) orders: u64,
    /// What it used before the first one.
    pub(super) hello: Hello,
    pub(super) idle_since: Instant,
}

/// The channel on which a child is told something while its handler runs.
#[derive(Debug)]
pub(super) struct Control(Mutex<UnixStream>);

impl Control {
    /// Sends a frame. A child that is gone is noticed elsewhere.
    pub(super) async fn send(&self, kind: Kind, head: &impl Serialize) {
        let mut frame = Vec::new();
        if frames::put(kind, head, &[], &mut frame).is_ok() {
            let _ = self.0.lock().await.write_all(&frame).await;
        }
    }
}

/// What comes from a child.
#[derive(Debug)]
struct Reader {
    stream: OwnedReadHalf,
    came: BytesMut,
    most_body: u64,
}

impl Reader {
    /// Waits for the next frame; `None` once the channel has ended. Nothing is lost when the future is dropped.
    async fn next(&mut self) -> io::Result<Option<Frame>> {
        loop {
            if let Some(frame) = frames::take(&mut self.came, self.most_body)? {
                return Ok(Some(frame));
            }
            self.came.reserve(ROOM);
            match self.stream.read_buf(&mut self.came).await {
                Ok(0) => return Ok(None),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return Ok(None),
                Err(error) => return Err(error),
            }
        }
    }
}

impl Child {
    /// Starts a child and waits until it is ready.
    pub(super) async fn start(
        passed_on: &[String],
        welcome: &[u8],
        within: Duration,
        most_body: u64,
    ) -> Result<Self, String> {
        let cannot = |error: io::Error| format!("a child process cannot be started: {error}");
        let (process, channels) =
            Process::start(passed_on.to_vec(), welcome.to_vec()).await.map_err(cannot)?;
        let output = Output::of(channels.output).map_err(cannot)?;
        let stream = tokio_stream(channels.orders).map_err(cannot)?;
        let control = tokio_stream(channels.control).map_err(cannot)?;
        let (stream, writer) = stream.into_split();
        let mut reader = Reader { stream, came: BytesMut::new(), most_body };
        let hello = tokio::select! {
            biased;
            frame = reader.next() => frame.ok().flatten().and_then(|frame| frame.head::<Hello>().ok()),
            () = tokio::time::sleep(within) => {
                process.kill();
                return Err(super::startup::silent(within, &output.last()));
            }
        };
        let Some(hello) = hello else {
            let why = Why::Ended(process.bury().await);
            return Err(super::startup::ended_early(&Lost { why, last_words: output.last() }));
        };
        if let Some(problem) = hello.problem {
            return Err(problem);
        }
        let control = Arc::new(Control(Mutex::new(control)));
        Ok(Self { process, reader, writer, control, output, orders: 0, hello, idle_since: Instant::now() })
    }

    /// Tells whether the child has died while nobody used it.
    pub(super) fn is_gone(&self) -> bool {
        self.process.has_ended()
    }

    /// Runs an attempt to its end, as the child sees it. Whoever drops the future has to drop the child too.
    pub(super) async fn perform(
        &mut self,
        attempt: &Arc<Attempt>,
        order: Order<'_>,
    ) -> Result<(End, Frame), Lost> {
        self.orders += 1;
        self.output.begin_anew();
        match self.converse(attempt, order).await {
            Ok(ended) => Ok(ended),
            Err(why) => {
                let status = self.process.bury().await;
                let why = match why {
                    Why::Ended(_) => Why::Ended(status),
                    why => why,
                };
                Err(Lost { why, last_words: self.output.last() })
            }
        }
    }

    async fn converse(&mut self, attempt: &Arc<Attempt>, order: Order<'_>) -> Result<(End, Frame), Why> {
        let (number, grace) = (self.orders, order.grace);
        let mut head = Vec::with_capacity(512);
        let order = Order { number, ..order };
        let body =
            frames::put(Kind::Order, &order, &attempt.job.envelope.args, &mut head).map_err(garbled)?;
        let Self { process, reader, writer, control, .. } = self;
        let send = async {
            writer.write_all(&head).await?;
            writer.write_all(body).await
        };
        tokio::pin!(send);
        let (mut is_sent, mut told) = (false, None);
        let mut patience = std::pin::pin!(tokio::time::sleep(Duration::ZERO));
        loop {
            tokio::select! {
                biased;
                // A child that is gone has left nothing that could be read later.
                sent = &mut send, if !is_sent => is_sent = sent.map(|()| true).map_err(|_| Why::Ended(None))?,
                frame = reader.next() => match frame.map_err(garbled)? {
                    Some(frame) => if let Some(end) = heard::heed(attempt, number, &frame, control)? {
                        return Ok((end, frame));
                    },
                    None => return Err(Why::Ended(None)),
                },
                why = attempt.stopped(), if told.is_none() => {
                    told = Some(why);
                    control.send(Kind::Stop, &StopOrder { number, why: why as u8 }).await;
                    patience.as_mut().reset(Instant::now() + grace + MARGIN);
                }
                () = &mut patience, if told.is_some() => {
                    return Err(Why::DidNotStop(told.unwrap_or(Stop::Cancelled)));
                }
                _ = process.ended() => return last_frame(reader, attempt, number, control).await,
            }
        }
    }

    /// Lets the child end in order, as long as that takes no longer than this.
    pub(super) async fn dismiss(self, within: Duration) {
        let Self { process, writer, control, .. } = self;
        // The end of its orders is the end of its work.
        drop(writer);
        let _ = tokio::time::timeout(within, process.ended()).await;
        process.bury().await;
        drop(control);
    }
}

/// Looks for what a child had sent before it died: the end of its attempt may be there.
async fn last_frame(
    reader: &mut Reader,
    attempt: &Arc<Attempt>,
    number: u64,
    control: &Arc<Control>,
) -> Result<(End, Frame), Why> {
    // What it has started may hold the channel open.
    let moment = Duration::from_millis(100);
    while let Ok(Ok(Some(frame))) = tokio::time::timeout(moment, reader.next()).await {
        if let Some(end) = heard::heed(attempt, number, &frame, control)? {
            return Ok((end, frame));
        }
    }
    Err(Why::Ended(None))
}

pub(super) fn garbled(error: io::Error) -> Why {
    Why::Garbled(error.to_string())
}

fn tokio_stream(stream: std::os::unix::net::UnixStream) -> io::Result<UnixStream> {
    stream.set_nonblocking(true)?;
    UnixStream::from_std(stream)
}
