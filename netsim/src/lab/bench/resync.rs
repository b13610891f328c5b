//! What it costs until relay and CMA have the same picture again, octet by octet: after a cut, and after the CMA's
//! disk went back in time.
//!
//! Counted from the first packet of the relay's new connection to the first pulse whose picture the CMA does not doubt.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use prost::Message as _;
use ringmesh_proto::pb::{from_authority, from_relay, news_item};
use serde::Serialize;

use super::audit::Heard;
use super::ground::Ground;
use super::packet::{self, Inner, Packet};
use super::report::{Gate, Section, table};
use super::steady::leg_of;
use super::stream::{Message, Said, Streams};
use super::tap::{ALL, Reader, Seen, Tap};
use crate::lab::error::{LabError, at};
use crate::lab::plan::CMA;
use crate::lab::roles::Role;
use crate::lab::script::Fault;

/// For each thing that changed ..
const OCTETS_PER_THING: usize = 200;
/// .. and once.
const OCTETS_ONCE: usize = 2_000;
/// Before each message, HTTP/2's header of the frame it is in.
const FRAME_HEADER: usize = 9;
/// So many probes are killed behind the cut.
const KILLED: usize = 3;
/// A CMA gives a silent stream up after 30 s; then nothing of the old connection is left at either end.
const CUT_FOR: Duration = Duration::from_secs(35);
/// Until a dead host is judged, its ring repaired and everything told.
const JUDGED: Duration = Duration::from_secs(20);
const AGREED_WITHIN: Duration = Duration::from_secs(40);
const POLL: Duration = Duration::from_millis(500);

/// Octets in both directions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
struct Ways {
    out: usize,
    back: usize,
}

impl Ways {
    fn add(&mut self, outgoing: bool, octets: usize) {
        *(if outgoing { &mut self.out } else { &mut self.back }) += octets;
    }

    fn both(self) -> usize {
        self.out + self.back
    }
}

/// One way back to the same picture.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
struct Resync {
    /// What was done.
    what: String,
    /// Things that were told again.
    things: BTreeSet<String>,
    /// From the first packet to the agreement.
    took_ms: i64,
    /// By kind: how many messages, and their octets with gRPC's and HTTP/2's headers.
    kinds: BTreeMap<&'static str, (usize, Ways)>,
    /// Payload of TCP.
    payload: Ways,
    /// Whole IP packets, acknowledgements too.
    packets: Ways,
}

impl Resync {
    /// What the comparison took, and what was told because of it.
    fn of_comparison(&self) -> usize {
        let kinds = ["Compare", "Groups", "CompareGroups", "Things", "Wanted", "News"];
        kinds.iter().filter_map(|kind| self.kinds.get(kind)).map(|(_, octets)| octets.both()).sum()
    }

    fn octets_max(&self) -> usize {
        OCTETS_PER_THING * self.things.len() + OCTETS_ONCE
    }
}

/// Measures both at the last site.
///
/// # Errors
/// [`LabError::Failed`] if the pictures do not agree in time, or a lab does not come to rest; as of
/// [`Tap::start_at`]; [`LabError::Interrupted`].
pub(super) fn measure(ground: &mut Ground<'_>) -> Result<Section, LabError> {
    let site = ground.lab.plan().sites.last().map(|site| site.name.clone()).unwrap_or_default();
    let ordinary = ordinary(ground, &site)?;
    let cut = after_a_cut(ground, &site, ordinary.get(..KILLED).unwrap_or(&ordinary))?;
    let back = after_a_loss(ground, &site, ordinary.get(KILLED..).and_then(<[_]>::first))?;
    let hosts = ground.lab.plan().hosts_of(1).count();
    section(hosts, &[cut, back])
}

/// Hosts of the site that speak for no ring and have one leg.
fn ordinary(ground: &Ground<'_>, site: &str) -> Result<Vec<String>, LabError> {
    let (delegates, plan) = (ground.delegates()?, ground.lab.plan());
    let number = plan.site(site).map_or(0, |site| site.number);
    let hosts = plan.hosts_of(number).filter(|host| !host.is_dual() && !delegates.contains(&host.name));
    Ok(hosts.map(|host| host.name.clone()).collect())
}

fn after_a_cut(ground: &mut Ground<'_>, site: &str, hosts: &[String]) -> Result<Resync, LabError> {
    ground.wait_calm()?;
    ground.progress.doing(&format!("cut the WAN of {site}, kill the probes of {}", hosts.join(" ")));
    let mut ear = Ear::new(ground, site)?;
    ground.lab.break_it(Fault::Wan, site)?;
    hosts.iter().try_for_each(|host| ground.lab.break_it(Fault::Probe, host).map(drop))?;
    ground.stop.sleep(CUT_FOR)?;
    ear.forget();
    ground.progress.doing("heal the WAN, wait until the pictures agree");
    ground.lab.heal(site)?;
    let what = format!("WAN cut for {} s, {} probes killed meanwhile", CUT_FOR.as_secs(), hosts.len());
    let resync = ear.until_agreed(ground, what)?;
    hosts.iter().try_for_each(|host| ground.lab.heal(host))?;
    Ok(resync)
}

fn after_a_loss(ground: &mut Ground<'_>, site: &str, host: Option<&String>) -> Result<Resync, LabError> {
    let host = host.ok_or_else(|| LabError::Failed("no host is left that speaks for no ring".into()))?;
    ground.wait_calm()?;
    let store = ground.lab.store_file(CMA, Role::Cma);
    let copy = store.with_extension("before");
    ground.progress.doing("copy the CMA's disk");
    ground.lab.break_it(Fault::Cma, CMA)?;
    std::fs::copy(&store, &copy).map_err(at(&store, "copy"))?;
    ground.lab.heal(CMA)?;
    ground.wait_calm()?;
    ground.progress.doing(&format!("power off {host}, wait until it is judged"));
    ground.lab.break_it(Fault::Host, host)?;
    ground.stop.sleep(JUDGED)?;
    ground.lab.break_it(Fault::Cma, CMA)?;
    std::fs::rename(&copy, &store).map_err(at(&copy, "put back"))?;
    let mut ear = Ear::new(ground, site)?;
    ground.progress.doing("start the CMA on the copy, wait until the pictures agree");
    ground.lab.heal(CMA)?;
    let resync = ear.until_agreed(ground, "the CMA's disk put back to before a host died".into())?;
    ground.lab.heal(host)?;
    Ok(resync)
}

/// Listens at a site's WAN leg.
struct Ear {
    tap: Tap<Packet>,
    streams: Streams,
    heard: Heard,
    passed: Vec<Seen<Packet>>,
    said: Vec<(i64, Message)>,
}

impl Ear {
    fn new(ground: &Ground<'_>, site: &str) -> Result<Self, LabError> {
        let tap = Tap::start_at(&[leg_of(ground, site)?], Reader { look: ALL, read: packet::read })?;
        let (streams, heard) = (Streams::default(), Heard::default());
        Ok(Self { tap, streams, heard, passed: Vec::new(), said: Vec::new() })
    }

    fn listen(&mut self) {
        for seen in self.tap.take() {
            if let Inner::Tcp(segment) = &seen.datagram.inner {
                for message in self.streams.pass(segment) {
                    self.heard.hear(seen.at_us, &message);
                    self.said.push((seen.at_us, message));
                }
            }
            self.passed.push(seen);
        }
    }

    /// What passed until now is of no interest.
    fn forget(&mut self) {
        self.listen();
        self.passed.clear();
        self.said.clear();
    }

    fn until_agreed(&mut self, ground: &Ground<'_>, what: String) -> Result<Resync, LabError> {
        let start = Instant::now();
        loop {
            ground.stop.sleep(POLL)?;
            self.listen();
            let newest = self.said.last().map(|(_, message)| message.connection);
            let agreed = newest.and_then(|newest| Some((newest, self.heard.agreed_since(newest)?)));
            if let Some((connection, agreed_us)) = agreed {
                return Ok(self.count(connection, agreed_us, what));
            }
            if start.elapsed() >= AGREED_WITHIN {
                let text = format!("{what}: the pictures do not agree within {} s", AGREED_WITHIN.as_secs());
                return Err(LabError::Failed(text));
            }
        }
    }

    /// Everything of one connection up to a moment.
    fn count(&self, connection: usize, until_us: i64, what: String) -> Resync {
        let mut resync = Resync { what, ..Resync::default() };
        let end = self.streams.end_of(connection);
        let mut first_us = until_us;
        for seen in self.passed.iter().filter(|seen| seen.at_us <= until_us) {
            let Inner::Tcp(segment) = &seen.datagram.inner else { continue };
            if end == Some(segment.from) || end == Some(segment.to) {
                first_us = first_us.min(seen.at_us);
                resync.payload.add(seen.outgoing, segment.payload.len());
                resync.packets.add(seen.outgoing, seen.datagram.octets);
            }
        }
        resync.took_ms = (until_us - first_us) / 1_000;
        let said = self
            .said
            .iter()
            .filter(|(at_us, message)| *at_us <= until_us && message.connection == connection);
        for (_, message) in said {
            let (kind, from_relay) = kind(&message.said);
            let (count, octets) = resync.kinds.entry(kind).or_default();
            *count += 1;
            octets.add(from_relay, message.octets + FRAME_HEADER);
            resync.things.extend(thing(&message.said));
        }
        resync
    }
}

fn kind(said: &Said) -> (&'static str, bool) {
    use from_authority::Body as Cma;
    use from_relay::Body as Relay;
    match said {
        Said::Relay(body) => {
            let kind = match body {
                Relay::Hello(_) => "Hello",
                Relay::News(_) => "News",
                Relay::Beat(_) => "Beat",
                Relay::Pulse(_) => "Pulse",
                Relay::Groups(_) => "Groups",
                Relay::Things(_) => "Things",
            };
            (kind, true)
        }
        Said::Cma(body) => {
            let kind = match body {
                Cma::Welcome(_) => "Welcome",
                Cma::Acknowledged(_) => "Acknowledged",
                Cma::Mesh(_) => "Mesh",
                Cma::Compare(_) => "Compare",
                Cma::CompareGroups(_) => "CompareGroups",
                Cma::Wanted(_) => "Wanted",
                Cma::Forget(_) => "Forget",
            };
            (kind, false)
        }
    }
}

/// What a news is about.
fn thing(said: &Said) -> Option<String> {
    use news_item::Body as News;
    let Said::Relay(from_relay::Body::News(item)) = said else { return None };
    Some(match item.body.as_ref()? {
        News::Host(host) => format!("host {}", host.name),
        News::HostGone(name) => format!("host {name}"),
        News::Switch(switch) => format!("switch {}", switch.name),
        News::Ring(ring) => format!("ring {}", ring.id),
        News::RingGone(id) => format!("ring {id}"),
        News::Incident(incident) => format!("incident {:016x}", incident.id),
        News::Peer(peer) => format!("relay {} of {}", peer.relay, peer.site),
        News::Start(start) => format!("start {}", start.encoded_len()),
    })
}

fn section(hosts: usize, all: &[Resync]) -> Result<Section, LabError> {
    let gate = |resync: &Resync| {
        let what = format!(
            "resync of {hosts} hosts, {} things changed, messages of it ({})",
            resync.things.len(),
            resync.what
        );
        Gate::at_most(&what, resync.of_comparison() as f64, resync.octets_max() as f64, 0, "octets")
    };
    let told = all.iter().filter(|resync| resync.things.is_empty()).count();
    let gates: Vec<Gate> =
        all.iter().map(gate).chain([Gate::none("resyncs in which nothing was told", told)]).collect();
    let mut text = String::from(
        "From the first packet of the relay's new connection to the first pulse whose picture the CMA does not doubt. \
         A message counts with the five octets of gRPC and the nine of HTTP/2 before it. *Of the resync* are the \
         comparison and what was told again: Compare, Groups, CompareGroups, Things, Wanted, News; that is what the \
         limit is for, 200 octets for each thing that was told and 2,000 once. TLS is off in the lab: with it come 22 \
         octets for each message, and a handshake. Attempts to connect in vain are not counted.\n",
    );
    for resync in all {
        text += &format!(
            "\n{}: told again {} in {} ms.\n\n{}",
            resync.what,
            resync.things.iter().cloned().collect::<Vec<_>>().join(", "),
            resync.took_ms,
            table(&["octets", "messages", "relay to CMA", "CMA to relay", "both"], &rows(resync))
        );
    }
    let data = serde_json::to_value(all).map_err(|error| LabError::Failed(error.to_string()))?;
    Ok(Section { name: "resync", title: "Until the pictures are the same again".into(), text, gates, data })
}

fn rows(resync: &Resync) -> Vec<Vec<String>> {
    let row = |what: &str, count: String, octets: Ways| {
        vec![what.into(), count, octets.out.to_string(), octets.back.to_string(), octets.both().to_string()]
    };
    let mut rows: Vec<Vec<String>> =
        resync.kinds.iter().map(|(kind, (count, octets))| row(kind, count.to_string(), *octets)).collect();
    let of_resync = vec!["of the resync".into(), String::new(), String::new(), String::new()];
    rows.push(of_resync.into_iter().chain([resync.of_comparison().to_string()]).collect());
    rows.push(row("payload of TCP, headers of HTTP/2 and all", String::new(), resync.payload));
    rows.push(row(
        "whole IP packets, with TCP's handshake and acknowledgements",
        String::new(),
        resync.packets,
    ));
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resync(things: usize, news: usize) -> Resync {
        let things = (0..things).map(|n| format!("host h{n}")).collect();
        let kinds =
            [("News", (1, Ways { out: news, back: 0 })), ("Pulse", (9, Ways { out: 9_000, back: 0 }))];
        Resync { what: "x".into(), things, kinds: kinds.into(), ..Resync::default() }
    }

    #[test]
    fn the_limit_grows_with_what_changed_and_pulses_are_no_part_of_it() {
        let missed = |resync| section(64, &[resync]).unwrap().gates.iter().filter(|gate| !gate.met).count();
        assert_eq!(missed(resync(3, 2_600)), 0);
        assert_eq!(missed(resync(3, 2_601)), 1);
        assert_eq!(missed(resync(4, 2_601)), 0);
        assert_eq!(missed(resync(0, 0)), 1, "nothing was told");
    }
}
