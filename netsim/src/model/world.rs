//! The run: a queue of what will happen, and the machines it happens to.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use lldp_rs::{
    Capabilities, CapabilitySet, ChassisId, ChassisSubtype, Heard, Lldp, Mac, PortId, PortSubtype,
};
use ringmesh_cma_core::cma as authority;
use ringmesh_cma_core::cma::{Cma, CmaConfig};
use ringmesh_cma_core::documents::PageLine;
use ringmesh_cma_core::graph::MemoryGraph;
use ringmesh_cma_core::notifier::Holds;
use ringmesh_cma_core::relay::StreamId;
use ringmesh_probe_core as probe;
use ringmesh_proto::draws::{Draws, Purpose};
use ringmesh_proto::machine::Machine as _;
use ringmesh_proto::message::{
    BeatHeard, GoodbyeReason, PROBE_PORT, RELAY_PORT, ToProbe, purpose_to_probe, purpose_to_relay,
};
use ringmesh_proto::news::{IncidentNews, News, RelayHello, RingNews};
use ringmesh_proto::time::{Time, WallClock};
use ringmesh_proto::wire::{FromProbe, FromRelay, RelayWire};
use ringmesh_relay_core as relay;
use ringmesh_topology::id::{Boot, IncidentId, Name, RelayId};

use super::account::Account;
use super::host::{Datagram, Host, ifindex, leg_of, secret, site};
use super::network::{Network, Place, Plan, RELAY};

/// One way through the site; a little more is drawn for each datagram.
const LATENCY_MIN: Duration = Duration::from_micros(50);
/// At most so much more, in nanoseconds.
const LATENCY_MORE_NS: u64 = 150_000;
/// One way between relay and CMA.
const WAN: Duration = Duration::from_millis(10);
/// Wall time when the run begins: 2026-01-01.
const WALL_MS: u64 = 1_767_225_600_000;
/// More than this many things at one instant: some machine does not move its deadline.
const SPIN_MAX: u32 = 100_000;
const STREAM: StreamId = StreamId(1);

enum Due {
    Arrive(Datagram),
    /// A kernel refuses what was sent to a port nobody listens at.
    Refused {
        to: Place,
        peer: SocketAddr,
    },
    Echo {
        from: std::net::IpAddr,
    },
    Announce {
        switch: usize,
    },
    Start {
        host: usize,
    },
    HostDeadline {
        host: usize,
    },
    RelayDeadline,
    CmaDeadline,
    News {
        sequence: u64,
        news: News,
    },
    Acknowledged {
        sequence: u64,
    },
}

impl Due {
    fn word(&self) -> &'static str {
        match self {
            Self::Arrive(_) => "datagram",
            Self::Refused { .. } => "refusal",
            Self::Echo { .. } => "echo",
            Self::Announce { .. } => "announcement",
            Self::Start { .. } => "start",
            Self::HostDeadline { .. } => "deadline of a probe",
            Self::RelayDeadline => "deadline of the relay",
            Self::CmaDeadline => "deadline of the authority",
            Self::News { .. } => "news",
            Self::Acknowledged { .. } => "acknowledgement",
        }
    }
}

/// One site in virtual time.
pub struct World {
    now: Time,
    spin: u32,
    queue: BTreeMap<(Time, u64), Due>,
    order: u64,
    draws: Draws,
    plan: Plan,
    pub(super) network: Network,
    hosts: Vec<Host>,
    relay: relay::Relay,
    relay_wire: RelayWire,
    relay_armed: Time,
    streamed: u64,
    cma: Cma<MemoryGraph>,
    cma_armed: Time,
    account: Account,
    latest: BTreeMap<IncidentId, IncidentNews>,
    rings: BTreeMap<u32, RingNews>,
    /// Who is not heard by whom, until when.
    muted: Vec<(usize, usize, Time)>,
    pages: Vec<PageLine>,
    log: Option<Vec<String>>,
}

impl World {
    /// Builds the site and starts every probe within its first second.
    pub fn new(plan: Plan) -> Self {
        let config = relay::Config {
            site: site(),
            relay: RelayId(1),
            address: SocketAddr::new(RELAY, RELAY_PORT),
            term: 1,
            outbox: 7,
            timing: relay::Timing::default(),
            classes: Vec::new(),
        };
        let wall = WallClock { at: Time::ZERO, unix_ms: WALL_MS };
        let cma_config = CmaConfig {
            installation: site(),
            holds: Holds::default(),
            insecure: false,
            epoch: 1,
            notifies: true,
        };
        let hosts: Vec<Host> = (0..plan.hosts.len()).map(Host::new).collect();
        let mut world = Self {
            now: Time::ZERO,
            spin: 0,
            queue: BTreeMap::new(),
            order: 0,
            draws: Draws::new(plan.seed, 0),
            network: Network::new(&plan),
            hosts,
            relay: relay::Relay::new(config),
            relay_wire: RelayWire::new(RelayId(1), Boot([0x77; 16]), secret()),
            relay_armed: Time::NEVER,
            streamed: 0,
            cma: Cma::new(cma_config, wall, MemoryGraph::default()),
            cma_armed: Time::NEVER,
            account: Account::default(),
            latest: BTreeMap::new(),
            rings: BTreeMap::new(),
            muted: Vec::new(),
            pages: Vec::new(),
            log: None,
            plan,
        };
        world.relay_event(relay::Event::WallClock(wall));
        let hello = RelayHello {
            site: site(),
            relay: RelayId(1),
            term: 1,
            outbox: 7,
            insecure: false,
            version: "sim".into(),
            run: Boot([0x77; 16]),
            host_boot: Boot([0x78; 16]),
            mesh_address: None,
        };
        world.cma_event(authority::Event::RelayConnected { stream: STREAM, hello });
        for switch in 0..world.plan.switches {
            let phase = Duration::from_millis(100 + 7 * switch as u64);
            world.at(Time::ZERO + phase, Due::Announce { switch });
        }
        for host in 0..world.hosts.len() {
            let phase = Duration::from_nanos(world.draws.below(500_000_000, Purpose::Start, host as u64));
            world.at(Time::ZERO + phase, Due::Start { host });
        }
        world
    }

    /// Keeps a line for every datagram but beats, from now on.
    pub fn trace(&mut self) {
        self.log = Some(Vec::new());
    }

    /// The lines kept since [`Self::trace`].
    pub fn traced(&self) -> &[String] {
        self.log.as_deref().unwrap_or_default()
    }

    /// The moment of the run.
    pub fn now(&self) -> Time {
        self.now
    }

    /// What was sent so far.
    pub fn account(&self) -> &Account {
        &self.account
    }

    /// The newest revision of every incident the CMA has heard of, in the order of their opening.
    pub fn incidents(&self) -> Vec<&IncidentNews> {
        let mut incidents: Vec<&IncidentNews> = self.latest.values().collect();
        incidents.sort_by_key(|incident| (incident.opened_ms, incident.id));
        incidents
    }

    /// Every line the notifier let go.
    pub fn pages(&self) -> &[PageLine] {
        &self.pages
    }

    /// The relay, to look at.
    pub fn relay(&self) -> &relay::Relay {
        &self.relay
    }

    /// Wall time of a moment of the run, in milliseconds since 1970.
    pub fn wall_ms(&self, when: Time) -> u64 {
        WallClock { at: Time::ZERO, unix_ms: WALL_MS }.unix_ms(when)
    }

    /// How many probes of live hosts have an assignment in force.
    pub fn linked(&self) -> usize {
        let linked = |host: &&Host| {
            host.process.as_ref().is_some_and(|p| p.probe.state(self.now) == probe::State::Linked)
        };
        self.hosts.iter().filter(linked).count()
    }

    /// The host's number by name (`h1` is 0).
    pub fn host(&self, name: &str) -> Option<usize> {
        self.hosts.iter().position(|host| host.name.as_str() == name)
    }

    /// A host's name.
    pub fn name(&self, host: usize) -> &Name {
        &self.hosts[host].name
    }

    /// Lets everything happen that is due within `span`.
    pub fn run_for(&mut self, span: Duration) {
        let end = self.now + span;
        while let Some((&(at, order), _)) = self.queue.first_key_value().filter(|((at, _), _)| *at <= end) {
            let Some(due) = self.queue.remove(&(at, order)) else { break };
            assert!(at >= self.now, "time went back");
            self.spin = if at == self.now { self.spin + 1 } else { 0 };
            assert!(self.spin < SPIN_MAX, "a machine stands still at {at:?}: {}", due.word());
            self.now = at;
            self.happen(due);
        }
        self.now = end;
    }

    /// Runs until `done`, looking every 10 ms; `false` if it is not within `span`.
    pub fn run_until(&mut self, span: Duration, mut done: impl FnMut(&Self) -> bool) -> bool {
        let end = self.now + span;
        while self.now < end {
            if done(self) {
                return true;
            }
            self.run_for(Duration::from_millis(10));
        }
        done(self)
    }

    /// The members of a host's first switch ring in ring order, as the relay tells the CMA.
    pub fn ring_of(&self, host: usize) -> Vec<usize> {
        let name = self.hosts[host].name.as_str();
        let ring = self.rings.values().find(|ring| ring.level == 0 && ring.members.iter().any(|m| m == name));
        let members = ring.map(|ring| ring.members.as_slice()).unwrap_or_default();
        members.iter().filter_map(|name| self.host(name)).collect()
    }

    /// The ring of each number, as the relay told it last.
    pub fn rings(&self) -> impl Iterator<Item = &RingNews> {
        self.rings.values()
    }

    /// The switch that the first port of a host hangs on.
    pub fn switch_of(&self, host: usize) -> usize {
        self.network.legs[host][0].switch
    }

    /// The two neighbours of a host in its first switch ring.
    ///
    /// # Panics
    /// If it stands in none.
    pub fn beside(&self, host: usize) -> [usize; 2] {
        let order = self.ring_of(host);
        let at = order.iter().position(|member| *member == host);
        let at = at.unwrap_or_else(|| panic!("host {host} stands in no switch ring"));
        [order[(at + order.len() - 1) % order.len()], order[(at + 1) % order.len()]]
    }

    // Faults. Each changes the truth, and whatever a kernel notices at once.

    /// Power of a host is lost: nothing answers, its links go dark.
    pub fn kill_host(&mut self, host: usize) {
        self.network.power[host] = false;
        self.hosts[host].process = None;
        self.hosts[host].paused = false;
    }

    /// Power is back: another kernel boots and starts its probe.
    pub fn boot_host(&mut self, host: usize) {
        self.network.power[host] = true;
        self.hosts[host].boots += 1;
        self.start_probe(host);
    }

    /// The probe is killed; the kernel lives.
    pub fn kill_probe(&mut self, host: usize) {
        self.hosts[host].process = None;
    }

    /// The probe is started.
    pub fn start_probe(&mut self, host: usize) {
        self.at(self.now, Due::Start { host });
    }

    /// The probe is asked to leave.
    pub fn stop_probe(&mut self, host: usize, reason: GoodbyeReason, back_within: Duration) {
        self.host_event(host, probe::Event::Stop { reason, back_within });
    }

    /// User space stops.
    pub fn pause(&mut self, host: usize) {
        self.hosts[host].paused = true;
    }

    /// User space goes on: the socket is drained first, then the deadline that is overdue comes.
    pub fn resume(&mut self, host: usize) {
        self.hosts[host].paused = false;
        let inbox: Vec<Datagram> =
            self.hosts[host].process.iter_mut().flat_map(|process| process.inbox.drain(..)).collect();
        for datagram in inbox {
            self.open_at_host(host, datagram);
        }
        self.host_deadline(host);
    }

    /// A switch loses power, or gets it back.
    pub fn set_switch(&mut self, switch: usize, on: bool) {
        self.network.switches[switch].on = on;
        self.tell_carrier(switch);
    }

    /// The uplink of a switch works, or does not. No host loses carrier.
    pub fn set_uplink(&mut self, switch: usize, works: bool) {
        self.network.switches[switch].uplink = works;
    }

    /// The cable of one port of a host.
    pub fn set_cable(&mut self, host: usize, leg: usize, works: bool) {
        self.network.legs[host][leg].cable = works;
        self.tell_carrier(self.network.legs[host][leg].switch);
    }

    /// A switch announces itself, or not.
    pub fn set_announces(&mut self, switch: usize, announces: bool) {
        self.network.switches[switch].announces = announces;
    }

    /// What one host sends to another is lost for some time; nothing else is.
    pub fn mute_beats(&mut self, from: usize, to: usize, span: Duration) {
        self.muted.push((from, to, self.now + span));
    }

    /// A port of a host is unplugged and, a second later, hangs on another switch.
    pub fn recable(&mut self, host: usize, leg: usize, switch: usize) {
        self.set_cable(host, leg, false);
        self.run_for(Duration::from_secs(1));
        self.network.legs[host][leg].switch = switch;
        self.set_cable(host, leg, true);
    }

    /// Lost datagrams in a thousand, from now on.
    pub fn set_loss(&mut self, permille: u64) {
        self.plan.loss_permille = permille;
    }

    fn tell_carrier(&mut self, switch: usize) {
        for host in 0..self.hosts.len() {
            for leg in 0..self.network.legs[host].len() {
                if self.network.legs[host][leg].switch != switch || !self.network.power[host] {
                    continue;
                }
                let up = self.network.carrier(host, leg);
                self.host_event(host, probe::Event::Carrier { port: ifindex(leg), up });
            }
        }
    }

    fn at(&mut self, when: Time, due: Due) {
        self.order += 1;
        self.queue.insert((when.max(self.now), self.order), due);
    }

    fn happen(&mut self, due: Due) {
        match due {
            Due::Arrive(datagram) => self.arrive(datagram),
            Due::Refused { to, peer } => self.hear_refusal(to, peer),
            Due::Echo { from } => self.relay_event(relay::Event::Echo { from }),
            Due::Announce { switch } => self.announce(switch),
            Due::Start { host } => self.start(host),
            Due::HostDeadline { host } => self.host_deadline(host),
            Due::RelayDeadline => {
                if self.relay_armed <= self.now {
                    self.relay_armed = Time::NEVER;
                    self.relay_event(relay::Event::DeadlineReached);
                }
            }
            Due::CmaDeadline => {
                if self.cma_armed <= self.now {
                    self.cma_armed = Time::NEVER;
                    self.cma_event(authority::Event::DeadlineReached);
                }
            }
            Due::News { sequence, news } => {
                self.remember(&news);
                self.cma_event(authority::Event::RelayNews { stream: STREAM, sequence, news });
            }
            Due::Acknowledged { sequence } => self.relay_event(relay::Event::Acknowledged { sequence }),
        }
    }

    fn remember(&mut self, news: &News) {
        match news {
            News::Incident(incident) => {
                self.latest.insert(incident.id, (**incident).clone());
            }
            News::Ring(ring) => {
                self.rings.insert(ring.id, ring.clone());
            }
            News::RingGone(ring) => {
                self.rings.remove(ring);
            }
            News::Host(_) | News::HostGone(_) | News::Switch(_) | News::Peer(_) | News::Start(_) => {}
        }
    }

    fn start(&mut self, host: usize) {
        if !self.network.power[host] || self.hosts[host].process.is_some() {
            return;
        }
        self.hosts[host].start(self.now, self.plan.seed);
        let wall = WallClock { at: self.now, unix_ms: self.wall_ms(self.now) };
        self.host_event(host, probe::Event::WallClock(wall));
        let ports = self.hosts[host].ports(&self.network);
        let own: Vec<_> = ports.iter().map(|port| port.mac).collect();
        self.host_event(host, probe::Event::Ports { ports: &ports, own: &own });
    }

    fn announce(&mut self, switch: usize) {
        let every = Duration::from_secs(self.plan.lldp_every_s.into());
        self.at(self.now + every, Due::Announce { switch });
        let truth = self.network.switches[switch];
        if !truth.on || !truth.announces {
            return;
        }
        for host in 0..self.hosts.len() {
            for leg in 0..self.network.legs[host].len() {
                if self.network.legs[host][leg].switch != switch || !self.network.carrier(host, leg) {
                    continue;
                }
                let frame = self.frame(switch, host, leg);
                self.host_event(host, probe::Event::Frame { port: ifindex(leg), octets: &frame });
            }
        }
    }

    /// What a switch says on one of its ports, by the real encoder.
    fn frame(&self, switch: usize, host: usize, leg: usize) -> Vec<u8> {
        let chassis = [2, 0, 0, 0, 1, u8::try_from(switch + 1).unwrap_or(u8::MAX)];
        let port = format!("p{}.{leg}", host + 1);
        let chassis_id = ChassisId::new(ChassisSubtype::MacAddress, &chassis);
        let port_id = PortId::new(PortSubtype::InterfaceName, port.as_bytes());
        let (Ok(chassis_id), Ok(port_id)) = (chassis_id, port_id) else { return Vec::new() };
        let does = CapabilitySet::BRIDGE;
        let lldp = Lldp {
            system_name: Some(format!("sw{}", switch + 1).as_str().into()),
            capabilities: Some(Capabilities { available: does, enabled: does }),
            ..Lldp::new(chassis_id, port_id, self.plan.lldp_every_s * 4)
        };
        let source = Mac([2, 0, 0, 1, chassis[5], u8::try_from(host & 0xff).unwrap_or(0)]);
        lldp_rs::encode(&Heard::lldp(source, lldp)).unwrap_or_default()
    }

    // Datagrams.

    fn send(&mut self, from: Place, datagram: Datagram, purpose: &'static str) {
        self.account.count(purpose, datagram.octets.len());
        if let Some(log) = self.log.as_mut().filter(|_| purpose != "Beat") {
            log.push(format!("{:?} {} -> {} {purpose}", self.now, datagram.from, datagram.to));
        }
        let draw = self.order;
        let lost = self.draws.below(1_000, Purpose::Loss, draw) < self.plan.loss_permille;
        let Some(to) = self.network.owner(datagram.to.ip()).filter(|_| !lost) else { return };
        if self.network.reaches(from, to) && !self.is_muted(from, to) {
            let more = self.draws.below(LATENCY_MORE_NS, Purpose::Latency, draw);
            self.at(self.now + LATENCY_MIN + Duration::from_nanos(more), Due::Arrive(datagram));
        }
    }

    fn is_muted(&self, from: Place, to: Place) -> bool {
        let (Place::Leg { host: from, .. }, Place::Leg { host: to, .. }) = (from, to) else { return false };
        self.muted.iter().any(|(a, b, until)| *a == from && *b == to && self.now < *until)
    }

    fn arrive(&mut self, datagram: Datagram) {
        match self.network.owner(datagram.to.ip()) {
            Some(Place::Core) => self.open_at_relay(datagram),
            Some(Place::Leg { host, leg }) => {
                if !self.network.carrier(host, leg) {
                    return;
                }
                let paused = self.hosts[host].paused;
                let Some(process) = &mut self.hosts[host].process else {
                    let (back, peer) = (self.network.owner(datagram.from.ip()), datagram.to);
                    if let Some(to) = back {
                        self.at(self.now + LATENCY_MIN, Due::Refused { to, peer });
                    }
                    return;
                };
                if paused {
                    process.inbox.push_back(datagram);
                } else {
                    self.open_at_host(host, datagram);
                }
            }
            None => {}
        }
    }

    fn hear_refusal(&mut self, to: Place, peer: SocketAddr) {
        match to {
            Place::Core => self.relay_event(relay::Event::Refused { peer }),
            Place::Leg { host, .. } => self.host_event(host, probe::Event::Refused { peer }),
        }
    }

    fn open_at_relay(&mut self, mut datagram: Datagram) {
        let at = datagram.from;
        let Ok(opened) = self.relay_wire.open(self.now, at, &mut datagram.octets) else { return };
        self.relay_event(match opened {
            FromProbe::Beat(beat) => relay::Event::Beat(BeatHeard { beat, hops: Some(1), arrived: self.now }),
            FromProbe::MeshBeat(_) => return,
            FromProbe::Knock { from, knock } => relay::Event::Knock { from, at, knock },
            FromProbe::Stranger { from } => relay::Event::Stranger { from, at },
            FromProbe::Message { from, message } => relay::Event::Control { from, at, message },
        });
    }

    fn open_at_host(&mut self, host: usize, mut datagram: Datagram) {
        let via = self.network.owner(datagram.to.ip());
        let via = via.map_or(0, |place| match place {
            Place::Leg { leg, .. } => ifindex(leg),
            Place::Core => 0,
        });
        let Some(process) = &mut self.hosts[host].process else { return };
        let Ok(opened) = process.wire.open(datagram.from, &mut datagram.octets) else { return };
        match opened {
            FromRelay::Beat(beat) => {
                let heard = BeatHeard { beat, hops: Some(0), arrived: self.now };
                self.host_event(host, probe::Event::Beat(heard));
            }
            FromRelay::Message(message) => {
                self.host_event(host, probe::Event::Control { from: datagram.from, via, message });
                if let Some(process) = &mut self.hosts[host].process {
                    let probe = &process.probe;
                    process.wire.keep_links(|link| probe.holds(link));
                }
            }
        }
    }

    // Machines.

    fn host_deadline(&mut self, host: usize) {
        let paused = self.hosts[host].paused;
        let Some(process) = &mut self.hosts[host].process else { return };
        if paused || process.armed > self.now {
            return;
        }
        process.armed = Time::NEVER;
        if process.probe.next_deadline() <= self.now {
            self.host_event(host, probe::Event::DeadlineReached);
        } else {
            self.arm_host(host);
        }
    }

    fn host_event(&mut self, host: usize, event: probe::Event<'_>) {
        let mut out = Vec::new();
        let paused = self.hosts[host].paused;
        let Some(process) = self.hosts[host].process.as_mut().filter(|_| !paused) else { return };
        process.probe.on_event(self.now, event, &mut out);
        self.arm_host(host);
        for action in out {
            self.obey_probe(host, action);
        }
    }

    fn arm_host(&mut self, host: usize) {
        let Some(process) = &mut self.hosts[host].process else { return };
        let due = process.probe.next_deadline();
        if due != process.armed {
            process.armed = due;
            if due != Time::NEVER {
                self.at(due, Due::HostDeadline { host });
            }
        }
    }

    fn obey_probe(&mut self, host: usize, action: probe::Action) {
        match action {
            probe::Action::Beat { beat, to, via } => {
                let Some(process) = &self.hosts[host].process else { return };
                let Some(octets) = process.wire.seal_beat(&beat) else { return };
                self.send_from(host, via, to, octets.to_vec(), "Beat");
            }
            probe::Action::Send { to, via, message } => {
                let Some(process) = &mut self.hosts[host].process else { return };
                let mut octets = Vec::new();
                if process.wire.seal(to, &message, &mut octets) {
                    self.send_from(host, via, to, octets, purpose_to_relay(&message));
                }
            }
            probe::Action::Remember(cache) => self.hosts[host].cache = cache,
            probe::Action::Exit => self.hosts[host].process = None,
            probe::Action::Say(note) => {
                if let Some(log) = &mut self.log {
                    log.push(format!("{:?} {}: {note:?}", self.now, self.hosts[host].name));
                }
            }
        }
    }

    fn send_from(&mut self, host: usize, via: u32, to: SocketAddr, octets: Vec<u8>, purpose: &'static str) {
        let legs = &self.network.legs[host];
        let leg = leg_of(via).filter(|leg| *leg < legs.len()).unwrap_or(0);
        let from = SocketAddr::new(legs[leg].address, PROBE_PORT);
        self.send(Place::Leg { host, leg }, Datagram { from, to, octets }, purpose);
    }

    fn relay_event(&mut self, event: relay::Event) {
        let mut out = Vec::new();
        self.relay.on_event(self.now, event, &mut out);
        let due = self.relay.next_deadline();
        if due != self.relay_armed {
            self.relay_armed = due;
            if due != Time::NEVER {
                self.at(due, Due::RelayDeadline);
            }
        }
        for action in out {
            self.obey_relay(action);
        }
        let relay = &self.relay;
        self.relay_wire.keep_links(|link| relay.holds(link));
    }

    fn obey_relay(&mut self, action: relay::Action) {
        let from = SocketAddr::new(RELAY, RELAY_PORT);
        let mut octets = Vec::new();
        match action {
            relay::Action::Hello { to, sender, knock, hello } => {
                self.relay_wire.seal_hello(self.now, to, sender, knock, hello, &mut octets);
                self.send(Place::Core, Datagram { from, to, octets }, "Hello");
            }
            relay::Action::Send { to, probe, message } => {
                if let (Some(log), ToProbe::Assignment(order)) = (&mut self.log, &message) {
                    let links =
                        order.rings.iter().flat_map(|ring| &ring.links).map(|link| link.link.0 & 0xff_ffff);
                    let links: Vec<u32> = links.collect();
                    log.push(format!(
                        "{:?} relay: {:?} to {to}: links {links:?}",
                        self.now, order.generation
                    ));
                }
                let sealed = self.relay_wire.seal(probe, &message, &mut octets);
                assert!(sealed, "{message:?} could not be sealed");
                self.send(Place::Core, Datagram { from, to, octets }, purpose_to_probe(&message));
            }
            relay::Action::Beat { beat, to } => {
                if let Some(octets) = self.relay_wire.seal_beat(&beat) {
                    let octets = octets.to_vec();
                    self.send(Place::Core, Datagram { from, to, octets }, "Beat");
                }
            }
            relay::Action::TakeLink(order) => self.relay_wire.take_link(&order),
            relay::Action::Keep(_)
            | relay::Action::MeshBeat { .. }
            | relay::Action::TellGroups(_)
            | relay::Action::TellThings { .. } => {}
            relay::Action::Echo { to } => self.echo(to),
            relay::Action::NewsReady => self.stream_news(),
            relay::Action::AskAuthority => {
                let sequence = self.streamed;
                self.at(self.now + WAN * 2, Due::Acknowledged { sequence });
            }
            relay::Action::Forget(probe) => self.relay_wire.forget(probe),
            relay::Action::Say(note) => {
                if let Some(log) = &mut self.log {
                    log.push(format!("{:?} relay: {note:?}", self.now));
                }
            }
        }
    }

    fn echo(&mut self, to: std::net::IpAddr) {
        self.account.count("Echo", 64);
        let Some(place @ Place::Leg { host, .. }) = self.network.owner(to) else { return };
        if self.network.power[host] && self.network.reaches(Place::Core, place) {
            self.at(self.now + LATENCY_MIN * 2, Due::Echo { from: to });
        }
    }

    fn stream_news(&mut self) {
        let fresh: Vec<(u64, News)> = self
            .relay
            .outbox()
            .after(self.streamed)
            .map(|(sequence, news)| (sequence, news.clone()))
            .collect();
        for (sequence, news) in fresh {
            self.streamed = sequence;
            self.at(self.now + WAN, Due::News { sequence, news });
        }
    }

    fn cma_event(&mut self, event: authority::Event) {
        let mut out = Vec::new();
        self.cma.on_event(self.now, event, &mut out);
        let due = self.cma.next_deadline();
        if due != self.cma_armed {
            self.cma_armed = due;
            if due != Time::NEVER {
                self.at(due, Due::CmaDeadline);
            }
        }
        for action in out {
            match action {
                authority::Action::Acknowledge { sequence, .. } => {
                    self.at(self.now + WAN, Due::Acknowledged { sequence });
                }
                authority::Action::Page(line) => self.pages.push(*line),
                authority::Action::Welcome { .. }
                | authority::Action::Hangup { .. }
                | authority::Action::Say(_) => {}
            }
        }
    }
}
