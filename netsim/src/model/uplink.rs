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

use super::common::ShardName;
use super::fabric::Way;
use super::key::Rank;
use super::look::NewsTold;
use super::queue::Thing;
use super::site::Site;
use super::stream::{Body, HANDSHAKE_OCTETS, Watched};

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

impl Step {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Dial => "dial",
            Self::Syn(_) => "SYN",
            Self::Opened => "opened",
            Self::Failed => "failed",
            Self::Late => "late",
            Self::Pulse => "pulse",
            Self::Beat => "beat",
        }
    }
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
    /// Tells what is due now from what was due in an attempt before. Never used twice in a site.
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

impl Site {
    fn uplink(&mut self) -> Option<&mut Uplink> {
        self.process.as_mut().map(|process| &mut process.uplink)
    }

    fn step_after(&mut self, attempt: u64, after: Duration, step: Step) {
        let stamp = self.actor.next();
        self.common.at(stamp, Rank::Deed, self.common.now + after, Thing::Uplink { attempt, step });
    }

    /// Begins an attempt, after a pause.
    pub(super) fn dial(&mut self, pause: Duration) {
        self.attempt_last += 1;
        let attempt = self.attempt_last;
        let Some(uplink) = self.uplink() else { return };
        uplink.attempt = attempt;
        self.step_after(attempt, pause, Step::Dial);
    }

    pub(super) fn uplink_step(&mut self, attempt: u64, step: Step) {
        let Some(uplink) = self.uplink().filter(|uplink| uplink.attempt == attempt) else { return };
        match (step, uplink.link) {
            (Step::Dial, Link::Away) => {
                uplink.link = Link::Dialling;
                self.step_after(attempt, CONNECT, Step::Failed);
                for (number, after) in SYNS.into_iter().enumerate() {
                    self.step_after(attempt, after, Step::Syn(number));
                }
            }
            (Step::Syn(_), Link::Dialling) => self.send_syn(attempt),
            (Step::Opened, Link::Dialling) => self.greet(attempt),
            (Step::Failed, Link::Dialling) => self.dial_later(),
            (Step::Late, Link::Greeting(stream)) => {
                self.ends.close(&mut self.common, &mut self.actor, stream);
                self.dial_later();
            }
            (Step::Pulse, Link::Open(stream)) => {
                self.pulse(stream);
                self.step_after(attempt, PULSE, step);
            }
            (Step::Beat, Link::Open(stream)) => {
                self.beat(stream);
                self.step_after(attempt, BEAT, step);
            }
            // Of a state that is over.
            (Step::Dial | Step::Syn(_) | Step::Opened | Step::Failed, _)
            | (Step::Late | Step::Pulse | Step::Beat, _) => {}
        }
    }

    fn send_syn(&mut self, attempt: u64) {
        let site = self.number;
        if let Some(late) = self.common.passes_to_cma(&mut self.actor, site, Way::Out, 0) {
            let after = self.common.wan.delay_to_cma(site) + late;
            let stamp = self.actor.next();
            self.common.cross(ShardName::Cma, stamp, after, Thing::Syn { site, attempt });
        }
    }

    fn greet(&mut self, attempt: u64) {
        if !self.common.wan.reaches_cma(self.number) {
            // The time for it runs out.
            return;
        }
        let Some(hello) = self.relay_hello() else { return };
        self.common.count_wan(self.number, "Handshake", HANDSHAKE_OCTETS);
        let stream = (self.number as u64) << 32 | attempt;
        self.ends.begin(&mut self.common, &mut self.actor, stream, self.number);
        if let Some(uplink) = self.uplink() {
            uplink.link = Link::Greeting(stream);
        }
        self.step_after(attempt, WELCOME, Step::Late);
        self.tell_cma(stream, up::Body::Hello(codec::relay_hello(&hello)));
    }

    /// No stream: another attempt, later each time.
    fn dial_later(&mut self) {
        let draw = self.common.draw(self.actor.next(), 500, Purpose::Start);
        let Some(uplink) = self.uplink() else { return };
        uplink.link = Link::Away;
        let pause = uplink.pause;
        uplink.pause = (pause * 2).min(PAUSE_MAX);
        // Three to five quarters of it.
        let jittered = pause * 3 / 4 + pause * u32::try_from(draw).unwrap_or(0) / 1_000;
        self.dial(jittered);
    }

    /// A segment comes from the CMA's end.
    pub(super) fn take_segment(&mut self, stream: u64, number: u64, body: Body) {
        if !self.ends.take(stream, number, body) {
            let reaches = self.common.wan.reaches_cma(self.number);
            return self.ends.reset(&mut self.common, &mut self.actor, stream, self.number, reaches);
        }
        while let Some(body) = self.ends.read(self.common.now, stream) {
            match body {
                Body::Message(_, octets) => self.relay_hears(stream, &octets),
                Body::Ping => self.ends.say(&mut self.common, &mut self.actor, stream, Body::Pong),
                Body::Pong => {}
                Body::Over => self.stream_over(stream),
            }
        }
    }

    pub(super) fn watch_stream(&mut self, stream: u64) {
        if self.ends.watch(&mut self.common, &mut self.actor, stream) == Watched::GivenUp {
            self.relay_lost_stream(stream);
        }
    }

    /// The other end is over: nothing can be said or heard here any more.
    pub(super) fn stream_over(&mut self, stream: u64) {
        if self.ends.forget(stream) {
            self.relay_lost_stream(stream);
        }
    }

    /// The stream is over, whoever ended it.
    fn relay_lost_stream(&mut self, stream: u64) {
        let Some(uplink) = self.uplink() else { return };
        match uplink.link {
            Link::Open(open) if open == stream => {
                uplink.pause = PAUSE_MIN;
                self.note_of(|| "the stream to the CMA is over".into());
                self.relay_event(relay::Event::Cma { connected: false });
            }
            Link::Greeting(open) if open == stream => {}
            Link::Away | Link::Dialling | Link::Greeting(_) | Link::Open(_) => return,
        }
        self.dial_later();
    }

    /// The relay reads what the CMA said.
    fn relay_hears(&mut self, stream: u64, octets: &[u8]) {
        let Some(uplink) = self.uplink() else { return };
        let heard = sound(pb::FromAuthority::decode(octets));
        let Some(body) = heard.body else { return };
        match (body, uplink.link) {
            (down::Body::Welcome(welcome), Link::Greeting(greeting)) if greeting == stream => {
                self.welcomed(stream, welcome.sequence);
            }
            (body, Link::Open(open)) if open == stream => self.relay_told(body),
            (body, _) => panic!("{}: {body:?} on stream {stream:x}", self.relay_name),
        }
    }

    fn welcomed(&mut self, stream: u64, sequence: u64) {
        let Some(process) = &mut self.process else { return };
        if sequence > process.relay.outbox().last() {
            return self.reborn(stream);
        }
        process.uplink.link = Link::Open(stream);
        process.uplink.streamed = sequence;
        let attempt = process.uplink.attempt;
        self.note_of(|| format!("the CMA welcomes it, and holds its news up to {sequence}"));
        self.relay_event(relay::Event::Cma { connected: true });
        self.take_acknowledged(sequence);
        self.stream_news();
        for step in [Step::Beat, Step::Pulse] {
            self.step_after(attempt, Duration::ZERO, step);
        }
    }

    /// The CMA holds news that this outbox never gave: it goes on under another birth nonce, and over another stream.
    fn reborn(&mut self, stream: u64) {
        let outbox = self.nonce();
        self.note_of(|| "its disk went back in time".into());
        self.relay_event(relay::Event::Reborn { outbox });
        if let Some(uplink) = self.uplink() {
            uplink.taken = 0;
        }
        self.ends.close(&mut self.common, &mut self.actor, stream);
        self.dial_later();
    }

    fn relay_told(&mut self, body: down::Body) {
        let event = match body {
            down::Body::Welcome(welcome) => panic!("{}: a second {welcome:?}", self.relay_name),
            down::Body::Acknowledged(pb::Acknowledged { sequence }) => {
                let told = self.uplink().map_or(0, |uplink| uplink.streamed);
                assert!(sequence <= told, "the CMA acknowledges {sequence}, and was told up to {told}");
                self.relay_event(relay::Event::Cma { connected: true });
                return self.take_acknowledged(sequence);
            }
            down::Body::Mesh(order) => {
                let (order, keys) = sound(codec::read_mesh_order(order));
                if let Some(process) = &mut self.process {
                    process.wire.take_mesh(keys);
                    process.mesh.clone_from(&order.links);
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
        self.relay_event(event);
    }

    fn take_acknowledged(&mut self, sequence: u64) {
        let site = self.number;
        let Some(process) = &mut self.process else { return };
        if sequence <= process.uplink.taken {
            return;
        }
        process.uplink.taken = sequence;
        if self.common.remembers {
            let outbox = process.relay.outbox();
            let let_go = outbox.after(0).take_while(|(waiting, _)| *waiting <= sequence);
            let let_go = let_go.map(|(sequence, news)| {
                let (birth, news) = (outbox.birth(), news.clone());
                NewsTold { site, birth, sequence, news }
            });
            self.acknowledged.extend(let_go);
        }
        self.relay_event(relay::Event::Acknowledged { sequence });
    }

    /// Tells the CMA all news that it was not told on this stream, as far as they are kept.
    pub(super) fn stream_news(&mut self) {
        let Some(process) = &mut self.process else { return };
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
            if let Some(uplink) = self.uplink() {
                uplink.streamed = item.sequence;
            }
            self.tell_cma(stream, up::Body::News(item));
        }
    }

    /// The relay shows that it is there, out of turn: whoever reads it answers.
    pub(super) fn ask_cma(&mut self) {
        if let Some(stream) = self.uplink().and_then(|uplink| uplink.stream()) {
            self.beat(stream);
        }
    }

    fn pulse(&mut self, stream: u64) {
        let Some(process) = &self.process else { return };
        let (pending, picture) = (process.relay.outbox().pending() as u64, process.relay.picture());
        self.tell_cma(stream, up::Body::Pulse(pb::Pulse { pending, picture }));
    }

    fn beat(&mut self, stream: u64) {
        let Some(process) = &self.process else { return };
        let beat = process.own_state();
        self.tell_cma(stream, up::Body::Beat(beat));
    }

    /// What the relay answers when pictures are compared.
    pub(super) fn answer_cma(&mut self, body: up::Body) {
        if let Some(stream) = self.uplink().and_then(|uplink| uplink.stream()) {
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
        let body = Body::Message(purpose, message.encode_to_vec());
        self.ends.say(&mut self.common, &mut self.actor, stream, body);
    }
}

/// What our own machines say is sound; what the codec refuses of it is a bug of ours.
pub(super) fn sound<T, E: std::fmt::Display>(read: Result<T, E>) -> T {
    read.unwrap_or_else(|error| panic!("a machine of ours said what cannot be read: {error}"))
}
