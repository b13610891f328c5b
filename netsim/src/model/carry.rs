//! Datagrams inside a site, and over the WAN to another: what becomes of each.

use std::net::SocketAddr;
use std::time::Duration;

use ringmesh_probe_core as probe;
use ringmesh_proto::draws::Purpose;
use ringmesh_proto::message::{Beat, PROBE_PORT};
use ringmesh_proto::time::Time;
use ringmesh_proto::wire::BEAT;
use ringmesh_relay_core as relay;

use super::account::Account;
use super::common::ShardName;
use super::fabric::{CERTAIN, Fare, Packet, Way};
use super::host::{Datagram, Payload};
use super::key::{Actor, Rank, Stamp};
use super::network::Place;
use super::queue::{Due, Event, FlyingBeat, Thing};
use super::site::Site;

/// One way through a site; a little more is drawn for each datagram.
const LATENCY_MIN: Duration = Duration::from_micros(50);
/// At most so much more, in nanoseconds.
const LATENCY_MORE_NS: u64 = 150_000;
/// What carries a datagram over a WAN: IPv4 (20) and UDP (8).
const DATAGRAM_OCTETS: usize = 28;

impl Site {
    /// Whoever stands there.
    fn actor_at(&mut self, place: Place) -> &mut Actor {
        match place {
            Place::Core(_) => &mut self.actor,
            Place::Leg { host, .. } => &mut self.hosts[host].actor,
        }
    }

    pub(super) fn send(&mut self, from: Place, datagram: Datagram, purpose: &'static str) {
        self.common.account.count(purpose, datagram.payload.octets());
        if !Account::is_beat(purpose) {
            self.common.note(|| format!("{} -> {} {purpose}", datagram.from, datagram.to));
        }
        let Some(to) = self.network.owner(datagram.to.ip()) else { return self.goes_nowhere() };
        self.common.classes.count(self.network.class(from, to), purpose);
        let packet = Packet { octets: datagram.payload.octets(), port: datagram.to.port() };
        self.bring(from, to, purpose, packet, Thing::Arrive(datagram));
    }

    /// A heartbeat inside the site, sealed or not. `[from, to]`.
    pub(super) fn send_beat(
        &mut self,
        from: Place,
        [source, target]: [SocketAddr; 2],
        beat: Beat,
        sealed: Option<[u8; BEAT]>,
    ) {
        // Counted wherever it goes: what is foretold counts so too.
        let stamp = self.actor_at(from).next_beat();
        let Some(to) = self.network.owner(target.ip()) else {
            self.common.account.count("Beat", BEAT);
            return self.goes_nowhere();
        };
        self.common.sent += 1;
        self.beats[usize::from(!self.network.is_inside_switch(from, to))] += 1;
        let at = self.common.now;
        if let Some(event) = self.beat_event(stamp, at, [from, to], [source, target], beat, sealed) {
            self.double(from, event.at, || {
                let payload = match sealed {
                    Some(octets) => Payload::SealedBeat { mesh: false, beat, octets, flying: None },
                    None => Payload::Beat(beat),
                };
                Datagram { from: source, to: target, payload }
            });
            self.put(event);
        } else {
            self.common.lost += 1;
        }
    }

    /// Nobody has the address it is sent to.
    fn goes_nowhere(&mut self) {
        self.common.sent += 1;
        self.common.lost += 1;
    }

    /// How a heartbeat that is sent at that moment comes to the other place, if it does.
    pub(super) fn beat_event(
        &self,
        stamp: Stamp,
        at: Time,
        [from, to]: [Place; 2],
        [source, target]: [SocketAddr; 2],
        beat: Beat,
        sealed: Option<[u8; BEAT]>,
    ) -> Option<Event> {
        let leg = |place| match place {
            Place::Core(_) => 0,
            Place::Leg { leg, .. } => leg,
        };
        let legs = [leg(from), leg(to)];
        let small = target.port() == PROBE_PORT && legs.iter().all(|leg| *leg < FlyingBeat::LEGS);
        let flying = match to {
            Place::Leg { host, .. } if small => Some(FlyingBeat::new(&beat, host, legs)),
            Place::Leg { .. } | Place::Core(_) => None,
        };
        let packet = Packet { octets: BEAT, port: target.port() };
        let at = at + self.fate(stamp, from, to, packet)?;
        let arrives = |payload| Thing::Arrive(Datagram { from: source, to: target, payload }).into();
        let due = match (sealed, flying) {
            (None, Some(flying)) => Due::Beat(flying),
            (Some(octets), flying) => arrives(Payload::SealedBeat { mesh: false, beat, octets, flying }),
            (None, None) => arrives(Payload::Beat(beat)),
        };
        Some(Event { at, key: stamp.key(Rank::Arrival), due })
    }

    /// Something on its way between two places, if it gets there.
    fn bring(&mut self, from: Place, to: Place, purpose: &'static str, packet: Packet, thing: Thing) {
        self.common.sent += 1;
        if let (Place::Core(_), Place::Core(there)) = (from, to) {
            return self.bring_over_wan(there, purpose, packet, thing);
        }
        let stamp = self.actor_at(from).next();
        let Some(after) = self.fate(stamp, from, to, packet) else {
            self.common.lost += 1;
            return;
        };
        let (at, key) = (self.common.now + after, stamp.key(Rank::Arrival));
        if let Thing::Arrive(datagram) = &thing {
            self.double(from, at, || datagram.clone());
        }
        self.put(Event { at, key, due: thing.into() });
    }

    /// How long a datagram inside the site takes; `None` if it is lost.
    pub(super) fn fate(&self, stamp: Stamp, from: Place, to: Place, packet: Packet) -> Option<Duration> {
        let fare = self.network.fare(from, to, packet).filter(|_| !self.is_muted(from, to))?;
        let passes = (CERTAIN - fare.loss_ppm) * (1_000 - self.loss_permille.min(1_000)) / 1_000;
        let lost = passes < CERTAIN && self.common.draw(stamp, CERTAIN, Purpose::Loss) >= passes;
        let more = || self.common.draw(stamp, LATENCY_MORE_NS + self.disorder_ns, Purpose::Latency);
        (!lost).then(|| LATENCY_MIN + fare.late + Duration::from_nanos(more()))
    }

    /// A copy of a datagram that comes at that moment follows it, where datagrams are doubled and it is one of those.
    fn double(&mut self, from: Place, at: Time, datagram: impl FnOnce() -> Datagram) {
        if self.doubled_permille == 0 {
            return;
        }
        let stamp = self.actor_at(from).next();
        if self.common.draw(stamp, 1_000, Purpose::Loss) < self.doubled_permille {
            let more = Duration::from_nanos(self.common.draw(stamp, LATENCY_MORE_NS, Purpose::Latency));
            let (at, key) = (at + more, stamp.key(Rank::Arrival));
            self.common.sent += 1;
            self.put(Event { at, key, due: Thing::Arrive(datagram()).into() });
        }
    }

    fn bring_over_wan(&mut self, to: usize, purpose: &'static str, packet: Packet, thing: Thing) {
        let (common, octets) = (&mut self.common, packet.octets + DATAGRAM_OCTETS);
        let (near, far) = (common.wan.legs[self.number], common.wan.legs[to]);
        common.count_wan(self.number, purpose, octets);
        let reaches = self.network.reaches(Place::Core(self.number), Place::Core(to));
        let out = common.wan.and_on(Fare::FREE, self.number, Way::Out, packet);
        let lost = !reaches || common.is_lost(&mut self.actor, near.loss_permille);
        let Some(late) = common.late_by(&mut self.actor, out).filter(|_| !lost) else {
            common.lost += 1;
            return;
        };
        common.count_wan(to, purpose, octets);
        let back = common.wan.and_on(Fare::FREE, to, Way::In, packet);
        let lost = common.is_lost(&mut self.actor, far.loss_permille);
        let Some(later) = common.late_by(&mut self.actor, back).filter(|_| !lost) else {
            common.lost += 1;
            return;
        };
        let stamp = self.actor.next();
        let more = Duration::from_nanos(common.draw(stamp, LATENCY_MORE_NS, Purpose::Latency));
        let after = common.wan.delay_between(self.number, to) + late + later + more;
        common.cross(ShardName::Site(to), stamp, after, thing);
    }

    fn is_muted(&self, from: Place, to: Place) -> bool {
        let (Place::Leg { host: from, .. }, Place::Leg { host: to, .. }) = (from, to) else { return false };
        let now = self.common.now;
        self.muted.iter().any(|(a, b, until)| *a == from && *b == to && now < *until)
    }

    pub(super) fn arrive(&mut self, datagram: Datagram) {
        match self.network.owner(datagram.to.ip()) {
            Some(Place::Core(_)) if self.process.is_some() => self.wait_for_relay(datagram),
            Some(Place::Core(site)) if self.network.wan.core_power[site] => self.refuse(&datagram),
            Some(Place::Leg { host, leg }) if self.network.hears(host, leg) => {
                let may_run = self.hosts[host].may_run();
                match &mut self.hosts[host].process {
                    Some(process) if !may_run => {
                        process.inbox.push(Thing::Arrive(datagram).into());
                    }
                    Some(_) => self.open_at_host(host, datagram),
                    None => self.refuse(&datagram),
                }
            }
            Some(Place::Core(_) | Place::Leg { .. }) | None => {}
        }
    }

    /// A kernel without a process at that port says so.
    pub(super) fn refuse(&mut self, datagram: &Datagram) {
        let owners = (self.network.owner(datagram.to.ip()), self.network.owner(datagram.from.ip()));
        let (Some(from), Some(to)) = owners else { return };
        // What it quotes of the datagram: its headers and eight octets at least; kernels send much more.
        let packet = Packet { octets: datagram.payload.octets() + DATAGRAM_OCTETS, port: 0 };
        self.bring(from, to, "Refusal", packet, Thing::Refused { to, peer: datagram.to });
    }

    pub(super) fn hear_refusal(&mut self, to: Place, peer: SocketAddr) {
        match to {
            Place::Core(_) => self.relay_event(relay::Event::Refused { peer }),
            Place::Leg { host, .. } => self.host_event(host, probe::Event::Refused { peer }),
        }
    }
}
