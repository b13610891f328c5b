//! A suspicion of somebody who is well: his beats to one neighbour are lost on the switch port before it.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use crate::lab::bench::datagram::Kind;
use crate::lab::bench::ground::Ground;
use crate::lab::bench::tap::{Seen, Tap};
use crate::lab::command::{inside, require, run};
use crate::lab::error::LabError;

/// Silence is suspected after three intervals and a little; more than that is patience.
const SUSPECTED_WITHIN: Duration = Duration::from_secs(8);
/// Until the next beat has refuted it and that was told.
const REFUTED_WITHIN: Duration = Duration::from_secs(6);
const POLL: Duration = Duration::from_millis(20);
const TABLE: &str = "ringmesh-bench";

/// One beat's way.
struct Way {
    host: String,
    from: Ipv4Addr,
    netns: String,
    port: String,
}

/// Loses the beats of one host to one neighbour until that one speaks up; returns the host and all that was
/// said. `None` if no pair fits, nobody spoke, or nftables is not installed.
pub(super) fn false_suspicion(
    ground: &Ground<'_>,
    tap: &Tap,
    round: usize,
) -> Result<Option<(String, Vec<Seen>)>, LabError> {
    if require("nft").is_err() {
        return Ok(None);
    }
    tap.take();
    // Every member beats in this time.
    ground.stop.sleep(Duration::from_millis(1_500))?;
    let ways = ways(ground, &tap.take());
    let Some(way) = ways.get(round % ways.len().max(1)) else { return Ok(None) };
    let rules = format!(
        "table netdev {TABLE} {{\n chain beats {{\n  type filter hook egress device \"{}\" priority 0;\n  \
         ip saddr {} udp dport 1984-1987 drop\n }}\n}}\n",
        way.port, way.from
    );
    run(inside(&way.netns, "nft").args(["-f", "-"]), &rules)?;
    let heard = await_word(ground, tap);
    // Taken away whatever happened.
    run(inside(&way.netns, "nft").args(["-f", "-"]), &format!("delete table netdev {TABLE}\n"))?;
    let Some(mut seen) = heard? else { return Ok(None) };
    ground.stop.sleep(REFUTED_WITHIN)?;
    seen.extend(tap.take());
    Ok(Some((way.host.clone(), seen)))
}

/// Waits until anybody says anything to the relay.
fn await_word(ground: &Ground<'_>, tap: &Tap) -> Result<Option<Vec<Seen>>, LabError> {
    let (start, mut seen) = (Instant::now(), Vec::new());
    while start.elapsed() < SUSPECTED_WITHIN {
        seen.extend(tap.take());
        if seen.iter().any(|seen: &Seen| seen.datagram.kind == Kind::ToRelay) {
            return Ok(Some(seen));
        }
        ground.stop.sleep(POLL)?;
    }
    Ok(None)
}

/// Ways of beats between two single-homed hosts of one switch.
fn ways(ground: &Ground<'_>, seen: &[Seen]) -> Vec<Way> {
    let beats = seen.iter().filter(|seen| seen.outgoing && seen.datagram.kind == Kind::Beat);
    let mut ways: Vec<Way> = beats.filter_map(|seen| way(ground, seen)).collect();
    ways.sort_by(|a, b| (&a.host, &a.port).cmp(&(&b.host, &b.port)));
    ways.dedup_by(|a, b| a.host == b.host && a.port == b.port);
    ways
}

fn way(ground: &Ground<'_>, beat: &Seen) -> Option<Way> {
    let plan = ground.lab.plan();
    let single = |address| {
        let mut hosts = plan.hosts.iter().filter(|host| !host.is_dual());
        hosts.find_map(|host| Some((host, host.legs.iter().find(|leg| leg.address == address)?)))
    };
    let (host, out) = single(beat.datagram.from)?;
    let (_, into) = single(beat.datagram.to)?;
    let switch = plan.switch_numbered(into.switch).filter(|_| out.switch == into.switch)?;
    let (host, port) = (host.name.clone(), into.port.clone());
    Some(Way { host, from: beat.datagram.from, netns: switch.netns.clone(), port })
}
