//! No datagram comes from nowhere, and none vanishes without a fate.

use super::{View, Watch};

/// The law: what was sent arrived, or was lost, or is under way.
#[derive(Default)]
pub(super) struct Conserved;

impl Watch for Conserved {
    fn look(&mut self, _view: &View<'_>, _wrong: &mut Vec<String>) {}

    fn end(&mut self, view: &View<'_>, wrong: &mut Vec<String>) {
        let Some(all) = view.world.traffic() else { return };
        if all.sent != all.lost + all.arrived + all.under_way {
            wrong.push(format!(
                "{} datagrams were sent; {} arrived, {} were lost and {} are under way",
                all.sent, all.arrived, all.lost, all.under_way
            ));
        }
    }
}
