//! The orders of one turn: what must be written down goes first, what may leave after it goes after.

use ringmesh_proto::keep::Keep;
use ringmesh_proto::machine::Sink;

use super::Action;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Turn {
    keeps: Vec<Keep>,
    orders: Vec<Action>,
}

impl Turn {
    pub(super) fn keep(&mut self, keep: impl IntoIterator<Item = Keep>) {
        self.keeps.extend(keep);
    }

    /// The turn is over: hands out its orders.
    pub(super) fn pour(self, out: &mut impl Sink<Action>) {
        self.keeps.into_iter().for_each(|keep| out.put(Action::Keep(keep)));
        self.orders.into_iter().for_each(|order| out.put(order));
    }

    pub(super) fn put(&mut self, order: Action) {
        self.orders.push(order);
    }
}
