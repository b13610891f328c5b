//! Finding nodes by something else than their keys: switches by name, hosts and switches by a part of a name, network
//! ports by address.

use std::collections::BTreeSet;

use ringmesh_topology::id::MacAddress;

use super::names::{Names, folded};
use super::table::{NodeRecord, Table};
use crate::graph::{Facts, Label, NodeKey};

/// See the module.
#[derive(Default)]
pub(super) struct Finder {
    /// The switches by name.
    switches: BTreeSet<(Box<str>, u32)>,
    /// Hosts by parts of their names; switches by parts of theirs and of their ids.
    host_parts: Names,
    switch_parts: Names,
    /// The network ports by address.
    macs: BTreeSet<(MacAddress, u32)>,
}

impl Finder {
    /// A key was given a number.
    pub(super) fn added(&mut self, key: &NodeKey, number: u32) {
        match key.label {
            Label::Host => self.host_parts.insert(key.local(), number),
            Label::Switch => self.switch_parts.insert(key.local(), number),
            _ => {}
        }
    }

    /// Something else is said of a node than before.
    pub(super) fn said(&mut self, table: &Table, number: u32, was: Option<&Facts>, is: Option<&Facts>) {
        if let (Some(Facts::Switch(was)), Some(Facts::Switch(is))) = (was, is)
            && was.name == is.name
        {
            return;
        }
        match was {
            Some(Facts::Switch(switch)) => {
                self.switches.remove(&(switch.name.as_str().into(), number));
                self.removed(table, Label::Switch);
            }
            Some(Facts::Nic { mac: Some(mac), .. }) => drop(self.macs.remove(&(*mac, number))),
            Some(_) | None => {}
        }
        match is {
            Some(Facts::Switch(switch)) => {
                self.switches.insert((switch.name.as_str().into(), number));
                self.switch_parts.insert(&switch.name, number);
            }
            Some(Facts::Nic { mac: Some(mac), .. }) => drop(self.macs.insert((*mac, number))),
            Some(_) | None => {}
        }
    }

    /// A node of that label has no number any more, or another name.
    pub(super) fn removed(&mut self, table: &Table, label: Label) {
        let goes_by = |number: u32, text: &str| goes_by(table.node(number), label, text);
        match label {
            Label::Host => self.host_parts.remove(goes_by),
            Label::Switch => self.switch_parts.remove(goes_by),
            _ => {}
        }
    }

    pub(super) fn switches_named(&self, name: &str) -> impl Iterator<Item = u32> {
        let from = self.switches.range((Box::from(name), 0)..);
        from.take_while(move |(other, _)| **other == *name).map(|(_, number)| *number)
    }

    /// Those that live and have that part; some may stand there twice. `None` of a label that is not looked after.
    pub(super) fn with_part(&self, table: &Table, label: Label, part: &str) -> Option<Vec<u32>> {
        let parts = match label {
            Label::Host => &self.host_parts,
            Label::Switch => &self.switch_parts,
            _ => return None,
        };
        let found = parts.with(part).into_iter();
        let living = found.filter(|&(number, text)| {
            let node = table.node(number);
            node.lives() && goes_by(node, label, text)
        });
        Some(living.map(|(number, _)| number).collect())
    }

    pub(super) fn nics_with(&self, mac: MacAddress) -> impl Iterator<Item = u32> {
        self.macs.range((mac, 0)..=(mac, u32::MAX)).map(|(_, number)| *number)
    }
}

/// Whether that is a node of that label whose id or name is that text, dropped or not.
fn goes_by(node: &NodeRecord, label: Label, text: &str) -> bool {
    let named = || match node.facts() {
        Ok(Some(Facts::Switch(switch))) => folded(&switch.name) == text,
        _ => false,
    };
    node.label == label && (folded(node.key().local()) == text || (label == Label::Switch && named()))
}
