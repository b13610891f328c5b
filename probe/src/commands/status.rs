//! How the probe does, in a few lines.

use super::paint::{Paint, column};
use crate::control::shape::{PeerShape, ProbeStatus};

/// State, relay, rings and neighbours, and what went wrong so far.
pub(super) fn text(status: &ProbeStatus, paint: Paint) -> String {
    let [term, counter] = status.generation;
    let relay =
        if status.relay.is_empty() { "no relay yet".into() } else { format!("relay {}", status.relay) };
    let state = if status.state == "linked" { paint.good(&status.state) } else { paint.odd(&status.state) };
    let applied = if status.applied { "applied" } else { "not applied yet" };
    let mut lines = vec![format!("{state}, {relay}, generation {term}.{counter} {applied}")];
    if status.starved {
        lines.push(paint.odd("this host lets the probe wait: its witness counts less"));
    }
    for ring in &status.rings {
        let kind = if ring.level == 0 { "switch or fallback ring" } else { "site ring" };
        lines.push(paint.head(&format!("ring {} ({kind})", ring.ring)));
        lines.extend(ring.peers.iter().map(|peer| neighbour(peer, paint)));
    }
    lines.push(counters(status));
    lines.join("\n")
}

fn neighbour(peer: &PeerShape, paint: Paint) -> String {
    let heard = peer
        .heard_ms
        .map_or("never heard".into(), |ms| format!("heard {}.{:01} s ago", ms / 1_000, ms % 1_000 / 100));
    let mut marks = Vec::new();
    marks.extend((!peer.proven).then_some("not proven yet"));
    marks.extend(peer.suspected.then_some("SUSPECTED"));
    marks.extend(peer.lossy.then_some("lossy"));
    let routed = (peer.hops > 0).then(|| format!("{} routers away", peer.hops));
    marks.extend(routed.as_deref());
    let (address, via) = (column(&peer.address, 26), column(&peer.via, 8));
    let line = format!("  {address} {via} {} {}", column(&heard, 18), marks.join(", "));
    let line = line.trim_end();
    if peer.suspected { paint.bad(line) } else { line.into() }
}

fn counters(status: &ProbeStatus) -> String {
    let c = status.counters;
    let bad = [
        ("martian", c.martian),
        ("replayed", c.replayed),
        ("forged", c.forged),
        ("truncated", c.truncated),
        ("foreign", c.foreign),
        ("unsent", c.unsent),
        ("frames dropped", c.frames_dropped),
        ("woke late", c.late),
    ];
    let told: Vec<String> =
        bad.iter().filter(|(_, n)| *n > 0).map(|(what, n)| format!("{n} {what}")).collect();
    let odd = if told.is_empty() { "nothing odd".into() } else { told.join(", ") };
    format!(
        "beats {} out, {} in; messages {} out, {} in; {odd}",
        c.beats_sent, c.beats_heard, c.messages_sent, c.messages_heard
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::shape::{CountersShape, RingShape};

    #[test]
    fn a_suspected_neighbour_and_every_odd_count_are_told() {
        let peer = PeerShape {
            link: 4,
            peer: "00112233".into(),
            address: "10.77.1.2:1984".into(),
            via: "eth0".into(),
            heard_ms: Some(3_250),
            proven: true,
            suspected: true,
            lossy: false,
            hops: 0,
        };
        let status = ProbeStatus {
            schema: 1,
            state: "asking".into(),
            relay: "10.77.0.2:1990".into(),
            generation: [3, 17],
            applied: true,
            starved: false,
            rings: vec![RingShape { ring: 1, level: 0, peers: vec![peer] }],
            counters: CountersShape { beats_sent: 9, forged: 2, ..CountersShape::default() },
        };
        let text = text(&status, Paint(false));
        let want = "asking, relay 10.77.0.2:1990, generation 3.17 applied
ring 1 (switch or fallback ring)
  10.77.1.2:1984             eth0     heard 3.2 s ago    SUSPECTED
beats 9 out, 0 in; messages 0 out, 0 in; 2 forged";
        assert_eq!(text, want);
    }
}
