//! What crosses the WAN leg of each site while nothing happens, octet by octet, with few hosts and with many.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::ground::Ground;
use super::packet::{self, Inner, Packet};
use super::report::{Gate, Section, table};
use super::tap::{ALL, Place, Reader, Seen, Tap};
use crate::lab::command::{run, system};
use crate::lab::error::LabError;
use crate::lab::files::{CMA_PORT, RELAY_PORT};

/// Octets a second that a site may cost, whatever its size.
const OCTETS_PER_S_MAX: f64 = 1_000.0;
/// The least time: six times a relay tells the CMA how it does.
const QUIET_MIN: Duration = Duration::from_secs(60);
/// By so many percent few hosts and many may differ. Nothing here grows with the hosts; but a relay tells each of its
/// counters by name once it is not 0, numbers take more octets as they grow, and whether an acknowledgement travels
/// alone or with an answer is a matter of milliseconds.
const PERCENT_MAX: f64 = 20.0;

/// What a packet is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(super) enum Purpose {
    /// Heartbeats between sites.
    MeshBeat,
    /// The stream between relay and CMA.
    Stream,
    /// The kernels' own: ARP.
    Other,
}

impl Purpose {
    const ALL: [Self; 3] = [Self::MeshBeat, Self::Stream, Self::Other];

    fn word(self) -> &'static str {
        match self {
            Self::MeshBeat => "beats of the mesh ring, UDP",
            Self::Stream => "stream to the CMA, gRPC over TCP",
            Self::Other => "anything else (ARP)",
        }
    }

    fn of(packet: &Packet) -> Self {
        match &packet.inner {
            Inner::Tcp(segment) if [segment.from.port(), segment.to.port()].contains(&CMA_PORT) => {
                Self::Stream
            }
            Inner::Udp { from, to, .. } if [from.port(), to.port()].contains(&RELAY_PORT) => Self::MeshBeat,
            Inner::Tcp(_) | Inner::Udp { .. } | Inner::Other => Self::Other,
        }
    }
}

/// Packets and octets of one purpose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
struct Count {
    packets: usize,
    octets_out: usize,
    octets_in: usize,
    /// Of all these, what is no header.
    payload: usize,
}

/// What crossed one site's leg.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Carried {
    /// Hosts of the site.
    hosts: usize,
    site: String,
    seconds: f64,
    counts: BTreeMap<Purpose, Count>,
}

impl Carried {
    fn add(&mut self, seen: &Seen<Packet>) {
        let count = self.counts.entry(Purpose::of(&seen.datagram)).or_default();
        count.packets += 1;
        let octets = if seen.outgoing { &mut count.octets_out } else { &mut count.octets_in };
        *octets += seen.datagram.octets;
        count.payload += match &seen.datagram.inner {
            Inner::Tcp(segment) => segment.payload.len(),
            Inner::Udp { octets, .. } => *octets,
            Inner::Other => 0,
        };
    }

    fn payload_per_s(&self) -> f64 {
        self.counts.values().map(|count| count.payload).sum::<usize>() as f64 / self.seconds
    }

    fn octets_per_s(&self) -> f64 {
        let all: usize = self.counts.values().map(|count| count.octets_out + count.octets_in).sum();
        all as f64 / self.seconds
    }

    fn of(&self, purpose: Purpose) -> Count {
        self.counts.get(&purpose).copied().unwrap_or_default()
    }
}

/// The far side of a site's WAN leg: where what it costs can be counted.
///
/// # Errors
/// [`LabError::Failed`] if the port is not there.
pub(super) fn leg_of(ground: &Ground<'_>, site: &str) -> Result<Place, LabError> {
    let leg = ground.lab.plan().wan_leg(site);
    let leg = leg.ok_or_else(|| LabError::Failed(format!("{site}: no site of that name in this lab")))?;
    let said = run(system("ip").args(["-n", &leg.netns, "-o", "link", "show", "dev", leg.ifname]), "")?;
    let port = said.split(':').next().and_then(|number| number.trim().parse().ok());
    let port = port.ok_or_else(|| LabError::Failed(format!("`ip link show` printed {said:?}")))?;
    Ok(Place { netns: leg.netns.clone(), port: Some(port) })
}

/// Touches nothing for so long, a minute at least, and counts at every site.
///
/// # Errors
/// As of [`Tap::start_at`], [`LabError::Failed`] if something opened meanwhile, [`LabError::Interrupted`].
pub(super) fn measure(ground: &Ground<'_>, quiet: Duration) -> Result<Vec<Carried>, LabError> {
    let (plan, quiet) = (ground.lab.plan(), quiet.max(QUIET_MIN));
    let places: Vec<Place> =
        plan.sites.iter().map(|site| leg_of(ground, &site.name)).collect::<Result<_, _>>()?;
    ground.wait_calm()?;
    let words = format!("{} hosts: count what crosses the WAN for {} s", plan.hosts.len(), quiet.as_secs());
    ground.progress.doing(&words);
    let tap = Tap::start_at(&places, Reader { look: ALL, read: packet::read })?;
    let start = Instant::now();
    ground.stop.sleep(quiet)?;
    let (seen, seconds) = (tap.take(), start.elapsed().as_secs_f64());
    if let Some(missing) = ground.missing()? {
        return Err(LabError::Failed(format!("the time was not quiet: {missing}")));
    }
    let empty = |site: &crate::lab::plan::Site| Carried {
        hosts: plan.hosts_of(site.number).count(),
        site: site.name.clone(),
        seconds,
        counts: BTreeMap::new(),
    };
    let mut carried: Vec<Carried> = plan.sites.iter().map(empty).collect();
    for seen in &seen {
        if let Some(site) = carried.get_mut(seen.place) {
            site.add(seen);
        }
    }
    Ok(carried)
}

/// The figures of both sizes side by side.
///
/// # Errors
/// [`LabError::Failed`] if they cannot be written as JSON.
pub(super) fn section(few: &[Carried], many: &[Carried]) -> Result<Section, LabError> {
    let most = |all: &[Carried], of: fn(&Carried) -> f64| all.iter().map(of).fold(f64::NAN, f64::max);
    let hosts = |all: &[Carried]| all.first().map_or(0, |site| site.hosts);
    let [small, large] = [few, many].map(|all| most(all, Carried::octets_per_s));
    let [said_few, said_many] = [few, many].map(|all| most(all, Carried::payload_per_s));
    let percent = |few: f64, many: f64| (many / few - 1.0).abs() * 100.0;
    let all = || few.iter().chain(many);
    let silent = |purpose: Purpose| all().filter(|site| site.of(purpose).packets == 0).count();
    let gate = |all: &[Carried], octets: f64| {
        let what = format!("WAN of a site of {} hosts at rest, the dearest", hosts(all));
        Gate::at_most(&what, octets, OCTETS_PER_S_MAX, 0, "octets/s")
    };
    let apart =
        |what: &str| format!("WAN at rest, {} hosts and {}, difference of {what}", hosts(many), hosts(few));
    let gates = vec![
        gate(few, small),
        gate(many, large),
        Gate::at_most(&apart("what is said"), percent(said_few, said_many), PERCENT_MAX, 2, "%"),
        Gate::at_most(&apart("all"), percent(small, large), PERCENT_MAX, 2, "%"),
        Gate::none(
            "WAN at rest, sites without beats or stream: a deaf tap",
            silent(Purpose::MeshBeat).max(silent(Purpose::Stream)),
        ),
    ];
    let rows: Vec<Vec<String>> = all().flat_map(rows).collect();
    let seconds = all().map(|site| site.seconds).fold(f64::NAN, f64::min);
    let text = format!(
        "All rings whole, then {seconds:.0} s in which nobody touched anything, counted at each site's own end of its \
         WAN leg, both directions. An octet is one that an Ethernet frame carries: whole IP packets with all their \
         headers and TCP's acknowledgements, and ARP; the frame's own 14 octets are not counted. TLS is off in the \
         lab; it adds 22 octets to each message. *Said* is what is no header of IP, UDP or TCP. {} hosts cost {:.3} times \
         what {} do, and say {:.3} times as much. Nothing of it is about hosts: a relay tells its counters every \
         ten seconds, each by name once it is not 0; and acknowledgements travel alone or with an answer, as the \
         machine's load has it.\n\n{}",
        hosts(many),
        large / small,
        hosts(few),
        said_many / said_few,
        table(
            &["hosts", "site", "what", "packets/s", "octets/s out", "octets/s in", "octets/s", "said"],
            &rows
        )
    );
    let data = serde_json::to_value(all().collect::<Vec<_>>());
    let data = data.map_err(|error| LabError::Failed(error.to_string()))?;
    Ok(Section { name: "wan", title: "On the WAN while nothing happens".into(), text, gates, data })
}

fn rows(site: &Carried) -> Vec<Vec<String>> {
    let rate = |octets: usize| format!("{:.1}", octets as f64 / site.seconds);
    let row = |word: &str, count: Count| {
        let Count { packets, octets_out, octets_in, payload } = count;
        let octets = [octets_out, octets_in, octets_out + octets_in, payload].map(rate);
        let rates = std::iter::once(rate(packets)).chain(octets);
        [site.hosts.to_string(), site.site.clone(), word.to_string()].into_iter().chain(rates).collect()
    };
    let sum = |sum: Count, count: &Count| Count {
        packets: sum.packets + count.packets,
        octets_out: sum.octets_out + count.octets_out,
        octets_in: sum.octets_in + count.octets_in,
        payload: sum.payload + count.payload,
    };
    let all = site.counts.values().fold(Count::default(), sum);
    let mut rows: Vec<Vec<String>> =
        Purpose::ALL.into_iter().map(|purpose| row(purpose.word(), site.of(purpose))).collect();
    rows.push(row("all", all));
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    fn carried(hosts: usize, beats: usize, stream: usize) -> Carried {
        let count = |octets| Count {
            packets: 1,
            octets_out: octets / 2,
            octets_in: octets - octets / 2,
            payload: octets / 3,
        };
        let counts = [(Purpose::MeshBeat, count(beats)), (Purpose::Stream, count(stream))].into();
        Carried { hosts, site: "s1".into(), seconds: 60.0, counts }
    }

    fn missed(few: Carried, many: Carried) -> Vec<String> {
        let section = section(&[few], &[many]).unwrap();
        section.gates.into_iter().filter(|gate| !gate.met).map(|gate| gate.what).collect()
    }

    #[test]
    fn a_site_may_cost_a_kilobyte_a_second_and_no_more_with_many_hosts_than_with_few() {
        assert_eq!(missed(carried(4, 6_000, 54_000), carried(64, 6_000, 54_000)), [""; 0]);
        assert_eq!(missed(carried(4, 6_000, 40_000), carried(64, 6_000, 50_000)).len(), 2, "a fifth more");
        let dear = missed(carried(4, 6_000, 54_000), carried(64, 6_000, 54_060));
        assert_eq!(dear, ["WAN of a site of 64 hosts at rest, the dearest"]);
    }

    #[test]
    fn a_tap_that_hears_nothing_misses_every_gate() {
        let deaf = || Carried { seconds: 60.0, ..Carried::default() };
        assert!(missed(deaf(), deaf()).iter().any(|what| what.contains("deaf tap")));
        assert_eq!(section(&[], &[]).unwrap().gates.iter().filter(|gate| gate.met).count(), 1);
    }
}
