//! One stream from its Hello to its end.

use std::collections::VecDeque;
use std::convert::Infallible;

use ringmesh_proto::{codec, pb};
use ringmesh_relay_core::Event;
use ringmesh_topology::id::Name;
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
    #[error("the CMA says nothing any more")]
    Deaf,
    #[error("the CMA takes nothing any more")]
    Stalled,
    #[error("the CMA breaks the protocol: {0}")]
    Protocol(&'static str),
    #[error("the CMA knows more than this outbox: it goes on under another birth")]
    Anew,
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
    pulse: Interval,
    /// When the CMA said something last.
    heard: Instant,
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
    PulseDue,
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
        let cursor = Self::welcomed(first)?;
        // The first beat at once: it tells the CMA what is wrong here.
        let [mut beat, mut pulse] =
            [self.pace.beat, self.pace.pulse].map(|pace| interval_at(Instant::now(), pace));
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        pulse.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (queue, heard, moved) = (VecDeque::new(), Instant::now(), Instant::now());
        let (asked, beat_asked) = (None, false);
        Ok(Session { outgoing, incoming, queue, cursor, asked, beat_asked, beat, pulse, heard, moved })
    }

    /// Asked for at each stream: the term may have risen. Older answers that come before it are of no use any more.
    async fn hello(&mut self) -> Result<pb::RelayHello, Broken> {
        self.ask(Ask::Hello).await?;
        loop {
            match self.replies.recv().await.ok_or(Broken::Unwanted)? {
                Reply::Hello(hello) => return Ok(hello),
                Reply::News { .. } | Reply::Beat(_) | Reply::Pulse(_) | Reply::Digests(_) | Reply::Anew => {}
            }
        }
    }

    fn welcomed(first: Option<pb::FromAuthority>) -> Result<u64, Broken> {
        use pb::from_authority::Body;
        match first.ok_or(Broken::Ended)?.body {
            Some(Body::Welcome(welcome)) => Ok(welcome.sequence),
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
            Step::Heard(message) => {
                session.heard = Instant::now();
                self.heard(session.cursor, message).await?;
            }
            Step::Answered(reply) => session.take(reply)?,
            Step::Told(sequence) => session.cursor = sequence,
            Step::Nothing => {}
            Step::PulseDue => self.ask(Ask::Pulse).await?,
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
            _ = session.pulse.tick() => Ok(Step::PulseDue),
            () = sleep_until(session.heard + self.pace.deaf) => Err(Broken::Deaf),
            () = sleep_until(session.moved + self.pace.stall), if waiting => Err(Broken::Stalled),
        }
    }

    async fn heard(&self, cursor: u64, message: pb::FromAuthority) -> Result<(), Broken> {
        use pb::from_authority::Body;
        let unsound = |_| Broken::Protocol("a message that makes no sense");
        // What a later version says is passed over.
        let Some(body) = message.body else { return Ok(()) };
        let ask = match body {
            Body::Acknowledged(pb::Acknowledged { sequence }) if sequence <= cursor => {
                Ask::Acknowledged { sequence }
            }
            Body::Acknowledged(_) => {
                return Err(Broken::Protocol("it acknowledges news that were never told"));
            }
            Body::Welcome(_) => return Err(Broken::Protocol("a second Welcome")),
            Body::Mesh(order) => {
                let (order, keys) = codec::read_mesh_order(order).map_err(unsound)?;
                Ask::Mesh(order, keys)
            }
            Body::Compare(pb::Compare {}) => Ask::Heard(Event::Compare),
            Body::CompareGroups(groups) => {
                Ask::Heard(Event::CompareGroups(codec::read_groups(&groups).map_err(unsound)?))
            }
            Body::Wanted(wanted) => Ask::Heard(Event::Wanted(codec::read_keys(&wanted).map_err(unsound)?)),
            Body::Forget(host) => {
                let host = Name::new(&host).map_err(|_| Broken::Protocol("a host without a sound name"))?;
                Ask::Heard(Event::ForgetHost(host))
            }
        };
        Ok(self.ask(ask).await?)
    }
}

impl Session {
    fn take(&mut self, reply: Reply) -> Result<(), Broken> {
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
                self.first(pb::from_relay::Body::Beat(beat));
            }
            Reply::Pulse(pulse) => self.first(pb::from_relay::Body::Pulse(pulse)),
            // In line with the news: it is as of the last of them.
            Reply::Digests(digests) => self.queue.push_back(body(digests)),
            Reply::Anew => return Err(Broken::Anew),
        }
        Ok(())
    }

    /// Puts a message in front of all that wait, in the place of one of its kind.
    fn first(&mut self, first: pb::from_relay::Body) {
        let kind = std::mem::discriminant(&first);
        self.queue.retain(|waiting| waiting.body.as_ref().map(std::mem::discriminant) != Some(kind));
        self.queue.push_front(body(first));
    }
}

fn body(body: pb::from_relay::Body) -> pb::FromRelay {
    pb::FromRelay { body: Some(body) }
}
