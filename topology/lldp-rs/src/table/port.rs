//! The neighbours of one port.

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::table::neighbour::Sighting;
use crate::table::{Ignored, Key, Limits, Neighbour, Outcome, SECOND_NS, TableEvent};
use crate::{Mac, Protocol};

#[derive(Clone, Debug, Default)]
pub(crate) struct Port {
    pub(crate) own_macs: Box<[Mac]>,
    /// Longest known first.
    pub(crate) neighbours: Vec<Neighbour>,
    pub(crate) ambiguous: bool,
    carrier_lost: bool,
    /// The last to take its leave, and when.
    departed: Option<(Key, u64)>,
    minute: u64,
    newcomers: u32,
}

/// The ports of a host by number. It has few: a sorted list takes no more room than they do.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ports(Vec<(u32, Port)>);

impl Ports {
    fn place(&self, ifindex: u32) -> Result<usize, usize> {
        self.0.binary_search_by_key(&ifindex, |(held, _)| *held)
    }

    /// The port of that number, new if there was none.
    pub(crate) fn of(&mut self, ifindex: u32) -> &mut Port {
        let at = self.place(ifindex).unwrap_or_else(|at| {
            self.0.reserve_exact(1);
            self.0.insert(at, (ifindex, Port::default()));
            at
        });
        &mut self.0[at].1
    }

    pub(crate) fn get(&self, ifindex: u32) -> Option<&Port> {
        self.place(ifindex).ok().map(|at| &self.0[at].1)
    }

    pub(crate) fn get_mut(&mut self, ifindex: u32) -> Option<&mut Port> {
        self.place(ifindex).ok().map(|at| &mut self.0[at].1)
    }

    pub(crate) fn remove(&mut self, ifindex: u32) {
        if let Ok(at) = self.place(ifindex) {
            self.0.remove(at);
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &Port)> {
        self.0.iter().map(|(ifindex, port)| (*ifindex, port))
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = &Port> {
        self.0.iter().map(|(_, port)| port)
    }

    pub(crate) fn values_mut(&mut self) -> impl Iterator<Item = &mut Port> {
        self.0.iter_mut().map(|(_, port)| port)
    }
}

impl Port {
    pub(crate) fn depart(&mut self, key: &Key, now: u64, out: &mut Vec<TableEvent>) -> Outcome {
        let Some(key) = self.take(|neighbour| neighbour.key == *key) else {
            return Outcome::Ignored(Ignored::UnknownDeparture);
        };
        self.departed = Some((key.clone(), now));
        out.push(TableEvent::Shutdown { key });
        Outcome::Departed
    }

    /// Whether the neighbour was known.
    pub(crate) fn refresh(&mut self, sighting: &Sighting, now: u64, out: &mut Vec<TableEvent>) -> bool {
        let Some(known) = self.neighbours.iter_mut().find(|neighbour| neighbour.key == sighting.key) else {
            return false;
        };
        if known.late || known.suspect {
            out.push(TableEvent::Recovered { key: known.key.clone() });
        }
        let changed = known.refresh(sighting, now);
        out.extend(changed.into_iter().map(|field| TableEvent::Changed { key: known.key.clone(), field }));
        true
    }

    /// Makes a newcomer a neighbour. `elsewhere` is the same one, silent on another port.
    pub(crate) fn admit(
        &mut self,
        sighting: Sighting,
        elsewhere: Option<&Key>,
        limits: &Limits,
        now: u64,
        out: &mut Vec<TableEvent>,
    ) -> Outcome {
        let to = sighting.key.clone();
        let event = if let Some(from) = self.renamed(&to, limits.rename_ns, now) {
            TableEvent::Renamed { from, to }
        } else if let Some(from) = self.replaced(&to, now) {
            TableEvent::Moved { from, to }
        } else if let Some(from) = elsewhere.cloned() {
            TableEvent::Moved { from, to }
        } else if self.is_flooded(limits, now) {
            return Outcome::Ignored(Ignored::NewcomerFlood);
        } else {
            TableEvent::Appeared { key: to }
        };
        if !self.make_room(limits, out) {
            return Outcome::Ignored(Ignored::TableFull);
        }
        // Nearly always the only one.
        self.neighbours.reserve_exact(1);
        self.neighbours.push(Neighbour::new(sighting, now));
        out.push(event);
        Outcome::Learnt
    }

    pub(crate) fn carrier(&mut self, ifindex: u32, up: bool, out: &mut Vec<TableEvent>) {
        if up != self.carrier_lost {
            return;
        }
        self.carrier_lost = !up;
        if up {
            return out.push(TableEvent::CarrierBack { ifindex });
        }
        self.neighbours.iter_mut().for_each(|neighbour| neighbour.suspect = true);
        out.push(TableEvent::CarrierLost { ifindex });
    }

    pub(crate) fn on_deadline(&mut self, now: u64, out: &mut Vec<TableEvent>) {
        while let Some(key) = self.take(|neighbour| neighbour.expires <= now) {
            out.push(TableEvent::Expired { key });
        }
        for neighbour in &mut self.neighbours {
            if neighbour.late_at().is_some_and(|at| at <= now) {
                neighbour.late = true;
                out.push(TableEvent::Late { key: neighbour.key.clone() });
            }
        }
    }

    /// Removes the first neighbour that fits and says who it was.
    pub(crate) fn take(&mut self, fits: impl Fn(&Neighbour) -> bool) -> Option<Key> {
        let at = self.neighbours.iter().position(fits)?;
        Some(self.neighbours.remove(at).key)
    }

    /// A sender whose identity changes says goodbye under the old one first.
    fn renamed(&mut self, to: &Key, rename_ns: u64, now: u64) -> Option<Key> {
        let (from, at) = self.departed.take_if(|(from, _)| from.protocol == to.protocol)?;
        (from != *to && now.saturating_sub(at) <= rename_ns).then_some(from)
    }

    /// Who the newcomer stands in for: anyone not heard since the carrier was lost, or another port of
    /// the same device that fell silent. A neighbour that still speaks has not moved.
    fn replaced(&mut self, to: &Key, now: u64) -> Option<Key> {
        let protocol: Protocol = to.protocol;
        let gone = |n: &Neighbour| n.suspect || (n.key.chassis == to.chassis && n.is_silent(now));
        self.take(|neighbour| neighbour.key.protocol == protocol && gone(neighbour))
    }

    fn is_flooded(&mut self, limits: &Limits, now: u64) -> bool {
        let minute = now / (60 * SECOND_NS);
        if self.minute != minute {
            (self.minute, self.newcomers) = (minute, 0);
        }
        self.newcomers = self.newcomers.saturating_add(1);
        self.newcomers > limits.newcomers_per_minute
    }

    /// A full table gives up one that is not heard any more, never one that is.
    fn make_room(&mut self, limits: &Limits, out: &mut Vec<TableEvent>) -> bool {
        if self.neighbours.len() < limits.neighbours_per_port {
            return true;
        }
        let displaced = self.take(|neighbour| neighbour.suspect || neighbour.late);
        let has_room = displaced.is_some() && limits.neighbours_per_port > 0;
        out.extend(displaced.map(|key| TableEvent::Displaced { key }));
        has_room
    }
}
