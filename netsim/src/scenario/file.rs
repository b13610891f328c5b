//! A scenario file as it is written. What is not named here is refused.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

use super::text::HowLong;

/// The whole file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    pub(super) title: Option<String>,
    pub(super) seed: Option<u64>,
    pub(super) settle: Option<HowLong>,
    pub(super) duration: Spanned<HowLong>,
    pub(super) lossless_after: Option<Spanned<HowLong>>,
    pub(super) topology: Spanned<Topology>,
    pub(super) protocol: Option<Protocol>,
    pub(super) invariants: Option<Spanned<BTreeMap<String, Spanned<bool>>>>,
    #[serde(default)]
    pub(super) faults: Vec<Spanned<Fault>>,
    #[serde(default)]
    pub(super) expect: Vec<Spanned<Expect>>,
}

/// `[topology]`: sites that look the same, or each spelled out.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Topology {
    pub(super) sites: Option<Spanned<u64>>,
    pub(super) switches: Option<Spanned<u64>>,
    pub(super) hosts: Option<Spanned<u64>>,
    pub(super) dual_homed: Option<Spanned<u64>>,
    pub(super) lldp_every: Option<Spanned<HowLong>>,
    pub(super) loss_permille: Option<Spanned<u64>>,
    pub(super) wan_delay: Option<HowLong>,
    pub(super) wan_loss_permille: Option<Spanned<u64>>,
    pub(super) spines: Option<Spanned<u64>>,
    pub(super) line_cards: Option<Spanned<u64>>,
    pub(super) feeds: Option<Spanned<u64>>,
    pub(super) domains: Option<Spanned<u64>>,
    pub(super) pairs: Option<Spanned<bool>>,
    pub(super) bond: Option<Spanned<String>>,
    pub(super) announce: Option<Spanned<String>>,
    pub(super) wan: Option<Spanned<String>>,
    pub(super) wan_hop: Option<HowLong>,
    #[serde(default)]
    pub(super) site: Vec<Spanned<Site>>,
    pub(super) branches: Option<Spanned<Branches>>,
}

/// `[topology.branches]`: branch offices, behind all other sites.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Branches {
    pub(super) count: Spanned<u64>,
    pub(super) hosts: Spanned<Vec<Spanned<u64>>>,
    pub(super) switches: Option<Spanned<Vec<Spanned<u64>>>>,
    pub(super) wan_delay: Option<HowLong>,
    pub(super) wan_loss_permille: Option<Spanned<u64>>,
}

/// `[[topology.site]]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Site {
    pub(super) hosts: Vec<Spanned<u64>>,
    #[serde(default)]
    pub(super) dual_homed: Vec<Spanned<Vec<u64>>>,
    pub(super) branch: Option<Spanned<bool>>,
    pub(super) wan_delay: Option<HowLong>,
    pub(super) wan_loss_permille: Option<Spanned<u64>>,
}

/// `[protocol]`: constants of the relays.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Protocol {
    pub(super) close_hold: Option<Spanned<HowLong>>,
    pub(super) settle: Option<Spanned<HowLong>>,
    pub(super) boot_grace: Option<Spanned<HowLong>>,
}

/// `[[faults]]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Fault {
    pub(super) name: Option<Spanned<String>>,
    pub(super) kind: Spanned<String>,
    pub(super) on: Option<Spanned<String>>,
    pub(super) at: Option<Spanned<HowLong>>,
    pub(super) between: Option<Spanned<[HowLong; 2]>>,
    pub(super) lasts: Option<Spanned<HowLong>>,
    pub(super) per_day: Option<Spanned<u64>>,
    pub(super) if_whole: Option<bool>,
    pub(super) port: Option<Spanned<String>>,
    pub(super) delay: Option<Spanned<HowLong>>,
    pub(super) loss_permille: Option<Spanned<u64>>,
    pub(super) reason: Option<Spanned<String>>,
    pub(super) back_within: Option<Spanned<HowLong>>,
    pub(super) flaps: Option<Spanned<HowLong>>,
    pub(super) spine: Option<Spanned<u64>>,
    pub(super) card: Option<Spanned<u64>>,
    pub(super) feed: Option<Spanned<u64>>,
    pub(super) way: Option<Spanned<String>>,
    pub(super) udp_port: Option<Spanned<u16>>,
    pub(super) larger_than: Option<Spanned<u16>>,
    pub(super) domain: Option<Spanned<u64>>,
    pub(super) poses_as: Option<Spanned<String>>,
    pub(super) to: Option<Spanned<String>>,
    pub(super) of: Option<Spanned<String>>,
    pub(super) each: Option<Spanned<HowLong>>,
    pub(super) ppm: Option<Spanned<i32>>,
    pub(super) ahead: Option<Spanned<HowLong>>,
    pub(super) behind: Option<Spanned<HowLong>>,
    pub(super) permille: Option<Spanned<u64>>,
}

/// `[[expect]]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Expect {
    pub(super) verdict: Option<Spanned<String>>,
    pub(super) about: Option<Spanned<String>>,
    pub(super) about_set: Option<Spanned<String>>,
    pub(super) alternatives: Option<Spanned<String>>,
    pub(super) within: Option<Spanned<HowLong>>,
    pub(super) after: Option<Spanned<String>>,
    pub(super) after_end_of: Option<Spanned<String>>,
    pub(super) state: Option<Spanned<String>>,
    pub(super) behind: Option<Spanned<usize>>,
    pub(super) nothing_about: Option<Spanned<String>>,
    pub(super) incidents_max: Option<Spanned<usize>>,
    pub(super) pages_max: Option<Spanned<usize>>,
    pub(super) datagrams_max: Option<Spanned<u64>>,
    pub(super) wan_bytes_max: Option<Spanned<u64>>,
    pub(super) on: Option<Spanned<String>>,
    pub(super) class: Option<Spanned<String>>,
    pub(super) whole_at_end: Option<Spanned<bool>>,
}
