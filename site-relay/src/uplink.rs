//! The stream to one CMA: opened again whenever it breaks, and fed by the driver on request only.
//!
//! The uplink *asks* the driver, which answers at once or as soon as there is something: so however slowly a CMA
//! reads, one batch of news at most lies here, and the machine never waits. What the CMA has not acknowledged stays
//! in the machine's outbox; its Welcome says where to go on.
//!
//! # Invariants
//! - News leave in the order of their sequence, and nothing between two of them is skipped that the outbox holds.
//! - An acknowledgement is passed on only for what the outbox has given.

mod session;

use std::time::Duration;

use ringmesh_proto::codec::LinkKeys;
use ringmesh_proto::mesh::MeshOrder;
use ringmesh_proto::message::LinkId;
use ringmesh_proto::pb;
use ringmesh_proto_grpc::authority_client::AuthorityClient;
use ringmesh_relay_core::Event;
use ringmesh_shell::failure::Failure;
use tokio::sync::mpsc;
use tonic::transport::{Channel, Endpoint};

use crate::config::Tls;
use crate::secret::random;
use session::Broken;

/// Replies that may lie in an uplink's channel: one of each kind asked for, and as much that is outdated.
pub(crate) const REPLIES: usize = 16;
/// News in one reply.
pub(crate) const BATCH: usize = 256;

/// Times of a stream. They are the shell's own: no machine hears of them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// How long to wait for the connection. One that was asked for while the way was cut must not hold up the next.
    pub(crate) connect: Duration,
    /// How long to wait for the stream, and then for the Welcome.
    pub(crate) open: Duration,
    /// The first pause after a stream broke; doubled each time ..
    pub(crate) pause_min: Duration,
    /// .. up to this.
    pub(crate) pause_max: Duration,
    /// Between two pulses, which say that the stream is alive.
    pub(crate) pulse: Duration,
    /// Between two beats, which tell how the relay does.
    pub(crate) beat: Duration,
    /// A CMA that has said nothing for so long, though it answers each pulse, is given up, and connected to anew.
    pub(crate) deaf: Duration,
    /// A CMA that has taken nothing for so long is given up, and connected to anew.
    pub(crate) stall: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(4),
            open: Duration::from_secs(10),
            pause_min: Duration::from_millis(200),
            pause_max: Duration::from_secs(2),
            pulse: Duration::from_secs(2),
            beat: Duration::from_secs(10),
            deaf: Duration::from_secs(9),
            stall: Duration::from_secs(30),
        }
    }
}

/// What an uplink tells or asks its driver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ask {
    /// Give me what to introduce the relay with.
    Hello,
    /// The CMA has welcomed us and holds all news up to here.
    Connected {
        /// The last sequence it holds.
        taken: u64,
    },
    /// Give me the next news after this sequence: now, or when there is one.
    News {
        /// The last sequence told.
        after: u64,
    },
    /// Give me the relay's own state.
    Beat,
    /// Give me what is pending, and the digest of all that was told.
    Pulse,
    /// The CMA says something that the machine must hear.
    Heard(Event),
    /// The CMA cut the mesh ring: who the neighbours are, and the keys of the links to them.
    Mesh(MeshOrder, Vec<(LinkId, LinkKeys)>),
    /// The CMA holds all news up to here.
    Acknowledged {
        /// The last sequence it holds.
        sequence: u64,
    },
    /// There is no stream, and why. Told once for each loss, not for each attempt.
    Gone {
        /// In plain words.
        why: String,
    },
}

/// An [`Ask`], and whose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    /// The uplink's place in the configuration.
    pub(crate) cma: usize,
    /// What it asks.
    pub(crate) ask: Ask,
}

/// What the driver answers.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Reply {
    /// Who the relay is.
    Hello(pb::RelayHello),
    /// News in order, at least one and at most [`BATCH`].
    News {
        /// What was asked for; the answer to an older question is of no use.
        after: u64,
        /// Them.
        items: Vec<pb::NewsItem>,
    },
    /// The relay's own state.
    Beat(pb::RelayBeat),
    /// That it is alive.
    Pulse(pb::Pulse),
    /// Digests that the CMA asked for.
    Digests(pb::from_relay::Body),
    /// The outbox goes on under another birth: the stream must be opened again.
    Anew,
}

/// One CMA's stream.
pub(crate) struct Uplink {
    cma: usize,
    endpoint: Endpoint,
    pace: Pace,
    asks: mpsc::Sender<Asked>,
    replies: mpsc::Receiver<Reply>,
    /// What the driver knows: `None` at the start.
    connected: Option<bool>,
}

/// The driver is gone: nothing is left to do.
struct Unwanted;

impl Uplink {
    /// Of the CMA at `address` (HOST:PORT), the `cma`th of the configuration. Connects nowhere yet.
    pub(crate) fn new(
        (cma, address): (usize, &str),
        tls: Option<&Tls>,
        pace: Pace,
        asks: mpsc::Sender<Asked>,
        replies: mpsc::Receiver<Reply>,
    ) -> Result<Self, Failure> {
        let endpoint = endpoint(address, tls, pace).map_err(|error| {
            Failure::usage(format!("cma {address}: {}", words(&error)), "correct cma or [tls]")
        })?;
        Ok(Self { cma, endpoint, pace, asks, replies, connected: None })
    }

    /// Runs for as long as the driver does.
    pub(crate) async fn run(mut self) {
        let mut pause = self.pace.pause_min;
        loop {
            let broken = match self.session().await {
                Ok(never) => match never {},
                Err(Broken::Unwanted) => return,
                Err(broken) => broken,
            };
            if self.connected == Some(true) {
                pause = self.pace.pause_min;
            }
            if self.lost(&broken).await.is_err() {
                return;
            }
            tokio::time::sleep(jittered(pause)).await;
            pause = (pause * 2).min(self.pace.pause_max);
        }
    }

    async fn lost(&mut self, broken: &Broken) -> Result<(), Unwanted> {
        tracing::debug!(cma = %self.endpoint.uri(), "no stream: {broken}");
        if self.connected == Some(false) {
            return Ok(());
        }
        self.connected = Some(false);
        self.ask(Ask::Gone { why: broken.to_string() }).await
    }

    async fn ask(&self, ask: Ask) -> Result<(), Unwanted> {
        self.asks.send(Asked { cma: self.cma, ask }).await.map_err(|_| Unwanted)
    }

    async fn connect(&self) -> Result<AuthorityClient<Channel>, tonic::transport::Error> {
        Ok(AuthorityClient::new(self.endpoint.connect().await?))
    }
}

fn endpoint(address: &str, tls: Option<&Tls>, pace: Pace) -> Result<Endpoint, tonic::transport::Error> {
    let scheme = if tls.is_some() { "https" } else { "http" };
    let endpoint = Endpoint::from_shared(format!("{scheme}://{address}"))?
        .connect_timeout(pace.connect)
        .tcp_nodelay(true)
        // A CMA whose host died says nothing: without these the stream would look alive for many minutes.
        .http2_keep_alive_interval(pace.beat)
        .keep_alive_timeout(pace.open)
        .keep_alive_while_idle(true);
    match tls {
        Some(tls) => endpoint.tls_config(tls.client()),
        None => Ok(endpoint),
    }
}

/// Three to five quarters of it, so that the relays of many sites do not come back to a CMA all at once.
fn jittered(pause: Duration) -> Duration {
    let [draw] = random().unwrap_or([128]);
    pause * 3 / 4 + pause * u32::from(draw) / 510
}

/// An error with all its reasons: a transport error by itself says only that it is one.
fn words(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut source = error.source();
    while let Some(reason) = source {
        let reason_words = reason.to_string();
        if !words.ends_with(&reason_words) {
            words = format!("{words}: {reason_words}");
        }
        source = reason.source();
    }
    words
}

#[cfg(test)]
mod tests;
