use ringmesh_proto::news::SubjectKind;
use ringmesh_topology::id::RelayId;

use super::*;
use crate::testing::{RELAY_MS, alternative, closed, host_incident, name, revised, switch_incident};

fn source(site: &str) -> Source {
    Source { site: name(site), relay: RelayId(1), outbox: 9 }
}

#[test]
fn a_verdict_with_alternatives_is_sorted_and_undetermined_only_where_subjects_differ() {
    use Verdict as V;
    let at = |verdict, id| alternative(verdict, SubjectKind::Switch, id);
    let host = alternative(V::HostOrCable, SubjectKind::Host, "sw1");
    let cases = [
        (vec![at(V::SwitchDown, "sw1")], "SwitchDown"),
        (
            vec![at(V::UplinkCut, "sw1"), at(V::SwitchDown, "sw1"), at(V::RackPower, "sw1")],
            "RackPower|SwitchDown|UplinkCut",
        ),
        (vec![at(V::UplinkCut, "sw1"), at(V::UplinkCut, "sw1")], "UplinkCut"),
        (vec![at(V::SwitchDown, "sw1"), at(V::SwitchDown, "sw2")], "Undetermined"),
        (vec![at(V::SwitchDown, "sw1"), host], "Undetermined"),
    ];
    for (alternatives, want) in cases {
        assert_eq!(verdict_words(&alternatives), want);
    }
}

#[test]
fn severity_is_the_highest_among_the_alternatives_and_says_when_it_will_rise() {
    let mut incidents = Incidents::default();
    let mut probe = host_incident(Verdict::ProbeDown);
    incidents.take(source("lab"), probe.clone());
    let incident = incidents.get(probe.id).unwrap();
    assert_eq!((incident.severity(9), incident.severity(10)), (Severity::Log, Severity::Ticket));
    assert_eq!(incident.severity_rises_in(3), Some(7));
    assert_eq!(incident.severity_rises_in(10), None);
    probe.revision = 2;
    probe.alternatives.push(alternative(Verdict::HostHung, SubjectKind::Host, "h1"));
    incidents.take(source("lab"), probe.clone());
    assert_eq!(incidents.get(probe.id).unwrap().severity(0), Severity::Page);
}

#[test]
fn revisions_are_kept_as_history_and_only_the_newest_counts() {
    let mut incidents = Incidents::default();
    let first = switch_incident(4);
    let third = revised(&revised(&first, 1_000), 1_000);
    assert_eq!(incidents.take(source("lab"), first.clone()), Taken::Opened);
    assert_eq!(incidents.take(source("lab"), third.clone()), Taken::Revised);
    assert_eq!(incidents.take(source("lab"), revised(&first, 1_000)), Taken::Known);
    assert_eq!(incidents.take(source("other"), revised(&third, 9)), Taken::Foreign);
    let kept = incidents.get(first.id).unwrap();
    assert_eq!(kept.news, third);
    assert_eq!(kept.revisions.iter().map(|r| r.number).collect::<Vec<_>>(), [1, 3]);
    for number in 4..2_000 {
        incidents
            .take(source("lab"), ringmesh_proto::news::IncidentNews { revision: number, ..third.clone() });
    }
    let kept = incidents.get(first.id).unwrap();
    assert_eq!(kept.revisions.len(), REVISIONS_MAX);
    assert_eq!((kept.revisions[0].number, kept.revisions[REVISIONS_MAX - 1].number), (1, 1_999));
}

#[test]
fn of_closed_incidents_the_oldest_are_forgotten_and_no_open_one_is() {
    let mut incidents = Incidents::default();
    let open = host_incident(Verdict::HostOrCable);
    incidents.take(source("lab"), open.clone());
    for n in 0..CLOSED_MAX as u64 + 2 {
        let news = IncidentNews { id: IncidentId(10_000 + n), ..closed(&open, n) };
        incidents.take(source("lab"), news);
    }
    assert_eq!(incidents.forget_old(), [IncidentId(10_000), IncidentId(10_001)].map(|id| (name("lab"), id)));
    assert_eq!(incidents.iter().count(), CLOSED_MAX + 1);
    assert_eq!(incidents.open().map(|incident| incident.news.opened_ms).collect::<Vec<_>>(), [RELAY_MS]);
}
