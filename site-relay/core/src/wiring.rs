//! Cables that were moved: a port of a member that hangs on another switch port than it did.
//!
//! Nothing is broken, so nobody is woken: it is opened and closed at once, to be found by whoever asks what changed.
//! Only what a switch itself says now counts, and only against what was known of the same port before, however long it
//! was dark in between: a failover in a bond moves no cable. What was only remembered counts as known before, and never
//! as news. A port that moves again and again is told once in a while.

use std::collections::BTreeMap;

use core::net::SocketAddr;

use ringmesh_proto::machine::Sink;
use ringmesh_proto::message::RingId;
use ringmesh_proto::time::{Duration, Time};
use ringmesh_topology::diagnosis::{Component, Explanation, HostIx};
use ringmesh_topology::place::{Attachment, Evidence, Place};
use ringmesh_topology::verdict::Verdict;

use crate::Action;
use crate::incident::Kind;
use crate::relay::Relay;
use crate::words;

/// One port is told of at most so often.
const TOLD_EVERY: Duration = Duration::from_secs(600);
/// Ports of one host whose wires are remembered.
const PORTS_MAX: usize = 64;

/// What the ports of a member hung on last, by name: their numbers change with a reboot. What its places say themselves
/// is not kept twice: of nearly all members nothing is.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wires {
    ports: BTreeMap<Box<str>, Wire>,
}

/// What one port hung on last, in each protocol.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Wire {
    lldp: Option<Attachment>,
    cdp: Option<Attachment>,
    told: Option<Time>,
}

/// A port that was moved.
#[derive(Debug)]
struct Moved {
    via: u32,
    ifname: Box<str>,
    from: String,
    to: String,
}

impl Relay {
    /// Takes over the places a member told, and opens and closes what they say of moved cables.
    pub(crate) fn take_places(
        &mut self,
        now: Time,
        host: HostIx,
        places: Vec<Place>,
        out: &mut impl Sink<Action>,
    ) {
        let member = &mut self.roster[host];
        let moved = member.wires.take(now, &member.places, &places);
        let stood: Vec<_> = self.seats_at(host).collect();
        let new = self.know_places(host, places);
        let stands: Vec<_> = self.seats_at(host).collect();
        let readdressed = stood.into_iter().zip(stands).filter(|(before, now)| before != now);
        readdressed.for_each(|((ring, _), _)| self.renew_links(now, host, ring));
        new.into_iter().for_each(|switch| self.tell_switch(switch));
        for port in moved {
            self.wiring_changed(now, host, &port, out);
        }
    }

    /// The rings of a member, and where its neighbours there send their beats.
    fn seats_at(&self, host: HostIx) -> impl Iterator<Item = (RingId, SocketAddr)> {
        let member = &self.roster[host];
        member.seats.iter().map(|seat| (seat.ring, member.address(seat.via)))
    }

    fn wiring_changed(&mut self, now: Time, host: HostIx, port: &Moved, out: &mut impl Sink<Action>) {
        let at = now.nanos() / 1_000_000;
        let explanation =
            Explanation::certain(Component::Host(host), Verdict::WiringChanged, vec![host], (at, at));
        let seen =
            format!("{} of {} moved from {} to {}", port.ifname, self.roster[host].name, port.from, port.to);
        self.open_and_close(now, Kind::Leg { via: port.via }, &explanation, seen, out);
    }
}

impl Wires {
    /// What a port hung on last. `places`: those of the member.
    pub(crate) fn last<'a>(&'a self, places: &'a [Place], ifname: &str) -> Option<&'a Attachment> {
        match self.ports.get(ifname) {
            Some(wire) => wire.lldp.as_ref().or(wire.cdp.as_ref()),
            None => wires(places).get(ifname).map(|(_, at)| *at),
        }
    }

    /// Takes what the ports hang on now, and hung on before. Says which were moved, each once in a while.
    fn take(&mut self, now: Time, before: &[Place], places: &[Place]) -> Vec<Moved> {
        self.recall(before);
        let moved = self.compare(now, places);
        self.let_go(places);
        moved
    }

    /// Writes down what the places of before say.
    fn recall(&mut self, before: &[Place]) {
        for (ifname, (_, at)) in wires(before) {
            if self.ports.len() < PORTS_MAX && !self.ports.contains_key(ifname) {
                self.ports.insert(ifname.into(), Wire::on(at));
            }
        }
    }

    /// Keeps nothing that the places of now say.
    fn let_go(&mut self, places: &[Place]) {
        let wires = wires(places);
        self.ports.retain(|ifname, wire| wires.get(&**ifname).is_none_or(|(_, at)| *wire != Wire::on(at)));
        if self.ports.is_empty() {
            // One that was emptied keeps two kilobytes for what may come.
            self.ports = BTreeMap::new();
        }
    }

    fn compare(&mut self, now: Time, places: &[Place]) -> Vec<Moved> {
        let wires = wires(places);
        let mut moved = Vec::new();
        for (&ifname, &(via, to)) in &wires {
            if !self.ports.contains_key(ifname) && !self.has_room(now, &wires) {
                continue;
            }
            let wire = self.ports.entry(ifname.into()).or_default();
            let Some(from) = wire.hang_on(to) else { continue };
            if wire.told.is_none_or(|told| told + TOLD_EVERY <= now) {
                wire.told = Some(now);
                let (from, to) = (words::wire(&from), words::wire(to));
                moved.push(Moved { via, ifname: ifname.into(), from, to });
            }
        }
        moved
    }

    /// Whether one more port can be remembered. One that is there no more gives way, unless it was told of just now:
    /// a host that renames its ports all the time must not be told of all the time.
    fn has_room(&mut self, now: Time, here: &BTreeMap<&str, (u32, &Attachment)>) -> bool {
        if self.ports.len() >= PORTS_MAX {
            self.ports.retain(|ifname, wire| {
                here.contains_key(&**ifname) || wire.told.is_some_and(|told| told + TOLD_EVERY > now)
            });
        }
        self.ports.len() < PORTS_MAX
    }
}

impl Wire {
    /// Of a port that nothing else was ever said of.
    fn on(at: &Attachment) -> Self {
        let mut wire = Self::default();
        wire.hang_on(at);
        wire
    }

    /// Takes what the port hangs on now. Says where it hung before, if that was elsewhere.
    fn hang_on(&mut self, to: &Attachment) -> Option<Attachment> {
        let last = if is_by_cdp(to) { &mut self.cdp } else { &mut self.lldp };
        let fresh = matches!(to.evidence, Evidence::Lldp | Evidence::Cdp);
        if !fresh && last.is_some() {
            return None;
        }
        last.replace(to.clone()).filter(|from| is_elsewhere(from, to))
    }
}

/// Whether two wires, told in one protocol, end at two switch ports. A switch that is replaced has another chassis id,
/// and one with other firmware another form of port ids: neither moves a cable.
fn is_elsewhere(from: &Attachment, to: &Attachment) -> bool {
    let same_switch = from.switch == to.switch;
    let same_name = !from.switch_name.is_empty() && from.switch_name == to.switch_name;
    let named_otherwise = same_switch && from.port.subtype != to.port.subtype;
    let same_port = (same_switch || same_name) && from.port == to.port;
    !same_port && !named_otherwise
}

/// Which protocol an attachment was told in: a switch names itself and its ports otherwise in each. Its evidence does
/// not say so once it is remembered.
fn is_by_cdp(at: &Attachment) -> bool {
    at.switch.subtype == 0 || at.port.subtype == 0
}

/// What each port hangs on, the ports of bonds too.
fn wires(places: &[Place]) -> BTreeMap<&str, (u32, &Attachment)> {
    let mut wires = BTreeMap::new();
    for place in places {
        wires.extend(place.attachment.as_ref().map(|at| (&*place.ifname, (place.ifindex, at))));
        for mate in place.bond.iter().flat_map(|bond| &bond.mates) {
            wires.extend(mate.attachment.as_ref().map(|at| (&*mate.ifname, (mate.ifindex, at))));
        }
    }
    wires
}

#[cfg(test)]
mod tests {
    use ringmesh_topology::id::MacAddress;
    use ringmesh_topology::place::{Bond, BondMate, BondRole, WireId};

    use super::*;

    /// A member's wires and its places.
    #[derive(Clone)]
    struct Known(Wires, Vec<Place>);

    impl Known {
        fn of(places: &[Place]) -> Self {
            Self(Wires::default(), places.to_vec())
        }

        fn take(&mut self, now: Time, places: &[Place]) -> Vec<Moved> {
            let moved = self.0.take(now, &self.1, places);
            self.1 = places.to_vec();
            moved
        }
    }

    fn at(switch: u8, port: &str, evidence: Evidence) -> Option<Attachment> {
        Some(Attachment {
            switch: WireId { subtype: 4, octets: [2, 0, 0, 0, 1, switch].into() },
            port: WireId { subtype: 5, octets: port.as_bytes().into() },
            switch_name: format!("sw{switch}").into(),
            evidence,
        })
    }

    /// As [`at`], the way a switch says it by CDP: by its name.
    fn by_cdp(switch: u8, port: &str, evidence: Evidence) -> Option<Attachment> {
        let name = format!("sw{switch}");
        let (key, port) = (name.as_bytes().into(), port.as_bytes().into());
        let id = |octets| WireId { subtype: 0, octets };
        Some(Attachment { switch: id(key), port: id(port), switch_name: name.into(), evidence })
    }

    /// As another chassis, or with its ports said in another way.
    fn renewed(
        attachment: Option<Attachment>,
        chassis: u8,
        name: &str,
        port_subtype: u8,
    ) -> Option<Attachment> {
        let mut at = attachment?;
        at.switch.octets = [2, 0, 0, 0, 1, chassis].into();
        at.switch_name = name.into();
        at.port.subtype = port_subtype;
        Some(at)
    }

    fn place(ifindex: u32, attachment: Option<Attachment>) -> Place {
        Place {
            ifindex,
            ifname: format!("eth{ifindex}").into(),
            mac: None,
            carrier: true,
            address: [10, 0, 0, 5].into(),
            prefix_len: 24,
            gateway: MacAddress::default(),
            attachment,
            reason: "".into(),
            bond: None,
        }
    }

    fn bonded(active: (u32, Option<Attachment>), mate: (u32, Option<Attachment>)) -> Place {
        let mate = BondMate {
            ifindex: mate.0,
            ifname: format!("eth{}", mate.0).into(),
            mac: None,
            carrier: true,
            role: BondRole::default(),
            attachment: mate.1,
        };
        let (ifname, mode, role) = ("bond0".into(), "active-backup".into(), BondRole::default());
        let bond = Box::new(Bond { ifname, mode, role, mates: vec![mate] });
        Place { bond: Some(bond), ..place(active.0, active.1) }
    }

    #[test]
    fn a_port_is_moved_when_its_switch_says_so_and_not_by_memory_failover_or_silence() {
        use Evidence::{Cache, Cdp, Lldp};
        let sw1 = || at(1, "p1", Lldp);
        type Case = (&'static str, Vec<Place>, Vec<Place>, &'static [&'static str]);
        let cases: [Case; 16] = [
            ("the same", vec![place(2, sw1())], vec![place(2, sw1())], &[]),
            (
                "another switch",
                vec![place(2, sw1())],
                vec![place(2, at(2, "p7", Lldp))],
                &["sw1 p1 > sw2 p7"],
            ),
            ("another port", vec![place(2, sw1())], vec![place(2, at(1, "p2", Lldp))], &["sw1 p1 > sw1 p2"]),
            (
                "another port by CDP",
                vec![place(2, by_cdp(1, "p1", Cdp))],
                vec![place(2, by_cdp(1, "p2", Cdp))],
                &["sw1 p1 > sw1 p2"],
            ),
            ("the other protocol", vec![place(2, sw1())], vec![place(2, by_cdp(1, "Eth1/1", Cdp))], &[]),
            ("and back", vec![place(2, by_cdp(1, "Eth1/1", Cdp))], vec![place(2, sw1())], &[]),
            (
                "the other protocol after a memory",
                vec![place(2, at(1, "p1", Cache))],
                vec![place(2, by_cdp(1, "Eth1/1", Cdp))],
                &[],
            ),
            ("a switch renamed", vec![place(2, sw1())], vec![place(2, renewed(sw1(), 1, "core-a", 5))], &[]),
            ("a switch replaced", vec![place(2, sw1())], vec![place(2, renewed(sw1(), 9, "sw1", 5))], &[]),
            ("ports said otherwise", vec![place(2, sw1())], vec![place(2, renewed(sw1(), 1, "sw1", 7))], &[]),
            (
                "two switches without a name",
                vec![place(2, renewed(sw1(), 1, "", 5))],
                vec![place(2, renewed(sw1(), 9, "", 5))],
                &["02:00:00:00:01:01 p1 > 02:00:00:00:01:09 p1"],
            ),
            ("only remembered", vec![place(2, sw1())], vec![place(2, at(2, "p7", Cache))], &[]),
            ("heard first", vec![place(2, None)], vec![place(2, sw1())], &[]),
            ("heard no more", vec![place(2, sw1())], vec![place(2, None)], &[]),
            (
                "failover",
                vec![bonded((2, sw1()), (3, at(2, "p9", Lldp)))],
                vec![bonded((3, at(2, "p9", Lldp)), (2, sw1()))],
                &[],
            ),
            (
                "a leg that stands by",
                vec![bonded((2, sw1()), (3, at(2, "p9", Lldp)))],
                vec![bonded((2, sw1()), (3, at(4, "p1", Lldp)))],
                &["sw2 p9 > sw4 p1"],
            ),
        ];
        for (what, before, now, want) in cases {
            let mut wires = Known::of(&before);
            let moved = wires.take(Time::ZERO, &now).into_iter();
            let told: Vec<String> = moved.map(|port| format!("{} > {}", port.from, port.to)).collect();
            assert_eq!(told, want, "{what}");
        }
    }

    #[test]
    fn a_port_that_was_dark_or_remembered_or_renumbered_in_between_is_missed_all_the_same() {
        use Evidence::{Cache, Cdp, Lldp};
        let renumbered = |attachment| Place { ifindex: 7, ..place(2, attachment) };
        let between: [(&str, Vec<Place>); 5] = [
            ("silent", vec![place(2, None)]),
            ("gone", vec![]),
            ("remembered", vec![place(2, at(3, "p3", Cache))]),
            ("the other protocol", vec![place(2, by_cdp(1, "Eth1/1", Cdp))]),
            ("renumbered", vec![renumbered(at(1, "p1", Lldp))]),
        ];
        for (what, between) in between {
            let mut wires = Known::of(&[place(2, at(1, "p1", Lldp))]);
            assert!(wires.take(Time::ZERO, &between).is_empty(), "{what}");
            assert!(
                wires.clone().take(Time::ZERO, &[place(2, at(1, "p1", Lldp))]).is_empty(),
                "{what}: back"
            );
            assert_eq!(wires.take(Time::ZERO, &[place(2, at(2, "p7", Lldp))]).len(), 1, "{what}: elsewhere");
        }
    }

    #[test]
    fn what_the_places_say_is_not_kept_twice_and_is_known_all_the_same() {
        let hung = [place(2, at(1, "p1", Evidence::Lldp))];
        let mut wires = Known::of(&[]);
        assert!(wires.take(Time::ZERO, &hung).is_empty() && wires.0.ports.is_empty());
        assert_eq!(wires.0.last(&hung, "eth2"), hung[0].attachment.as_ref());
        // Dark now: only the memory says what it hung on.
        let dark = [place(2, None)];
        assert!(wires.take(Time::ZERO, &dark).is_empty());
        assert_eq!(wires.0.last(&dark, "eth2"), hung[0].attachment.as_ref());
        assert!(wires.take(Time::ZERO, &hung).is_empty() && wires.0.ports.is_empty());
    }

    #[test]
    fn a_port_that_moves_all_the_time_is_told_once_in_ten_minutes_and_names_without_end_are_not_remembered() {
        let mut wires = Known::of(&[place(2, at(1, "p0", Evidence::Lldp))]);
        let mut told = Vec::new();
        for minute in 0..30 {
            let now = Time::from_millis(minute * 60_000);
            let port = at(1, &format!("p{}", minute + 1), Evidence::Lldp);
            told.extend(wires.take(now, &[place(2, port)]).iter().map(|_| minute));
        }
        assert_eq!(told, [0, 10, 20]);

        let (now, mut told) = (Time::from_millis(1), 0);
        for number in 0..10_000 {
            for switch in [1, 2] {
                told += wires.take(now, &[place(number, at(switch, "p1", Evidence::Lldp))]).len();
            }
        }
        let kept = wires.0.ports.len();
        assert!(told <= PORTS_MAX && kept <= PORTS_MAX, "{told} {kept}");
    }
}
