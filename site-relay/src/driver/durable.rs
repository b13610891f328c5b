//! What is on its way to the disk, and which news may leave because it is there.
//!
//! A news leaves when its record survives a crash, so that no CMA ever knows more than this relay would find again.
//! While the disk takes nothing, news leave all the same: a site is not left unwatched for a full disk, and a CMA that
//! then knows more makes the outbox begin anew.

use std::collections::VecDeque;

use ringmesh_proto::keep::Keep;
use ringmesh_proto::news::Warning;
use ringmesh_relay_core::{Outbox, Relay};
use ringmesh_shell::store::{Store, Ticket};
use tokio::sync::watch;

/// Batches on their way that are remembered one by one.
const UNDERWAY_MAX: usize = 1_024;

pub(super) struct Durable {
    committed: watch::Receiver<Ticket>,
    trouble: watch::Receiver<Option<String>>,
    batch: Vec<Keep>,
    /// For each batch on its way: the outbox's birth and last sequence when it was handed over.
    underway: VecDeque<(Ticket, u64, u64)>,
    /// News of that birth are on the disk up to that sequence.
    safe: (u64, u64),
}

impl Durable {
    /// As of a start: all that the outbox holds came from the disk.
    pub(super) fn new(store: &Store, outbox: &Outbox) -> Self {
        Self {
            committed: store.committed(),
            trouble: store.trouble(),
            batch: Vec::new(),
            underway: VecDeque::new(),
            safe: (outbox.birth(), outbox.last()),
        }
    }

    /// A record changed.
    pub(super) fn put(&mut self, change: Keep) {
        self.batch.push(change);
    }

    /// Hands over all that changed since the last time, as one batch.
    pub(super) fn submit(&mut self, store: &Store, outbox: &Outbox) {
        // A disk that takes nothing for hours must not make this grow: then the newest stands for those before it.
        let full = self.underway.len() >= UNDERWAY_MAX;
        if !self.batch.is_empty() {
            let ticket = store.submit(std::mem::take(&mut self.batch));
            let newest = (ticket, outbox.birth(), outbox.last());
            match self.underway.back_mut().filter(|_| full) {
                Some(last) => *last = newest,
                None => self.underway.push_back(newest),
            }
        }
        let committed = *self.committed.borrow_and_update();
        while let Some(&(_, birth, last)) = self.underway.front().filter(|(ticket, ..)| *ticket <= committed)
        {
            self.safe = (birth, last);
            self.underway.pop_front();
        }
    }

    /// Returns when something was written, or could not be. Safe to drop and call again.
    pub(super) async fn changed(&mut self) {
        let (committed, trouble) = (self.committed.changed(), self.trouble.changed());
        let ended = tokio::select! {
            changed = committed => changed.is_err(),
            changed = trouble => changed.is_err(),
        };
        if ended {
            // Its thread has died, and said so as its last word: nothing will ever change again.
            std::future::pending::<()>().await;
        }
    }

    /// The last sequence that may leave.
    pub(super) fn up_to(&self, relay: &Relay) -> u64 {
        let outbox = relay.outbox();
        let (birth, safe) = self.safe;
        match self.trouble.borrow().is_some() {
            true => outbox.last(),
            false if birth == outbox.birth() => safe,
            false => 0,
        }
    }

    /// What is in the way of writing.
    pub(super) fn warning(&mut self) -> Option<Warning> {
        let trouble = self.trouble.borrow_and_update().clone()?;
        Some(Warning {
            code: "store-failed".into(),
            text: format!("members and incidents would be forgotten if the relay were killed now: {trouble}"),
            remedy: "make room in state_dir, or see what is wrong with its disk".into(),
        })
    }
}
