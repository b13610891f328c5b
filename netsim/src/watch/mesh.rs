//! The ring of the relays: each is watched by two others, and what they watch is one single cycle.
//!
//! Judged where three sites or more, and the CMA, have been well for a while, and each relay has kept its stream to it.
//! It is compared with what the relays themselves watch.

use std::time::Duration;

use ringmesh_proto::time::Time;

use super::View;
use crate::model::MeshSeat;

/// When the streams of the relays changed last.
#[derive(Default)]
pub(super) struct Mesh {
    streams: Vec<Option<u64>>,
    changed: Time,
}

impl Mesh {
    /// Whom each relay watches, if the ring has been at rest for so long.
    pub(super) fn resting(&mut self, view: &View<'_>, rest: Duration) -> Option<Vec<Vec<usize>>> {
        let seats = view.world.mesh_seats();
        self.streams.resize(seats.len(), None);
        for (known, seat) in self.streams.iter_mut().zip(&seats) {
            // Where none runs health says so.
            let stream = seat.as_ref().map_or(*known, |seat| seat.stream);
            if stream.is_none() || stream != *known {
                (*known, self.changed) = (stream, view.now);
            }
        }
        let well = (0..seats.len()).all(|site| view.health.told_well_for(site) >= rest);
        let rests = seats.len() >= 3 && well && view.now.since(self.changed) >= rest;
        let watches = |seat: Option<MeshSeat>| seat.map(|seat| seat.watches).unwrap_or_default();
        rests.then(|| seats.into_iter().map(watches).collect())
    }
}

/// The first relay that is not watched by two others.
pub(super) fn too_few(view: &View<'_>, watches: &[Vec<usize>]) -> Option<String> {
    (0..watches.len()).find_map(|site| {
        let others = watches.iter().enumerate().filter(|(other, _)| *other != site);
        let watchers = others.filter(|(_, all)| all.contains(&site)).count();
        let name = view.world.site_name(site);
        (watchers < 2).then(|| format!("the relay of {name} has {watchers} watchers in the mesh ring"))
    })
}

/// What makes it no single cycle.
pub(super) fn no_cycle(view: &View<'_>, watches: &[Vec<usize>]) -> Option<String> {
    let name = |site: usize| view.world.site_name(site);
    let odd = (0..watches.len()).find(|site| watches[*site].len() != 2);
    if let Some(site) = odd {
        return Some(format!("the relay of {} watches {} others", name(site), watches[site].len()));
    }
    let (mut before, mut at, mut seen) = (watches[0][1], 0, 1);
    while let Some(next) = watches[at].iter().copied().find(|next| *next != before) {
        if !watches[next].contains(&at) {
            return Some(format!("the relay of {} does not watch that of {}", name(next), name(at)));
        }
        (before, at) = (at, next);
        if at == 0 || seen == watches.len() {
            break;
        }
        seen += 1;
    }
    let is_whole = at == 0 && seen == watches.len();
    (!is_whole).then(|| format!("the mesh ring of {} relays closes after {seen}", watches.len()))
}
