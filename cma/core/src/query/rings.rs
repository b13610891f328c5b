//! Rings in their order, and what incidents are put down to.

use ringmesh_topology::id::Name;

use super::legs::site_of;
use super::{Answer, Cell, World};
use crate::graph::{
    Direction, Facts, GraphStore, Label, Node, NodeKey, Relation, RingFacts, StoreError, Tie, scan_all,
};
use crate::view::natural;

impl<G: GraphStore> World<'_, G> {
    pub(super) fn rings(&self, answer: &mut Answer) -> Result<(), StoreError> {
        let mut rings = Vec::new();
        let mut of_others = 0_usize;
        for node in scan_all(self.graph, Label::Ring)? {
            let Facts::Ring(facts) = node.facts else { continue };
            let acting = Name::new(site_of(&node.key)).ok().and_then(|site| (self.acting)(&site));
            if acting != Some(facts.relay) {
                of_others += 1;
                continue;
            }
            let of = self.ring_of(&node.key, &facts)?;
            rings.push((node.key, facts, of));
        }
        rings.sort_by_cached_key(|(key, facts, of)| {
            (site_of(key).to_owned(), facts.level, natural(of), facts.domain.clone())
        });
        for (key, facts, of) in rings {
            let kind = kind_of(&facts);
            let RingFacts { domain, generation, members, delegates, .. } = facts;
            answer.row([
                site_of(&key).into(),
                key.local().into(),
                kind.into(),
                of.into(),
                domain.into(),
                format!("{}.{}", generation.term, generation.counter).into(),
                members.into(),
                delegates.into(),
            ]);
        }
        answer
            .note("each member beats to the one before and the one after it; the last is next to the first");
        if of_others > 0 {
            answer.note(format!("rings of relays that do not act now are left out: {of_others}"));
        }
        Ok(())
    }

    /// The name of the switch a ring stays inside, or why it is inside none.
    fn ring_of(&self, key: &NodeKey, facts: &RingFacts) -> Result<String, StoreError> {
        if facts.switch.is_empty() {
            return Ok(facts.reason.clone());
        }
        let site = Name::new(site_of(key)).ok();
        let switch = site.map(|site| NodeKey::switch(&site, &facts.switch));
        let node = switch.map_or(Ok(None), |key| self.graph.node(&key))?;
        Ok(match node.map(|node| node.facts) {
            Some(Facts::Switch(switch)) => switch.name,
            Some(_) | None => facts.switch.clone(),
        })
    }

    pub(super) fn causes(&self, answer: &mut Answer) -> Result<(), StoreError> {
        let mut rows: Vec<(bool, String, u16, [Cell; 9])> = Vec::new();
        let mut without = 0_usize;
        for node in scan_all(self.graph, Label::Incident)? {
            let Facts::Incident { id, closed, .. } = node.facts else { continue };
            let hosts = self.graph.neighbours(&node.key, Direction::Out, Some(Relation::Affects))?.len();
            let causes = self.graph.neighbours(&node.key, Direction::Out, Some(Relation::CausedBy))?;
            without += usize::from(causes.is_empty());
            for edge in causes {
                let Tie::Odds { permille } = edge.tie else { continue };
                let cause = self.graph.node(&edge.key.to)?;
                let state = if closed { "closed" } else { "open" };
                rows.push((
                    closed,
                    edge.key.to.id.clone(),
                    permille,
                    [
                        site_of(&edge.key.to).into(),
                        edge.key.to.label.word().to_lowercase().into(),
                        cause.map_or_else(|| edge.key.to.local().to_owned(), name_of).into(),
                        edge.key.to.id.clone().into(),
                        edge.key.mark.into(),
                        u64::from(permille).into(),
                        id.to_string().into(),
                        state.into(),
                        hosts.into(),
                    ],
                ));
            }
        }
        rows.sort_by(|a, b| (a.0, &a.1, b.2).cmp(&(b.0, &b.1, a.2)));
        rows.into_iter().for_each(|(.., row)| answer.row(row));
        if without > 0 {
            answer.note(format!(
                "incidents whose cause is no single thing of the graph, or is gone from it: {without}; \
                 `ringmesh incidents --all` shows them"
            ));
        }
        Ok(())
    }
}

fn kind_of(facts: &RingFacts) -> &'static str {
    match (facts.level, facts.switch.is_empty()) {
        (0, false) => "switch",
        (0, true) => "fallback",
        (1.., _) => "site",
    }
}

fn name_of(node: Node) -> String {
    if let Facts::Switch(switch) = node.facts { switch.name } else { node.key.local().to_owned() }
}
