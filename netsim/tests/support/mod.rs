//! What the tests of several sites share.

#![allow(dead_code, reason = "each test file uses some of it")]

use std::time::Duration;

use ringmesh_cma_core::documents::IncidentDoc;
use ringmesh_netsim::model::{Plan, World};
#[allow(unused_imports, reason = "each test file uses some of it")]
pub(crate) use ringmesh_netsim::scenario::{open_pages, picture_differs};

pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// Sites that have come to rest.
pub(crate) fn settled(plan: Plan) -> World {
    let (hosts, sites) = (plan.hosts.len(), plan.sites.len());
    let mut world = World::new(plan);
    world.trace();
    world.run_for(30 * SECOND);
    assert_eq!(world.linked(), hosts, "not all probes are linked\n{}", lines(&world));
    let differing: Vec<String> = (0..sites).filter_map(|site| picture_differs(&world, site)).collect();
    assert!(differing.is_empty(), "{differing:?}\n{}", lines(&world));
    world
}

pub(crate) fn lines(world: &World) -> String {
    world.traced().join("\n")
}

/// All incidents that the CMA knows, in the order of their opening.
pub(crate) fn known(world: &World) -> Vec<IncidentDoc> {
    let Some(cma) = world.cma() else { return Vec::new() };
    let mut known = cma.incidents(world.now(), true).incidents;
    known.sort_by(|a, b| (a.opened_ms, &a.id).cmp(&(b.opened_ms, &b.id)));
    known
}

/// Those that are open.
pub(crate) fn open(world: &World) -> Vec<IncidentDoc> {
    known(world).into_iter().filter(|incident| incident.state == "open").collect()
}

/// Lines of severity page that were opened and closed.
pub(crate) fn pages(world: &World) -> (usize, usize) {
    let of = |transition: &str| {
        let lines = world.pages().iter();
        lines.filter(|line| line.severity == "page" && line.transition == transition).count()
    };
    (of("opened"), of("closed"))
}
