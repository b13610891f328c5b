//! Laws of the neighbour table under any sequence of frames, carrier changes and deadlines.

use std::collections::BTreeSet;

use lldp_rs::{
    Cdp, ChassisId, ChassisSubtype, Heard, Key, Limits, Lldp, Mac, NeighbourTable, PortId, PortSubtype,
    TableEvent,
};
use proptest::prelude::*;

const S: u64 = 1_000_000_000;

#[derive(Clone, Debug)]
enum Step {
    Lldp { port: u32, chassis: u8, port_id: u8, ttl_s: u16 },
    Cdp { port: u32, chassis: u8 },
    Carrier { port: u32, up: bool },
    Wait { ms: u64 },
}

fn step() -> impl Strategy<Value = Step> {
    let ttl = prop::sample::select(vec![0_u16, 1, 4, 20, 120, 3_600, 65_535]);
    prop_oneof![
        6 => (0_u32..3, 0_u8..20, 0_u8..2, ttl)
            .prop_map(|(port, chassis, port_id, ttl_s)| Step::Lldp { port, chassis, port_id, ttl_s }),
        2 => (0_u32..3, 0_u8..4).prop_map(|(port, chassis)| Step::Cdp { port, chassis }),
        1 => (0_u32..3, any::<bool>()).prop_map(|(port, up)| Step::Carrier { port, up }),
        4 => prop_oneof![0_u64..2_000, 0_u64..120_000].prop_map(|ms| Step::Wait { ms }),
    ]
}

fn lldp(chassis: u8, port_id: u8, ttl_s: u16) -> Heard {
    let source = Mac([2, 0, 0, 0, 0, chassis]);
    let chassis = ChassisId::new(ChassisSubtype::MacAddress, &source.0).expect("sound");
    let port = PortId::new(PortSubtype::InterfaceName, &[b'a' + port_id]).expect("sound");
    Heard::lldp(source, Lldp::new(chassis, port, ttl_s))
}

fn cdp(chassis: u8) -> Heard {
    Heard::cdp(Mac([2, 0, 0, 0, 0, chassis]), Cdp::new(&format!("sw{chassis}"), "p", 180))
}

/// Who is there, as told by the events alone.
fn follow(known: &mut BTreeSet<Key>, event: &TableEvent) {
    let (gone, come) = match event {
        TableEvent::Appeared { key } => (None, Some(key)),
        TableEvent::Moved { from, to } => (Some(from), Some(to)),
        // The old identity has been reported as a shutdown.
        TableEvent::Renamed { to, .. } => (None, Some(to)),
        TableEvent::Shutdown { key } | TableEvent::Expired { key } | TableEvent::Displaced { key } => {
            (Some(key), None)
        }
        TableEvent::Changed { key, .. } | TableEvent::Late { key } | TableEvent::Recovered { key } => {
            assert!(known.contains(key), "{event:?}");
            (None, None)
        }
        TableEvent::CarrierLost { .. } | TableEvent::CarrierBack { .. } | TableEvent::Ambiguous { .. } => {
            (None, None)
        }
    };
    if let Some(key) = gone {
        assert!(known.remove(key), "{event:?}");
    }
    if let Some(key) = come {
        assert!(known.insert(key.clone()), "{event:?}");
    }
}

fn keys(table: &NeighbourTable) -> BTreeSet<Key> {
    (0..3).flat_map(|port| table.neighbours(port)).map(|neighbour| neighbour.key.clone()).collect()
}

fn advance(table: &mut NeighbourTable, now: u64, out: &mut Vec<TableEvent>) {
    while let Some(at) = table.next_deadline().filter(|at| *at <= now) {
        table.on_deadline(at, out);
        assert!(table.next_deadline().is_none_or(|next| next > at), "a driver would spin");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_events_alone_tell_who_is_there(steps in prop::collection::vec(step(), 1..120), per_port in 1_usize..6) {
        let limits = Limits { neighbours_per_port: per_port, newcomers_per_minute: 8, ..Limits::default() };
        let mut table = NeighbourTable::new(limits);
        let (mut known, mut now) = (BTreeSet::new(), 0);
        for step in &steps {
            let mut out = Vec::new();
            match *step {
                Step::Wait { ms } => now += ms * S / 1_000,
                Step::Carrier { port, up } => table.carrier(port, up, now, &mut out),
                Step::Cdp { port, chassis } => _ = table.heard(port, &cdp(chassis), now, &mut out),
                Step::Lldp { port, chassis, port_id, ttl_s } => {
                    table.heard(port, &lldp(chassis, port_id, ttl_s), now, &mut out);
                }
            }
            advance(&mut table, now, &mut out);
            out.iter().for_each(|event| follow(&mut known, event));
            prop_assert_eq!(&keys(&table), &known, "after {:?}", step);
            prop_assert!((0..3).all(|port| table.neighbours(port).len() <= per_port));
        }
        let mut out = Vec::new();
        advance(&mut table, now + 3_601 * S, &mut out);
        prop_assert!(keys(&table).is_empty(), "nobody outlives the longest hold");
    }

    #[test]
    fn the_same_steps_tell_the_same_story(steps in prop::collection::vec(step(), 1..60)) {
        let run = || {
            let (mut table, mut out, mut now) = (NeighbourTable::new(Limits::default()), Vec::new(), 0);
            for step in &steps {
                match *step {
                    Step::Wait { ms } => now += ms * S / 1_000,
                    Step::Carrier { port, up } => table.carrier(port, up, now, &mut out),
                    Step::Cdp { port, chassis } => _ = table.heard(port, &cdp(chassis), now, &mut out),
                    Step::Lldp { port, chassis, port_id, ttl_s } => {
                        table.heard(port, &lldp(chassis, port_id, ttl_s), now, &mut out);
                    }
                }
                advance(&mut table, now, &mut out);
            }
            out
        };
        prop_assert_eq!(run(), run());
    }
}
