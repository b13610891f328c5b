//! What the machine ordered and must wait for the disk.
//!
//! A relay drops from its outbox what was acknowledged, and people are told under a key for good: so neither leaves
//! before it would be found again. While the disk takes nothing, people and relays are told all the same; only
//! acknowledgements wait, so that relays keep what this authority could lose.

use std::collections::VecDeque;
use std::path::Path;

use ringmesh_cma_core::cma::Action;
use ringmesh_proto::keep::Keep;
use ringmesh_proto::news::Warning;
use ringmesh_shell::store::{Store, StoreError, Ticket};
use tokio::sync::watch;

/// How long the store may take to write the last records.
const CLOSE_WITHIN: std::time::Duration = std::time::Duration::from_secs(5);

pub(super) struct Held {
    store: Store,
    committed: watch::Receiver<Ticket>,
    trouble: watch::Receiver<Option<String>>,
    /// The ticket of the newest records.
    ticket: Ticket,
    waiting: VecDeque<(Ticket, Action)>,
    /// What was said of the disk last.
    said: Option<String>,
}

impl Held {
    pub(super) fn new(store: Store) -> Self {
        let (committed, trouble) = (store.committed(), store.trouble());
        Self { store, committed, trouble, ticket: Ticket(0), waiting: VecDeque::new(), said: None }
    }

    /// Takes the orders of one turn.
    pub(super) fn take(&mut self, actions: Vec<Action>) {
        let mut records: Vec<Keep> = Vec::new();
        let mut others = Vec::with_capacity(actions.len());
        for action in actions {
            match action {
                Action::Keep(record) => records.push(record),
                other => others.push(other),
            }
        }
        if !records.is_empty() {
            self.ticket = self.store.submit(records);
        }
        for action in others {
            self.supersede(&action);
            self.waiting.push_back((self.ticket, action));
        }
    }

    /// While the disk takes nothing acknowledgements pile up: the newest of a stream covers those before it.
    fn supersede(&mut self, newer: &Action) {
        let Action::Acknowledge { stream: of, .. } = newer else { return };
        if self.trouble.borrow().is_some() {
            let same = |action: &Action| matches!(action, Action::Acknowledge { stream, .. } if stream == of);
            self.waiting.retain(|(_, action)| !same(action));
        }
    }

    /// A copy of what is on the disk.
    pub(super) fn backup(
        &self,
        to: &Path,
    ) -> impl Future<Output = Result<(u64, u64), StoreError>> + Send + use<> {
        self.store.backup(to)
    }

    /// The next order that may be carried out.
    pub(super) fn next(&mut self) -> Option<Action> {
        let committed = *self.committed.borrow();
        if self.waiting.front().is_some_and(|(ticket, _)| *ticket <= committed) {
            return self.waiting.pop_front().map(|(_, action)| action);
        }
        if self.trouble.borrow().is_none() {
            return None;
        }
        let urgent =
            self.waiting.iter().position(|(_, action)| !matches!(action, Action::Acknowledge { .. }))?;
        self.waiting.remove(urgent).map(|(_, action)| action)
    }

    /// Returns when something was written, or could not be. Safe to drop and call again.
    pub(super) async fn changed(&mut self) {
        let ended = tokio::select! {
            changed = self.committed.changed() => changed.is_err(),
            changed = self.trouble.changed() => changed.is_err(),
        };
        if ended {
            // Its thread has died, and said so as its last word: nothing will ever change again.
            std::future::pending::<()>().await;
        }
    }

    /// What is in the way of writing, if that is another than before; `Some(None)` when it is over.
    pub(super) fn warning_changed(&mut self) -> Option<Option<Warning>> {
        let now = self.trouble.borrow().clone();
        if now == self.said {
            return None;
        }
        self.said = now;
        Some(self.said.as_ref().map(|trouble| Warning {
            code: "store-failed".into(),
            text: format!("what happens now would be forgotten if the CMA were killed: {trouble}"),
            remedy: "make room in state_dir, or see what is wrong with its disk".into(),
        }))
    }

    /// Writes the last records.
    pub(super) async fn close(self) {
        match tokio::time::timeout(CLOSE_WITHIN, self.store.close()).await {
            Ok(Ok(())) => {}
            Ok(Err(unwritten)) => tracing::error!("{unwritten}"),
            Err(_) => tracing::error!("the disk did not take the last records in time"),
        }
    }
}
