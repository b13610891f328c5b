//! The flight recorder: the last transitions, kept for the time when somebody can be told.

use ringmesh_proto::message::{RECORDER_ENTRIES, RecorderEntry, Transition};
use ringmesh_proto::time::{Duration, Time};

/// The last 32 transitions.
#[derive(Clone, Debug)]
pub(crate) struct Recorder {
    /// Oldest at `next` once it has gone round.
    entries: Vec<(Time, Transition)>,
    next: usize,
    hash: u32,
}

impl Recorder {
    pub(crate) fn new() -> Self {
        Self { entries: Vec::new(), next: 0, hash: 0 }
    }

    /// Adds a transition. Of own lateness in a row only the worst stays: it must not push out what it explains.
    pub(crate) fn note(&mut self, now: Time, what: Transition) {
        self.hash = next_hash(self.hash, now, what);
        if let (Transition::Late(ms), Some((at, Transition::Late(worst)))) = (what, self.newest_mut()) {
            *at = now;
            *worst = ms.max(*worst);
            return;
        }
        if self.entries.len() < RECORDER_ENTRIES {
            self.entries.push((now, what));
        } else {
            self.entries[self.next] = (now, what);
        }
        self.next = (self.next + 1) % RECORDER_ENTRIES;
    }

    /// Changes with each entry; 0 while there is none.
    pub(crate) fn hash(&self) -> u32 {
        self.hash
    }

    /// All entries, oldest first, with their ages.
    pub(crate) fn hand_over(&self, now: Time) -> Vec<RecorderEntry> {
        let split = if self.entries.len() < RECORDER_ENTRIES { 0 } else { self.next };
        let (newer, older) = self.entries.split_at(split);
        let entry = |&(at, what): &(Time, Transition)| RecorderEntry { age: now.since(at), what };
        older.iter().chain(newer).map(entry).collect()
    }

    fn newest_mut(&mut self) -> Option<&mut (Time, Transition)> {
        let newest = (self.next + RECORDER_ENTRIES - 1) % RECORDER_ENTRIES;
        self.entries.get_mut(newest)
    }
}

/// FNV-1a over the entries, never 0.
fn next_hash(hash: u32, now: Time, what: Transition) -> u32 {
    let (kind, value) = match what {
        Transition::Silent(link) => (1, link.0),
        Transition::HeardAgain(link) => (2, link.0),
        Transition::CarrierLost(port) => (3, port),
        Transition::CarrierBack(port) => (4, port),
        Transition::LldpLost(port) => (5, port),
        Transition::RelayUnanswered => (6, 0),
        Transition::RelayAnswered => (7, 0),
        Transition::Late(ms) => (8, ms),
    };
    let octets = now.nanos().to_be_bytes().into_iter().chain([kind]).chain(value.to_be_bytes());
    let start = hash ^ 0x811c_9dc5;
    octets.fold(start, |hash, octet| (hash ^ u32::from(octet)).wrapping_mul(0x0100_0193)).max(1)
}

/// A duration in whole milliseconds, saturated.
pub(crate) fn millis(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_thirty_two_are_handed_over_oldest_first_with_their_ages() {
        let mut recorder = Recorder::new();
        assert_eq!((recorder.hash(), recorder.hand_over(Time::ZERO)), (0, vec![]));
        (0..40).for_each(|n| recorder.note(Time::from_millis(n), Transition::CarrierLost(n as u32)));
        let told = recorder.hand_over(Time::from_millis(100));
        assert_eq!(told.len(), RECORDER_ENTRIES);
        let ports: Vec<_> = told.iter().map(|entry| entry.what).collect();
        assert_eq!(ports, (8..40).map(Transition::CarrierLost).collect::<Vec<_>>());
        assert_eq!(told[0].age, Duration::from_millis(92));
    }

    #[test]
    fn the_hash_changes_with_each_entry() {
        let mut recorder = Recorder::new();
        let mut seen = vec![0];
        for _ in 0..100 {
            recorder.note(Time::ZERO, Transition::RelayUnanswered);
            assert!(!seen.contains(&recorder.hash()), "{seen:?}");
            seen.push(recorder.hash());
        }
    }

    #[test]
    fn lateness_in_a_row_is_one_entry_with_the_worst_of_it() {
        let mut recorder = Recorder::new();
        recorder.note(Time::from_millis(1), Transition::CarrierLost(2));
        for (at, ms) in [(10, 200), (20, 900), (30, 300)] {
            recorder.note(Time::from_millis(at), Transition::Late(ms));
        }
        let told: Vec<_> = recorder.hand_over(Time::from_millis(30)).into_iter().map(|e| e.what).collect();
        assert_eq!(told, [Transition::CarrierLost(2), Transition::Late(900)]);
    }
}
