//! How many hosts the graph takes: a mesh that outgrows its authority must not take its memory.
//!
//! Beyond [`CmaConfig::nodes_max`](super::CmaConfig::nodes_max) a host that is not in the graph stays out of it, and
//! `status` says so. Nothing else changes: hosts that are in it go on being told of, and what a relay judges is told to
//! people whether the graph knows the host or not.
//!
//! A host that was left out counts as told while this process runs, so that its relay is not asked for it again and
//! again. It is not written down as told: after a restart, perhaps with more room, the relay is asked for it once more.

use std::collections::BTreeSet;

use ringmesh_proto::news::News;
use ringmesh_topology::id::Name;

use super::Cma;
use crate::graph::{GraphStore, NodeKey, StoreError};

/// What a host brings with it, at most as a rule: itself, its probe, two ports with what they hang on, addresses.
const NODES_OF_HOST: u64 = 8;
/// How many of them are remembered one by one.
const NAMED_MAX: usize = 10_000;

/// The hosts that were left out.
#[derive(Debug, Default)]
pub(super) struct CrowdedOut {
    named: BTreeSet<(Name, Name)>,
    /// There were more.
    more: bool,
}

impl CrowdedOut {
    fn insert(&mut self, site: &Name, host: &Name) {
        if self.named.len() < NAMED_MAX {
            self.named.insert((site.clone(), host.clone()));
        } else {
            self.more = true;
        }
    }

    fn remove(&mut self, site: &Name, host: &Name) {
        self.named.remove(&(site.clone(), host.clone()));
    }
}

impl<G: GraphStore> Cma<G> {
    /// Whether that is news of a host that the graph has no room for.
    pub(super) fn is_crowded_out(&mut self, site: &Name, news: &News) -> Result<bool, StoreError> {
        let host = match news {
            News::Host(host) => &host.name,
            News::HostGone(name) => {
                self.crowded_out.remove(site, name);
                return Ok(false);
            }
            _ => return Ok(false),
        };
        if self.graph.node(&NodeKey::host(site, host.as_str()))?.is_some() {
            return Ok(false);
        }
        let nodes: u64 = self.graph.stats()?.nodes.values().sum();
        let full = nodes.saturating_add(NODES_OF_HOST) > self.config.nodes_max;
        if full {
            self.crowded_out.insert(site, host);
        } else {
            self.crowded_out.remove(site, host);
        }
        Ok(full)
    }

    /// How many were left out, in words; `None` where none was.
    pub(crate) fn crowded_out(&self) -> Option<String> {
        let CrowdedOut { named, more } = &self.crowded_out;
        let (site, host) = named.first()?;
        let least = if *more { "at least " } else { "" };
        Some(format!("{least}{} (the first is {site}/{host})", named.len()))
    }
}
