//! What the tests of several sites share.

#![allow(dead_code, reason = "each test file uses some of it")]

use std::collections::BTreeSet;
use std::time::Duration;

use ringmesh_netsim::model::World;

pub(crate) const SECOND: Duration = Duration::from_secs(1);

pub(crate) fn lines(world: &World) -> String {
    world.traced().join("\n")
}

/// Keys of lines that were opened and not closed.
pub(crate) fn open_pages(world: &World) -> BTreeSet<String> {
    let mut open = BTreeSet::new();
    for line in world.pages() {
        if line.transition == "closed" {
            open.remove(&line.key);
        } else {
            open.insert(line.key.clone());
        }
    }
    open
}

/// What differs between what a relay told and what the CMA has of it.
pub(crate) fn picture_differs(world: &World, site: usize) -> Option<String> {
    let name = world.site_name(site);
    match world.pictures(site) {
        (None, _) => Some(format!("news of {name} wait, or its relay does not run")),
        (Some(told), Some(taken)) if told == taken => None,
        (Some(told), taken) => Some(format!("{name} told {told:x}, and the CMA has {taken:x?}")),
    }
}
