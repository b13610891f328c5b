//! No sequence and no key is used twice.
//!
//! Where nobody forges and nothing is doubled on its way, a datagram that is refused as a replay was sealed under a
//! number that had been used; but for those that somebody reads late who stood still. And no number of an outbox names
//! two different news.

use std::collections::BTreeMap;
use std::time::Duration;

use ringmesh_proto::news::News;
use ringmesh_proto::time::Time;

use super::{View, Watch};

/// The law.
#[derive(Default)]
pub(super) struct Reuse {
    told: u64,
    /// The last moment when somebody stood still.
    stood_still: Time,
}

/// What was read late is answered within this.
const LATE: Duration = Duration::from_secs(10);

impl Watch for Reuse {
    fn look(&mut self, view: &View<'_>, wrong: &mut Vec<String>) {
        if (0..view.world.hosts()).any(|host| !view.health.host(host).awake) {
            self.stood_still = view.now;
        }
        let refused = view.world.refused();
        if refused.replayed > self.told && view.now.since(self.stood_still) > LATE {
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
