//! Laws of the neighbour table: an input is a list of operations.
//!
//! The events alone tell who is there; nobody outlives the time it asked for; no port holds more than it
//! may; after a deadline the next one is later; the switch of a port is one of its neighbours; the same
//! operations tell the same story.

use std::collections::BTreeSet;

use lldp_rs::{
    Capabilities, CapabilitySet, Cdp, ChassisId, ChassisSubtype, Choice, Heard, Key, Limits, Lldp, Mac,
    NeighbourTable, PortId, PortSubtype, TableEvent, decode,
};

use crate::input::Input;

const MS: u64 = 1_000_000;
const PORTS: u8 = 3;
const TTLS_S: [u16; 8] = [0, 1, 4, 20, 120, 120, 3_600, 65_535];

/// Runs the operations twice and compares.
pub(crate) fn operations(octets: &[u8]) -> bool {
    let story = Run::new(octets).story();
    assert_eq!(story, Run::new(octets).story(), "the same operations, another story");
    story
        .iter()
        .any(|event| !matches!(event, TableEvent::CarrierLost { .. } | TableEvent::CarrierBack { .. }))
}

struct Run<'a> {
    input: Input<'a>,
    limits: Limits,
    table: NeighbourTable,
    known: BTreeSet<Key>,
    now: u64,
    out: Vec<TableEvent>,
}

impl<'a> Run<'a> {
    fn new(octets: &'a [u8]) -> Self {
        let mut input = Input(octets);
        let limits = Limits {
            neighbours_per_port: usize::from(input.below(6)),
            newcomers_per_minute: u32::from(input.below(20)),
            ..Limits::default()
        };
        let table = NeighbourTable::new(limits);
        Self { input, limits, table, known: BTreeSet::new(), now: 0, out: Vec::new() }
    }

    fn story(mut self) -> Vec<TableEvent> {
        let mut told = 0;
        while !self.input.is_over() {
            self.operate();
            self.advance();
            for event in &self.out[told..] {
                follow(&mut self.known, event);
            }
            told = self.out.len();
            self.check();
        }
        self.out
    }

    fn operate(&mut self) {
        let (kind, port) = (self.input.below(16), u32::from(self.input.below(PORTS)));
        match kind {
            0..=5 => {
                let heard = self.lldp();
                self.hear(port, &heard);
            }
            6 | 7 => {
                let name = format!("sw{}", self.input.below(6));
                let heard = Heard::cdp(self.source(), Cdp::new(&name, "p", self.input.octet()));
                self.hear(port, &heard);
            }
            8 | 9 => {
                let length = usize::from(self.input.octet());
                if let Ok(heard) = decode(self.input.take(length)) {
                    self.hear(port, &heard);
                }
            }
            10 => self.table.carrier(port, self.input.octet() & 1 == 1, self.now, &mut self.out),
            11 => {
                let own = [self.source()];
                self.table.set_own_macs(port, &own);
            }
            12 => {
                self.table.forget_port(port);
                self.known.retain(|key| key.ifindex != port);
            }
            13 => self.now += u64::from(self.input.octet()) * 1_000 * MS,
            14 => self.now += u64::from(self.input.octet()) * MS,
            _ => self.now += u64::from(self.input.octet()) * 100_000 * MS,
        }
    }

    fn hear(&mut self, port: u32, heard: &Heard) {
        self.table.heard(port, heard, self.now, &mut self.out);
    }

    fn source(&mut self) -> Mac {
        Mac([2, 0, 0, 0, 0, self.input.below(6)])
    }

    fn lldp(&mut self) -> Heard {
        let source = self.source();
        let chassis = ChassisId::new(ChassisSubtype::MacAddress, &[2, 0, 0, 0, 1, self.input.below(12)]);
        let port = PortId::new(PortSubtype::InterfaceName, &[b'a' + self.input.below(3)]);
        let ttl_s = TTLS_S[usize::from(self.input.below(8))];
        let mut lldp = Lldp::new(chassis.expect("sound"), port.expect("sound"), ttl_s);
        let looks = self.input.octet();
        lldp.system_name = (looks & 1 == 1).then(|| format!("sw{}", looks >> 5).as_str().into());
        let set = CapabilitySet(u16::from(looks) << 1 & 0xff);
        lldp.capabilities = (looks & 2 == 2).then_some(Capabilities { available: set, enabled: set });
        let mut heard = Heard::lldp(source, lldp);
        if looks & 0x10 != 0 {
            heard.destination = Mac::NEAREST_CUSTOMER_BRIDGE;
        }
        heard
    }

    /// As a driver does it: at every deadline that has passed, in its order.
    fn advance(&mut self) {
        while let Some(at) = self.table.next_deadline().filter(|at| *at <= self.now) {
            self.table.on_deadline(at, &mut self.out);
            assert!(self.table.next_deadline().is_none_or(|next| next > at), "a driver would spin at {at}");
        }
    }

    fn check(&self) {
        let mut there = BTreeSet::new();
        for port in 0..u32::from(PORTS) {
            let neighbours = self.table.neighbours(port);
            assert!(neighbours.len() <= self.limits.neighbours_per_port, "port {port} is over its limit");
            for neighbour in neighbours {
                assert!(neighbour.last_seen <= self.now && self.now < neighbour.expires, "{neighbour:?}");
                assert!(neighbour.expires - neighbour.last_seen <= self.limits.hold_ns_max, "{neighbour:?}");
                assert!(there.insert(neighbour.key.clone()), "twice: {neighbour:?}");
            }
            let chosen: Vec<&Key> = match self.table.the_switch(port) {
                Choice::Switch { neighbour, .. } => vec![&neighbour.key],
                Choice::Ambiguous { candidates } => {
                    assert!(candidates.len() > 1, "one is not ambiguous");
                    candidates.iter().map(|neighbour| &neighbour.key).collect()
                }
                Choice::None { .. } => vec![],
            };
            assert!(chosen.iter().all(|key| neighbours.iter().any(|neighbour| neighbour.key == **key)));
        }
        assert_eq!(there, self.known, "the events told otherwise");
    }
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
            return assert!(known.contains(key), "{event:?} about a stranger");
        }
        TableEvent::CarrierLost { .. } | TableEvent::CarrierBack { .. } | TableEvent::Ambiguous { .. } => {
            return;
        }
    };
    if let Some(key) = gone {
        assert!(known.remove(key), "{event:?} about a stranger");
    }
    if let Some(key) = come {
        assert!(known.insert(key.clone()), "{event:?} about one who was there");
    }
}
