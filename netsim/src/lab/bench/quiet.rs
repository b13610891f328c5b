//! What is on the wire while nothing happens: beats and nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use serde::Serialize;

use super::datagram::Kind;
use super::ground::Ground;
use super::report::{Gate, Section, table};
use super::tap::{Seen, Tap};
use crate::lab::error::LabError;

const RATE_MAX: f64 = 2.1;

/// What one member sent.
#[derive(Clone, Debug, Default, Serialize)]
struct Member {
    name: String,
    /// Links it beat on; a member of a ring has two in it.
    links: usize,
    /// Half as many, rounded up.
    rings: usize,
    beats: usize,
    /// Datagrams of any other kind.
    others: usize,
    /// All of it, for each ring.
    per_second_and_ring: f64,
}

/// Counts what every host and the relay send for so long.
///
/// # Errors
/// As of [`Tap::start`], [`LabError::Interrupted`].
pub(super) fn measure(ground: &Ground<'_>, idle: Duration) -> Result<Section, LabError> {
    ground.wait_calm()?;
    ground.progress.doing(&format!("count quiet datagrams for {} s", idle.as_secs()));
    let tap = Tap::start(&ground.places())?;
    let start = Instant::now();
    ground.stop.sleep(idle)?;
    let (seen, seconds) = (tap.take(), start.elapsed().as_secs_f64());
    let mut others: BTreeMap<String, usize> = BTreeMap::new();
    for other in seen.iter().filter(|seen| seen.outgoing && seen.datagram.kind != Kind::Beat) {
        *others.entry(ground.words(other)).or_default() += 1;
    }
    let names = ground.place_names();
    let count = |(place, name): (usize, &String)| member(name, &sent_by(&seen, place), seconds);
    let members: Vec<Member> = names.iter().enumerate().map(count).collect();
    section(&members, &others, seconds)
}

fn sent_by(seen: &[Seen], place: usize) -> Vec<Seen> {
    seen.iter().filter(|seen| seen.outgoing && seen.place == place).copied().collect()
}

fn member(name: &str, sent: &[Seen], seconds: f64) -> Member {
    let beats: Vec<&Seen> = sent.iter().filter(|seen| seen.datagram.kind == Kind::Beat).collect();
    let links: BTreeSet<u32> = beats.iter().map(|seen| seen.datagram.id).collect();
    let rings = links.len().div_ceil(2);
    Member {
        name: name.into(),
        links: links.len(),
        rings,
        beats: beats.len(),
        others: sent.len() - beats.len(),
        per_second_and_ring: sent.len() as f64 / seconds / rings as f64,
    }
}

fn section(members: &[Member], others: &BTreeMap<String, usize>, seconds: f64) -> Result<Section, LabError> {
    let busiest = members.iter().map(|member| member.per_second_and_ring).fold(f64::NAN, f64::max);
    let ringless = members.iter().filter(|member| member.rings == 0).count();
    let gates = vec![
        Gate::at_most("quiet, datagrams a member sends in a ring, the busiest", busiest, RATE_MAX, 3, "/s"),
        Gate::none("quiet, datagrams that are no beats", others.values().sum()),
        Gate::none("quiet, members in no ring", ringless),
    ];
    let row = |member: &Member| {
        vec![
            member.name.clone(),
            member.rings.to_string(),
            member.links.to_string(),
            member.beats.to_string(),
            member.others.to_string(),
            format!("{:.3}", member.per_second_and_ring),
        ]
    };
    let rows: Vec<Vec<String>> = members.iter().map(row).collect();
    let mut text = format!(
        "Datagrams sent in {seconds:.1} s, counted in each one's own namespace. A member has two links in each of \
         its rings, as the link numbers in its beats show.\n\n"
    );
    text += &table(&["", "rings", "links", "beats", "others", "a second and ring"], &rows);
    for (what, count) in others {
        text += &format!("\nNot a beat, {count} times: {what}");
    }
    text += if others.is_empty() { "" } else { "\n" };
    let data = serde_json::json!({ "seconds": seconds, "members": members, "others": others });
    Ok(Section { name: "wire", title: "On the wire while nothing happens".into(), text, gates, data })
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::super::datagram::Datagram;
    use super::*;

    fn sent(kind: Kind, id: u32) -> Seen {
        let (from, to) = (Ipv4Addr::new(10, 77, 1, 1), Ipv4Addr::new(10, 77, 1, 2));
        Seen { at_us: 0, place: 0, outgoing: true, datagram: Datagram { kind, from, to, octets: 28, id } }
    }

    #[test]
    fn a_rate_is_for_each_ring_and_counts_everything_that_was_sent() {
        let mut wire: Vec<Seen> = (0..40).map(|n| sent(Kind::Beat, n % 4)).collect();
        let quiet = member("h1", &wire, 10.0);
        assert_eq!((quiet.rings, quiet.beats, quiet.per_second_and_ring), (2, 40, 2.0));
        wire.extend([sent(Kind::ToRelay, 7); 10]);
        let loud = member("h1", &wire, 10.0);
        assert_eq!((loud.others, loud.per_second_and_ring), (10, 2.5));
        let met = |members: &[Member]| -> Vec<bool> {
            section(members, &BTreeMap::new(), 10.0).unwrap().gates.iter().map(|gate| gate.met).collect()
        };
        assert_eq!(met(std::slice::from_ref(&quiet)), [true, true, true]);
        assert_eq!(met(&[quiet, loud]), [false, true, true]);
        assert!(!met(&[member("h2", &[], 10.0)])[2]);
    }
}
