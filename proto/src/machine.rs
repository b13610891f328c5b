//! The contract between a machine that decides and a driver that carries bytes.
//!
//! Events are facts, actions are orders. A driver waits for input or the deadline, reads the clock once,
//! calls [`Machine::on_event`] and carries out what was put into the sink. Datagrams that have arrived are
//! delivered before a deadline of the same moment is.

use crate::time::Time;

/// Where a machine puts its orders, so that no machine owns a queue.
pub trait Sink<A> {
    /// Takes one order.
    fn put(&mut self, action: A);
}

impl<A> Sink<A> for Vec<A> {
    fn put(&mut self, action: A) {
        self.push(action);
    }
}

impl<A, F: FnMut(A)> Sink<A> for Each<F> {
    fn put(&mut self, action: A) {
        (self.0)(action);
    }
}

/// A sink that hands each order to a closure.
pub struct Each<F>(pub F);

/// A role's core.
///
/// After `DeadlineReached` at `now`, [`Machine::next_deadline`] is later than `now`: no driver can spin.
pub trait Machine {
    /// What may happen to it.
    type Event<'a>;
    /// What it may order.
    type Action;

    /// Applies one event and puts what it wants done into `out`.
    fn on_event(&mut self, now: Time, event: Self::Event<'_>, out: &mut impl Sink<Self::Action>);

    /// When the driver must come back with its deadline event, unless asked again sooner.
    fn next_deadline(&self) -> Time;
}
