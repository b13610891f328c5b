//! A host that dies alone costs no more datagrams than docs/PROTOCOL.md promises.

use std::time::Duration;

use ringmesh_proto::time::Time;

use super::deaths::{Lone, is_still_alone, lone_deaths};
use super::{View, Watch};
use crate::model::Account;

/// When all that a death costs has been said.
const SAID: Duration = Duration::from_secs(8);
/// Everything else works, and nothing anywhere may have changed for so long before: what others still say would be counted too.
const CALM: Duration = Duration::from_secs(40);
/// The death of a delegate, in each of its rings: 12 that repair and 6 that verify.
const EACH_RING: u64 = 18;

/// The law.
#[derive(Default)]
pub(super) struct Budget {
    open: Vec<(Lone, Account)>,
    /// What was said by the look before.
    before: Account,
    changed: Time,
}

impl Watch for Budget {
    fn look(&mut self, view: &View<'_>, wrong: &mut Vec<String>) {
        let calm = view.now.since(self.changed) >= CALM && view.world.loss_permille() == 0;
        if !view.health.changes().is_empty() {
            // What is broken elsewhere is talked about all the time.
            let alone = calm && view.health.changes().len() == 1 && view.health.rest_is_well();
            let lone = lone_deaths(view).into_iter().filter(|_| alone);
            self.open.extend(lone.map(|lone| (lone, self.before.clone())));
        }
        self.changed = view.health.changed();
        let nothing_else = |lone: &Lone| is_still_alone(view, lone) && view.health.changed() == lone.at;
        self.open.retain(|(lone, _)| nothing_else(lone));
        for (lone, before) in self.open.iter().filter(|(lone, _)| view.now.since(lone.at) >= SAID) {
            let said = view.world.account().since(before);
            // Links that lost beats long before tell of it when their block is full.
            let of_loss = said.of("Loss") + said.of("Noted").min(said.of("Loss"));
            let rings = view.world.switches_of(lone.host).count() as u64;
            if said.control() - of_loss > EACH_RING * rings {
                wrong.push(format!("the death of {} costs {said}", view.world.name(lone.host)));
            }
        }
        self.open.retain(|(lone, _)| view.now.since(lone.at) < SAID);
        if self.open.is_empty() {
            self.before = view.world.account().clone();
        }
    }
}
