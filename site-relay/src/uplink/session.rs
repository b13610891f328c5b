//! One stream from its Hello to its end.

use std::collections::VecDeque;
use std::convert::Infallible;

use ringmesh_proto::pb;
use tokio::sync::mpsc;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at, sleep_until, timeout};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;

use super::{Ask, Reply, Unwanted, Uplink, words};

/// Messages handed to the transport before it has taken one.
const IN_FLIGHT: usize = 16;

/// Why a stream ended.
#[derive(Debug, thiserror::Error)]
pub(super) enum Broken {
    #[error("{}", words(.0))]
    Unreachable(#[from] tonic::transport::Error),
    #[error("refused: {}", .0.message())]
    Refused(#[from] tonic::Status),
    #[error("no answer in time")]
    Late,
    #[error("the CMA closed the stream")]
    Ended,
    #[error("the CMA takes nothing any more")]
    Stalled,
    #[error("the CMA breaks the protocol: {0}")]
    Protocol(&'static str),
    #[error("the relay ends")]
    Unwanted,
}

impl From<Unwanted> for Broken {
    fn from(Unwanted: Unwanted) -> Self {
        Self::Unwanted
    }
}

/// An open stream.
struct Session {
    outgoing: mpsc::Sender<pb::FromRelay>,
    incoming: Streaming<pb::FromAuthority>,
    queue: VecDeque<pb::FromRelay>,
    /// The last sequence told on this stream, or held before it.
    cursor: u64,
    /// The question for news that the driver has not answered yet.
    asked: Option<u64>,
    beat_asked: bool,
    beat: Interval,
    /// When the transport took something last, or had nothing to take.
    moved: Instant,
}

/// What happened on it.
enum Step {
    Heard(pb::FromAuthority),
    Answered(Reply),
    /// The news of that sequence left.
    Told(u64),
    Nothing,
    BeatDue,
}

impl Uplink {
    /// Opens a stream and serves it until it breaks.
    pub(super) async fn session(&mut self) -> Result<Infallible, Broken> {
        let mut session = self.open().await?;
        self.connected = Some(true);
        self.ask(Ask::Connected { taken: session.cursor }).await?;
        loop {
            if session.queue.is_empty() && session.asked.is_none() {
                session.asked = Some(session.cursor);
                self.ask(Ask::News { after: session.cursor }).await?;
            }
            self.step(&mut session).await?;
        }
    }

    async fn open(&mut self) -> Result<Session, Broken> {
        let hello = self.hello().await?;
        let (outgoing, outlet) = mpsc::channel(IN_FLIGHT);
        outgoing.send(body(pb::from_relay::Body::Hello(hello))).await.map_err(|_| Broken::Ended)?;
        let opened = timeout(self.pace.open, async {
            let stream = self.connect().await?.connect(ReceiverStream::new(outlet)).await?;
            Ok::<_, Broken>(stream.into_inner())
        });
        let mut incoming = opened.await.map_err(|_| Broken::Late)??;
        let first = timeout(self.pace.open, incoming.message()).await.map_err(|_| Broken::Late)??;
        let cursor = self.welcomed(first)?;
        // The first beat at once: it tells the CMA what is wrong here.
        let mut beat = interval_at(Instant::now(), self.pace.beat);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (queue, moved) = (VecDeque::new(), Instant::now());
        Ok(Session { outgoing, incoming, queue, cursor, asked: None, beat_asked: false, beat, moved })
    }

    /// Asked for at each stream: the term may have risen. Older answers that come before it are of no use any more.
    async fn hello(&mut self) -> Result<pb::RelayHello, Broken> {
        self.ask(Ask::Hello).await?;
        loop {
            match self.replies.recv().await.ok_or(Broken::Unwanted)? {
                Reply::Hello(hello) => return Ok(hello),
                Reply::News { .. } | Reply::Beat(_) => {}
            }
        }
    }

    fn welcomed(&self, first: Option<pb::FromAuthority>) -> Result<u64, Broken> {
        use pb::from_authority::Body;
        match first.ok_or(Broken::Ended)?.body {
            Some(Body::Welcome(welcome)) if welcome.sequence <= self.told => Ok(welcome.sequence),
            Some(Body::Welcome(_)) => Err(Broken::Protocol("it holds news that were never told")),
            Some(
                Body::Acknowledged(_)
                | Body::Mesh(_)
                | Body::Compare(_)
                | Body::CompareGroups(_)
                | Body::Wanted(_)
                | Body::Forget(_),
            )
            | None => Err(Broken::Protocol("its first message is no Welcome")),
        }
    }

    /// Waits for one thing to happen, and deals with it.
    async fn step(&mut self, session: &mut Session) -> Result<(), Broken> {
        match self.next(session).await? {
            Step::Heard(message) => self.heard(message).await?,
            Step::Answered(reply) => session.take(reply),
            Step::Told(sequence) => {
                session.cursor = sequence;
                self.told = self.told.max(sequence);
            }
            Step::Nothing => {}
            Step::BeatDue => {
                session.beat_asked = true;
                self.ask(Ask::Beat).await?;
            }
        }
        Ok(())
    }

    async fn next(&mut self, session: &mut Session) -> Result<Step, Broken> {
        let waiting = !session.queue.is_empty();
        tokio::select! {
            message = session.incoming.message() => Ok(Step::Heard(message?.ok_or(Broken::Ended)?)),
            reply = self.replies.recv() => Ok(Step::Answered(reply.ok_or(Broken::Unwanted)?)),
            permit = session.outgoing.reserve(), if waiting => {
                let Some(message) = session.queue.pop_front() else { return Ok(Step::Nothing) };
                session.moved = Instant::now();
                let told = match &message.body {
                    Some(pb::from_relay::Body::News(item)) => Step::Told(item.sequence),
                    Some(_) | None => Step::Nothing,
                };
                permit.map_err(|_| Broken::Ended)?.send(message);
                Ok(told)
            }
            _ = session.beat.tick(), if !session.beat_asked => Ok(Step::BeatDue),
            () = sleep_until(session.moved + self.pace.stall), if waiting => Err(Broken::Stalled),
        }
    }

    async fn heard(&self, message: pb::FromAuthority) -> Result<(), Broken> {
        use pb::from_authority::Body;
        match message.body {
            Some(Body::Acknowledged(pb::Acknowledged { sequence })) if sequence <= self.told => {
                Ok(self.ask(Ask::Acknowledged { sequence }).await?)
            }
            Some(Body::Acknowledged(_)) => Err(Broken::Protocol("it acknowledges news that were never told")),
            Some(Body::Welcome(_)) => Err(Broken::Protocol("a second Welcome")),
            Some(
                Body::Mesh(_) | Body::Compare(_) | Body::CompareGroups(_) | Body::Wanted(_) | Body::Forget(_),
            ) => Ok(()),
            // A message of a later version.
            None => Ok(()),
        }
    }
}

impl Session {
    fn take(&mut self, reply: Reply) {
        if self.queue.is_empty() {
            self.moved = Instant::now();
        }
        match reply {
            Reply::News { after, items } if self.asked == Some(after) => {
                self.asked = None;
                self.queue.extend(items.into_iter().map(|item| body(pb::from_relay::Body::News(item))));
            }
            // The answer to a question of the stream before this one.
            Reply::News { .. } | Reply::Hello(_) => {}
            // Also unasked. One that still waits is out of date.
            Reply::Beat(beat) => {
                self.beat_asked = false;
                self.queue.retain(|waiting| !matches!(waiting.body, Some(pb::from_relay::Body::Beat(_))));
                self.queue.push_front(body(pb::from_relay::Body::Beat(beat)));
            }
        }
    }
}

fn body(body: pb::from_relay::Body) -> pb::FromRelay {
    pb::FromRelay { body: Some(body) }
}
