use super::*;

use ringmesh_topology::id::{MacAddress, Name, ProbeId};
use ringmesh_topology::place::{Attachment, Evidence, Place};
use ringmesh_topology::verdict::Class;

use crate::news::HostState;

fn switch(number: u8) -> WireId {
    WireId { subtype: 4, octets: vec![2, 0, 0, 0, 0, number].into() }
}

fn host(name: &str, state: HostState, on: u8) -> News {
    let attachment = Attachment {
        switch: switch(on),
        port: WireId { subtype: 5, octets: name.as_bytes().into() },
        switch_name: "sw".into(),
        evidence: Evidence::Lldp,
    };
    let place = Place {
        ifindex: 2,
        ifname: "eth0".into(),
        mac: None,
        carrier: true,
        address: [10, 0, 0, 1].into(),
        prefix_len: 24,
        gateway: MacAddress::default(),
        attachment: Some(attachment),
        reason: "".into(),
        bond: None,
    };
    News::Host(HostNews {
        name: Name::new(name).unwrap(),
        probe: ProbeId([1; 16]),
        state,
        since_ms: u64::from(on),
        class: Class::Normal,
        places: vec![place],
    })
}

fn key(name: &str) -> Key {
    Key::Host(Name::new(name).unwrap())
}

fn picture(news: &[News]) -> Picture {
    let mut picture = Picture::default();
    news.iter().for_each(|news| picture.tell(news));
    picture
}

#[test]
fn the_order_of_telling_and_what_was_said_before_make_no_difference() {
    let (a, b) = (host("a", HostState::Up, 1), host("b", HostState::Up, 2));
    let one = picture(&[a.clone(), b.clone()]);
    let other = picture(&[host("b", HostState::Silent, 1), b, host("c", HostState::Up, 1), a, gone("c")]);
    assert_eq!(one.whole(), other.whole());
    assert_eq!(one.groups().collect::<Vec<_>>(), other.groups().collect::<Vec<_>>());
    assert_ne!(one.whole(), Picture::default().whole());
}

fn gone(name: &str) -> News {
    News::HostGone(Name::new(name).unwrap())
}

#[test]
fn ages_make_no_difference_and_states_do() {
    let News::Host(up) = host("a", HostState::Up, 1) else { unreachable!() };
    let older = News::Host(HostNews { since_ms: 7, ..up.clone() });
    assert_eq!(picture(&[News::Host(up.clone())]).whole(), picture(&[older]).whole());
    let silent = News::Host(HostNews { state: HostState::Silent, ..up.clone() });
    assert_ne!(picture(&[News::Host(up)]).whole(), picture(&[silent]).whole());
}

#[test]
fn two_pictures_are_equal_after_what_the_comparison_names_was_told_and_forgotten() {
    let relay = picture(&[
        host("a", HostState::Up, 1),
        host("b", HostState::Silent, 1),
        host("d", HostState::Up, 2),
        host("e", HostState::Up, 3),
    ]);
    let all = [host("a", HostState::Up, 1), host("b", HostState::Silent, 1), host("d", HostState::Up, 2)];
    let mut cma = picture(&[
        host("a", HostState::Up, 1),
        host("b", HostState::Up, 1),
        host("c", HostState::Up, 1),
        host("d", HostState::Up, 2),
        host("e", HostState::Up, 3),
        host("f", HostState::Up, 4),
    ]);
    let told: BTreeMap<Group, u64> = relay.groups().map(|(group, digest)| (group.clone(), digest)).collect();
    let groups = cma.differing(&told);
    assert_eq!(groups, [Group::Switch(switch(1)), Group::Switch(switch(4))], "and no group that is equal");
    let things = groups.into_iter().map(|group| (group.clone(), relay.things(&group).collect::<Vec<_>>()));
    let compared = cma.compare(&things.collect::<Vec<_>>());
    assert_eq!(compared, Compared { wanted: vec![key("b")], extra: vec![key("c"), key("f")] });
    compared.extra.iter().for_each(|key| cma.forget(key));
    all.iter().filter(|news| compared.wanted.contains(&news.key())).for_each(|news| cma.tell(news));
    assert_eq!(cma.whole(), relay.whole());
}

#[test]
fn a_host_that_moved_counts_where_it_is() {
    let mut moved = picture(&[host("a", HostState::Up, 1)]);
    moved.tell(&host("a", HostState::Up, 2));
    let things = |picture: &Picture| {
        [1, 2].map(|on| (Group::Switch(switch(on)), picture.things(&Group::Switch(switch(on))).collect()))
    };
    let before = picture(&[host("a", HostState::Up, 1)]);
    assert_eq!(before.compare(&things(&moved)), Compared { wanted: vec![key("a")], extra: vec![] });
    assert_eq!(
        moved.groups().map(|(group, _)| group.clone()).collect::<Vec<_>>(),
        [Group::Switch(switch(2))]
    );
}
