//! What would be lost with a switch, and what is lost already.
//!
//! A *way* of a host is a switch behind one of its ports, with carrier, that is not known to be dead. A port with
//! carrier that hangs on no known switch is a way of which only that is known; where such a port decides, the answer
//! says `perhaps`. The switch that is asked about counts as alive, with carrier on all its wires: the question is what
//! its death would do, whatever it does now.

use std::collections::{BTreeMap, BTreeSet};

use super::legs::{self, Leg, Rooted};
use super::{Answer, NoAnswer, World};
use crate::graph::{Facts, GraphStore, Label, NodeKey, StoreError, SwitchFacts, scan_all};
use crate::view::{host_word, natural, switch_word};

/// What has to be said of every answer here.
const NO_UPLINKS: &str =
    "links between switches are not known: a host counts as reached by any live switch it hangs on";

/// What a host loses with a switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Loss {
    EveryWay,
    /// Every way that is known; it has a port on no known switch.
    PerhapsEveryWay,
    /// One way is left.
    Redundancy,
    /// One known way is left, and a port on no known switch.
    PerhapsRedundancy,
    /// One way of several: two or more are left.
    OneWay,
}

impl Loss {
    fn word(self) -> &'static str {
        match self {
            Self::EveryWay => "every way",
            Self::PerhapsEveryWay => "perhaps every way",
            Self::Redundancy => "redundancy",
            Self::PerhapsRedundancy => "perhaps redundancy",
            Self::OneWay => "one way of several",
        }
    }
}

/// What a host that hangs on `switch` loses with it.
fn loss(host: &Rooted, switch: &NodeKey) -> Loss {
    let (left, unknown) = ways_without(host, Some(switch));
    match (left, unknown) {
        (0, 0) => Loss::EveryWay,
        (0, _) => Loss::PerhapsEveryWay,
        (1, 0) => Loss::Redundancy,
        (1, _) => Loss::PerhapsRedundancy,
        (2.., _) => Loss::OneWay,
    }
}

/// Live switches beside one, and live ports on no known switch.
fn ways_without(host: &Rooted, without: Option<&NodeKey>) -> (usize, usize) {
    let working = host.legs.iter().filter(|leg| leg.works());
    let mut known = BTreeSet::new();
    let mut unknown = 0;
    for leg in working {
        match &leg.wire {
            Some(wire) if Some(&wire.switch) == without => {}
            Some(wire) => drop(known.insert(&wire.switch)),
            None => unknown += 1,
        }
    }
    (known.len(), unknown)
}

impl<G: GraphStore> World<'_, G> {
    pub(super) fn blast_radius(&self, name: &str, answer: &mut Answer) -> Result<(), NoAnswer> {
        let (key, facts) = self.switch_called(name)?;
        let hosts = legs::behind(self.graph, &key)?;
        for (loss, host) in losses(&hosts, &key) {
            let state = host_word(host.facts.state).into();
            let left = left(host, &key).into();
            answer.row([host.facts.name.as_str().into(), state, loss.word().into(), left]);
        }
        answer.note(summary(&facts, &hosts, &key));
        answer.note(NO_UPLINKS);
        Ok(())
    }

    pub(super) fn uplink_cut(&self, name: &str, answer: &mut Answer) -> Result<(), NoAnswer> {
        let (key, facts) = self.switch_called(name)?;
        let hosts = legs::behind(self.graph, &key)?;
        let up = hosts.iter().filter(|host| host.facts.state == ringmesh_proto::news::HostState::Up);
        let up: BTreeSet<&NodeKey> = up.map(|host| &host.key).collect();
        for (loss, host) in losses(&hosts, &key) {
            let others = up.iter().filter(|other| ***other != host.key).count();
            answer.row([
                host.facts.name.as_str().into(),
                host_word(host.facts.state).into(),
                loss.word().into(),
                left(host, &key).into(),
                others.into(),
            ]);
        }
        answer.note(summary(&facts, &hosts, &key));
        answer.note("the switch itself goes on: its hosts still reach each other (still_reaches counts those that are up)");
        answer.note(NO_UPLINKS);
        Ok(())
    }

    pub(super) fn single_points(&self, answer: &mut Answer) -> Result<(), StoreError> {
        let hosts = legs::all(self.graph)?;
        let mut taken: BTreeMap<&NodeKey, (Vec<String>, usize)> = BTreeMap::new();
        for host in &hosts {
            for switch in host.switches() {
                let (sure, perhaps) = taken.entry(switch).or_default();
                match loss(host, switch) {
                    Loss::EveryWay => sure.push(host.facts.name.to_string()),
                    Loss::PerhapsEveryWay => *perhaps += 1,
                    Loss::Redundancy | Loss::PerhapsRedundancy | Loss::OneWay => {}
                }
            }
        }
        let mut points = Vec::new();
        for node in scan_all(self.graph, Label::Switch)? {
            let Facts::Switch(facts) = node.facts else { continue };
            let Some((sure, perhaps)) = taken.remove(&node.key) else { continue };
            if !sure.is_empty() || perhaps > 0 {
                points.push((node.key, facts, sure, perhaps));
            }
        }
        points.sort_by_cached_key(|(key, facts, sure, perhaps)| {
            use core::cmp::Reverse;
            (Reverse(sure.len()), Reverse(*perhaps), legs::site_of(key).to_owned(), natural(&facts.name))
        });
        for (key, facts, sure, perhaps) in points {
            let (site, state) = (legs::site_of(&key).into(), switch_word(facts.state).into());
            let (name, id) = (facts.name.into(), facts.id.into());
            answer.row([site, name, id, state, sure.len().into(), perhaps.into(), sure.into()]);
        }
        answer.note("perhaps counts hosts that also have a port on no known switch");
        answer.note(NO_UPLINKS);
        Ok(())
    }

    pub(super) fn lost_redundancy(&self, answer: &mut Answer) -> Result<(), StoreError> {
        for host in legs::all(self.graph)? {
            let made_for = made_for(&host);
            let (known, unknown) = ways_of_made(&host);
            let ways = known + unknown;
            if made_for < 2 || ways >= 2 {
                continue;
            }
            answer.row([
                host.site().into(),
                host.facts.name.as_str().into(),
                host_word(host.facts.state).into(),
                ways.into(),
                made_for.into(),
                why(&host).into(),
            ]);
        }
        answer.note("a host is made for as many ways as switches are behind its ports; a port of a bond on no known switch counts as one");
        Ok(())
    }
}

/// Hosts with what they lose, the worst first.
fn losses<'a>(hosts: &'a [Rooted], switch: &NodeKey) -> Vec<(Loss, &'a Rooted)> {
    let mut losses: Vec<(Loss, &Rooted)> = hosts.iter().map(|host| (loss(host, switch), host)).collect();
    losses.sort_by_key(|(loss, _)| *loss);
    losses
}

fn left(host: &Rooted, switch: &NodeKey) -> Vec<String> {
    host.switch_names(|leg, wire| leg.works() && wire.switch != *switch)
}

/// `sw1 (up): of 3 hosts 2 lose every way, 1 loses redundancy`.
fn summary(facts: &SwitchFacts, hosts: &[Rooted], switch: &NodeKey) -> String {
    let count = |wanted: &[Loss]| hosts.iter().filter(|host| wanted.contains(&loss(host, switch))).count();
    format!(
        "{} ({}): hosts behind it {}, lose every way {}, perhaps every way {}, lose redundancy {}, perhaps {}",
        facts.name,
        switch_word(facts.state),
        hosts.len(),
        count(&[Loss::EveryWay]),
        count(&[Loss::PerhapsEveryWay]),
        count(&[Loss::Redundancy]),
        count(&[Loss::PerhapsRedundancy]),
    )
}

/// Ports that are there for redundancy: wired to a switch, or part of a bond.
fn meant(host: &Rooted) -> impl Iterator<Item = &Leg> {
    host.legs.iter().filter(|leg| leg.wire.is_some() || leg.bond.is_some())
}

fn made_for(host: &Rooted) -> usize {
    host.switches().len() + meant(host).filter(|leg| leg.wire.is_none()).count()
}

fn ways_of_made(host: &Rooted) -> (usize, usize) {
    let working = || meant(host).filter(|leg| leg.works());
    let known: BTreeSet<&NodeKey> =
        working().filter_map(|leg| leg.wire.as_ref()).map(|wire| &wire.switch).collect();
    (known.len(), working().filter(|leg| leg.wire.is_none()).count())
}

/// `eth1 without carrier, sw2 is down`.
fn why(host: &Rooted) -> String {
    let lost = meant(host).filter(|leg| !leg.works()).map(|leg| match &leg.wire {
        Some(wire) if leg.carrier => format!("{} is {}", wire.facts.name, switch_word(wire.facts.state)),
        Some(wire) => format!("{} without carrier (was on {})", leg.ifname, wire.facts.name),
        None => format!("{} without carrier", leg.ifname),
    });
    let mut words: Vec<String> = lost.collect();
    words.dedup();
    words.join(", ")
}
