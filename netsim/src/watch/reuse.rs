//! No sequence and no key is used twice.
//!
//! Where nobody forges and nothing is doubled on its way, a datagram that is refused as a replay, or that does not open
//! with the keys its receiver holds for it, was sealed under a number or a key that had been used. And no number of an
//! outbox names two different news.

use std::collections::BTreeMap;

use ringmesh_proto::news::News;

use super::{View, Watch};

/// The law.
#[derive(Default)]
pub(super) struct Reuse {
    told: u64,
}

impl Watch for Reuse {
    fn look(&mut self, view: &View<'_>, wrong: &mut Vec<String>) {
        let refused = view.world.refused();
        if refused.replayed > self.told {
            wrong.push(format!("{} datagrams were refused as replays", refused.replayed));
        }
        // Processes that end take their counts with them.
        self.told = refused.replayed;
    }

    fn end(&mut self, view: &View<'_>, wrong: &mut Vec<String>) {
        for site in 0..view.world.sites() {
            let mut known: BTreeMap<(u64, u64), News> = BTreeMap::new();
            for told in view.world.news_told(site) {
                let key = (told.birth, told.sequence);
                if known.get(&key).is_some_and(|other| *other != told.news) {
                    let name = view.world.site_name(site);
                    wrong.push(format!("{name} told two different news under number {}", told.sequence));
                }
                known.insert(key, told.news);
            }
        }
    }
}
