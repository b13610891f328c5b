//! What can be broken beyond power, processes and cables: parts of the fabric, clocks, identities, single datagrams.

use std::time::Duration;

use ringmesh_proto::time::Time;
use ringmesh_topology::id::Name;

use super::common::Wire;
use super::fabric::{Part, Trouble};
use super::faults::works;
use super::host::Clock;
use super::hosts::Seldom;
use super::site::Site;
use super::world::World;

impl World {
    /// A spine of a site, counted from 0.
    pub fn set_spine(&mut self, site: usize, spine: usize, on: bool) {
        let site = &mut self.sites[site];
        site.broke(|site| format!("{}: spine {} {}", site.name, spine + 1, works(on)));
        site.network.spines[spine] = on;
    }

    /// The link of a switch to one spine. No host loses carrier.
    pub fn set_spine_link(&mut self, switch: usize, spine: usize, up: bool) {
        let (site, local) = self.home_of_switch(switch);
        site.broke(|_| format!("sw{}: link to spine {} {}", switch + 1, spine + 1, works(up)));
        site.network.switches[local].links[spine] = up;
    }

    /// A line card of a switch, counted from 0.
    pub fn set_module(&mut self, switch: usize, module: usize, on: bool) {
        let (site, local) = self.home_of_switch(switch);
        site.broke(|_| format!("sw{}: line card {} {}", switch + 1, module + 1, works(on)));
        site.network.switches[local].modules[module] = on;
        site.tell_carrier(local);
    }

    /// The link between a switch and the other of its pair.
    pub fn set_peer_link(&mut self, switch: usize, up: bool) {
        let (site, local) = self.home_of_switch(switch);
        site.broke(|_| format!("sw{}: peer link {}", switch + 1, works(up)));
        let Some(peer) = site.network.switches[local].peer else { return };
        for end in [local, peer] {
            site.network.switches[end].peer_link = up;
        }
        site.tell_carrier(local);
    }

    /// A power feed of a site, counted from 0: its switches, and the hosts that have their first port on one of them.
    pub fn set_feed(&mut self, site: usize, feed: usize, on: bool) {
        let site = &mut self.sites[site];
        site.broke(|site| format!("{}: power feed {} {}", site.name, feed + 1, works(on)));
        site.power_feed(feed, on);
    }

    /// Something is wrong with the cable of a port that is up, or is not any more.
    pub fn trouble_cable(&mut self, host: usize, leg: usize, trouble: Trouble, begins: bool) {
        let (site, local) = self.home(host);
        site.broke(|site| {
            format!("{} eth{leg}: cable {}: {trouble:?}", site.hosts[local].name, ails(begins))
        });
        site.trouble(Part::Cable(local, leg), trouble, begins);
    }

    /// Something is wrong with the uplinks of a switch that are up, or is not any more. `spine`: with one of them.
    pub fn trouble_uplink(&mut self, switch: usize, spine: Option<usize>, trouble: Trouble, begins: bool) {
        let (site, local) = self.home_of_switch(switch);
        site.broke(|_| format!("sw{}: uplink {}: {trouble:?}", switch + 1, ails(begins)));
        let lanes = site.network.spines.len().max(1);
        for lane in (0..lanes).filter(|lane| spine.is_none_or(|only| only == *lane)) {
            site.trouble(Part::Uplink(local, lane), trouble, begins);
        }
    }

    /// Something is wrong with what joins the switches of a site, or is not any more. No port loses its light.
    pub fn trouble_lan(&mut self, site: usize, trouble: Trouble, begins: bool) {
        let site = &mut self.sites[site];
        site.broke(|site| format!("{}: LAN {}: {trouble:?}", site.name, ails(begins)));
        site.trouble(Part::Lan, trouble, begins);
    }

    /// Something is wrong with the gateway of an L2 domain, counted from 0, or is not any more.
    pub fn trouble_gateway(&mut self, site: usize, domain: u8, trouble: Trouble, begins: bool) {
        let site = &mut self.sites[site];
        site.broke(|site| format!("{}: gateway {} {}: {trouble:?}", site.name, domain + 1, ails(begins)));
        site.trouble(Part::Gateway(domain), trouble, begins);
    }

    /// Something is wrong with the WAN of a site for some of what crosses it, or is not any more. Beside what
    /// [`World::set_wan_quality`] says of all.
    pub fn trouble_wan(&mut self, site: usize, trouble: Trouble, begins: bool) {
        self.sites[site].broke(|site| format!("{}: WAN {}: {trouble:?}", site.name, ails(begins)));
        self.change_wan(|wan| wan.trouble(site, trouble, begins));
    }

    /// A switch announces itself by the identity of another, or by its own again.
    pub fn set_poses(&mut self, switch: usize, other: Option<usize>) {
        let (site, local) = self.home_of_switch(switch);
        site.network.switches[local].poses_as = other;
    }

    /// A switch sends its hosts' own announcements back to them, or does not.
    pub fn set_reflects(&mut self, switch: usize, reflects: bool) {
        let (site, local) = self.home_of_switch(switch);
        site.network.switches[local].reflects = reflects;
    }

    /// A host stands still as a whole, its kernel too: a virtual machine that is suspended. Its ports keep their light.
    pub fn suspend(&mut self, host: usize) {
        let (site, local) = self.home(host);
        site.broke(|site| format!("{} is suspended", site.hosts[local].name));
        site.hosts[local].suspended = true;
        site.network.frozen.insert(local);
    }

    /// It goes on; what came meanwhile is lost.
    pub fn wake(&mut self, host: usize) {
        let (site, local) = self.home(host);
        site.broke(|site| format!("{} goes on", site.hosts[local].name));
        site.network.frozen.remove(&local);
        site.hosts[local].suspended = false;
        site.go_on(local);
    }

    /// A port hangs on another switch of its site from now on.
    pub fn move_cable(&mut self, host: usize, leg: usize, switch: usize) {
        self.set_cable(host, leg, false);
        self.plug_in(host, leg, switch);
    }

    /// The clock of a host runs too fast by so many millionths, or as it should.
    pub fn set_drift(&mut self, host: usize, ppm: i32) {
        let (site, local) = self.home(host);
        let now = site.common.now;
        let known = &mut site.hosts[local];
        known.clock = Some(Box::new(Clock { since: now, shown: known.local(now), ppm }));
        site.rearm(local);
    }

    /// Somebody sets the wall clock of a host so far ahead of the world's.
    pub fn set_wall(&mut self, host: usize, ahead: Duration) {
        let (site, local) = self.home(host);
        site.tell_wall(local, i64::try_from(ahead.as_millis()).unwrap_or(i64::MAX));
    }

    /// Somebody sets the wall clock of a host so far behind the world's.
    pub fn set_wall_back(&mut self, host: usize, behind: Duration) {
        let (site, local) = self.home(host);
        site.tell_wall(local, -i64::try_from(behind.as_millis()).unwrap_or(i64::MAX));
    }

    /// The ports of a host get other addresses, or their own again; their kernel says so at once.
    pub fn readdress(&mut self, host: usize, other: bool) {
        let (site, local) = self.home(host);
        if other {
            site.network.readdressed.insert(local);
        } else {
            site.network.readdressed.remove(&local);
        }
        let address = site.network.address(local, 0);
        site.broke(|site| format!("{} has the address {address}", site.hosts[local].name));
        site.tell_ports(local);
    }

    /// A host is started from the image of another of its site, and goes by that one's name; or from its own again.
    ///
    /// # Panics
    /// If not all heartbeats are sealed: which of two keys of one link opens a beat is told by its octets alone.
    pub fn clone_onto(&mut self, host: usize, of: Option<usize>) {
        assert_eq!(
            self.cma.common.wire,
            Wire::All,
            "beats of a world with copies are to be sealed, all of them"
        );
        let of = of.map(|of| self.home(of).1);
        let (site, local) = self.home(host);
        let known = |of: usize| (site.hosts[of].name.clone(), site.hosts[of].id);
        let identity = of.map(known).map(Box::new);
        let as_whom = identity.as_ref().map_or(&site.hosts[local].name, |other| &other.0).clone();
        site.network.doubles.extend(of.into_iter().flat_map(|of| [of, local]));
        site.broke(|site| format!("{} runs the image of {as_whom}", site.hosts[local].name));
        let known = &mut site.hosts[local];
        (known.process, known.identity) = (None, identity);
        known.cache.clear();
        let names = site.hosts.iter().filter_map(|host| host.identity.as_ref()).map(|other| &other.0);
        let original = |name: &Name| site.hosts.iter().position(|host| host.name == *name);
        site.network.copied = names.filter_map(original).collect();
        site.start_after(local, Duration::ZERO);
    }

    /// The relay of a site takes so long for each datagram; zero: no time at all, and it reads at once what waits.
    pub fn overload(&mut self, site: usize, each: Duration) {
        let site = &mut self.sites[site];
        site.note_of(|| format!("takes {each:?} for a datagram"));
        site.load.set(each);
        if each.is_zero() {
            site.read_what_waits();
        }
        self.exchange();
    }

    /// The CMA takes so long for each message; zero: no time at all, and it reads at once what waits.
    pub fn overload_cma(&mut self, each: Duration) {
        self.cma.common.note(|| format!("CMA: takes {each:?} for a message"));
        self.cma.load.set(each);
        if each.is_zero() {
            self.cma.read_what_waits();
        }
        self.exchange();
    }

    /// The probe of a host gets the processor once in so long; zero: whenever it needs it.
    pub fn overload_probe(&mut self, host: usize, every: Duration) {
        let (site, local) = self.home(host);
        site.broke(|site| {
            format!("the probe of {} gets the processor once in {every:?}", site.hosts[local].name)
        });
        if every.is_zero() {
            site.seldom.remove(&local);
            site.hosts[local].waits = false;
            site.go_on(local);
        } else {
            site.turns += 1;
            site.seldom.insert(local, Seldom { every, number: site.turns });
            site.turn(local, site.turns);
        }
    }

    /// The line between two sites.
    pub fn set_line(&mut self, site: usize, other: usize, works: bool) {
        self.change_wan(|wan| wan.lines.set(site, other, works));
    }

    /// Doubled datagrams inside the sites, in a thousand.
    pub fn set_doubled(&mut self, permille: u64) {
        self.sites.iter_mut().for_each(|site| site.doubled_permille = permille);
    }

    /// How much later than others a datagram inside a site may come: they overtake each other.
    pub fn set_disorder(&mut self, by: Duration) {
        let by = u64::try_from(by.as_nanos()).unwrap_or(u64::MAX);
        self.sites.iter_mut().for_each(|site| site.disorder_ns = by);
    }
}

impl Site {
    fn trouble(&mut self, part: Part, trouble: Trouble, begins: bool) {
        if begins {
            self.network.trouble(part, trouble);
        } else {
            self.network.trouble_over(part, trouble);
        }
    }

    fn power_feed(&mut self, feed: usize, on: bool) {
        let feeds = self.network.feeds.max(1);
        let of_feed = |switch: usize| switch % feeds == feed;
        let switches: Vec<usize> =
            (0..self.network.switches.len()).filter(|switch| of_feed(*switch)).collect();
        switches.iter().for_each(|switch| self.network.switches[*switch].on = on);
        let network = &self.network;
        let hangs_on = |host: &usize| network.legs[*host][0].switch;
        let stands_by = |host: &usize| network.stands_by.get(host).copied().unwrap_or(hangs_on(host));
        let fed = |host: &usize| of_feed(stands_by(host) as usize);
        let hosts: Vec<usize> = (0..self.hosts.len()).filter(fed).collect();
        for host in hosts {
            if on {
                self.boot(host);
            } else {
                self.kill_host(host);
            }
        }
        switches.into_iter().for_each(|switch| self.tell_carrier(switch));
    }

    /// The clock of a host shows something else: its deadline comes at another moment.
    fn rearm(&mut self, host: usize) {
        if let Some(process) = &mut self.hosts[host].process {
            process.armed = Time::NEVER;
        }
        self.arm_host(host);
    }
}

fn ails(begins: bool) -> &'static str {
    if begins { "has trouble" } else { "is sound" }
}
