//! What was plugged, moved or unplugged; and what one host hung on, from when until when.

use super::legs::{self, site_of};
use super::{Answer, Cell, NoAnswer, World};
use crate::calendar::utc;
use crate::graph::{Direction, Facts, GraphStore, Label, NodeKey, PastWire, Relation, StoreError, scan_all};
use crate::past::{self, OF_A_HOST_MAX};
use crate::view::natural;

/// What stands where no wire is.
const NOTHING: &str = "-";

/// One port that hangs on something else, or on nothing, or on something after nothing.
struct Change {
    at_ms: u64,
    site: String,
    host: String,
    ifname: String,
    before: String,
    after: String,
}

impl<G: GraphStore> World<'_, G> {
    pub(super) fn wiring_changes(&self, since_ms: u64, answer: &mut Answer) -> Result<(), NoAnswer> {
        if since_ms > self.now_ms {
            return Err(NoAnswer::Future { since_ms, now_ms: self.now_ms });
        }
        let mut changes = Vec::new();
        for node in scan_all(self.graph, Label::Attachment)? {
            let site = site_of(&node.key).to_owned();
            changes.extend(past::of(node.facts).into_iter().flat_map(|wire| told_by(&site, wire)));
        }
        changes.retain(|change| change.at_ms >= since_ms);
        changes.extend(self.plugged_since(since_ms)?);
        changes.sort_by_cached_key(|change| {
            (change.at_ms, change.site.clone(), natural(&change.host), natural(&change.ifname))
        });
        for Change { at_ms, site, host, ifname, before, after } in changes {
            let words = |text: String| if text.is_empty() { NOTHING.into() } else { Cell::from(text) };
            answer.row([at_ms.into(), site.into(), host.into(), ifname.into(), words(before), words(after)]);
        }
        if let Some(oldest_ms) = self.past.full_since(self.graph)?.filter(|oldest| *oldest > since_ms) {
            answer.note(format!("wires that ended before {} are forgotten", utc(oldest_ms)));
        }
        answer.note(format!(
            "of each host the newest {OF_A_HOST_MAX} wires that ended are kept, of all {}; what a host is first told to \
             hang on is no change",
            self.past.max()
        ));
        Ok(())
    }

    /// Wires that are there since then, where nothing was before.
    fn plugged_since(&self, since_ms: u64) -> Result<Vec<Change>, StoreError> {
        let mut changes = Vec::new();
        for edge in self.graph.edges_since(Relation::WiredTo, since_ms)? {
            let nic = &edge.key.from;
            if !past::is_plugged(self.graph, nic, edge.since_ms)? {
                continue;
            }
            let Some((host, ifname)) = self.port_of(nic)? else { continue };
            let after = past::words(self.graph, &edge.key.to)?;
            let (at_ms, site, before) = (edge.since_ms, site_of(nic).to_owned(), String::new());
            changes.push(Change { at_ms, site, host, ifname, before, after });
        }
        Ok(changes)
    }

    /// The host of a network port, and the port's name there.
    fn port_of(&self, nic: &NodeKey) -> Result<Option<(String, String)>, StoreError> {
        let holders = self.graph.neighbours(nic, Direction::In, Some(Relation::HasNic))?;
        let Some(Facts::Nic { ifname, .. }) = self.graph.node(nic)?.map(|node| node.facts) else {
            return Ok(None);
        };
        Ok(holders.first().map(|edge| (edge.key.from.local().to_owned(), ifname)))
    }

    pub(super) fn history_of(&self, name: &str, answer: &mut Answer) -> Result<(), NoAnswer> {
        let host = self.host_with_past(name)?;
        let mut rows: Vec<(u64, [Cell; 8])> = Vec::new();
        for wire in past::of_host(self.graph, &host)? {
            let PastWire { ifname, switch, switch_id, port, from_ms, until_ms, .. } = wire;
            rows.push((from_ms, row_of("wire", [ifname, switch, switch_id, port], from_ms, until_ms.into())));
        }
        for leg in legs::of(self.graph, &host)?.into_iter().flat_map(|host| host.legs) {
            let Some(wire) = leg.wire else { continue };
            let on = [leg.ifname, wire.facts.name, wire.facts.id, wire.port];
            rows.push((wire.since_ms, row_of("wire", on, wire.since_ms, "".into())));
        }
        for edge in self.graph.neighbours(&host, Direction::In, Some(Relation::Affects))? {
            let Some(node) = self.graph.node(&edge.key.from)? else { continue };
            let Facts::Incident { id, opened_ms, closed_ms, closed } = node.facts else { continue };
            let until = if closed { closed_ms.into() } else { "".into() };
            let mut row = row_of("incident", Default::default(), opened_ms, until);
            row[5] = id.to_string().into();
            rows.push((opened_ms, row));
        }
        rows.sort_by_key(|(from_ms, _)| *from_ms);
        rows.into_iter().for_each(|(_, row)| answer.row(row));
        answer
            .note(format!("the newest {OF_A_HOST_MAX} wires that ended are kept; what has no end is so now"));
        answer.note("times of incidents are those of the relay that judged");
        Ok(())
    }

    /// A host that is, or one that was and left wires behind.
    fn host_with_past(&self, name: &str) -> Result<NodeKey, NoAnswer> {
        let unknown = match self.host_called(name) {
            Err(unknown @ NoAnswer::Unknown { .. }) => unknown,
            known => return known,
        };
        let mut left = Vec::new();
        let behind_sites = self.sites()?.into_iter().map(|site| format!("{site}/{name}"));
        for id in behind_sites.chain([name.to_owned()]) {
            let host = NodeKey { label: Label::Host, id };
            if !past::of_host(self.graph, &host)?.is_empty() {
                left.push(host);
            }
        }
        match left.pop() {
            Some(one) if left.is_empty() => Ok(one),
            None => Err(unknown),
            Some(last) => {
                let ids = left.into_iter().chain([last]).map(|key| key.id).collect();
                Err(NoAnswer::Several { kind: "host", name: name.to_owned(), ids })
            }
        }
    }
}

/// The end of a past wire, and its beginning if that was the end of no other.
fn told_by(site: &str, wire: PastWire) -> impl Iterator<Item = Change> {
    let PastWire { host, ifname, switch, port, from_ms, until_ms, plugged, after, .. } = wire;
    let change = |at_ms, before, after| {
        let (site, host, ifname) = (site.to_owned(), host.clone(), ifname.clone());
        Change { at_ms, site, host, ifname, before, after }
    };
    let on = format!("{switch} {port}");
    let begun = plugged.then(|| change(from_ms, String::new(), on.clone()));
    let ended = change(until_ms, on, after);
    begun.into_iter().chain([ended])
}

fn row_of(kind: &str, on: [String; 4], from_ms: u64, until: Cell) -> [Cell; 8] {
    let [ifname, switch, switch_id, port] = on.map(Cell::from);
    [kind.into(), ifname, switch, switch_id, port, "".into(), from_ms.into(), until]
}
