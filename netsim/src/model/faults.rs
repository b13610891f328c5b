//! What can be broken, and mended. Each changes the truth, and whatever a kernel notices at once.

use std::time::Duration;

use ringmesh_probe_core as probe;
use ringmesh_proto::draws::Purpose;
use ringmesh_proto::message::GoodbyeReason;

use super::disk::Backup;
use super::host::{Datagram, ifindex};
use super::queue::Due;
use super::world::World;

/// From power to a running relay.
const RELAY_BOOTS: Duration = Duration::from_secs(3);
/// From power to a running probe, and so much more at most.
const HOST_BOOTS: Duration = Duration::from_secs(1);
const HOST_BOOTS_MORE_MS: u64 = 4_000;

impl World {
    /// Power of a host is lost: nothing answers, its links go dark.
    pub fn kill_host(&mut self, host: usize) {
        self.network.power[host] = false;
        self.hosts[host].process = None;
        self.hosts[host].paused = false;
        self.broke(|world| format!("{} loses power", world.hosts[host].name));
    }

    /// Power is back: another kernel boots and starts its probe.
    pub fn boot_host(&mut self, host: usize) {
        self.network.power[host] = true;
        self.hosts[host].boots += 1;
        self.start_probe(host);
        self.broke(|world| format!("{} boots", world.hosts[host].name));
    }

    /// The probe is killed; the kernel lives.
    pub fn kill_probe(&mut self, host: usize) {
        self.hosts[host].process = None;
        self.broke(|world| format!("the probe of {} is killed", world.hosts[host].name));
    }

    /// The probe is started.
    pub fn start_probe(&mut self, host: usize) {
        self.at(self.now, Due::Start { host });
        self.broke(|world| format!("the probe of {} is started", world.hosts[host].name));
    }

    /// The probe is asked to leave.
    pub fn stop_probe(&mut self, host: usize, reason: GoodbyeReason, back_within: Duration) {
        self.broke(|world| format!("the probe of {} is told to leave", world.hosts[host].name));
        self.host_event(host, probe::Event::Stop { reason, back_within });
    }

    /// User space stops.
    pub fn pause(&mut self, host: usize) {
        self.hosts[host].paused = true;
        self.broke(|world| format!("user space of {} stops", world.hosts[host].name));
    }

    /// User space goes on: sockets are drained first, also that of the kernel's own news; then the deadline that is
    /// overdue comes.
    pub fn resume(&mut self, host: usize) {
        self.broke(|world| format!("user space of {} goes on", world.hosts[host].name));
        self.hosts[host].paused = false;
        let inbox: Vec<Datagram> =
            self.hosts[host].process.iter_mut().flat_map(|process| process.inbox.drain(..)).collect();
        for datagram in inbox {
            self.open_at_host(host, datagram);
        }
        for leg in 0..self.network.legs[host].len() {
            let up = self.network.carrier(host, leg);
            self.host_event(host, probe::Event::Carrier { port: ifindex(leg), up });
        }
        self.host_deadline(host);
    }

    /// A switch loses power, or gets it back.
    pub fn set_switch(&mut self, switch: usize, on: bool) {
        self.broke(|_| format!("sw{}: power {}", switch + 1, works(on)));
        self.network.switches[switch].on = on;
        self.tell_carrier(switch);
    }

    /// The uplink of a switch works, or does not. No host loses carrier.
    pub fn set_uplink(&mut self, switch: usize, up: bool) {
        self.broke(|_| format!("sw{}: uplink {}", switch + 1, works(up)));
        self.network.switches[switch].uplink = up;
    }

    /// The cable of one port of a host.
    pub fn set_cable(&mut self, host: usize, leg: usize, up: bool) {
        self.broke(|world| format!("{} eth{leg}: cable {}", world.hosts[host].name, works(up)));
        self.network.legs[host][leg].cable = up;
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

    /// A port of a host is unplugged and, a second later, hangs on another switch of its site.
    pub fn recable(&mut self, host: usize, leg: usize, switch: usize) {
        self.set_cable(host, leg, false);
        self.run_for(Duration::from_secs(1));
        self.network.legs[host][leg].switch = switch;
        self.set_cable(host, leg, true);
    }

    /// Lost datagrams inside the sites, in a thousand, from now on.
    pub fn set_loss(&mut self, permille: u64) {
        self.plan.loss_permille = permille;
    }

    /// The WAN of a site is up, or cut. Nobody is told.
    pub fn set_wan(&mut self, site: usize, up: bool) {
        self.broke(|world| format!("{}: WAN {}", world.sites[site].name, works(up)));
        self.network.wan[site].works = up;
    }

    /// How long a packet takes over the WAN of a site, one way, and how many are lost, in a thousand.
    pub fn set_wan_quality(&mut self, site: usize, delay: Duration, loss_permille: u64) {
        let leg = &mut self.network.wan[site];
        (leg.delay, leg.loss_permille) = (delay, loss_permille);
    }

    /// The CMA's own WAN is up, or cut. Nobody is told.
    pub fn set_cma_wan(&mut self, up: bool) {
        self.broke(|_| format!("CMA: WAN {}", works(up)));
        self.network.cma.works = up;
    }

    /// The relay of a site is killed. Its kernel lives: it ends its streams and refuses datagrams.
    pub fn kill_relay(&mut self, site: usize) {
        self.end_relay(site);
        self.end_streams_of_relay(site);
    }

    /// The relay of a site is started: in a new run, from what its disk holds.
    pub fn start_relay(&mut self, site: usize) {
        self.at(self.now, Due::StartRelay { site });
    }

    /// The CMA is killed. Its kernel lives and ends its streams.
    pub fn kill_cma(&mut self) {
        self.end_cma();
    }

    /// The CMA is started, from what its disk holds.
    pub fn start_cma(&mut self) {
        self.start_cma_now();
    }

    /// The disk of a site's relay is full, or has room again.
    pub fn full_disk(&mut self, site: usize, full: bool) {
        self.broke(|world| format!("{}: disk of the relay {}", world.sites[site].name, works(!full)));
        self.sites[site].disk.full = full;
    }

    /// The disk of the CMA is full, or has room again.
    pub fn full_cma_disk(&mut self, full: bool) {
        self.broke(|_| format!("CMA: disk {}", works(!full)));
        self.cma.disk.full = full;
    }

    /// A copy of what the disk of a site's relay holds.
    pub fn back_up(&self, site: usize) -> Backup {
        self.sites[site].disk.back_up()
    }

    /// A copy of what the disk of the CMA holds.
    pub fn back_up_cma(&self) -> Backup {
        self.cma.disk.back_up()
    }

    /// The disk of a site's relay goes back in time. The relay must not run.
    pub fn put_back(&mut self, site: usize, backup: Backup) {
        assert!(self.sites[site].process.is_none(), "the relay of site {site} runs");
        self.broke(|world| format!("{}: disk of the relay is as it was before", world.sites[site].name));
        self.sites[site].disk.put_back(backup);
    }

    /// The disk of the CMA goes back in time. The CMA must not run.
    pub fn put_back_cma(&mut self, backup: Backup) {
        assert!(self.cma.process.is_none(), "the CMA runs");
        self.broke(|_| "CMA: disk is as it was before".into());
        self.cma.disk.put_back(backup);
    }

    /// A site loses power, or gets it back: its switches, its hosts, its relay. What comes back has booted.
    pub fn power_site(&mut self, site: usize, on: bool) {
        self.broke(|world| format!("{}: power {}", world.sites[site].name, works(on)));
        let hosts: Vec<usize> = (0..self.hosts.len()).filter(|host| self.hosts[*host].site == site).collect();
        self.network.core_power[site] = on;
        for switch in self.network.switches.iter_mut().filter(|switch| switch.site == site) {
            switch.on = on;
        }
        if !on {
            self.end_relay(site);
            self.cut_power_of_streams(site);
            hosts.into_iter().for_each(|host| self.kill_host(host));
            return;
        }
        self.sites[site].boots += 1;
        self.at(self.now + RELAY_BOOTS, Due::StartRelay { site });
        for host in hosts {
            self.network.power[host] = true;
            self.hosts[host].boots += 1;
            let more = Duration::from_millis(self.draw(HOST_BOOTS_MORE_MS, Purpose::Start));
            self.at(self.now + HOST_BOOTS + more, Due::Start { host });
        }
    }

    /// A line in the trace that a reader finds again.
    fn broke(&mut self, what: impl FnOnce(&Self) -> String) {
        if self.log.is_some() {
            let line = format!("=== {}", what(self));
            self.note(|| line);
        }
    }
}

fn works(works: bool) -> &'static str {
    if works { "works" } else { "fails" }
}
