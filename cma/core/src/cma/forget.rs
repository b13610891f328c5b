//! Hosts that an operator takes out of a roster: ordered until the relay says that they are gone.

use ringmesh_proto::keep::Keep;
use ringmesh_proto::machine::Sink;
use ringmesh_proto::time::Time;
use ringmesh_topology::id::Name;

use super::turn::Turn;
use super::{Action, Cma};
use crate::documents::{Forgotten, SCHEMA};
use crate::graph::{Facts, GraphStore, Label, NodeKey, StoreError, scan_all};
use crate::records;
use crate::relay::StreamId;

/// No one host is meant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ForgetError {
    /// Nobody told of such a host.
    #[error("no host {host} is known{}: `ringmesh tree` shows them all", at(site.as_ref()))]
    Unknown {
        /// What was given.
        host: Name,
        /// Where it was looked for; everywhere, if nowhere.
        site: Option<Name>,
    },
    /// Several sites have one of that name.
    #[error("{host} is a host of {}: say SITE/HOST", sites.join(" and of "))]
    Several {
        /// What was given.
        host: Name,
        /// Where it is.
        sites: Vec<String>,
    },
    /// No relay is meant.
    #[error("no relay {relay} of site {site} is known: `ringmesh status` shows them all")]
    NoRelay {
        /// Where it was looked for.
        site: Name,
        /// The number that was given.
        relay: u8,
    },
    /// The relay speaks: it would be known again at once.
    #[error("relay {relay} of site {site} is connected: stop it first, then forget it")]
    Speaks {
        /// Its site.
        site: Name,
        /// Its number.
        relay: u8,
    },
    /// The store could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn at(site: Option<&Name>) -> String {
    site.map_or_else(String::new, |site| format!(" at site {site}"))
}

impl<G: GraphStore> Cma<G> {
    /// Takes a host out of its site's roster, whatever it does. A host that still runs a probe joins again.
    pub fn forget(
        &mut self,
        now: Time,
        site: Option<&Name>,
        host: &Name,
        out: &mut impl Sink<Action>,
    ) -> Result<Forgotten, ForgetError> {
        let site = self.site_of(site, host)?;
        let mut turn = Turn::default();
        self.order_pending_pages(&mut turn);
        let at_ms = self.wall.unix_ms(now);
        let key = (site.clone(), host.clone());
        turn.keep([Keep::put(records::FORGET, &key, &at_ms)]);
        self.forgets.insert(key, at_ms);
        let streams =
            self.relays.iter().filter(|(key, _)| key.site == site).filter_map(|(_, relay)| relay.stream);
        let streams: Vec<StreamId> = streams.collect();
        for &stream in &streams {
            turn.put(Action::ForgetHost { stream, host: host.clone() });
        }
        self.write_down(&mut turn);
        turn.pour(out);
        let (site, host) = (site.to_string(), host.to_string());
        Ok(Forgotten { schema: SCHEMA, site, host, told: !streams.is_empty() })
    }

    fn site_of(&self, site: Option<&Name>, host: &Name) -> Result<Name, ForgetError> {
        let sites = match site {
            Some(site) => vec![site.clone()],
            None => self.site_names()?,
        };
        let mut found = Vec::new();
        for site in sites {
            let node = self.graph.node(&NodeKey::host(&site, host.as_str()))?;
            let is_host = node.is_some_and(|node| matches!(node.facts, Facts::Host(_)));
            // One that its relay has forgotten may still be what an incident waits for.
            let known = is_host || !self.orphans_of(&site, host).is_empty();
            found.extend(known.then_some(site));
        }
        match &found[..] {
            [] => Err(ForgetError::Unknown { host: host.clone(), site: site.cloned() }),
            [one] => Ok(one.clone()),
            [..] => {
                let sites = found.iter().map(Name::to_string).collect();
                Err(ForgetError::Several { host: host.clone(), sites })
            }
        }
    }

    fn site_names(&self) -> Result<Vec<Name>, StoreError> {
        let nodes = scan_all(&self.graph, Label::Site)?;
        Ok(nodes.iter().filter_map(|node| Name::new(&node.key.id).ok()).collect())
    }

    /// Orders again what a relay may not have heard, or not have done.
    pub(super) fn order_forgets(&self, site: &Name, stream: StreamId, turn: &mut Turn) {
        for (_, host) in self.forgets.keys().filter(|(of, _)| of == site) {
            turn.put(Action::ForgetHost { stream, host: host.clone() });
        }
    }

    /// A host is gone, as ordered or by itself.
    pub(super) fn forgotten(&mut self, site: &Name, host: &Name, turn: &mut Turn) {
        let key = (site.clone(), host.clone());
        if self.forgets.remove(&key).is_some() {
            turn.keep([Keep::drop(records::FORGET, &key)]);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use ringmesh_proto::machine::Machine;
    use ringmesh_proto::news::News;
    use ringmesh_proto::time::WallClock;

    use super::*;
    use crate::cma::Event;
    use crate::graph::MemoryGraph;
    use crate::testing::{CMA_MS, World, config, hello, host, name};

    fn ordered(actions: &[Action]) -> Vec<(u64, String)> {
        let order = |action: &Action| match action {
            Action::ForgetHost { stream, host } => Some((stream.0, host.to_string())),
            _ => None,
        };
        actions.iter().filter_map(order).collect()
    }

    fn world() -> World {
        let mut world = World::settled();
        world.news(News::Host(host("h1", vec![])));
        world.event(Event::RelayConnected { stream: StreamId(5), hello: hello("far", 1, 3) });
        for (sequence, id) in [(1, "h1"), (2, "h2")] {
            let news = News::Host(host(id, vec![]));
            world.event(Event::RelayNews { stream: StreamId(5), sequence, news });
        }
        world
    }

    #[test]
    fn a_host_is_found_where_it_is_and_where_it_may_be_meant_twice_somebody_must_say() {
        let mut world = world();
        let mut forget = |site: Option<&str>, host: &str| {
            let mut out = Vec::new();
            let site = site.map(name);
            let answer = world.cma.forget(world.now(), site.as_ref(), &name(host), &mut out);
            (answer.map(|forgotten| (forgotten.site, forgotten.told)), ordered(&out))
        };
        assert_eq!(forget(None, "h2"), (Ok(("far".into(), true)), vec![(5, "h2".into())]));
        assert_eq!(forget(Some("lab"), "h1"), (Ok(("lab".into(), true)), vec![(1, "h1".into())]));
        let several = ForgetError::Several { host: name("h1"), sites: vec!["far".into(), "lab".into()] };
        assert_eq!(several.to_string(), "h1 is a host of far and of lab: say SITE/HOST");
        assert_eq!(forget(None, "h1"), (Err(several), vec![]));
        let unknown = ForgetError::Unknown { host: name("h2"), site: Some(name("lab")) };
        assert_eq!(unknown.to_string(), "no host h2 is known at site lab: `ringmesh tree` shows them all");
        assert_eq!(forget(Some("lab"), "h2"), (Err(unknown), vec![]));
    }

    #[test]
    fn it_is_ordered_at_each_connect_and_over_a_restart_until_the_host_is_gone() {
        let mut world = world();
        world.event(Event::RelayGone { stream: StreamId(1) });
        let mut disk = BTreeMap::new();
        let mut out = core::mem::take(&mut world.out);
        let answer = world.cma.forget(world.now(), Some(&name("lab")), &name("h1"), &mut out).unwrap();
        assert!(!answer.told);
        world.event(Event::RelayConnected { stream: StreamId(6), hello: hello("lab", 1, 9) });
        assert_eq!(ordered(&world.out), [(6, "h1".to_owned())]);
        out.append(&mut world.out);
        for action in out {
            match action {
                Action::Keep(Keep::Put { key, value }) => drop(disk.insert(key, value)),
                Action::Keep(Keep::Drop { key }) => drop(disk.remove(&key)),
                _ => {}
            }
        }
        let wall = WallClock { at: world.now(), unix_ms: CMA_MS };
        world.cma = Cma::restore(config(), wall, MemoryGraph::default(), disk).unwrap();
        for (stream, sequence) in [(7, 2), (8, 3)] {
            world.event(Event::RelayConnected { stream: StreamId(stream), hello: hello("lab", 1, 9) });
            assert_eq!(ordered(&world.out), [(stream, "h1".to_owned())]);
            world.out.clear();
            let news = News::Host(host("h1", vec![]));
            world.event(Event::RelayNews { stream: StreamId(stream), sequence, news });
        }
        let news = News::HostGone(name("h1"));
        world.event(Event::RelayNews { stream: StreamId(8), sequence: 4, news });
        world.event(Event::RelayConnected { stream: StreamId(9), hello: hello("lab", 1, 9) });
        assert_eq!(ordered(&world.out), []);
        assert!(world.cma.next_deadline() > world.now());
    }
}
