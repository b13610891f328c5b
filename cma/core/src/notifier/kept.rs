//! What the notifier writes down, and how it comes back from that.

use ringmesh_proto::keep::Keep;
use ringmesh_proto::time::{Duration, Time, WallClock};
use ringmesh_topology::id::IncidentId;
use ringmesh_topology::verdict::Severity;
use serde::{Deserialize, Serialize};

use super::{Notifier, Told, Track};
use crate::records;

/// A track as it is written down, in wall time. Two clocks do not meet here either: both readings are ours.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct KeptTrack {
    silence_ms: u64,
    opened_ms: u64,
    closed_ms: Option<u64>,
    told: Option<KeptTold>,
    key: Option<IncidentId>,
}

#[derive(Debug, Serialize, Deserialize)]
struct KeptTold {
    open: bool,
    pages: u32,
    paged_ms: u64,
    severity: Severity,
    silent: u32,
    line_ms: u64,
    repaged_ms: Option<u64>,
}

impl Notifier {
    /// An incident as it was followed before a restart: looked at when everything is.
    pub(crate) fn restore(&mut self, wall: WallClock, id: IncidentId, kept: &KeptTrack) {
        let look_at = self.quiet_until;
        self.tracks.insert(id, Track { look_at, ..Track::restored(wall, kept) });
        self.looks.insert((look_at, id));
    }

    /// What is to be written down since it was asked last.
    pub(crate) fn keeps(&mut self, wall: WallClock) -> Vec<Keep> {
        let touched = core::mem::take(&mut self.touched).into_iter();
        let keep = |id: IncidentId| match self.tracks.get(&id) {
            Some(track) => Keep::put(records::TOLD, &id, &track.kept(wall)),
            None => Keep::drop(records::TOLD, &id),
        };
        touched.map(keep).collect()
    }
}

impl Track {
    fn restored(wall: WallClock, kept: &KeptTrack) -> Self {
        let at = |ms: u64| wall.at.before(Duration::from_millis(wall.unix_ms.saturating_sub(ms)));
        let told = kept.told.as_ref().map(|told| Told {
            open: told.open,
            pages: told.pages,
            paged_ms: told.paged_ms,
            severity: told.severity,
            silent: told.silent,
            line_at: at(told.line_ms),
            repaged_at: told.repaged_ms.map(at),
        });
        Self {
            silence_at: at(kept.silence_ms),
            opened_at: at(kept.opened_ms),
            look_at: Time::NEVER,
            closed_at: kept.closed_ms.map(at),
            told,
            key: kept.key,
        }
    }

    fn kept(&self, wall: WallClock) -> KeptTrack {
        let ms = |at: Time| wall.unix_ms(at);
        let told = self.told.map(|told| KeptTold {
            open: told.open,
            pages: told.pages,
            paged_ms: told.paged_ms,
            severity: told.severity,
            silent: told.silent,
            line_ms: ms(told.line_at),
            repaged_ms: told.repaged_at.map(ms),
        });
        let (silence_ms, opened_ms) = (ms(self.silence_at), ms(self.opened_at));
        KeptTrack { silence_ms, opened_ms, closed_ms: self.closed_at.map(ms), told, key: self.key }
    }
}
