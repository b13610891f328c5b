//! What the tests of several sites share.

#![allow(dead_code, reason = "each test file uses some of it")]

use std::collections::BTreeSet;
use std::time::Duration;

use ringmesh_netsim::model::World;

pub const SECOND: Duration = Duration::from_secs(1);

pub fn lines(world: &World) -> String {
    world.traced().join("\n")
}

/// Keys of lines that were opened and not closed.
pub fn open_pages(world: &World) -> BTreeSet<String> {
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

/// What a relay told, and what the CMA has of it, where that is not the same.
pub fn picture_differs(world: &World, site: usize) -> Option<String> {
    let Some(relay) = world.relay(site) else {
        return Some(format!("the relay of site {site} does not run"));
    };
    relay.picture().is_none().then(|| format!("news of site {site} wait"))
}
