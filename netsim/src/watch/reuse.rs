//! No sequence and no key is used twice.
//!
//! Where nobody forges and nothing is doubled on its way, a datagram that is refused as a replay was sealed under a
//! number that had been used; but for those that somebody reads late who stood still or has too much to do, those of a
//! name that two hosts go by, and answers that are so long on their way that the question was put again. And no number
//! of an outbox names two different news.

use std::collections::BTreeMap;
use std::time::Duration;

use ringmesh_proto::news::News;
use ringmesh_proto::time::Time;

use super::{View, Watch};
use crate::model::{HostTruth, NewsTold};

/// The law.
#[derive(Default)]
pub(super) struct Reuse {
    told: u64,
    /// The last moment when somebody stood still, had too much to do, or went by the name of another, or datagrams were
    /// doubled or held up.
    disturbed: Time,
}

/// What was read late is answered within this.
const LATE: Duration = Duration::from_secs(10);

impl Watch for Reuse {
    fn look(&mut self, view: &View<'_>, wrong: &mut Vec<String>) {
        let on_the_way = view.world.is_doubling() || view.world.is_delaying();
        if on_the_way
            || view.world.is_reading_late()
            || (0..view.world.hosts()).any(|host| is_disturbed(view.health.host(host)))
        {
            self.disturbed = view.now;
        }
        let refused = view.world.refused();
        if refused.replayed > self.told && view.now.since(self.disturbed) > LATE {
            wrong.push(format!("{} datagrams were refused as replays", refused.replayed));
        }
        // Processes that end take their counts with them.
        self.told = refused.replayed;
    }

    fn end(&mut self, view: &View<'_>, wrong: &mut Vec<String>) {
        for site in 0..view.world.sites() {
            let name = view.world.site_name(site);
            let twice = used_twice(view.world.news_told(site));
            wrong.extend(twice.map(|number| format!("{name} told two different news under number {number}")));
        }
    }
}

/// It reads late what came to it, or another place uses its keys too.
fn is_disturbed(host: HostTruth) -> bool {
    !host.awake || !host.prompt || !host.unique
}

/// A number under which two different news were told.
fn used_twice(all: Vec<NewsTold>) -> Option<u64> {
    let mut known: BTreeMap<(u64, u64), News> = BTreeMap::new();
    all.into_iter().find_map(|told| {
        let before = known.get(&(told.birth, told.sequence)).is_some_and(|other| *other != told.news);
        known.insert((told.birth, told.sequence), told.news);
        before.then_some(told.sequence)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_names_one_news_however_often_it_is_told() {
        let told = |birth, sequence, ring| NewsTold { site: 0, birth, sequence, news: News::RingGone(ring) };
        assert_eq!(used_twice(vec![told(1, 7, 3), told(1, 7, 3), told(1, 8, 4), told(2, 7, 9)]), None);
        assert_eq!(used_twice(vec![told(1, 7, 3), told(1, 8, 3), told(1, 8, 4)]), Some(8));
    }
}
