//! Carrying for the hosts: their probes' datagrams, what their kernels and switches tell them.

use std::net::SocketAddr;
use std::time::Duration;

use lldp_rs::{
    Capabilities, CapabilitySet, Cdp, CdpCapabilities, ChassisId, ChassisSubtype, Heard, Lldp, Mac, PortId,
    PortSubtype,
};
use ringmesh_probe_core as probe;
use ringmesh_proto::machine::{Machine as _, Sink};
use ringmesh_proto::message::{Beat, BeatHeard, PROBE_PORT, purpose_to_relay};
use ringmesh_proto::time::{Time, WallClock};
use ringmesh_proto::wire::FromRelay;

use super::host::{Datagram, Payload, ifindex, leg_of};
use super::key::{Key, Rank};
use super::network::{Place, relay_address};
use super::plan::Speaks;
use super::queue::{Due, Event, FlyingBeat, Thing};
use super::site::Site;
use super::world::wall_ms;

/// How often is looked whether a stopped host goes on.
const PAUSED: Duration = Duration::from_millis(100);
/// The numbers of switches begin here in what they announce.
const FIRST_CHASSIS: usize = 0x101;

/// How seldom a probe gets the processor.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seldom {
    pub(super) every: Duration,
    /// Of this overload: turns of one that is over are not taken.
    pub(super) number: u32,
}

/// The order to send a beat.
struct BeatOrder {
    beat: Beat,
    to: SocketAddr,
    via: u32,
}

/// What one event made a probe order, in order: beats that come first, then all else. Nearly always it is beats alone,
/// which are small, and the largest of the others is not.
#[derive(Default)]
pub(super) struct Orders {
    beats: Vec<BeatOrder>,
    others: Vec<probe::Action>,
}

impl Sink<probe::Action> for Orders {
    fn put(&mut self, action: probe::Action) {
        match action {
            probe::Action::Beat { beat, to, via } if self.others.is_empty() => {
                self.beats.push(BeatOrder { beat, to, via });
            }
            other => self.others.push(other),
        }
    }
}

impl Site {
    pub(super) fn start(&mut self, host: usize) {
        let local = self.hosts[host].local(self.common.now);
        let runs = self.hosts[host].process.as_ref();
        let leaves = runs.is_some_and(|process| process.probe.state(local) == probe::State::Leaving);
        if !self.network.power[host] || (runs.is_some() && !leaves) {
            return;
        }
        if leaves || !self.hosts[host].is_awake() {
            // Nothing is started while user space stands still, or the run before has not ended.
            return self.start_after(host, PAUSED);
        }
        self.hosts[host].start(local, self.common.seed, &self.secret);
        self.tell_wall(host, 0);
        self.tell_ports(host);
    }

    /// The wall clock of a host, so many milliseconds ahead, or behind if they are less than none.
    pub(super) fn tell_wall(&mut self, host: usize, ahead_ms: i64) {
        let now = self.common.now;
        let unix_ms = wall_ms(now).saturating_add_signed(ahead_ms);
        let wall = WallClock { at: self.hosts[host].local(now), unix_ms };
        self.host_event(host, probe::Event::WallClock(wall));
    }

    /// The ports of a host as its kernel shows them now.
    pub(super) fn tell_ports(&mut self, host: usize) {
        let ports = self.hosts[host].ports(host, &self.network);
        let own: Vec<_> = ports.iter().map(|port| port.mac).collect();
        self.host_event(host, probe::Event::Ports { ports: &ports, own: &own });
    }

    /// A probe that gets the processor seldom gets it, unless it is stopped: what waited is read, what is overdue is
    /// done. What its kernel tells it meanwhile is told at once.
    pub(super) fn turn(&mut self, host: usize, number: u32) {
        let known = self.seldom.get(&host).filter(|seldom| seldom.number == number);
        let Some(every) = known.map(|seldom| seldom.every) else { return };
        self.hosts[host].waits = false;
        self.go_on(host);
        self.hosts[host].waits = self.hosts[host].process.is_some();
        let stamp = self.hosts[host].actor.next();
        let at = self.common.now + every;
        self.put(Event { at, key: stamp.key(Rank::Deed), due: Thing::Turn { host, number }.into() });
    }

    pub(super) fn start_after(&mut self, host: usize, after: Duration) {
        let stamp = self.hosts[host].actor.next();
        self.put(Event {
            at: self.common.now + after,
            key: stamp.key(Rank::Deed),
            due: Thing::Start { host }.into(),
        });
    }

    pub(super) fn announce_after(&mut self, switch: usize, after: Duration) {
        let stamp = self.switches[switch].next();
        self.put(Event {
            at: self.common.now + after,
            key: stamp.key(Rank::Deed),
            due: Thing::Announce { switch }.into(),
        });
    }

    pub(super) fn announce(&mut self, switch: usize) {
        self.announce_after(switch, Duration::from_secs(self.lldp_every_s.into()));
        let truth = &self.network.switches[switch];
        if !truth.on || !truth.announces {
            return;
        }
        for (host, leg) in self.network.ports(switch) {
            if self.network.carrier(host, leg) && !self.network.frozen.contains(&host) {
                for frame in self.frames(switch, host, leg) {
                    self.host_event(host, probe::Event::Frame { port: ifindex(leg), octets: &frame });
                }
            }
        }
    }

    /// All that comes by a port when its switch announces itself.
    fn frames(&self, switch: usize, host: usize, leg: usize) -> Vec<Vec<u8>> {
        let known = &self.network.switches[switch];
        let names = known.poses_as.unwrap_or(self.first_switch + switch);
        let mut frames = Vec::with_capacity(1);
        if self.speaks != Speaks::Cdp {
            frames.push(self.frame(names, host, leg));
        }
        if self.speaks != Speaks::Lldp {
            frames.push(self.cdp_frame(names, host, leg));
        }
        if known.reflects {
            frames.push(self.own_frame(host, leg));
        }
        frames
    }

    /// The same by CDP.
    fn cdp_frame(&self, switch: usize, host: usize, leg: usize) -> Vec<u8> {
        let host = self.network.numbers[host] as usize;
        let ttl_s = u8::try_from(self.lldp_every_s.saturating_mul(3)).unwrap_or(u8::MAX);
        let mut cdp = Cdp::new(&format!("sw{}", switch + 1), &format!("p{}.{leg}", host + 1), ttl_s);
        cdp.capabilities = Some(CdpCapabilities::SWITCH);
        let [.., high, middle, low] = (FIRST_CHASSIS + switch).to_be_bytes();
        lldp_rs::encode(&Heard::cdp(Mac([2, 0, 1, high, middle, low]), cdp)).unwrap_or_default()
    }

    /// What the host itself could have sent, and gets back.
    fn own_frame(&self, host: usize, leg: usize) -> Vec<u8> {
        let own = self.hosts[host].mac(leg).0;
        let chassis = ChassisId::new(ChassisSubtype::MacAddress, &own);
        let port = PortId::new(PortSubtype::MacAddress, &own);
        let (Ok(chassis), Ok(port)) = (chassis, port) else { return Vec::new() };
        let lldp = Lldp::new(chassis, port, self.lldp_every_s.saturating_mul(4));
        lldp_rs::encode(&Heard::lldp(Mac(own), lldp)).unwrap_or_default()
    }

    /// What a switch of the world says on one of its ports, by the real encoder.
    fn frame(&self, switch: usize, host: usize, leg: usize) -> Vec<u8> {
        let host = self.network.numbers[host] as usize;
        let [.., high, middle, low] = (FIRST_CHASSIS + switch).to_be_bytes();
        let chassis = [2, 0, 0, high, middle, low];
        let port = format!("p{}.{leg}", host + 1);
        let chassis_id = ChassisId::new(ChassisSubtype::MacAddress, &chassis);
        let port_id = PortId::new(PortSubtype::InterfaceName, port.as_bytes());
        let (Ok(chassis_id), Ok(port_id)) = (chassis_id, port_id) else { return Vec::new() };
        let does = CapabilitySet::BRIDGE;
        let lldp = Lldp {
            system_name: Some(format!("sw{}", switch + 1).as_str().into()),
            capabilities: Some(Capabilities { available: does, enabled: does }),
            ..Lldp::new(chassis_id, port_id, self.lldp_every_s.saturating_mul(4))
        };
        let source = Mac([2, 0, 0, 1, chassis[5], u8::try_from(host & 0xff).unwrap_or(0)]);
        lldp_rs::encode(&Heard::lldp(source, lldp)).unwrap_or_default()
    }

    /// Every port of a switch, or of its hosts, sees light or none.
    pub(super) fn tell_carrier(&mut self, switch: usize) {
        for (host, leg) in self.network.ports(switch) {
            self.tell_leg(host, leg);
        }
        // A peer without its other half stops, or goes on, to suspend ports.
        if let Some(peer) = self.network.switches[switch].peer {
            self.network.ports(peer).into_iter().for_each(|(host, leg)| self.tell_leg(host, leg));
        }
    }

    /// A port of a host sees light or none; a bond chooses anew.
    pub(super) fn tell_leg(&mut self, host: usize, leg: usize) {
        if !self.network.power[host] {
            return;
        }
        let up = self.network.carrier(host, leg);
        self.host_event(host, probe::Event::Carrier { port: ifindex(leg), up });
        if self.network.bonds[host].is_some() {
            self.network.choose_active(host);
            self.tell_ports(host);
        }
    }

    /// A heartbeat that was not sealed comes to a port of a host.
    pub(super) fn beat_arrives(&mut self, key: Key, beat: FlyingBeat) {
        let (host, leg) = beat.to();
        if !self.network.hears(host, leg) {
            return;
        }
        let may_run = self.hosts[host].may_run();
        let Some(process) = &mut self.hosts[host].process else {
            let to = SocketAddr::new(self.network.address(host, leg), PROBE_PORT);
            let from = self.sender_of(key, beat);
            let payload = Payload::Beat(beat.beat());
            return self.refuse(&Datagram { from, to, payload });
        };
        if !may_run {
            return process.inbox.push(Due::Beat(beat));
        }
        self.read_beat(host, beat.beat());
    }

    /// A heartbeat that was not sealed is read from a socket. Without its keys it could not be opened, and nobody would
    /// hear of it.
    fn read_beat(&mut self, host: usize, beat: Beat) {
        let Some(process) = &mut self.hosts[host].process else { return };
        if process.probe.holds(beat.link) {
            self.hear_beat(host, beat);
        } else {
            process.wire.counters.martian += 1;
        }
    }

    /// Where it came from: who sent it is told by its key.
    fn sender_of(&self, key: Key, beat: FlyingBeat) -> SocketAddr {
        let sender = key.entity().as_host().and_then(|number| self.network.local(number));
        let port = if sender.is_some() { PROBE_PORT } else { ringmesh_proto::message::RELAY_PORT };
        let address =
            sender.map_or(relay_address(self.number), |host| self.network.address(host, beat.left_by()));
        SocketAddr::new(address, port)
    }

    fn hear_beat(&mut self, host: usize, beat: Beat) {
        let arrived = self.hosts[host].local(self.common.now);
        let heard = BeatHeard { beat, hops: Some(0), arrived };
        self.host_event(host, probe::Event::Beat(heard));
    }

    pub(super) fn open_at_host(&mut self, host: usize, datagram: Datagram) {
        let via = match self.network.owner(datagram.to.ip()) {
            Some(Place::Leg { leg, .. }) => ifindex(leg),
            Some(Place::Core(_)) | None => 0,
        };
        let Some(process) = &mut self.hosts[host].process else { return };
        let (mut octets, meant) = match datagram.payload {
            Payload::Beat(beat) => return self.read_beat(host, beat),
            Payload::SealedBeat { beat, octets, .. } => (octets.to_vec(), Some(beat)),
            Payload::Message(octets) => (octets, None),
        };
        let opened = process.wire.open(datagram.from, &mut octets);
        if let Some(beat) = meant {
            let heard = opened == Ok(FromRelay::Beat(beat));
            let ours = process.probe.holds(beat.link);
            let twice = self.network.had_a_double([datagram.from.ip(), datagram.to.ip()]);
            assert!(twice || heard == ours, "{beat:?} was meant and {opened:?} was opened, held {ours}");
        }
        match opened {
            Ok(FromRelay::Beat(beat)) => self.hear_beat(host, beat),
            Ok(FromRelay::Message(message)) => {
                self.host_event(host, probe::Event::Control { from: datagram.from, via, message });
                if let Some(process) = &mut self.hosts[host].process {
                    let (probe, seals) = (&process.probe, self.common.wire.seals_some());
                    process.wire.keep_links(|link| seals && probe.holds(link));
                }
            }
            Err(_) => {}
        }
    }

    /// What waited while user space stood still.
    pub(super) fn drain(&mut self, host: usize) {
        let inbox = self.hosts[host].process.as_mut().map(|process| std::mem::take(&mut process.inbox));
        for due in inbox.unwrap_or_default() {
            match due {
                // It came while it could.
                Due::Beat(beat) => self.read_beat(host, beat.beat()),
                Due::Other(thing) => {
                    if let Thing::Arrive(datagram) = *thing {
                        self.open_at_host(host, datagram);
                    }
                }
                Due::HostDeadline { .. } => {}
            }
        }
    }

    pub(super) fn host_deadline(&mut self, host: usize) {
        let (may_run, now) = (self.hosts[host].may_run(), self.common.now);
        let local = self.hosts[host].local(now);
        let Some(process) = &mut self.hosts[host].process else { return };
        if !may_run || process.armed > now {
            return;
        }
        process.armed = Time::NEVER;
        if process.probe.next_deadline() <= local {
            self.host_event(host, probe::Event::DeadlineReached);
        } else {
            self.arm_host(host);
        }
    }

    pub(super) fn host_event(&mut self, host: usize, event: probe::Event<'_>) {
        let awake = self.hosts[host].is_awake();
        let local = self.hosts[host].local(self.common.now);
        let Some(process) = self.hosts[host].process.as_mut().filter(|_| awake) else { return };
        let mut out = std::mem::take(&mut self.orders);
        process.probe.on_event(local, event, &mut out);
        self.arm_host(host);
        for BeatOrder { beat, to, via } in out.beats.drain(..) {
            self.beat_from_host(host, via, to, beat);
        }
        for action in out.others.drain(..) {
            self.obey_probe(host, action);
        }
        self.orders = out;
    }

    /// One event is on its way at any time: a deadline that moved away is looked at again when it comes.
    pub(super) fn arm_host(&mut self, host: usize) {
        let known = &mut self.hosts[host];
        let Some(process) = &known.process else { return };
        let due = known.real(process.probe.next_deadline());
        let Some(process) = &mut known.process else { return };
        if due < process.armed {
            process.armed = due;
            let key = known.actor.next().key(Rank::Deadline);
            let host = u32::try_from(host).unwrap_or(u32::MAX);
            self.put(Event { at: due.max(self.common.now), key, due: Due::HostDeadline { host } });
        }
    }

    fn obey_probe(&mut self, host: usize, action: probe::Action) {
        match action {
            probe::Action::Beat { beat, to, via } => self.beat_from_host(host, via, to, beat),
            probe::Action::Send { to, via, message } => {
                let Some(process) = &mut self.hosts[host].process else { return };
                let mut octets = Vec::new();
                if process.wire.seal(to, &message, &mut octets) {
                    let (leg, from) = self.source(host, via);
                    let datagram = Datagram { from, to, payload: Payload::Message(octets) };
                    self.send(Place::Leg { host, leg }, datagram, purpose_to_relay(&message));
                }
            }
            probe::Action::Remember(cache) => self.hosts[host].cache = cache,
            probe::Action::Exit => self.hosts[host].process = None,
            probe::Action::Say(note) => {
                let name = &self.hosts[host].name;
                self.common.note(|| format!("{name}: {note:?}"));
            }
        }
    }

    /// The leg by which a host sends, and its address there.
    pub(super) fn source(&self, host: usize, via: u32) -> (usize, SocketAddr) {
        let legs = self.network.legs[host].len();
        let leg = leg_of(via).filter(|leg| *leg < legs).unwrap_or(0);
        (leg, SocketAddr::new(self.network.address(host, leg), PROBE_PORT))
    }

    fn beat_from_host(&mut self, host: usize, via: u32, to: SocketAddr, beat: Beat) {
        let (leg, from) = self.source(host, via);
        let sealed = if self.common.wire.seals(beat.link.0, beat.sequence) {
            let Some(process) = &self.hosts[host].process else { return };
            let Some(octets) = process.wire.seal_beat(&beat) else { return };
            Some(octets)
        } else {
            None
        };
        self.send_beat(Place::Leg { host, leg }, [from, to], beat, sealed);
    }
}
