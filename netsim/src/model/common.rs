//! What every shard has: its moment, its queue, what it counts, and the way out to other shards.
//!
//! A shard is what can run for a while without the others: a site, or the CMA. They meet over the WAN alone.

use std::sync::Arc;
use std::time::Duration;

use ringmesh_proto::draws::Purpose;
use ringmesh_proto::time::Time;

use super::account::{Account, Classes, Traffic, WanAccount};
use super::fabric::{CERTAIN, Fare, Packet, Way};
use super::key::{Actor, Key, Rank, Stamp};
use super::network::Wan;
use super::queue::{Due, Event, Queue, Thing};
use super::trace::{self, TraceHash};

/// More than this many things at one instant: some machine does not move its deadline.
const SPIN_MAX: u32 = 100_000;
/// A commit that fails is tried again after this.
const TRY_AGAIN: Duration = Duration::from_secs(1);

/// A shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ShardName {
    Cma,
    Site(usize),
}

/// An event for another shard.
pub(crate) struct Crossing {
    pub(crate) to: ShardName,
    pub(crate) event: Event,
}

/// Which heartbeats travel as sealed octets. All else always does. Where two hosts go by one name all must.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wire {
    /// All: each is sealed by its sender's wire, opened by its receiver's, and compared with what was meant.
    #[default]
    All,
    /// One of 64, by a hash of what it says.
    Sample,
    /// None: what is meant is carried.
    Typed,
}

/// Of so many beats one is sealed in a sample.
const SAMPLE: u64 = 64;

impl Wire {
    /// Whether any beat is.
    pub(super) fn seals_some(self) -> bool {
        self != Self::Typed
    }

    /// Whether this beat is sealed.
    pub(super) fn seals(self, link: u32, sequence: u32) -> bool {
        match self {
            Self::All => true,
            Self::Sample => {
                let bits = u64::from(link) << 32 | u64::from(sequence);
                (bits.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) % SAMPLE == 0
            }
            Self::Typed => false,
        }
    }
}

/// What all shards have.
pub(crate) struct Common {
    pub(super) now: Time,
    spin: u32,
    queue: Queue,
    pub(crate) crossing: Vec<Crossing>,
    pub(super) seed: u64,
    pub(super) wire: Wire,
    /// Whether all that was told is kept to be looked at.
    pub(super) remembers: bool,
    pub(super) wan: Arc<Wan>,
    pub(super) trace_hash: TraceHash,
    pub(super) account: Account,
    /// Datagrams that were sent, and of those the ones that were lost.
    pub(super) sent: u64,
    pub(super) lost: u64,
    /// The same datagrams, and what is said over streams, by how far they go.
    pub(super) classes: Classes,
    /// Of each site, what this shard sent or took over its leg.
    wan_accounts: Vec<WanAccount>,
    pub(super) log: Option<Vec<(Time, String)>>,
    /// The next event has this number, and a trace is to say which it is.
    pub(super) names_next: Option<u64>,
}

impl Common {
    pub(super) fn new(seed: u64, wan: Arc<Wan>) -> Self {
        Self {
            now: Time::ZERO,
            spin: 0,
            queue: Queue::default(),
            crossing: Vec::new(),
            seed,
            wire: Wire::default(),
            remembers: true,
            wan_accounts: vec![WanAccount::default(); wan.legs.len()],
            wan,
            trace_hash: TraceHash::default(),
            account: Account::default(),
            sent: 0,
            lost: 0,
            classes: Classes::default(),
            log: None,
            names_next: None,
        }
    }

    /// The next thing to happen, if it is due by then; it counts as executed, and it is its moment.
    pub(super) fn take(&mut self, end: Time) -> Option<Event> {
        let event = self.queue.take(end)?;
        self.begin(&event);
        Some(event)
    }

    /// It is the moment of that event, and it counts as executed.
    pub(super) fn begin(&mut self, event: &Event) {
        let Event { at, due, .. } = event;
        assert!(*at >= self.now, "time went back");
        self.spin = if *at == self.now { self.spin + 1 } else { 0 };
        assert!(self.spin < SPIN_MAX, "a machine stands still at {at:?}: {}", due.word());
        self.now = *at;
        self.trace_hash.take(event);
        if let Some(number) = self.names_next.take() {
            self.note(|| format!("=== event {number}: {}", event.words()));
        }
    }

    /// What happens next, as one number.
    pub(super) fn what_is_next(&mut self) -> Option<u64> {
        self.queue.first_due().map(trace::of_due)
    }

    /// The next thing is not to happen after all.
    pub(super) fn drop_next(&mut self) {
        self.queue.take(Time::NEVER);
    }

    /// Everything that is due, taken out.
    pub(super) fn drain(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.queue.take(Time::NEVER)).collect()
    }

    /// What is due and of that kind, in order: it is not to happen when it was to.
    pub(super) fn take_out(&mut self, is_meant: impl Fn(&Thing) -> bool) -> Vec<Thing> {
        self.queue.take_out(is_meant)
    }

    /// Nothing more happens here before that.
    pub(super) fn rest(&mut self, until: Time) {
        self.now = self.now.max(until);
    }

    /// What became of the datagrams that were sent here or came here; `None` where nobody can count what is under way.
    pub(super) fn traffic(&self) -> Option<Traffic> {
        let kinds = self.trace_hash.kinds();
        let arrived = kinds.heartbeats + kinds.datagrams;
        Some(Traffic { sent: self.sent, lost: self.lost, arrived, under_way: self.queue.datagrams()? })
    }

    /// When something is due next.
    pub(crate) fn next(&mut self) -> Option<(Time, Key)> {
        self.queue.next()
    }

    /// What is due lies in a wheel from now on, or in plain order.
    pub(super) fn use_wheel(&mut self, wheel: bool) {
        self.queue.change(wheel);
    }

    /// What another shard sent.
    pub(crate) fn receive(&mut self, event: Event) {
        self.queue.put(event);
    }

    /// Something will happen here.
    pub(super) fn at(&mut self, stamp: Stamp, rank: Rank, when: Time, due: impl Into<Due>) {
        self.queue.put(Event { at: when.max(self.now), key: stamp.key(rank), due: due.into() });
    }

    /// Something will happen there.
    pub(super) fn cross(&mut self, to: ShardName, stamp: Stamp, after: Duration, due: impl Into<Due>) {
        let event = Event { at: self.now + after, key: stamp.key(Rank::Arrival), due: due.into() };
        self.crossing.push(Crossing { to, event });
    }

    /// The number below `bound` that a deed draws.
    pub(super) fn draw(&self, stamp: Stamp, bound: u64, purpose: Purpose) -> u64 {
        stamp.draw(self.seed, bound, purpose)
    }

    /// One draw of chance.
    pub(super) fn is_lost(&self, actor: &mut Actor, permille: u64) -> bool {
        permille > 0 && self.draw(actor.next(), 1_000, Purpose::Loss) < permille
    }

    /// How much later than others such a packet is; `None` if it is lost.
    pub(super) fn late_by(&self, actor: &mut Actor, fare: Fare) -> Option<Duration> {
        let lost = fare.loss_ppm > 0 && self.draw(actor.next(), CERTAIN, Purpose::Loss) < fare.loss_ppm;
        (!lost).then_some(fare.late)
    }

    /// What octets of a stream meet on the way of a site, beside what all do there.
    pub(super) fn met_by_stream(&self, site: usize, way: Way, octets: usize) -> Fare {
        self.wan.and_on(Fare::FREE, site, way, Packet { octets, port: 0 })
    }

    /// How much later than others a packet between a site and the CMA arrives, if it does. `way`: seen from the site.
    pub(super) fn passes_to_cma(
        &self,
        actor: &mut Actor,
        site: usize,
        way: Way,
        octets: usize,
    ) -> Option<Duration> {
        let (here, there) = (self.wan.legs[site].loss_permille, self.wan.cma.loss_permille);
        let lost = self.is_lost(actor, here) || self.is_lost(actor, there);
        let late = self.late_by(actor, self.met_by_stream(site, way, octets))?;
        (self.wan.reaches_cma(site) && !lost).then_some(late)
    }

    /// A commit takes one to ten milliseconds; one that fails is tried again after a second.
    pub(super) fn commit_takes(&self, stamp: Stamp, fails: bool) -> Duration {
        if fails {
            return TRY_AGAIN;
        }
        Duration::from_micros(1_000 + self.draw(stamp, 9_000, Purpose::Latency))
    }

    /// Octets over the leg of a site, where it works.
    pub(super) fn count_wan(&mut self, site: usize, purpose: &'static str, octets: usize) {
        if self.wan.legs[site].works && self.wan.core_power[site] {
            self.wan_accounts[site].count(purpose, octets);
        }
    }

    pub(super) fn wan_account(&self, site: usize) -> &WanAccount {
        &self.wan_accounts[site]
    }

    /// A line for the trace, if one is kept.
    pub(super) fn note(&mut self, line: impl FnOnce() -> String) {
        if let Some(log) = &mut self.log {
            log.push((self.now, line()));
        }
    }
}

/// What an engine runs.
pub(crate) trait Shard: Send {
    /// What all shards have.
    fn common(&mut self) -> &mut Common;

    /// Lets one thing happen.
    fn happen(&mut self, event: Event);

    /// It is going to run until then, and nobody changes anything meanwhile.
    fn horizon(&mut self, _end: Time) {}

    /// When something is due next, and the key of it.
    fn next(&mut self) -> Option<(Time, u64)> {
        self.common().next().map(|(at, key)| (at, key.bits()))
    }

    /// Lets the next thing happen, if it is due by then.
    fn step(&mut self, end: Time) -> bool {
        let Some(event) = self.common().take(end) else { return false };
        self.happen(event);
        true
    }
}
