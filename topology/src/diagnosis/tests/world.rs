//! A network that really breaks, and what its members would then tell. Knows nothing of how the judge thinks:
//! what reaches what is found by flooding.

use std::collections::BTreeSet;

use super::*;

/// Draws that are a function of a seed.
pub(super) struct Draws(pub(super) u64);

impl Draws {
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (x ^ (x >> 31)) % bound
    }
}

/// Where something stands in the flood.
#[derive(Clone, Copy, Debug)]
pub(super) enum At {
    Judge,
    Leg(u32, u8),
    Core,
}

/// The wiring as it is.
#[derive(Clone, Debug)]
pub(super) struct World {
    pub(super) homes: Vec<Vec<u32>>,
    pub(super) switches: u32,
    pub(super) pair: Option<(u32, u32)>,
    pub(super) judge: Vec<u32>,
}

impl World {
    /// 3 to 5 switches of 1 to 6 single-homed hosts each, some dual-homed ones, perhaps a pair.
    pub(super) fn random(draws: &mut Draws) -> Self {
        let switches = 3 + draws.below(3) as u32;
        let mut homes = Vec::new();
        for switch in 0..switches {
            (0..1 + draws.below(6)).for_each(|_| homes.push(vec![switch]));
        }
        for _ in 0..draws.below(4) {
            let one = draws.below(u64::from(switches)) as u32;
            homes.push(vec![one, (one + 1) % switches]);
        }
        let pair = (draws.below(2) == 0).then_some((0, 1));
        let judge =
            if draws.below(3) == 0 { vec![draws.below(u64::from(switches)) as u32] } else { Vec::new() };
        Self { homes, switches, pair, judge }
    }

    /// What a judge who was told everything right believes of it.
    pub(super) fn belief(&self) -> Belief {
        let homes: Vec<&[u32]> = self.homes.iter().map(Vec::as_slice).collect();
        let mut belief = site(&homes);
        if let Some((a, b)) = self.pair {
            belief.set_switch(s(a), SwitchBelief { mlag_peer: Some(s(b)), planned: false });
            belief.set_switch(s(b), SwitchBelief { mlag_peer: Some(s(a)), planned: false });
        }
        if !self.judge.is_empty() {
            belief.set_judge(JudgeAt::Legs(self.judge.iter().map(|&switch| s(switch)).collect()));
        }
        belief
    }

    /// Something that can break, at random.
    pub(super) fn fault(&self, draws: &mut Draws) -> Component {
        let host = draws.below(self.homes.len() as u64) as u32;
        let switch = s(draws.below(u64::from(self.switches)) as u32);
        match draws.below(8) {
            0 | 1 => Component::Host(h(host)),
            2 => Component::Leg(h(host), draws.below(self.homes[host as usize].len() as u64) as u8),
            3 | 4 => Component::Switch(switch),
            5 | 6 => Component::Uplink(switch),
            _ if draws.below(2) == 0 => Component::Fabric,
            _ => Component::JudgeBranch,
        }
    }

    /// The node an end floods from; the core is the node after the last switch.
    fn nodes(&self, broken: &[Component], end: At) -> Vec<u32> {
        match end {
            At::Core => vec![self.switches],
            At::Judge if broken.contains(&Component::JudgeBranch) => Vec::new(),
            At::Judge if self.judge.is_empty() => vec![self.switches],
            At::Judge => self.judge.clone(),
            At::Leg(host, leg) => {
                let dead = [Component::Host(h(host)), Component::Leg(h(host), leg)];
                let whole = !dead.iter().any(|part| broken.contains(part));
                self.homes[host as usize]
                    .get(usize::from(leg))
                    .filter(|_| whole)
                    .into_iter()
                    .copied()
                    .collect()
            }
        }
    }

    fn works(&self, broken: &[Component], node: u32) -> bool {
        let part = if node == self.switches { Component::Fabric } else { Component::Switch(s(node)) };
        !broken.contains(&part)
    }

    fn is_joined(&self, broken: &[Component], a: u32, b: u32) -> bool {
        let (low, high) = (a.min(b), a.max(b));
        let uplink = high == self.switches && !broken.contains(&Component::Uplink(s(low)));
        let peers = self.pair == Some((low, high)) && !broken.contains(&Component::PeerLink(s(low)));
        uplink || peers
    }

    /// Whether a frame flooded from one end arrives at the other.
    pub(super) fn reach(&self, broken: &[Component], from: At, to: At) -> bool {
        let goals = self.nodes(broken, to);
        let mut seen: BTreeSet<u32> =
            self.nodes(broken, from).into_iter().filter(|&node| self.works(broken, node)).collect();
        let mut edge: Vec<u32> = seen.iter().copied().collect();
        while let Some(node) = edge.pop() {
            for next in 0..=self.switches {
                if self.works(broken, next) && self.is_joined(broken, node, next) && seen.insert(next) {
                    edge.push(next);
                }
            }
        }
        goals.iter().any(|goal| seen.contains(goal))
    }

    fn legs(&self, host: u32) -> impl Iterator<Item = u8> + use<> {
        0..self.homes[host as usize].len() as u8
    }

    /// Whether a host can talk to the judge by any leg.
    pub(super) fn talks(&self, broken: &[Component], host: u32) -> bool {
        self.legs(host).any(|leg| self.reach(broken, At::Leg(host, leg), At::Judge))
    }

    /// What the judge is told when these break at `T`: suspicions of living neighbours, its own check of every ring
    /// that is touched, what neighbours still hear there, carrier, and the two delegates of each ring.
    pub(super) fn evidence(&self, broken: &[Component]) -> Evidence {
        let belief = self.belief();
        let mut observations = Vec::new();
        let mut asked = Vec::new();
        let mut touched: BTreeSet<u32> = BTreeSet::new();
        for (host, leg, home) in self.all_legs() {
            for &watcher in &belief.leg(h(host), leg).unwrap().watchers {
                let Vantage::Host { host: who, leg: by } = watcher else { continue };
                if !self.talks(broken, who.0) {
                    continue;
                }
                if self.reach(broken, At::Leg(who.0, by), At::Leg(host, leg)) {
                    asked.push((home, heard(watcher, host, leg)));
                } else {
                    observations.push(silent(watcher, host, leg));
                    touched.insert(home);
                }
            }
        }
        let ports = self.ports(broken, &mut touched);
        let ask = |host, leg| {
            let reached = self.reach(broken, At::Judge, At::Leg(host, leg));
            (
                reached,
                if reached { heard(Vantage::Judge, host, leg) } else { silent(Vantage::Judge, host, leg) },
            )
        };
        for (host, leg, home) in self.delegates() {
            let (reached, told) = ask(host, leg);
            observations.push(told);
            if !reached {
                touched.insert(home);
            }
        }
        // The check follows a silent host to its other legs, and those to their rings.
        let checked = self
            .all_legs()
            .filter(|(host, ..)| self.homes[*host as usize].iter().any(|s| touched.contains(s)));
        observations.extend(checked.map(|(host, leg, _)| ask(host, leg).1));
        observations
            .extend(asked.into_iter().filter(|(home, _)| touched.contains(home)).map(|(_, told)| told));
        observations.sort();
        observations.dedup();
        let outside = self.reach(broken, At::Judge, At::Core).then_some(T + 3_700);
        Evidence { observations, ports, outside_heard_ms: outside }
    }

    fn all_legs(&self) -> impl Iterator<Item = (u32, u8, u32)> + '_ {
        (0u32..)
            .zip(&self.homes)
            .flat_map(|(host, home)| (0u8..).zip(home).map(move |(leg, &s)| (host, leg, s)))
    }

    fn delegates(&self) -> Vec<(u32, u8, u32)> {
        (0..self.switches).flat_map(|s| self.all_legs().filter(move |leg| leg.2 == s).take(2)).collect()
    }

    fn ports(&self, broken: &[Component], touched: &mut BTreeSet<u32>) -> Vec<PortObservation> {
        let mut ports = Vec::new();
        for (host, leg, home) in self.all_legs().filter(|&(host, ..)| self.talks(broken, host)) {
            let up = !broken.contains(&Component::Leg(h(host), leg)) && self.works(broken, home);
            if !up {
                touched.insert(home);
            }
            ports.push(carrier(host, leg, up));
        }
        ports.retain(|port| {
            !port.carrier_up || touched.contains(&self.homes[port.host.0 as usize][usize::from(port.leg)])
        });
        ports
    }
}
