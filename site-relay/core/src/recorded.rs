//! What a member's flight recorder says of an incident.

use std::collections::BTreeSet;

use ringmesh_proto::message::{LinkId, RecorderEntry, Transition};
use ringmesh_proto::time::Time;

/// What went on at a member while it was away.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Recorded {
    /// A port was without carrier meanwhile; one that stays dark to the end is another matter.
    pub(crate) carrier_lost: bool,
    /// Links on which nothing was heard meanwhile.
    silent: BTreeSet<LinkId>,
}

impl Recorded {
    /// Of a silence that began at `since`; what began before it and ended in it belongs to it too. A relay that was
    /// started while a switch was away cannot say since when it was.
    pub(crate) fn of(now: Time, since: Time, entries: &[RecorderEntry]) -> Self {
        let mut recorded = Self::default();
        let (mut dark, mut deaf) = (BTreeSet::new(), BTreeSet::new());
        for entry in entries {
            let during = now.before(entry.age) >= since;
            match entry.what {
                Transition::CarrierLost(_) if during => recorded.carrier_lost = true,
                Transition::CarrierLost(port) => drop(dark.insert(port)),
                Transition::CarrierBack(port) => {
                    let was_dark = dark.remove(&port);
                    recorded.carrier_lost |= was_dark && during;
                }
                Transition::Silent(link) if during => drop(recorded.silent.insert(link)),
                Transition::Silent(link) => drop(deaf.insert(link)),
                Transition::HeardAgain(link) => {
                    if deaf.remove(&link) && during {
                        recorded.silent.insert(link);
                    }
                }
                Transition::LldpLost(_)
                | Transition::RelayUnanswered
                | Transition::RelayAnswered
                | Transition::Late(_) => {}
            }
        }
        recorded
    }

    /// Whether it heard its switch ring all the time. `inside` are its links there as far as they are known; `mates`
    /// says that others were away with it and that its probe lived through it. `None` where nobody can say.
    ///
    /// By a port without carrier nobody is heard, and nobody is suspected either.
    pub(crate) fn ring_heard(&self, inside: &[LinkId], mates: bool) -> Option<bool> {
        if !inside.is_empty() {
            return Some(!self.carrier_lost && !inside.iter().any(|link| self.silent.contains(link)));
        }
        // The relay was started meanwhile and knows no link of before. Who missed nobody at all missed no ring mate.
        match (self.carrier_lost, self.silent.is_empty()) {
            (true, _) => Some(false),
            (false, true) => mates.then_some(true),
            (false, false) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use ringmesh_proto::time::Duration;

    use super::*;
    use Transition::{CarrierBack, CarrierLost, HeardAgain, Silent};

    /// Seconds and what was noted then; the silence began at 10 s, it is told at 60 s.
    fn recorded(entries: &[(u64, Transition)]) -> Recorded {
        let now = Time::from_millis(60_000);
        let entry =
            |&(at, what): &(u64, Transition)| RecorderEntry { age: Duration::from_secs(60 - at), what };
        Recorded::of(now, Time::from_millis(10_000), &entries.iter().map(entry).collect::<Vec<_>>())
    }

    #[test]
    fn what_began_before_a_silence_belongs_to_it_if_it_ended_in_it() {
        let cases: &[(&[(u64, Transition)], bool)] = &[
            (&[], false),
            (&[(12, CarrierLost(2))], true),
            (&[(5, CarrierLost(2)), (50, CarrierBack(2))], true),
            (&[(5, CarrierLost(2)), (8, CarrierBack(2))], false),
            (&[(5, CarrierLost(2))], false),
            (&[(5, CarrierLost(2)), (50, CarrierBack(3))], false),
            (&[(50, CarrierBack(2))], false),
        ];
        for (entries, lost) in cases {
            assert_eq!(recorded(entries).carrier_lost, *lost, "{entries:?}");
        }
    }

    #[test]
    fn a_ring_was_heard_where_none_of_its_links_was_missed() {
        let (mine, other) = (LinkId(1), LinkId(2));
        type Case<'a> = (&'a [(u64, Transition)], &'a [LinkId], bool, Option<bool>);
        let cases: &[Case<'_>] = &[
            (&[], &[mine], true, Some(true)),
            (&[(12, Silent(mine))], &[mine], true, Some(false)),
            (&[(12, Silent(other))], &[mine], true, Some(true)),
            (&[(12, CarrierLost(2))], &[mine], true, Some(false)),
            (&[(5, Silent(mine)), (8, HeardAgain(mine))], &[mine], true, Some(true)),
            (&[(5, Silent(mine)), (50, HeardAgain(mine))], &[mine], true, Some(false)),
            // No link is known.
            (&[], &[], true, Some(true)),
            (&[], &[], false, None),
            (&[(12, Silent(other))], &[], true, None),
            (&[(5, CarrierLost(2)), (50, CarrierBack(2))], &[], true, Some(false)),
        ];
        for (entries, inside, several, heard) in cases {
            assert_eq!(recorded(entries).ring_heard(inside, *several), *heard, "{entries:?} {inside:?}");
        }
    }
}
