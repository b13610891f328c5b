//! One site: its hosts, its switches, its relay; a shard of its own.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ringmesh_proto::mesh::MeshLink;
use ringmesh_proto::pb;
use ringmesh_proto::seal::{Key, SiteSecret};
use ringmesh_proto::time::Time;
use ringmesh_proto::wire::RelayWire;
use ringmesh_relay_core::{Event as RelayEvent, Relay, Timing};
use ringmesh_topology::id::{Boot, Name};

use super::common::{Common, Shard};
use super::disk::{Disk, Journal};
use super::fabric::Fare;
use super::groups::Groups;
use super::host::Host;
use super::hosts::Seldom;
use super::key::{Actor, Entity};
use super::load::Load;
use super::look::NewsTold;
use super::network::Network;
use super::plan::{Plan, Speaks};
use super::queue::{Due, Event, Thing};
use super::stream::{Ends, Side};
use super::uplink::Uplink;

/// A site.
pub(super) struct Site {
    pub(super) common: Common,
    pub(super) network: Network,
    pub(super) groups: Groups,
    pub(super) hosts: Vec<Host>,
    /// Of its switches, each for itself.
    pub(super) switches: Vec<Actor>,
    /// The number of its first switch in the world.
    pub(super) first_switch: usize,
    pub(super) lldp_every_s: u16,
    pub(super) timing: Timing,
    /// Lost datagrams inside the site, in a thousand.
    pub(super) loss_permille: u64,
    /// Doubled ones, in a thousand.
    pub(super) doubled_permille: u64,
    /// How much later than others a datagram may be: they overtake each other.
    pub(super) disorder_ns: u64,
    pub(super) speaks: Speaks,
    /// Which host is not heard by which, until when.
    pub(super) muted: Vec<(usize, usize, Time)>,
    /// Beats sent inside a switch, and inside the site.
    pub(super) beats: [u64; 2],
    pub(super) number: usize,
    pub(super) name: Name,
    /// What the relay is called in a trace.
    pub(super) relay_name: String,
    /// Of the relay.
    pub(super) actor: Actor,
    pub(super) ends: Ends,
    pub(super) attempt_last: u64,
    pub(super) secret: SiteSecret,
    pub(super) disk: Disk,
    /// Counted up at each start, in a file of its own.
    pub(super) term: u32,
    /// Of the relay.
    pub(super) runs: u32,
    nonces: u32,
    /// Of the relay's host.
    pub(super) boots: u32,
    pub(super) process: Option<Process>,
    /// Of the relay's processor.
    pub(super) load: Load,
    /// Probes that get the processor once in so long.
    pub(super) seldom: BTreeMap<usize, Seldom>,
    /// How many overloads of probes there were.
    pub(super) turns: u32,
    /// News that its relay let go, for the CMA has them.
    pub(super) acknowledged: Vec<NewsTold>,
    /// Where probes put their orders, so that no event needs room of its own.
    pub(super) orders: super::hosts::Orders,
}

/// A running relay.
pub(super) struct Process {
    pub(super) run: u32,
    pub(super) relay: Relay,
    pub(super) wire: RelayWire,
    pub(super) armed: Time,
    /// Turns on their way to the disk, each with where the outbox stood after it.
    pub(super) journal: Journal<Told>,
    /// News up to here may be told.
    pub(super) kept: Told,
    pub(super) uplink: Uplink,
    /// Its place in the mesh ring, as it was ordered last.
    pub(super) mesh: Vec<MeshLink>,
    pub(super) figures: Figures,
}

/// Where an outbox stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) birth: u64,
    pub(super) last: u64,
}

impl Told {
    pub(super) fn of(relay: &Relay) -> Self {
        Self { birth: relay.outbox().birth(), last: relay.outbox().last() }
    }
}

/// Datagrams by purpose, as a relay's beat tells them.
#[derive(Debug, Default)]
pub(super) struct Figures {
    sent: BTreeMap<&'static str, u64>,
    heard: BTreeMap<&'static str, u64>,
}

impl Site {
    pub(super) fn new(number: usize, plan: &Plan, first_switch: usize, network: Network) -> Self {
        let name = plan.site_name(number);
        let host = |(_, global): (usize, &u32)| Host::new(*global as usize, number, &name);
        let relay = super::relays::RELAY.0;
        Self {
            hosts: network.numbers.iter().enumerate().map(host).collect(),
            switches: (0..network.switches.len())
                .map(|switch| Actor::new(Entity::switch(first_switch + switch)))
                .collect(),
            common: Common::new(plan.seed, Arc::clone(&network.wan)),
            groups: Groups::default(),
            network,
            first_switch,
            lldp_every_s: plan.lldp_every_s,
            timing: plan.timing,
            loss_permille: plan.loss_permille,
            doubled_permille: 0,
            disorder_ns: 0,
            speaks: plan.sites[number].speaks,
            muted: Vec::new(),
            beats: [0; 2],
            relay_name: if plan.sites.len() == 1 { "relay".into() } else { format!("{name}/r{relay}") },
            name,
            actor: Actor::new(Entity::relay(number)),
            ends: Ends::new(Side::Relay),
            attempt_last: 0,
            secret: secret_of(number),
            disk: Disk::default(),
            term: 0,
            runs: 0,
            nonces: 0,
            boots: 1,
            process: None,
            load: Load::default(),
            seldom: BTreeMap::new(),
            turns: 0,
            acknowledged: Vec::new(),
            orders: super::hosts::Orders::default(),
            number,
        }
    }

    fn happen_seldom(&mut self, thing: Thing) {
        match thing {
            Thing::Arrive(datagram) => self.arrive(datagram),
            Thing::Read { run, came, datagram } if run == self.runs => self.open_at_relay(came, datagram),
            Thing::Read { .. } => {}
            Thing::Refused { to, peer } => self.hear_refusal(to, peer),
            Thing::Echo { from } => self.relay_event(RelayEvent::Echo { from }),
            Thing::Announce { switch } => self.announce(switch),
            Thing::Start { host } => self.start(host),
            Thing::Turn { host, number } => self.turn(host, number),
            Thing::StartRelay => self.start_relay_now(),
            Thing::RelayDeadline => self.relay_deadline(),
            Thing::RelayCommit { run } => self.relay_committed(run),
            Thing::Uplink { attempt, step } => self.uplink_step(attempt, step),
            Thing::Send { stream, number } => {
                self.ends.send(&mut self.common, &mut self.actor, stream, number);
            }
            Thing::Segment { stream, number, body } => self.take_segment(stream, number, body),
            Thing::Reset { stream } => self.stream_over(stream),
            Thing::Watch { stream } => self.watch_stream(stream),
            // The CMA's.
            Thing::Syn { .. }
            | Thing::CmaDeadline
            | Thing::CmaCommit { .. }
            | Thing::HandedOn { .. }
            | Thing::Heard { .. } => {}
        }
    }

    /// A relay that has time enough again reads all that waits, in the order in which it came.
    pub(super) fn read_what_waits(&mut self) {
        let waiting = self.common.take_out(|thing| matches!(thing, Thing::Read { .. }));
        waiting.into_iter().for_each(|thing| self.happen_seldom(thing));
    }

    /// What every datagram meets that stays inside the site and goes to its relay, until it is read there.
    pub(super) fn takes(&self, now: Time) -> Fare {
        let late = Duration::from_nanos(self.disorder_ns) + self.load.backlog(now);
        Fare::FREE.and_lost(self.loss_permille, late)
    }

    /// A line about the relay.
    pub(super) fn note_of(&mut self, line: impl FnOnce() -> String) {
        let name = &self.relay_name;
        self.common.note(|| format!("{name}: {}", line()));
    }

    /// Sixteen octets that no other run of any relay has.
    pub(super) fn run(&self) -> Boot {
        self.drawn(0x77, self.runs)
    }

    /// The boot id of the relay's host.
    pub(super) fn host_boot(&self) -> Boot {
        self.drawn(0x78, self.boots)
    }

    /// A birth nonce for an outbox: another each time.
    pub(super) fn nonce(&mut self) -> u64 {
        self.nonces += 1;
        (self.number as u64) << 32 | u64::from(self.nonces)
    }

    fn drawn(&self, what: u8, count: u32) -> Boot {
        let mut octets = [what; 16];
        octets[2..6].copy_from_slice(&count.to_be_bytes());
        octets[8..].copy_from_slice(&(self.number as u64).to_be_bytes());
        Boot(octets)
    }
}

/// Another for each site.
fn secret_of(site: usize) -> SiteSecret {
    let mut octets = [0x51; 32];
    octets[..8].copy_from_slice(&(site as u64).to_be_bytes());
    SiteSecret(Key(octets))
}

impl Shard for Site {
    fn common(&mut self) -> &mut Common {
        &mut self.common
    }

    fn horizon(&mut self, end: Time) {
        self.look_ahead(end);
    }

    fn next(&mut self) -> Option<(Time, u64)> {
        let main = self.common.next().map(|(at, key)| (at, key.bits()));
        main.into_iter().chain(self.groups.next()).min()
    }

    fn step(&mut self, end: Time) -> bool {
        self.step_ahead(end)
    }

    fn happen(&mut self, event: Event) {
        match event.due {
            Due::Beat(beat) => self.beat_arrives(event.key, beat),
            Due::HostDeadline { host } => self.host_deadline(host as usize),
            Due::Other(thing) => self.happen_seldom(*thing),
        }
    }
}

impl Process {
    /// What the relay beats to the CMA of itself, with the counters that a real one has.
    pub(super) fn own_state(&self) -> pb::RelayBeat {
        let (wire, machine) = (self.wire.counters, self.relay.counters());
        let plain = [
            ("truncated", wire.truncated),
            ("foreign", wire.foreign),
            ("martian", wire.martian),
            ("forged", wire.forged),
            ("replayed", wire.replayed),
            ("overtaken", wire.overtaken),
            ("strangers", machine.strangers),
            ("suspicions", machine.suspicions),
            ("dismissed", machine.dismissed),
            ("incidents", machine.incidents),
            ("members", self.relay.members() as u64),
        ];
        let plain = plain.into_iter().map(|(name, count)| (name.to_owned(), count));
        let named = |way: &str, figures: &BTreeMap<&'static str, u64>| {
            let name = |(purpose, count): (&&str, &u64)| (format!("{way}_{purpose}"), *count);
            figures.iter().map(name).collect::<Vec<_>>()
        };
        let Figures { sent, heard } = &self.figures;
        let figures = [named("sent", sent), named("heard", heard)].concat();
        pb::RelayBeat {
            pending: self.relay.outbox().pending() as u64,
            counters: plain.chain(figures).collect(),
            warnings: Vec::new(),
        }
    }
}

impl Figures {
    pub(super) fn sent(&mut self, purpose: &'static str) {
        *self.sent.entry(purpose).or_default() += 1;
    }

    pub(super) fn heard(&mut self, purpose: &'static str) {
        *self.heard.entry(purpose).or_default() += 1;
    }
}
