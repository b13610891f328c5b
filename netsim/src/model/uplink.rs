//! The relay's end of its stream to the CMA: opened again whenever it breaks.
//!
//! What the real uplink does in its shell (`site-relay/src/uplink.rs`), with its times: how long a connection and the
//! Welcome may take, how long the CMA may say nothing, and the pauses between attempts, doubled each time.

use std::time::Duration;

use prost::Message as _;
use ringmesh_proto::codec;
use ringmesh_proto::draws::Purpose;
use ringmesh_proto::pb::{self, from_authority as down, from_relay as up};
use ringmesh_relay_core as relay;
use ringmesh_topology::id::Name;

use super::queue::Due;
use super::stream::{Body, HANDSHAKE_OCTETS, Side};
use super::world::World;

const CONNECT: Duration = Duration::from_secs(4);
const WELCOME: Duration = Duration::from_secs(10);
const PAUSE_MIN: Duration = Duration::from_millis(200);
const PAUSE_MAX: Duration = Duration::from_secs(2);
const PULSE: Duration = Duration::from_secs(2);
const BEAT: Duration = Duration::from_secs(10);
/// When a kernel sends its SYN again, from the first.
const SYNS: [Duration; 3] = [Duration::ZERO, Duration::from_secs(1), Duration::from_secs(3)];

/// What is due in an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The attempt begins.
    Dial,
    /// Another SYN leaves.
    Syn(usize),
    /// TCP and TLS are done.
    Opened,
    /// Nobody listens, or nobody answers.
    Failed,
    /// No Welcome came.
    Late,
    /// The stream is shown to be alive.
    Pulse,
    /// The relay's own state is told.
    Beat,
}

/// How far an attempt is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Link {
    #[default]
    Away,
    Dialling,
    Greeting(u64),
    Open(u64),
}

/// One relay process and the CMA.
#[derive(Debug)]
pub(super) struct Uplink {
    link: Link,
    /// Tells what is due now from what was due in an attempt before. Never used twice in a world.
    attempt: u64,
    pause: Duration,
    /// The last news sent on this stream, or held by the CMA before it.
    streamed: u64,
    /// The last news that the machine was told the CMA holds.
    taken: u64,
}

impl Uplink {
    pub(super) fn new() -> Self {
        Self { link: Link::Away, attempt: 0, pause: PAUSE_MIN, streamed: 0, taken: 0 }
    }

    /// The stream on which the CMA said Welcome.
    pub(super) fn stream(&self) -> Option<u64> {
        match self.link {
            Link::Open(stream) => Some(stream),
            Link::Away | Link::Dialling | Link::Greeting(_) => None,
        }
    }
}

impl World {
    fn uplink(&mut self, site: usize) -> Option<&mut Uplink> {
        self.sites[site].process.as_mut().map(|process| &mut process.uplink)
    }

    /// Begins an attempt, after a pause.
    pub(super) fn dial(&mut self, site: usize, pause: Duration) {
        self.attempt_last += 1;
        let attempt = self.attempt_last;
        let Some(uplink) = self.uplink(site) else { return };
        uplink.attempt = attempt;
        self.at(self.now + pause, Due::Uplink { site, attempt, step: Step::Dial });
    }

    pub(super) fn uplink_step(&mut self, site: usize, attempt: u64, step: Step) {
        let Some(uplink) = self.uplink(site).filter(|uplink| uplink.attempt == attempt) else { return };
        match (step, uplink.link) {
            (Step::Dial, Link::Away) => {
                uplink.link = Link::Dialling;
                self.at(self.now + CONNECT, Due::Uplink { site, attempt, step: Step::Failed });
                for (number, after) in SYNS.into_iter().enumerate() {
                    self.at(self.now + after, Due::Uplink { site, attempt, step: Step::Syn(number) });
                }
            }
            (Step::Syn(_), Link::Dialling) => self.send_syn(site, attempt),
            (Step::Opened, Link::Dialling) => self.greet(site, attempt),
            (Step::Failed, Link::Dialling) => self.dial_later(site),
            (Step::Late, Link::Greeting(stream)) => {
                self.close_stream(stream, Side::Relay);
                self.dial_later(site);
            }
            (Step::Pulse, Link::Open(stream)) => {
                self.pulse(site, stream);
                self.at(self.now + PULSE, Due::Uplink { site, attempt, step });
            }
            (Step::Beat, Link::Open(stream)) => {
                self.beat(site, stream);
                self.at(self.now + BEAT, Due::Uplink { site, attempt, step });
            }
            // Of a state that is over.
            (Step::Dial | Step::Syn(_) | Step::Opened | Step::Failed, _)
            | (Step::Late | Step::Pulse | Step::Beat, _) => {}
        }
    }

    fn send_syn(&mut self, site: usize, attempt: u64) {
        if !self.passes_to_cma(site) {
            return;
        }
        let round = self.delay_to_cma(site) * 2;
        let listens = self.cma.process.is_some();
        let step = if listens { Step::Opened } else { Step::Failed };
        // One round for TCP, one for TLS.
        let rounds = if listens { 2 } else { 1 };
        self.at(self.now + round * rounds, Due::Uplink { site, attempt, step });
    }

    fn greet(&mut self, site: usize, attempt: u64) {
        if self.cma.process.is_none() || !self.network.reaches_cma(site) {
            // The time for it runs out.
            return;
        }
        let Some(hello) = self.relay_hello(site) else { return };
        self.count_wan(site, "Handshake", HANDSHAKE_OCTETS);
        let stream = self.open_stream(site);
        if let Some(uplink) = self.uplink(site) {
            uplink.link = Link::Greeting(stream);
        }
        self.at(self.now + WELCOME, Due::Uplink { site, attempt, step: Step::Late });
        self.tell_cma(stream, up::Body::Hello(codec::relay_hello(&hello)));
    }

    /// No stream: another attempt, later each time.
    fn dial_later(&mut self, site: usize) {
        let draw = Duration::from_millis(self.draw(500, Purpose::Start));
        let Some(uplink) = self.uplink(site) else { return };
        uplink.link = Link::Away;
        let pause = uplink.pause;
        uplink.pause = (pause * 2).min(PAUSE_MAX);
        // Three to five quarters of it.
        let jittered = pause * 3 / 4 + pause * u32::try_from(draw.as_millis()).unwrap_or(0) / 1_000;
        self.dial(site, jittered);
    }

    /// The stream is over, whoever ended it.
    pub(super) fn relay_lost_stream(&mut self, site: usize, stream: u64) {
        let Some(uplink) = self.uplink(site) else { return };
        match uplink.link {
            Link::Open(open) if open == stream => {
                uplink.pause = PAUSE_MIN;
                self.note_of(site, || "the stream to the CMA is over".into());
                self.relay_event(site, relay::Event::Cma { connected: false });
            }
            Link::Greeting(open) if open == stream => {}
            Link::Away | Link::Dialling | Link::Greeting(_) | Link::Open(_) => return,
        }
        self.dial_later(site);
    }

    /// The relay reads what the CMA said.
    pub(super) fn relay_hears(&mut self, site: usize, stream: u64, octets: &[u8]) {
        let Some(uplink) = self.uplink(site) else { return };
        let heard = sound(pb::FromAuthority::decode(octets));
        let Some(body) = heard.body else { return };
        match (body, uplink.link) {
            (down::Body::Welcome(welcome), Link::Greeting(greeting)) if greeting == stream => {
                self.welcomed(site, stream, welcome.sequence);
            }
            (body, Link::Open(open)) if open == stream => self.relay_told(site, body),
            (body, _) => panic!("{}: {body:?} on stream {stream}", self.relay_name(site)),
        }
    }

    fn welcomed(&mut self, site: usize, stream: u64, sequence: u64) {
        let known = &mut self.sites[site];
        let Some(process) = &mut known.process else { return };
        if sequence > process.relay.outbox().last() {
            return self.reborn(site, stream);
        }
        process.uplink.link = Link::Open(stream);
        process.uplink.streamed = sequence;
        let attempt = process.uplink.attempt;
        self.note_of(site, || format!("the CMA welcomes it, and holds its news up to {sequence}"));
        self.relay_event(site, relay::Event::Cma { connected: true });
        self.acknowledged(site, sequence);
        self.stream_news(site);
        for step in [Step::Beat, Step::Pulse] {
            self.at(self.now, Due::Uplink { site, attempt, step });
        }
    }

    /// The CMA holds news that this outbox never gave: it goes on under another birth nonce, and over another stream.
    fn reborn(&mut self, site: usize, stream: u64) {
        let outbox = self.sites[site].nonce();
        self.note_of(site, || "its disk went back in time".into());
        self.relay_event(site, relay::Event::Reborn { outbox });
        if let Some(uplink) = self.uplink(site) {
            uplink.taken = 0;
        }
        self.close_stream(stream, Side::Relay);
        self.dial_later(site);
    }

    fn relay_told(&mut self, site: usize, body: down::Body) {
        let event = match body {
            down::Body::Welcome(welcome) => panic!("{}: a second {welcome:?}", self.relay_name(site)),
            down::Body::Acknowledged(pb::Acknowledged { sequence }) => {
                let told = self.uplink(site).map_or(0, |uplink| uplink.streamed);
                assert!(sequence <= told, "the CMA acknowledges {sequence}, and was told up to {told}");
                self.relay_event(site, relay::Event::Cma { connected: true });
                return self.acknowledged(site, sequence);
            }
            down::Body::Mesh(order) => {
                let (order, keys) = sound(codec::read_mesh_order(order));
                if let Some(process) = &mut self.sites[site].process {
                    process.wire.take_mesh(keys);
                }
                relay::Event::Mesh(order)
            }
            down::Body::Compare(pb::Compare {}) => relay::Event::Compare,
            down::Body::CompareGroups(groups) => {
                relay::Event::CompareGroups(sound(codec::read_groups(&groups)))
            }
            down::Body::Wanted(keys) => relay::Event::Wanted(sound(codec::read_keys(&keys))),
            down::Body::Forget(host) => relay::Event::ForgetHost(sound(Name::new(&host))),
        };
        self.relay_event(site, event);
    }

    fn acknowledged(&mut self, site: usize, sequence: u64) {
        let Some(uplink) = self.uplink(site) else { return };
        if sequence > uplink.taken {
            uplink.taken = sequence;
            self.relay_event(site, relay::Event::Acknowledged { sequence });
        }
    }

    /// Tells the CMA all news that it was not told on this stream, as far as they are kept.
    pub(super) fn stream_news(&mut self, site: usize) {
        let Some(process) = &mut self.sites[site].process else { return };
        let (Some(stream), kept) = (process.uplink.stream(), process.kept) else { return };
        let outbox = process.relay.outbox();
        if kept.birth != outbox.birth() {
            return;
        }
        let fresh = outbox.after(process.uplink.streamed);
        let items: Vec<pb::NewsItem> = fresh
            .take_while(|(sequence, _)| *sequence <= kept.last)
            .map(|(sequence, news)| codec::news_item(sequence, news))
            .collect();
        for item in items {
            if let Some(uplink) = self.uplink(site) {
                uplink.streamed = item.sequence;
            }
            self.tell_cma(stream, up::Body::News(item));
        }
    }

    /// The relay shows that it is there, out of turn: whoever reads it answers.
    pub(super) fn ask_cma(&mut self, site: usize) {
        if let Some(stream) = self.uplink(site).and_then(|uplink| uplink.stream()) {
            self.beat(site, stream);
        }
    }

    fn pulse(&mut self, site: usize, stream: u64) {
        let Some(process) = &self.sites[site].process else { return };
        let (pending, picture) = (process.relay.outbox().pending() as u64, process.relay.picture());
        self.tell_cma(stream, up::Body::Pulse(pb::Pulse { pending, picture }));
    }

    fn beat(&mut self, site: usize, stream: u64) {
        let Some(process) = &self.sites[site].process else { return };
        let beat = process.own_state();
        self.tell_cma(stream, up::Body::Beat(beat));
    }

    /// What the relay answers when pictures are compared.
    pub(super) fn answer_cma(&mut self, site: usize, body: up::Body) {
        if let Some(stream) = self.uplink(site).and_then(|uplink| uplink.stream()) {
            self.tell_cma(stream, body);
        }
    }

    fn tell_cma(&mut self, stream: u64, body: up::Body) {
        let purpose = match body {
            up::Body::Hello(_) => "RelayHello",
            up::Body::News(_) => "News",
            up::Body::Beat(_) => "RelayBeat",
            up::Body::Pulse(_) => "Pulse",
            up::Body::Groups(_) => "Groups",
            up::Body::Things(_) => "Things",
        };
        let message = pb::FromRelay { body: Some(body) };
        self.say(stream, Side::Relay, Body::Message(purpose, message.encode_to_vec()));
    }
}

/// What our own machines say is sound; what the codec refuses of it is a bug of ours.
pub(super) fn sound<T, E: std::fmt::Display>(read: Result<T, E>) -> T {
    read.unwrap_or_else(|error| panic!("a machine of ours said what cannot be read: {error}"))
}
