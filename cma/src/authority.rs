//! What relays call: one stream each, read into the driver and answered from the driver's cell.
//!
//! Reading waits while the driver is busy, which slows the relay and nobody else. Answering never makes the driver
//! wait: a relay that does not read finds the newest answer when it does, or is given up by the keep-alive.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::{Stream, StreamExt, stream};
use ringmesh_cma_core::cma::Event;
use ringmesh_cma_core::relay::{RelayBeat, StreamId};
use ringmesh_proto::codec::{
    Malformed, read_group_digests, read_news_item, read_relay_hello, read_thing_digests,
};
use ringmesh_proto::news::{RelayHello, Warning};
use ringmesh_proto::pb;
use ringmesh_proto_grpc::authority_server::Authority;
use tokio::sync::{mpsc, oneshot, watch};
use tonic::{Request, Response, Status, Streaming};

use crate::driver::{Answer, Input, Outlet};

/// A relay speaks first, and soon.
const HELLO_WITHIN: Duration = Duration::from_secs(10);
/// Orders that wait for a relay to read them; one that leaves more unread is hung up on.
const ORDERS_MAX: usize = 64;
/// Counters or warnings in one beat; more are left out.
const BEAT_ENTRIES_MAX: usize = 256;

/// The service.
pub(crate) struct AuthorityService {
    inputs: mpsc::Sender<Input>,
    streams: Arc<AtomicU64>,
}

impl AuthorityService {
    pub(crate) fn new(inputs: mpsc::Sender<Input>) -> Self {
        Self { inputs, streams: Arc::default() }
    }
}

type Answers = Pin<Box<dyn Stream<Item = Result<pb::FromAuthority, Status>> + Send>>;

#[tonic::async_trait]
impl Authority for AuthorityService {
    type ConnectStream = Answers;

    async fn connect(&self, request: Request<Streaming<pb::FromRelay>>) -> Result<Response<Answers>, Status> {
        let stream = StreamId(self.streams.fetch_add(1, Ordering::Relaxed));
        let peer = request.remote_addr().map_or_else(|| "unknown".to_owned(), |peer| peer.to_string());
        let (answers, cell) = watch::channel(Answer::default());
        let (orders, ordered) = mpsc::channel(ORDERS_MAX);
        let (end, ended) = oneshot::channel();
        let reader = Reader { stream, inputs: self.inputs.clone(), news: request.into_inner() };
        // A relay may wait for our headers before it speaks, so it is read beside the answering.
        tokio::spawn(async move {
            let status = reader.run(Outlet { answers, orders }).await;
            tracing::debug!(peer, "stream ended: {}", status.message());
            // Whoever would read it may be gone.
            let _ = end.send(status);
        });
        Ok(Response::new(answers_of(cell, ordered, ended)))
    }
}

/// Reads one stream into the driver.
struct Reader {
    stream: StreamId,
    inputs: mpsc::Sender<Input>,
    news: Streaming<pb::FromRelay>,
}

impl Reader {
    /// Returns why the stream is over.
    async fn run(mut self, outlet: Outlet) -> Status {
        let hello = match tokio::time::timeout(HELLO_WITHIN, self.hello()).await {
            Ok(Ok(hello)) => hello,
            Ok(Err(status)) => return status,
            Err(_) => return Status::deadline_exceeded("a relay says hello first"),
        };
        let hung_up = outlet.answers.subscribe();
        let connected = Input::Connected(self.stream, Box::new(hello), outlet);
        if self.inputs.send(connected).await.is_err() {
            return stopping();
        }
        let status = self.read_until_over(hung_up).await;
        let gone = Event::RelayGone { stream: self.stream };
        let _ = self.inputs.send(Input::Event(Box::new(gone))).await;
        status
    }

    async fn hello(&mut self) -> Result<RelayHello, Status> {
        let first = self.news.message().await?;
        match first.and_then(|first| first.body) {
            Some(pb::from_relay::Body::Hello(hello)) => {
                read_relay_hello(hello).map_err(|malformed| Status::invalid_argument(malformed.to_string()))
            }
            Some(_) | None => Err(Status::failed_precondition("a relay says hello first")),
        }
    }

    async fn read_until_over(&mut self, mut hung_up: watch::Receiver<Answer>) -> Status {
        loop {
            let message = tokio::select! {
                message = self.news.message() => message,
                () = driver_hung_up(&mut hung_up) => return Status::aborted("a newer stream of this relay took over"),
            };
            let event = match message {
                Ok(Some(message)) => self.event(message),
                Ok(None) => return Status::ok("the relay ended it"),
                Err(status) => return status,
            };
            let event = match event {
                Ok(Some(event)) => event,
                Ok(None) => continue,
                Err(malformed) => return Status::invalid_argument(malformed.to_string()),
            };
            if self.inputs.send(Input::Event(Box::new(event))).await.is_err() {
                return stopping();
            }
        }
    }

    /// What the machine hears of a message; nothing of one from a newer version.
    fn event(&self, message: pb::FromRelay) -> Result<Option<Event>, Malformed> {
        use pb::from_relay::Body;
        let stream = self.stream;
        let Some(body) = message.body else { return Ok(None) };
        Ok(Some(match body {
            Body::Hello(_) => return Ok(None),
            Body::Pulse(pb::Pulse { pending, picture }) => Event::RelayPulse { stream, pending, picture },
            Body::Beat(beat) => Event::RelayBeat { stream, beat: relay_beat(beat) },
            Body::Groups(groups) => Event::Groups { stream, groups: read_group_digests(&groups)? },
            Body::Things(things) => {
                let (sequence, groups) = read_thing_digests(&things)?;
                Event::Things { stream, sequence, groups }
            }
            Body::News(item) => {
                let sequence = item.sequence;
                match read_news_item(item) {
                    Ok((sequence, news)) => Event::RelayNews { stream, sequence, news },
                    Err(malformed) => Event::RelayRefused { stream, sequence, why: malformed.to_string() },
                }
            }
        }))
    }
}

fn stopping() -> Status {
    Status::unavailable("this CMA stops")
}

/// Returns when the driver has dropped the cell.
async fn driver_hung_up(cell: &mut watch::Receiver<Answer>) {
    while cell.changed().await.is_ok() {}
}

fn relay_beat(beat: pb::RelayBeat) -> RelayBeat {
    let warning =
        |warning: pb::Warning| Warning { code: warning.code, text: warning.text, remedy: warning.remedy };
    RelayBeat {
        pending: beat.pending,
        counters: beat.counters.into_iter().take(BEAT_ENTRIES_MAX).collect(),
        warnings: beat.warnings.into_iter().take(BEAT_ENTRIES_MAX).map(warning).collect(),
    }
}

/// What the relay was told so far on this stream.
struct Told {
    cell: watch::Receiver<Answer>,
    ordered: mpsc::Receiver<pb::from_authority::Body>,
    ended: oneshot::Receiver<Status>,
    welcomed: bool,
    acknowledged: u64,
    /// How many of its pulses were answered.
    answered: u64,
}

fn answers_of(
    cell: watch::Receiver<Answer>,
    ordered: mpsc::Receiver<pb::from_authority::Body>,
    ended: oneshot::Receiver<Status>,
) -> Answers {
    let told = Told { cell, ordered, ended, welcomed: false, acknowledged: 0, answered: 0 };
    stream::unfold(Some(told), |told| async move {
        let mut told = told?;
        match told.next().await {
            Ok(body) => Some((Ok(pb::FromAuthority { body: Some(body) }), Some(told))),
            Err(status) if status.code() == tonic::Code::Ok => None,
            Err(status) => Some((Err(status), None)),
        }
    })
    .boxed()
}

impl Told {
    /// The next thing to tell, or why there will be none.
    async fn next(&mut self) -> Result<pb::from_authority::Body, Status> {
        loop {
            let answer = *self.cell.borrow_and_update();
            if let Some(body) = self.untold(answer) {
                return Ok(body);
            }
            // Its first message is the Welcome: orders come after it.
            let over = tokio::select! {
                changed = self.cell.changed() => changed.is_err(),
                Some(order) = self.ordered.recv(), if self.welcomed => return Ok(order),
            };
            if over {
                return Err((&mut self.ended).await.unwrap_or_else(|_| stopping()));
            }
        }
    }

    fn untold(&mut self, answer: Answer) -> Option<pb::from_authority::Body> {
        let (epoch, sequence) = answer.welcome?;
        if !self.welcomed {
            self.welcomed = true;
            self.acknowledged = sequence;
            return Some(pb::from_authority::Body::Welcome(pb::Welcome { epoch, sequence }));
        }
        let sequence = answer.acknowledged;
        // A pulse wants an answer, whether or not there is anything new: the relay asks whether it can hear us.
        (sequence > self.acknowledged || answer.pulses > self.answered).then(|| {
            (self.acknowledged, self.answered) = (sequence, answer.pulses);
            pb::from_authority::Body::Acknowledged(pb::Acknowledged { sequence })
        })
    }
}
