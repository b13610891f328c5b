//! What members tell, and what comes of it.

use ringmesh_proto::message::{Assignment, Carrier};
use ringmesh_topology::id::{Boot, MacAddress, ProbeId, RelayId};
use ringmesh_topology::place::{Attachment, Bond, BondMate, BondRole, Evidence, Place, WireId};
use ringmesh_topology::verdict::Verdict;

use super::*;
use crate::Timing;

const AT: &str = "10.0.0.5:1984";

fn at(switch: u8, port: &str) -> Option<Attachment> {
    Some(Attachment {
        switch: WireId { subtype: 4, octets: [2, 0, 0, 0, 1, switch].into() },
        port: WireId { subtype: 5, octets: port.as_bytes().into() },
        switch_name: format!("sw{switch}").into(),
        evidence: Evidence::Lldp,
    })
}

/// A port in a bond, on switch 1, and another that waits, on switch 2.
pub(crate) fn bonded() -> Place {
    let mate = BondMate {
        ifindex: 3,
        ifname: "eth3".into(),
        mac: None,
        carrier: true,
        role: BondRole::default(),
        attachment: at(2, "p9"),
    };
    let mode = "active-backup".into();
    Place {
        ifindex: 2,
        ifname: "eth2".into(),
        mac: None,
        carrier: true,
        address: [10, 0, 0, 5].into(),
        prefix_len: 24,
        gateway: MacAddress::default(),
        attachment: at(1, "p1"),
        reason: "".into(),
        bond: Some(Box::new(Bond {
            ifname: "bond0".into(),
            mode,
            role: BondRole::default(),
            mates: vec![mate],
        })),
    }
}

/// A relay that one member has announced itself to.
pub(crate) struct Bench {
    pub(crate) relay: Relay,
    from: Sender,
    pub(crate) now: Time,
}

impl Bench {
    pub(crate) fn joined(places: Vec<Place>) -> Self {
        let relay = Relay::new(Config {
            site: Name::new("s1").unwrap(),
            relay: RelayId(1),
            address: "10.0.0.1:1990".parse().unwrap(),
            term: 1,
            outbox: 1,
            timing: Timing::default(),
            classes: Vec::new(),
        });
        let from = Sender { probe: ProbeId([7; 16]), boot: Boot([1; 16]) };
        let mut bench = Self { relay, from, now: Time::from_millis(1_000) };
        bench.announces(places);
        bench
    }

    fn announces(&mut self, places: Vec<Place>) {
        self.says(ToRelay::Announce(Box::new(Announce {
            name: Name::new("h1").unwrap(),
            host_boot: Boot([1; 16]),
            generation: Generation::default(),
            links: Vec::new(),
            places,
            suspicions: Vec::new(),
            cut_off: Duration::ZERO,
            recorder_hash: 0,
            report: Report(0),
        })));
    }

    fn says(&mut self, message: ToRelay) {
        let mut out = Vec::new();
        let event = Event::Control { from: self.from, at: AT.parse().unwrap(), message };
        self.relay.on_event(self.now, event, &mut out);
    }

    fn news(&self) -> impl Iterator<Item = &News> {
        self.relay.outbox.after(0).map(|(_, news)| news)
    }
}

#[test]
fn a_switch_that_only_a_waiting_port_of_a_bond_names_is_told_too() {
    let bench = Bench::joined(vec![bonded()]);
    let told = bench.news().filter_map(|news| match news {
        News::Switch(switch) => Some(&*switch.name),
        _ => None,
    });
    assert_eq!(told.collect::<Vec<_>>(), ["sw1", "sw2"]);
}

#[test]
fn of_two_tellings_of_carriers_the_newer_stands_and_a_new_run_counts_anew() {
    let mut bench = Bench::joined(vec![bonded()]);
    let evidence = |report, up| ToRelay::Evidence {
        report: Report(report),
        carriers: vec![Carrier { ifindex: 2, up, age: Duration::ZERO, role: None }],
        heard: Vec::new(),
    };
    let carrier = |bench: &Bench| bench.relay.roster[HostIx(0)].places[0].carrier;
    bench.says(evidence(5, false));
    bench.says(evidence(4, true));
    assert!(!carrier(&bench), "the older came later");
    bench.says(evidence(6, true));
    assert!(carrier(&bench));
    bench.says(ToRelay::Evidence { report: Report(8), carriers: Vec::new(), heard: Vec::new() });
    bench.says(evidence(7, false));
    assert!(!carrier(&bench), "what came before was no telling of carriers");
    bench.from.boot = Boot([2; 16]);
    bench.announces(vec![bonded()]);
    bench.says(evidence(1, false));
    assert!(!carrier(&bench), "a new run begins at one");
}

#[test]
fn a_member_that_says_no_more_than_that_it_lives_is_answered_and_nothing_is_kept() {
    let mut bench = Bench::joined(vec![bonded()]);
    bench.now += Duration::from_secs(1);
    bench.relay.on_event(bench.now, Event::DeadlineReached, &mut Vec::new());
    for minute in 1..=3 {
        let now = bench.now + Duration::from_secs(60) * minute;
        let lives = ToRelay::Evidence { report: Report(minute), carriers: Vec::new(), heard: Vec::new() };
        let event = Event::Control { from: bench.from, at: AT.parse().unwrap(), message: lives };
        let mut out = Vec::new();
        bench.relay.on_event(now, event, &mut out);
        let said = |action| match action {
            Action::Send { message, .. } => message,
            other => panic!("{other:?}"),
        };
        let mut said: Vec<_> = out.into_iter().map(said).collect();
        // It has not confirmed its order.
        said.retain(|message| !matches!(message, ToProbe::Assignment(_)));
        assert_eq!(said, [ToProbe::Noted(Report(minute))]);
    }
}

#[test]
fn a_host_whose_cable_moves_all_the_time_is_told_once_in_ten_minutes() {
    let mut bench = Bench::joined(vec![bonded()]);
    for report in 1..=40_u32 {
        bench.now += Duration::from_secs(20);
        let place = Place { attachment: at(1, &format!("p{report}x")), ..bonded() };
        bench.says(ToRelay::Attachment { report: Report(report), places: vec![place] });
    }
    let told = bench.news().filter(|news| match news {
        News::Incident(told) => told.alternatives[0].verdict == Verdict::WiringChanged,
        _ => false,
    });
    assert_eq!(told.count(), 2);
}

#[test]
fn a_member_that_moves_and_confirms_nothing_is_given_no_more_links_than_it_can_hold() {
    let mut bench = Bench::joined(vec![Place { bond: None, ..bonded() }]);
    for switch in 1..=20_u8 {
        bench.now += Duration::from_secs(1);
        let place = Place { attachment: at(switch, "p1"), bond: None, ..bonded() };
        bench.says(ToRelay::Attachment { report: Report(switch.into()), places: vec![place] });
        let mut out = Vec::new();
        bench.relay.on_event(bench.now, Event::DeadlineReached, &mut out);
        let seats = &bench.relay.roster[HostIx(0)].seats;
        assert!(2 * seats.len() <= LINKS_MAX, "two links for each of {seats:?}");
        assert_eq!(
            seats.iter().filter(|seat| !seat.leaving && seat.ring != SITE_RING).count(),
            1,
            "{seats:?}"
        );
    }
}

#[test]
fn the_neighbours_of_a_member_are_told_its_new_address() {
    let mut bench = Bench::joined(Vec::new());
    let place = |last: u8| Place { address: [10, 0, 0, last].into(), bond: None, ..bonded() };
    let orders = |bench: &mut Bench| -> Vec<(ProbeId, Assignment)> {
        bench.now += Duration::from_secs(1);
        let mut out = Vec::new();
        bench.relay.on_event(bench.now, Event::DeadlineReached, &mut out);
        let order = |action| match action {
            Action::Send { probe, message: ToProbe::Assignment(order), .. } => Some((probe, *order)),
            _ => None,
        };
        out.into_iter().filter_map(order).collect()
    };
    for number in 1..=3_u8 {
        bench.from = Sender { probe: ProbeId([number; 16]), boot: Boot([number; 16]) };
        bench.says(ToRelay::Announce(Box::new(Announce {
            name: Name::new(&format!("h{number}")).unwrap(),
            host_boot: Boot([number; 16]),
            generation: Generation::default(),
            links: Vec::new(),
            places: vec![place(number)],
            suspicions: Vec::new(),
            cut_off: Duration::ZERO,
            recorder_hash: 0,
            report: Report(number.into()),
        })));
    }
    let told = orders(&mut bench);
    for (probe, order) in told {
        assert_eq!(order.knows, Some(Report(probe.0[0].into())), "what it has announced");
        bench.from = Sender { probe, boot: Boot(probe.0) };
        bench.says(ToRelay::Applied(order.generation));
    }
    assert_eq!(orders(&mut bench), [], "all is in force");
    bench.from = Sender { probe: ProbeId([3; 16]), boot: Boot([3; 16]) };
    bench.says(ToRelay::Attachment { report: Report(8), places: vec![place(77)] });
    let told = orders(&mut bench);
    for (probe, order) in &told {
        let last = if *probe == bench.from.probe { 8 } else { probe.0[0].into() };
        assert_eq!(order.knows, Some(Report(last)), "the attachment is known, and of the others what was");
    }
    for neighbour in [1, 2] {
        let order = told.iter().find(|(probe, _)| *probe == ProbeId([neighbour; 16])).map(|(_, order)| order);
        let links = order.iter().flat_map(|order| &order.rings).flat_map(|ring| &ring.links);
        let knows = links.into_iter().any(|link| link.peer_address.ip() == place(77).address);
        assert!(knows, "h{neighbour} is told {order:?}");
    }
}

/// When a relay that was started anew opens cases, and waits for a member, which knocks every second while `knocks` says
/// so, and for others on the same switch, which do not.
fn checked_after_a_start(others: u8, knocks: impl Fn(u64) -> bool) -> Vec<u64> {
    let mut bench = Bench::joined(vec![bonded()]);
    let host = bench.relay.roster.find(bench.from.probe).unwrap();
    bench.relay.roster[host].met = false;
    bench.relay.leave_all(bench.now, host);
    for number in 0..others {
        let other = bench.relay.roster[host].clone();
        bench.relay.roster.add(Member { probe: ProbeId([8 + number; 16]), ..other });
    }
    bench.relay.greet_all(bench.now);
    let began = bench.now;
    let mut checked = Vec::new();
    for step in 0..400 {
        let now = began + Duration::from_millis(100) * step;
        let mut out = Vec::new();
        let since_ms = u64::from(step) * 100;
        if since_ms % 1_000 == 500 && knocks(since_ms) {
            let knock = Event::Knock { from: bench.from, at: AT.parse().unwrap(), knock: 1 };
            bench.relay.on_event(now, knock, &mut out);
        }
        while bench.relay.next_deadline() <= now {
            bench.relay.on_event(now, Event::DeadlineReached, &mut out);
        }
        let opened = out.iter().any(|action| matches!(action, Action::Say(Note::CaseOpened(_))));
        checked.extend(opened.then_some(since_ms));
    }
    checked
}

#[test]
fn after_a_start_whoever_knocks_is_greeted_again_and_not_judged_for_a_while() {
    let together = checked_after_a_start(1, |_| false);
    let [once] = together[..] else { panic!("{together:?}") };
    // It is looked at each 100 ms, and greetings are paced.
    assert!(
        (4_000..=4_400).contains(&once),
        "two of a switch are silent: checked after the third greeting, but {once}"
    );
    let silent = checked_after_a_start(0, |_| false);
    assert_eq!(silent, [9_000], "one alone has twice three greetings to answer");
    let knocks = checked_after_a_start(0, |ms| ms < 15_000);
    let [once] = knocks[..] else { panic!("{knocks:?}") };
    assert!((15_000..=24_000).contains(&once), "as long as it knocks it lives, but {once}");
    let claims = checked_after_a_start(0, |_| true);
    let [once] = claims[..] else { panic!("{claims:?}") };
    assert!((19_000..=25_000).contains(&once), "a claim does not help for ever, but {once}");
}
