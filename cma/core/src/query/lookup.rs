//! From what somebody typed to the node that is meant.

use super::{NoAnswer, World};
use crate::graph::{Facts, GraphStore, Label, Node, NodeKey, SwitchFacts, scan_all};

/// How many names an error offers.
const NEAR_MAX: usize = 5;

impl<G: GraphStore> World<'_, G> {
    /// A host by `HOST` or `SITE/HOST`.
    pub(super) fn host_called(&self, text: &str) -> Result<NodeKey, NoAnswer> {
        let hosts = scan_all(self.graph, Label::Host)?;
        pick("host", text, hosts.iter().map(|node| (&node.key, vec![node.key.local()])))
    }

    /// A switch by name or chassis id, with its site where need be.
    pub(super) fn switch_called(&self, text: &str) -> Result<(NodeKey, SwitchFacts), NoAnswer> {
        let switches: Vec<(NodeKey, SwitchFacts)> =
            scan_all(self.graph, Label::Switch)?.into_iter().filter_map(switch).collect();
        let names = |facts: &'_ SwitchFacts| vec![facts.id.clone(), facts.name.clone()];
        let named: Vec<(&NodeKey, Vec<String>)> =
            switches.iter().map(|(key, facts)| (key, names(facts))).collect();
        let each = named.iter().map(|(key, names)| (*key, names.iter().map(String::as_str).collect()));
        let key = pick("switch", text, each)?;
        let known = switches.into_iter().find(|(known, _)| *known == key);
        known.ok_or_else(|| unknown("switch", text, Vec::new()))
    }
}

fn switch(node: Node) -> Option<(NodeKey, SwitchFacts)> {
    if let Facts::Switch(facts) = node.facts { Some((node.key, facts)) } else { None }
}

/// The one node that has that name, alone or behind its site.
fn pick<'a>(
    kind: &'static str,
    text: &str,
    nodes: impl Iterator<Item = (&'a NodeKey, Vec<&'a str>)>,
) -> Result<NodeKey, NoAnswer> {
    let (mut found, mut near) = (Vec::new(), Vec::new());
    for (key, names) in nodes {
        let site = super::legs::site_of(key);
        let behind_site = text.strip_prefix(site).and_then(|rest| rest.strip_prefix('/'));
        if names.iter().any(|name| *name == text || Some(*name) == behind_site) {
            found.push(key);
        } else if near.len() < NEAR_MAX {
            let bare = behind_site.unwrap_or(text);
            near.extend(names.iter().find(|name| alike(name, bare)).map(|name| (*name).to_owned()));
        }
    }
    match found[..] {
        [one] => Ok(one.clone()),
        [] => Err(unknown(kind, text, near)),
        [..] => {
            let ids = found.iter().map(|key| key.id.clone()).collect();
            Err(NoAnswer::Several { kind, name: text.to_owned(), ids })
        }
    }
}

fn unknown(kind: &'static str, name: &str, near: Vec<String>) -> NoAnswer {
    NoAnswer::Unknown { kind, name: name.to_owned(), near }
}

/// One holds the other, whatever the case: `H1`, `h1.example.net`, `tor` for `tor-7`.
fn alike(name: &str, text: &str) -> bool {
    let (name, text) = (name.to_ascii_lowercase(), text.to_ascii_lowercase());
    !text.is_empty() && (name.contains(&text) || text.contains(&name))
}
