//! The network between sites: a router with one leg to each site and one to the CMA.
//!
//! What it loses it loses as a provider does: in the middle, without a word. No port goes down, nobody
//! answers "unreachable", no connection is reset. Slow legs and leaky ones are carried by a process of ours,
//! because a kernel without `netem` has nothing that delays.

mod carry;
mod line;
mod tap;

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use super::command::ip_batch;
use super::error::LabError;
use super::plan::{Plan, WAN, WanLeg};
use super::roles::{Launch, Role};
use super::running::Lab;

pub(super) use carry::{End, Leg, carry};
pub(super) use tap::require_tap;

/// How good the legs of the WAN are. The default is a cable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quality {
    /// Each frame is this long on its way through a leg, in either direction.
    pub delay_ms: u16,
    /// Of a thousand frames, how many are lost in a leg, in either direction.
    pub loss_permille: u16,
    /// Of the draw which ones.
    pub seed: u64,
}

impl Quality {
    /// Whether a plain cable will do.
    pub fn is_perfect(self) -> bool {
        self.delay_ms == 0 && self.loss_permille == 0
    }

    /// In words: `40 ms, 0.5 % lost on each leg`.
    pub fn words(self) -> String {
        let whole = self.loss_permille / 10;
        let loss = match self.loss_permille % 10 {
            0 => whole.to_string(),
            tenths => format!("{whole}.{tenths}"),
        };
        format!("{} ms, {loss} % lost on each leg, each way", self.delay_ms)
    }
}

impl WanLeg {
    /// The name of the process that carries it.
    pub(super) fn process_name(&self) -> String {
        format!("{WAN}-{}", self.name)
    }
}

/// Why nothing passes a leg. Each has rules of its own, so that one never heals the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cut {
    /// Somebody cut it.
    Wan,
    /// Its site has no power; the provider's router does not tell anybody.
    Power,
}

impl Cut {
    /// Where its rules stand among the router's.
    fn preference(self, leg: &WanLeg) -> u16 {
        let base = match self {
            Self::Wan => 100,
            Self::Power => 200,
        };
        base + u16::from(leg.number)
    }
}

/// What joins the router and the other end of every leg.
///
/// # Errors
/// As of `ip`.
pub(super) fn lay(plan: &Plan, quality: Quality) -> Result<(), LabError> {
    let router = plan.netns(WAN);
    for leg in &plan.wan {
        if quality.is_perfect() {
            let cable = format!(
                "link add {} netns {router} type veth peer name {} netns {}\n",
                leg.name, leg.ifname, leg.netns
            );
            ip_batch(None, &cable)?;
        } else {
            ip_batch(Some(&router), &format!("tuntap add dev {} mode tap\n", leg.name))?;
            ip_batch(Some(&leg.netns), &format!("tuntap add dev {} mode tap\n", leg.ifname))?;
        }
    }
    Ok(())
}

/// Addresses and routes of the router.
pub(super) fn routes(plan: &Plan) -> String {
    let mut lines = String::from("link set dev lo up\n");
    for WanLeg { name, router, address, behind, netns, .. } in &plan.wan {
        let _ = write!(lines, "addr add {router}/24 dev {name}\nlink set dev {name} up\n");
        if plan.sites.iter().any(|site| site.core == *netns) {
            let _ = writeln!(lines, "route add {behind} via {address}");
        }
    }
    lines
}

/// The other end of a leg: its address and the way to everything else.
pub(super) fn leg_up(leg: &WanLeg) -> String {
    let WanLeg { ifname, address, router, .. } = leg;
    format!(
        "addr replace {address}/24 dev {ifname}\nlink set dev {ifname} up\nroute replace default via {router}\n"
    )
}

/// From now on, or no longer, the router swallows what comes over a leg and what is meant for it.
///
/// # Errors
/// As of `ip`.
pub(super) fn swallow(plan: &Plan, leg: &WanLeg, why: Cut, on: bool) -> Result<(), LabError> {
    let word = if on { "add" } else { "del" };
    let preference = why.preference(leg);
    let rule = |what: &str| format!("rule {word} pref {preference} {what} type blackhole\n");
    let lines = rule(&format!("iif {}", leg.name)) + &rule(&format!("to {}", leg.behind));
    ip_batch(Some(&plan.netns(WAN)), &lines)
}

/// How the process that carries a leg is started; `None` where there is no such leg, or it is a plain cable.
pub(super) fn launch(lab: &Lab, process: &str) -> Option<Launch> {
    let quality = lab.state.wan;
    let leg = lab.plan.wan.iter().find(|leg| leg.process_name() == process)?;
    if quality.is_perfect() {
        return None;
    }
    let router = lab.plan.netns(WAN);
    let words = [
        "lab".into(),
        "carry".into(),
        format!("--near={}/{}", leg.netns, leg.ifname),
        format!("--far={router}/{}", leg.name),
        format!("--delay-ms={}", quality.delay_ms),
        format!("--loss-permille={}", quality.loss_permille),
        format!("--seed={}", quality.seed),
        format!("--leg={}", leg.number),
    ];
    Some(Launch {
        name: process.into(),
        role: Role::Wan,
        netns: router,
        program: lab.state.bin_dir.join("ringmesh-netsim"),
        args: words.into_iter().map(Into::into).collect(),
        log: lab.files.log(WAN, process),
    })
}

#[cfg(test)]
mod tests {
    use super::super::size::Size;
    use super::*;

    #[test]
    fn the_router_knows_the_way_to_every_site_and_none_through_another() {
        let plan = Plan::new("x", &Size::default().of_sites(2).unwrap().into());
        let lines = routes(&plan);
        for line in
            ["addr add 10.76.0.1/24 dev cma", "route add 10.77.0.0/16 via 10.76.1.2", "link set dev s2 up"]
        {
            assert!(lines.contains(line), "{line}: {lines}");
        }
        assert_eq!(lines.matches("route add").count(), 2, "the CMA hangs on its leg itself: {lines}");
    }

    #[test]
    fn no_two_cuts_share_a_rule() {
        let plan = Plan::new("x", &Size::default().of_sites(8).unwrap().into());
        let mut all: Vec<u16> =
            plan.wan.iter().flat_map(|leg| [Cut::Wan, Cut::Power].map(|why| why.preference(leg))).collect();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 18);
    }

    #[test]
    fn a_leg_is_told_in_words() {
        let words = |delay_ms, loss_permille| Quality { delay_ms, loss_permille, seed: 1 }.words();
        assert_eq!(words(40, 5), "40 ms, 0.5 % lost on each leg, each way");
        assert_eq!(words(0, 100), "0 ms, 10 % lost on each leg, each way");
    }
}
