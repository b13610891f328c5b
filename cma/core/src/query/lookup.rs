//! From what somebody typed to the node that is meant.
//!
//! Whoever types a whole name is answered from the indexes, however many hosts there are. Only who mistypes has some of
//! them searched for what is near.

use super::legs::site_of;
use super::{NoAnswer, World};
use crate::graph::{Facts, GraphStore, Label, Node, NodeKey, StoreError, SwitchFacts, scan_all};

/// How many names an error offers.
const NEAR_MAX: usize = 5;
/// How many nodes are searched for them.
const SEARCHED_MAX: usize = 20_000;

impl<G: GraphStore> World<'_, G> {
    /// A host by `HOST` or `SITE/HOST`.
    pub(super) fn host_called(&self, text: &str) -> Result<NodeKey, NoAnswer> {
        let found = self.with_id(Label::Host, text)?.into_iter().map(|node| node.key).collect();
        self.only("host", Label::Host, text, found)
    }

    /// A switch by name or chassis id, with its site where need be.
    pub(super) fn switch_called(&self, text: &str) -> Result<(NodeKey, SwitchFacts), NoAnswer> {
        let mut nodes = self.with_id(Label::Switch, text)?;
        nodes.extend(self.graph.switches_named(text)?);
        for site in self.sites()? {
            if let Some(name) = text.strip_prefix(&site).and_then(|rest| rest.strip_prefix('/')) {
                let named = self.graph.switches_named(name)?.into_iter();
                nodes.extend(named.filter(|node| site_of(&node.key) == site));
            }
        }
        let switches: Vec<(NodeKey, SwitchFacts)> = nodes.into_iter().filter_map(switch).collect();
        let keys = switches.iter().map(|(key, _)| key.clone()).collect();
        let key = self.only("switch", Label::Switch, text, keys)?;
        let known = switches.into_iter().find(|(known, _)| *known == key);
        known.ok_or_else(|| unknown("switch", text, Vec::new()))
    }

    /// The ids of all sites.
    pub(super) fn sites(&self) -> Result<Vec<String>, StoreError> {
        Ok(scan_all(self.graph, Label::Site)?.into_iter().map(|node| node.key.id).collect())
    }

    /// Nodes whose id is that text, alone or behind their site.
    pub(super) fn with_id(&self, label: Label, text: &str) -> Result<Vec<Node>, StoreError> {
        let behind_sites = self.sites()?.into_iter().map(|site| format!("{site}/{text}"));
        let keys = behind_sites.chain([text.to_owned()]).map(|id| NodeKey { label, id });
        keys.filter_map(|key| self.graph.node(&key).transpose()).collect()
    }

    /// The one node that was found.
    fn only(
        &self,
        kind: &'static str,
        label: Label,
        text: &str,
        mut found: Vec<NodeKey>,
    ) -> Result<NodeKey, NoAnswer> {
        found.sort();
        found.dedup();
        match found.pop() {
            Some(one) if found.is_empty() => Ok(one),
            None => Err(unknown(kind, text, self.near(label, text)?)),
            Some(last) => {
                let ids = found.into_iter().chain([last]).map(|key| key.id).collect();
                Err(NoAnswer::Several { kind, name: text.to_owned(), ids })
            }
        }
    }

    /// Names that are like a text.
    fn near(&self, label: Label, text: &str) -> Result<Vec<String>, StoreError> {
        let mut near = Vec::new();
        for node in self.graph.scan(label, None, SEARCHED_MAX)? {
            let behind_site = text.strip_prefix(site_of(&node.key)).and_then(|rest| rest.strip_prefix('/'));
            let bare = behind_site.unwrap_or(text);
            let names = match node.facts {
                Facts::Switch(facts) => vec![facts.id, facts.name],
                _ => vec![node.key.local().to_owned()],
            };
            near.extend(names.into_iter().find(|name| alike(name, bare)));
            if near.len() >= NEAR_MAX {
                break;
            }
        }
        Ok(near)
    }
}

fn switch(node: Node) -> Option<(NodeKey, SwitchFacts)> {
    if let Facts::Switch(facts) = node.facts { Some((node.key, facts)) } else { None }
}

fn unknown(kind: &'static str, name: &str, near: Vec<String>) -> NoAnswer {
    NoAnswer::Unknown { kind, name: name.to_owned(), near }
}

/// One holds the other, whatever the case: `H1`, `h1.example.net`, `tor` for `tor-7`.
fn alike(name: &str, text: &str) -> bool {
    let (name, text) = (name.to_ascii_lowercase(), text.to_ascii_lowercase());
    !text.is_empty() && (name.contains(&text) || text.contains(&name))
}
