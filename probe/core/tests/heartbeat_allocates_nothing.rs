//! The heartbeat path touches no allocator: a probe that beats for a year asks for no memory.
//!
//! A test of its own, because an allocator counts for the whole process.

// SAFETY of the one exception to the workspace's lint: the allocator below hands every call on, unchanged, to
// the system's, and only counts.
#![allow(unsafe_code)]
#![allow(clippy::unwrap_used)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::Arc;

use ringmesh_probe_core::{Action, Config, Event, PortFacts, Probe};
use ringmesh_proto::machine::{Each, Machine};
use ringmesh_proto::message::{
    Assignment, Beat, BeatHeard, Generation, Hello, LinkId, LinkOrder, Report, RingId, RingPlace, ToProbe,
};
use ringmesh_proto::time::{Duration, Time};
use ringmesh_topology::id::{Boot, MacAddress, Name, ProbeId, RelayId};

struct Counting;

thread_local! {
    static CALLS: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: every method passes its arguments to `System` as they came and returns what it returned.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        CALLS.set(CALLS.get() + 1);
        // SAFETY: the caller's promise about `layout` is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise about `block` and `layout` is passed on.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        CALLS.set(CALLS.get() + 1);
        // SAFETY: the caller's promise about all three is passed on.
        unsafe { System.realloc(block, layout, size) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

fn config() -> Config {
    Config {
        name: Name::new("h1").unwrap(),
        probe: ProbeId([7; 16]),
        relays: vec!["10.0.9.1:1990".parse().unwrap()],
        host_boot: Boot([3; 16]),
        seed: 1,
        cache: Vec::new(),
    }
}

fn links() -> Vec<LinkOrder> {
    let link = |id| LinkOrder {
        link: LinkId(id),
        counter: id,
        peer: ProbeId([id as u8; 16]),
        peer_address: format!("10.0.0.{id}:1984").parse().unwrap(),
        via: 2,
        lanes: if id < 3 { 1 } else { 4 },
        report: true,
    };
    (1..=4).map(link).collect()
}

fn port() -> PortFacts {
    PortFacts {
        ifindex: 2,
        ifname: "eth0".into(),
        mac: MacAddress([2; 6]),
        carrier: true,
        driver: "".into(),
        address: Some(([10, 0, 0, 77].into(), 24)),
        gateway: MacAddress::default(),
        bond: None,
    }
}

/// A probe in two rings, after its start.
fn joined() -> (Probe, Time) {
    let mut probe = Probe::new(Arc::new(config()), Time::ZERO);
    let mut out: Vec<Action> = Vec::new();
    let now = Time::from_millis(1_500);
    let from = "10.0.9.1:1990".parse().unwrap();
    let hello = ToProbe::Hello(Hello { relay: RelayId(1), term: 1, wait: Duration::ZERO, answers: true });
    let links = links();
    let rings = links.chunks(2).enumerate().map(|(n, links)| RingPlace {
        ring: RingId(n as u32),
        level: n as u8,
        links: links.to_vec(),
    });
    let generation = Generation { term: 1, counter: 1 };
    let knows = Some(Report(u32::MAX));
    let order = Assignment { generation, relay: RelayId(1), knows, rings: rings.collect() };
    probe.on_event(Time::ZERO, Event::Ports { ports: &[port()], own: &[] }, &mut out);
    probe.on_event(now, Event::DeadlineReached, &mut out);
    probe.on_event(now, Event::Control { from, via: 2, message: hello }, &mut out);
    let order = ToProbe::Assignment(Box::new(order));
    probe.on_event(now, Event::Control { from, via: 2, message: order }, &mut out);
    assert!(probe.holds(LinkId(4)));
    (probe, now)
}

/// Beats in and out for these seconds after `start`; every 97th is lost, and every 50th comes twice.
fn beat_for(probe: &mut Probe, start: Time, seconds: core::ops::RangeInclusive<u32>) -> u64 {
    let mut sent = 0;
    let mut out = Each(|action: Action| match action {
        Action::Beat { .. } => sent += 1,
        Action::Send { .. } | Action::Remember(_) | Action::Exit | Action::Say(_) => {}
    });
    let mut now = start;
    for second in seconds {
        let until = start + Duration::from_secs(u64::from(second));
        while probe.next_deadline() <= until {
            now = probe.next_deadline().max(now);
            probe.on_event(now, Event::DeadlineReached, &mut out);
        }
        now = until;
        for link in 1..=4 {
            let lanes = if link < 3 { 1 } else { 4 };
            let (lane, sequence) = (second % lanes, second / lanes + 1);
            let beat = Beat { link: LinkId(link), lane: lane as u8, heard_you: true, sequence, hint: 0 };
            let times = if second % 97 == 0 { 0 } else { 1 + u32::from(second % 50 == 0) };
            for _ in 0..times {
                probe.on_event(now, Event::Beat(BeatHeard { beat, hops: Some(0), arrived: now }), &mut out);
            }
        }
    }
    sent
}

#[test]
fn a_day_of_beats_allocates_nothing() {
    let (mut probe, now) = joined();
    beat_for(&mut probe, now, 1..=10);
    let before = CALLS.get();
    let sent = beat_for(&mut probe, now, 11..=86_410);
    let calls = CALLS.get() - before;
    assert!(sent >= 4 * 86_399, "{sent} beats");
    assert_eq!(calls, 0, "allocations in {sent} beats sent and as many heard");
    let counters = probe.status(now).counters;
    assert!(counters.beats_replayed > 1_000 && counters.suspicions == 0, "{counters:?}");

    let before = CALLS.get();
    drop(std::hint::black_box(Box::new(1_u64)));
    assert_eq!(CALLS.get() - before, 1, "the counter counts");
}
