//! What can be broken, and mended. Each changes the truth, and whatever a kernel notices at once.

use std::time::Duration;

use ringmesh_cma_core::documents::{Forgotten, ForgottenRelay};
use ringmesh_probe_core as probe;
use ringmesh_proto::draws::Purpose;
use ringmesh_proto::message::GoodbyeReason;

use super::authority::Authority;
use super::disk::Backup;
use super::site::Site;
use super::world::World;

/// From power to a running relay.
const RELAY_BOOTS: Duration = Duration::from_secs(3);
/// From power to a running probe, and so much more at most.
const HOST_BOOTS: Duration = Duration::from_secs(1);
const HOST_BOOTS_MORE_MS: u64 = 4_000;

impl World {
    /// The site of a host, and its number there.
    pub(super) fn home(&mut self, host: usize) -> (&mut Site, usize) {
        let (site, local) = self.homes.of(host).unwrap_or_else(|| panic!("there is no host {host}"));
        (&mut self.sites[site], local)
    }

    /// The site of a switch, and its number there.
    pub(super) fn home_of_switch(&mut self, switch: usize) -> (&mut Site, usize) {
        let here =
            |site: &&mut Site| (site.first_switch..site.first_switch + site.switches.len()).contains(&switch);
        let site = self.sites.iter_mut().find(here);
        let site = site.unwrap_or_else(|| panic!("there is no switch {switch}"));
        let local = switch - site.first_switch;
        (site, local)
    }

    /// Power of a host is lost: nothing answers, its links go dark.
    pub fn kill_host(&mut self, host: usize) {
        let (site, host) = self.home(host);
        site.kill_host(host);
    }

    /// Power is back: another kernel boots and starts its probe.
    pub fn boot_host(&mut self, host: usize) {
        let (site, host) = self.home(host);
        site.network.power[host] = true;
        site.hosts[host].boots += 1;
        site.start_after(host, Duration::ZERO);
        site.broke(|site| format!("{} boots", site.hosts[host].name));
    }

    /// The probe is killed; the kernel lives.
    pub fn kill_probe(&mut self, host: usize) {
        let (site, host) = self.home(host);
        site.hosts[host].process = None;
        site.broke(|site| format!("the probe of {} is killed", site.hosts[host].name));
    }

    /// The probe is started.
    pub fn start_probe(&mut self, host: usize) {
        let (site, host) = self.home(host);
        site.start_after(host, Duration::ZERO);
        site.broke(|site| format!("the probe of {} is started", site.hosts[host].name));
    }

    /// The probe is asked to leave.
    pub fn stop_probe(&mut self, host: usize, reason: GoodbyeReason, back_within: Duration) {
        let (site, host) = self.home(host);
        site.broke(|site| format!("the probe of {} is told to leave", site.hosts[host].name));
        site.host_event(host, probe::Event::Stop { reason, back_within });
    }

    /// User space stops.
    pub fn pause(&mut self, host: usize) {
        let (site, host) = self.home(host);
        site.hosts[host].stopped = true;
        site.broke(|site| format!("user space of {} stops", site.hosts[host].name));
    }

    /// User space goes on: sockets are drained first, also that of the kernel's own news; then the deadline that is
    /// overdue comes.
    pub fn resume(&mut self, host: usize) {
        let (site, host) = self.home(host);
        site.broke(|site| format!("user space of {} goes on", site.hosts[host].name));
        site.hosts[host].stopped = false;
        site.go_on(host);
    }

    /// A switch loses power, or gets it back.
    pub fn set_switch(&mut self, switch: usize, on: bool) {
        let (site, local) = self.home_of_switch(switch);
        site.broke(|_| format!("sw{}: power {}", switch + 1, works(on)));
        site.network.switches[local].on = on;
        site.tell_carrier(local);
    }

    /// The uplink of a switch works, or does not. No host loses carrier.
    pub fn set_uplink(&mut self, switch: usize, up: bool) {
        let (site, local) = self.home_of_switch(switch);
        site.broke(|_| format!("sw{}: uplink {}", switch + 1, works(up)));
        site.network.switches[local].uplink = up;
    }

    /// The cable of one port of a host.
    pub fn set_cable(&mut self, host: usize, leg: usize, up: bool) {
        let (site, host) = self.home(host);
        site.broke(|site| format!("{} eth{leg}: cable {}", site.hosts[host].name, works(up)));
        site.network.legs[host][leg].cable = up;
        let switch = site.network.legs[host][leg].switch as usize;
        site.tell_carrier(switch);
    }

    /// A switch announces itself, or not.
    pub fn set_announces(&mut self, switch: usize, announces: bool) {
        let (site, local) = self.home_of_switch(switch);
        site.network.switches[local].announces = announces;
    }

    /// What one host sends to another of its site is lost for some time; nothing else is.
    pub fn mute_beats(&mut self, from: usize, to: usize, span: Duration) {
        let until = self.now + span;
        let (_, to) = self.home(to);
        let (site, from) = self.home(from);
        site.muted.push((from, to, until));
    }

    /// A port of a host is unplugged and, a second later, hangs on another switch of its site.
    pub fn recable(&mut self, host: usize, leg: usize, switch: usize) {
        self.set_cable(host, leg, false);
        self.run_for(Duration::from_secs(1));
        self.plug_in(host, leg, switch);
    }

    /// The unplugged cable of a port is plugged into a switch of its site.
    pub(super) fn plug_in(&mut self, host: usize, leg: usize, switch: usize) {
        let (_, switch) = self.home_of_switch(switch);
        let (site, local) = self.home(host);
        site.network.rewire(local, leg, switch);
        self.set_cable(host, leg, true);
    }

    /// Lost datagrams inside the sites, in a thousand, from now on.
    pub fn set_loss(&mut self, permille: u64) {
        self.sites.iter_mut().for_each(|site| site.loss_permille = permille);
    }

    /// The WAN of a site is up, or cut. Nobody is told.
    pub fn set_wan(&mut self, site: usize, up: bool) {
        self.sites[site].broke(|site| format!("{}: WAN {}", site.name, works(up)));
        self.change_wan(|wan| wan.legs[site].works = up);
    }

    /// How long a packet takes over the WAN of a site, one way, and how many are lost, in a thousand.
    pub fn set_wan_quality(&mut self, site: usize, delay: Duration, loss_permille: u64) {
        self.change_wan(|wan| {
            let leg = &mut wan.legs[site];
            (leg.delay, leg.loss_permille) = (delay, loss_permille);
        });
    }

    /// The CMA's own WAN is up, or cut. Nobody is told.
    pub fn set_cma_wan(&mut self, up: bool) {
        self.cma.broke(|| format!("CMA: WAN {}", works(up)));
        self.change_wan(|wan| wan.cma.works = up);
    }

    /// The relay of a site is killed. Its kernel lives: it ends its streams and refuses datagrams.
    pub fn kill_relay(&mut self, site: usize) {
        self.sites[site].end_relay();
        self.sites[site].end_streams_of_relay();
        self.exchange();
    }

    /// The relay of a site is started: in a new run, from what its disk holds.
    pub fn start_relay(&mut self, site: usize) {
        self.sites[site].start_relay_after(Duration::ZERO);
    }

    /// The CMA is killed. Its kernel lives and ends its streams.
    pub fn kill_cma(&mut self) {
        self.cma.end_cma();
        self.exchange();
    }

    /// The CMA is started, from what its disk holds.
    pub fn start_cma(&mut self) {
        self.cma.start_cma_now();
        self.exchange();
    }

    /// The disk of a site's relay is full, or has room again.
    pub fn full_disk(&mut self, site: usize, full: bool) {
        let site = &mut self.sites[site];
        site.broke(|site| format!("{}: disk of the relay {}", site.name, works(!full)));
        site.disk.full = full;
    }

    /// The disk of the CMA is full, or has room again.
    pub fn full_cma_disk(&mut self, full: bool) {
        self.cma.broke(|| format!("CMA: disk {}", works(!full)));
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
        let site = &mut self.sites[site];
        assert!(site.process.is_none(), "the relay of site {} runs", site.number);
        site.broke(|site| format!("{}: disk of the relay is as it was before", site.name));
        site.disk.put_back(backup);
    }

    /// The disk of the CMA goes back in time. The CMA must not run.
    pub fn put_back_cma(&mut self, backup: Backup) {
        assert!(self.cma.process.is_none(), "the CMA runs");
        self.cma.broke(|| "CMA: disk is as it was before".into());
        self.cma.disk.put_back(backup);
    }

    /// A site loses power, or gets it back: its switches, its hosts, its relay. What comes back has booted.
    pub fn power_site(&mut self, site: usize, on: bool) {
        self.change_wan(|wan| wan.core_power[site] = on);
        self.sites[site].power(on);
        self.exchange();
    }

    /// An operator takes a host out of its site's roster.
    ///
    /// # Panics
    /// If the CMA does not run, or knows no such host.
    pub fn forget(&mut self, host: usize) -> Forgotten {
        let name = self.name(host).clone();
        let site = self.site_of(host);
        let forgotten = self.cma.forget(site, &name);
        self.exchange();
        forgotten
    }

    /// An operator says that the relay of a site is gone for good.
    ///
    /// # Panics
    /// If the CMA does not run, or the relay is known to nobody, or speaks.
    pub fn forget_relay(&mut self, site: usize) -> ForgottenRelay {
        let forgotten = self.cma.forget_relay(site);
        self.exchange();
        forgotten
    }
}

impl Site {
    /// A host that stood still drains its sockets, and that of its kernel's news; then comes its overdue deadline.
    pub(super) fn go_on(&mut self, host: usize) {
        if !self.hosts[host].may_run() {
            return;
        }
        self.drain(host);
        self.tell_ports(host);
        (0..self.network.legs[host].len()).for_each(|leg| self.tell_leg(host, leg));
        self.host_deadline(host);
    }

    pub(super) fn kill_host(&mut self, host: usize) {
        self.network.power[host] = false;
        self.network.frozen.remove(&host);
        self.hosts[host].process = None;
        let known = &mut self.hosts[host];
        (known.stopped, known.suspended, known.waits) = (false, false, false);
        self.broke(|site| format!("{} loses power", site.hosts[host].name));
    }

    fn power(&mut self, on: bool) {
        self.broke(|site| format!("{}: power {}", site.name, works(on)));
        self.network.switches.iter_mut().for_each(|switch| switch.on = on);
        if !on {
            self.end_relay();
            self.ends.cut_power();
            (0..self.hosts.len()).for_each(|host| self.kill_host(host));
            return;
        }
        self.boots += 1;
        self.start_relay_after(RELAY_BOOTS);
        for host in 0..self.hosts.len() {
            self.boot(host);
        }
    }

    /// Power of a host is back, and it takes its time to boot.
    pub(super) fn boot(&mut self, host: usize) {
        self.network.power[host] = true;
        self.hosts[host].boots += 1;
        let stamp = self.hosts[host].actor.next();
        let more = self.common.draw(stamp, HOST_BOOTS_MORE_MS, Purpose::Start);
        self.start_after(host, HOST_BOOTS + Duration::from_millis(more));
    }

    /// A line in the trace that a reader finds again.
    pub(super) fn broke(&mut self, what: impl FnOnce(&Self) -> String) {
        if self.common.log.is_some() {
            let line = format!("=== {}", what(self));
            self.common.note(|| line);
        }
    }
}

impl Authority {
    fn broke(&mut self, what: impl FnOnce() -> String) {
        self.common.note(|| format!("=== {}", what()));
    }
}

pub(super) fn works(works: bool) -> &'static str {
    if works { "works" } else { "fails" }
}
