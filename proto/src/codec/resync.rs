//! Digests on the wire: groups and keys are opaque octets there.

use std::collections::BTreeMap;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Malformed;
use crate::digest::{Group, Thing, ThingsByGroup};
use crate::news::Key;
use crate::pb;

/// Things of one site that a message may name.
const THINGS_MAX: usize = 1_000_000;

/// As they are sent.
pub fn group_digests<'a>(digests: impl Iterator<Item = (&'a Group, u64)>) -> pb::GroupDigests {
    let digest = |(group, digest): (&Group, u64)| pb::GroupDigest { group: octets(group), digest };
    pb::GroupDigests { groups: digests.map(digest).collect() }
}

/// Checked.
pub fn read_group_digests(digests: &pb::GroupDigests) -> Result<BTreeMap<Group, u64>, Malformed> {
    bounded(digests.groups.len())?;
    digests.groups.iter().map(|told| Ok((read(&told.group, "group")?, told.digest))).collect()
}

/// As they are sent, as of a sequence of the outbox.
pub fn thing_digests(sequence: u64, groups: &[(Group, Vec<Thing>)]) -> pb::ThingDigests {
    let thing = |thing: &Thing| pb::ThingDigest { key: octets(&thing.key), digest: thing.digest };
    let group = |(group, things): &(Group, Vec<Thing>)| pb::ThingsOfGroup {
        group: octets(group),
        things: things.iter().map(thing).collect(),
    };
    pb::ThingDigests { sequence, groups: groups.iter().map(group).collect() }
}

/// Checked: the sequence, and the things by group.
pub fn read_thing_digests(digests: &pb::ThingDigests) -> Result<(u64, ThingsByGroup), Malformed> {
    bounded(digests.groups.iter().map(|group| group.things.len()).sum())?;
    let thing = |thing: &pb::ThingDigest| Ok(Thing { key: read(&thing.key, "key")?, digest: thing.digest });
    let group = |told: &pb::ThingsOfGroup| {
        let things = told.things.iter().map(thing).collect::<Result<Vec<_>, Malformed>>()?;
        Ok((read(&told.group, "group")?, things))
    };
    Ok((digests.sequence, digests.groups.iter().map(group).collect::<Result<_, Malformed>>()?))
}

/// As they are sent.
pub fn groups(groups: &[Group]) -> pb::CompareGroups {
    pb::CompareGroups { groups: groups.iter().map(octets).collect() }
}

/// Checked.
pub fn read_groups(groups: &pb::CompareGroups) -> Result<Vec<Group>, Malformed> {
    bounded(groups.groups.len())?;
    groups.groups.iter().map(|group| read(group, "group")).collect()
}

/// As they are sent.
pub fn keys(keys: &[Key]) -> pb::Wanted {
    pb::Wanted { keys: keys.iter().map(octets).collect() }
}

/// Checked.
pub fn read_keys(wanted: &pb::Wanted) -> Result<Vec<Key>, Malformed> {
    bounded(wanted.keys.len())?;
    wanted.keys.iter().map(|key| read(key, "key")).collect()
}

fn bounded(count: usize) -> Result<(), Malformed> {
    if count > THINGS_MAX { Err(Malformed::TooMany("digests")) } else { Ok(()) }
}

fn octets<T: Serialize>(value: &T) -> Vec<u8> {
    postcard::to_allocvec(value).unwrap_or_default()
}

fn read<T: DeserializeOwned>(octets: &[u8], field: &'static str) -> Result<T, Malformed> {
    match postcard::take_from_bytes(octets) {
        Ok((value, [])) => Ok(value),
        Ok(_) | Err(_) => Err(Malformed::Range(field)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use ringmesh_topology::id::Name;

    #[test]
    fn digests_arrive_as_they_were_sent_and_torn_ones_are_refused() {
        let key = Key::Host(Name::new("h1").unwrap());
        let told =
            vec![(Group::Unattached, vec![Thing { key: key.clone(), digest: 5 }]), (Group::Rings, vec![])];
        let mut sent = thing_digests(9, &told);
        assert_eq!(read_thing_digests(&sent).unwrap(), (9, told));
        sent.groups[0].things[0].key.pop();
        assert_eq!(read_thing_digests(&sent).unwrap_err(), Malformed::Range("key"));
        let sums = BTreeMap::from([(Group::Switches, 1), (Group::Incidents, 2)]);
        let sent = group_digests(sums.iter().map(|(group, digest)| (group, *digest)));
        assert_eq!(read_group_digests(&sent).unwrap(), sums);
        assert_eq!(read_groups(&groups(&[Group::Rings])).unwrap(), [Group::Rings]);
        assert_eq!(read_keys(&keys(std::slice::from_ref(&key))).unwrap(), [key]);
    }
}
