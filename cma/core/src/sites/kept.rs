//! What of lost relays and sites is written down, and how it comes back from that.

use std::collections::{BTreeMap, BTreeSet};

use ringmesh_proto::keep::Keep;
use ringmesh_proto::news::PeerState;
use ringmesh_proto::time::{Duration, Time, WallClock};
use ringmesh_topology::id::{Boot, IncidentId};
use serde::{Deserialize, Serialize};

use super::{About, CONNECT_WITHIN, Cause, Contact, Loss, Outage, Phase, Sites, Word};
use crate::records;
use crate::relay::RelayKey;

/// An outage as it is written down.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct KeptOutage {
    pub(super) about: About,
    pub(super) takes: BTreeSet<RelayKey>,
    /// As which run each of them was lost first.
    pub(super) runs: BTreeMap<RelayKey, Boot>,
    /// Nothing can change its verdict any more.
    pub(super) settled: bool,
    /// Another relay of the site spoke when it was opened: the site itself was not lost.
    pub(super) site_spoke: bool,
}

impl Sites {
    /// A relay was written down: it has no stream, and gets its time to connect.
    pub(crate) fn restore_relay(&mut self, started: Time, relay: RelayKey, run: Boot) {
        let loss = Some(Loss { cause: Cause::Absent, since: started, told: true });
        let contact = Contact { run, has_stream: false, pulses: false, heard_at: started, loss };
        self.contacts.insert(relay, contact);
        self.deadline = self.deadline.min(started + CONNECT_WITHIN);
        self.stirred = true;
    }

    /// A word that was written down.
    pub(crate) fn restore_word(
        &mut self,
        wall: WallClock,
        key: (RelayKey, RelayKey),
        (state, at_ms): (PeerState, u64),
    ) {
        let age = Duration::from_millis(wall.unix_ms.saturating_sub(at_ms));
        self.words.insert(key, Word { state, at: wall.at.before(age) });
    }

    /// An outage that was written down.
    pub(crate) fn restore_outage(&mut self, id: IncidentId, kept: KeptOutage) {
        self.outages.insert(id, Outage { kept, phase: Phase::Away, by: None });
    }

    /// What is to be written down since it was asked last.
    pub(crate) fn keeps(&mut self) -> Vec<Keep> {
        let keep = |id: IncidentId| match self.outages.get(&id) {
            Some(outage) => Keep::put(records::OUTAGE, &id, &outage.kept),
            None => Keep::drop(records::OUTAGE, &id),
        };
        core::mem::take(&mut self.touched).into_iter().map(keep).collect()
    }
}
