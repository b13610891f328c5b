//! Carrying for the hosts: their probes' datagrams, what their kernels and switches tell them.

use std::net::SocketAddr;
use std::time::Duration;

use lldp_rs::{
    Capabilities, CapabilitySet, ChassisId, ChassisSubtype, Heard, Lldp, Mac, PortId, PortSubtype,
};
use ringmesh_probe_core as probe;
use ringmesh_proto::machine::Machine as _;
use ringmesh_proto::message::{BeatHeard, PROBE_PORT, purpose_to_relay};
use ringmesh_proto::time::{Time, WallClock};
use ringmesh_proto::wire::FromRelay;

use super::host::{Datagram, ifindex, leg_of};
use super::network::Place;
use super::queue::Due;
use super::world::World;

/// How often is looked whether a paused host goes on.
const PAUSED: Duration = Duration::from_millis(100);

impl World {
    pub(super) fn start(&mut self, host: usize) {
        if !self.network.power[host] || self.hosts[host].process.is_some() {
            return;
        }
        if self.hosts[host].paused {
            // Nothing is started while user space stands still.
            return self.at(self.now + PAUSED, Due::Start { host });
        }
        let secret = &self.sites[self.hosts[host].site].secret;
        self.hosts[host].start(self.now, self.plan.seed, secret);
        let wall = WallClock { at: self.now, unix_ms: self.wall_ms(self.now) };
        self.host_event(host, probe::Event::WallClock(wall));
        let ports = self.hosts[host].ports(&self.network);
        let own: Vec<_> = ports.iter().map(|port| port.mac).collect();
        self.host_event(host, probe::Event::Ports { ports: &ports, own: &own });
    }

    pub(super) fn announce(&mut self, switch: usize) {
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

    /// Every port of a switch, or of its hosts, sees light or none.
    pub(super) fn tell_carrier(&mut self, switch: usize) {
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

    pub(super) fn open_at_host(&mut self, host: usize, mut datagram: Datagram) {
        let via = match self.network.owner(datagram.to.ip()) {
            Some(Place::Leg { leg, .. }) => ifindex(leg),
            Some(Place::Core(_)) | None => 0,
        };
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

    pub(super) fn host_deadline(&mut self, host: usize) {
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

    pub(super) fn host_event(&mut self, host: usize, event: probe::Event<'_>) {
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
                let name = self.hosts[host].name.clone();
                self.note(|| format!("{name}: {note:?}"));
            }
        }
    }

    fn send_from(&mut self, host: usize, via: u32, to: SocketAddr, octets: Vec<u8>, purpose: &'static str) {
        let legs = &self.network.legs[host];
        let leg = leg_of(via).filter(|leg| *leg < legs.len()).unwrap_or(0);
        let from = SocketAddr::new(legs[leg].address, PROBE_PORT);
        self.send(Place::Leg { host, leg }, Datagram { from, to, octets }, purpose);
    }
}
