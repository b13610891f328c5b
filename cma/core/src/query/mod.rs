//! Questions an operator asks of the graph, computed here: `ringmesh query`.
//!
//! - [`catalogue`]: every query with its name, its argument and one line of what it tells.
//! - [`answer`]: what comes back: named columns and rows, or why there is none.
//! - `legs`: how hosts hang on switches, read from a store; all queries of wiring start from it.
//! - `places`, `what_if`, `rings`, `changes`: the queries themselves.
//!
//! A query reads and never writes. It sees what probes told: hosts' ports and the switch ports behind them. Links
//! between switches are told by nobody, so no query knows a way through a second switch.

pub mod answer;
pub mod catalogue;

mod changes;
mod legs;
mod lookup;
mod places;
mod rings;
mod what_if;

pub use answer::{Answer, Cell, NoAnswer};
pub use catalogue::{Argument, Query};

use ringmesh_proto::time::Time;
use ringmesh_topology::id::{Name, RelayId};

use crate::cma::Cma;
use crate::graph::{GraphStore, StoreError};
use crate::past::Past;
use catalogue::Kind;

/// What a query is asked of.
pub(crate) struct World<'a, G> {
    /// What hangs where.
    pub(crate) graph: &'a G,
    /// Which wires were.
    pub(crate) past: &'a Past,
    /// The relay of a site whose rings count.
    pub(crate) acting: &'a dyn Fn(&Name) -> Option<RelayId>,
    /// Now, in wall time.
    pub(crate) now_ms: u64,
}

impl<G: GraphStore> Cma<G> {
    /// Answers a query; an empty argument is none.
    pub fn query(&self, now: Time, name: &str, argument: &str) -> Result<Answer, NoAnswer> {
        let acting = |site: &Name| self.relays.acting(site);
        let now_ms = self.wall.unix_ms(now);
        World { graph: &self.graph, past: &self.past, acting: &acting, now_ms }.query(name, argument)
    }
}

impl<G: GraphStore> World<'_, G> {
    /// Answers a query by its name.
    pub(crate) fn query(&self, name: &str, argument: &str) -> Result<Answer, NoAnswer> {
        let query = catalogue::find(name)?;
        query.check(argument)?;
        let mut answer = Answer::new(query, argument, self.now_ms);
        self.fill(query, argument, &mut answer)?;
        Ok(answer)
    }

    fn fill(&self, query: &Query, argument: &str, answer: &mut Answer) -> Result<(), NoAnswer> {
        match query.kind {
            Kind::HostPorts => self.host_ports(argument, answer),
            Kind::SwitchPorts => self.switch_ports(answer).map_err(NoAnswer::from),
            Kind::Find => self.find(argument, answer),
            Kind::HostsBehind => self.hosts_behind(argument, answer),
            Kind::BlastRadius => self.blast_radius(argument, answer),
            Kind::UplinkCut => self.uplink_cut(argument, answer),
            Kind::SinglePoints => self.single_points(answer).map_err(NoAnswer::from),
            Kind::LostRedundancy => self.lost_redundancy(answer).map_err(NoAnswer::from),
            Kind::Rings => self.rings(answer).map_err(NoAnswer::from),
            Kind::Causes => self.causes(answer).map_err(NoAnswer::from),
            Kind::WiringChanges => self.wiring_changes(catalogue::number(query, argument)?, answer),
            Kind::History => self.history_of(argument, answer),
            Kind::Stale => {
                let older_s =
                    if argument.is_empty() { None } else { Some(catalogue::number(query, argument)?) };
                self.stale(older_s, answer).map_err(NoAnswer::from)
            }
        }
    }

    fn age_s(&self, since_ms: u64) -> u64 {
        self.now_ms.saturating_sub(since_ms) / 1_000
    }
}

impl From<StoreError> for NoAnswer {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

#[cfg(test)]
mod tests;
