//! What of the evidence stands: the newest word of each witness, within its life time, in one fixed order.

use std::collections::{BTreeMap, BTreeSet};

use super::belief::Belief;
use super::types::{Evidence, HostIx, Observation, Outcome, PortObservation, Vantage};
use super::window::Window;

/// How long a silence stands that is not renewed, in milliseconds.
const SILENT_LIFE_MS: u64 = 10_000;
/// How long an echo or a refusal stands, in milliseconds.
const KERNEL_LIFE_MS: u64 = 5_000;

/// A way something was seen: by whom, of whom, by which leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Edge {
    pub(super) subject: HostIx,
    pub(super) leg: u8,
    pub(super) from: Vantage,
}

/// A silence that stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Silent {
    pub(super) edge: Edge,
    pub(super) window: Window,
}

/// A sign of life, proof for its instant.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sign {
    pub(super) edge: Edge,
    pub(super) at_ms: u64,
}

/// The evidence, put in order.
#[derive(Debug, Default)]
pub(super) struct Facts {
    /// Sorted by edge, one for each.
    pub(super) silent: Vec<Silent>,
    /// Sorted by edge, one for each.
    pub(super) heard: Vec<Sign>,
    /// Kernels that refuse.
    pub(super) refused: Vec<Sign>,
    /// Kernels that answer echo.
    pub(super) echo: Vec<Sign>,
    /// The newest word of each leg's owner about it, sorted by host and leg.
    pub(super) ports: Vec<PortObservation>,
    /// The newest instant at which each witness spoke to the judge.
    pub(super) words: BTreeMap<HostIx, u64>,
    /// Edges of which anything at all was reported, however old.
    pub(super) reported: BTreeSet<Edge>,
    /// Witnesses that doubt themselves.
    pub(super) doubting: BTreeSet<HostIx>,
    /// The newest instant at which the judge heard somebody beyond the site's core.
    pub(super) outside_at: Option<u64>,
}

impl Facts {
    /// Sorts out what stands at `now_ms`. What names no leg we believe in is dropped.
    pub(super) fn new(belief: &Belief, evidence: &Evidence, now_ms: u64) -> Self {
        let mut facts = Self { outside_at: evidence.outside_heard_ms, ..Self::default() };
        let mut known: Vec<&Observation> =
            evidence.observations.iter().filter(|seen| is_known(belief, seen)).collect();
        known.sort_unstable_by_key(|seen| order(seen));
        for seen in &known {
            facts.note_witness(seen);
        }
        let trusted = known.into_iter().filter(|seen| !seen.doubted);
        let mut newest: BTreeMap<_, &Observation> = BTreeMap::new();
        // The last of one key is the newest: that is how they are sorted.
        trusted.for_each(|seen| {
            newest.insert((edge_of(seen), channel(seen.outcome), seen.lane), seen);
        });
        facts.take_beats(&newest, now_ms);
        facts.take_kernels(&newest, now_ms);
        facts.take_ports(belief, &evidence.ports);
        facts
    }

    /// The newest sign that a member lives, whoever heard it and wherever.
    pub(super) fn life_of(&self, host: HostIx) -> Option<u64> {
        let heard = self.heard_of(host).iter().map(|sign| sign.at_ms).max();
        heard.max(self.words.get(&host).copied())
    }

    /// Signs of life of one member.
    pub(super) fn heard_of(&self, host: HostIx) -> &[Sign] {
        let begin = self.heard.partition_point(|sign| sign.edge.subject < host);
        let length = self.heard[begin..].partition_point(|sign| sign.edge.subject == host);
        &self.heard[begin..begin + length]
    }

    fn note_witness(&mut self, seen: &Observation) {
        self.reported.insert(edge_of(seen));
        if let Vantage::Host { host, .. } = seen.from {
            let word = self.words.entry(host).or_default();
            *word = (*word).max(seen.at_ms);
            if seen.doubted {
                self.doubting.insert(host);
            }
        }
    }

    /// Lanes of one edge are one path to us: any lane that is heard carries it.
    fn take_beats(&mut self, newest: &Newest<'_>, now_ms: u64) {
        let mut heard: BTreeMap<Edge, u64> = BTreeMap::new();
        let mut silent: BTreeMap<Edge, Window> = BTreeMap::new();
        for (&(edge, ..), seen) in newest {
            match seen.outcome {
                Outcome::Heard => {
                    let at = heard.entry(edge).or_default();
                    *at = (*at).max(seen.last_heard_ms.unwrap_or(seen.at_ms).min(seen.at_ms));
                }
                Outcome::Silent if seen.at_ms.saturating_add(SILENT_LIFE_MS) >= now_ms => {
                    let lane = Window::new(seen.last_heard_ms.unwrap_or(0), seen.first_bad_ms);
                    let all = silent.entry(edge).or_insert(lane);
                    *all = Window::new(all.lo.max(lane.lo), all.hi.min(lane.hi));
                }
                Outcome::Silent | Outcome::Refused | Outcome::Echo => {}
            }
        }
        silent.retain(|edge, window| heard.get(edge).is_none_or(|&at| at < window.hi));
        self.silent = silent.into_iter().map(|(edge, window)| Silent { edge, window }).collect();
        self.heard = heard.into_iter().map(|(edge, at_ms)| Sign { edge, at_ms }).collect();
    }

    fn take_kernels(&mut self, newest: &Newest<'_>, now_ms: u64) {
        for (&(edge, ..), seen) in newest {
            let stands = seen.at_ms.saturating_add(KERNEL_LIFE_MS) >= now_ms;
            let sign = Sign { edge, at_ms: seen.at_ms };
            match seen.outcome {
                Outcome::Refused if stands => self.refused.push(sign),
                Outcome::Echo if stands => self.echo.push(sign),
                Outcome::Refused | Outcome::Echo | Outcome::Heard | Outcome::Silent => {}
            }
        }
    }

    fn take_ports(&mut self, belief: &Belief, ports: &[PortObservation]) {
        let mut newest: BTreeMap<(HostIx, u8), (u64, PortObservation)> = BTreeMap::new();
        for port in ports.iter().filter(|port| belief.leg(port.host, port.leg).is_some()) {
            let word = self.words.entry(port.host).or_default();
            *word = (*word).max(port.at_ms);
            let told = (port.at_ms, *port);
            let kept = newest.entry((port.host, port.leg)).or_insert(told);
            *kept = (*kept).max(told);
        }
        self.ports = newest.into_values().map(|(_, port)| port).collect();
    }
}

type Newest<'a> = BTreeMap<(Edge, u8, u8), &'a Observation>;

fn edge_of(seen: &Observation) -> Edge {
    Edge { subject: seen.subject, leg: seen.leg, from: seen.from }
}

/// A beat replaces a silence and the other way round; what a kernel answers stands beside both.
fn channel(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::Silent | Outcome::Heard => 0,
        Outcome::Refused => 1,
        Outcome::Echo => 2,
    }
}

/// A total order in which the newest of one witness comes last, whatever order the evidence came in.
fn order(seen: &Observation) -> impl Ord + use<> {
    (seen.at_ms, *seen)
}

fn is_known(belief: &Belief, seen: &Observation) -> bool {
    let witness = match seen.from {
        Vantage::Judge => true,
        Vantage::Host { host, leg } => host != seen.subject && belief.leg(host, leg).is_some(),
    };
    witness && belief.leg(seen.subject, seen.leg).is_some()
}
