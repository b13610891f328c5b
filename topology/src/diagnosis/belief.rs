//! What the judge believes of the wiring.
//!
//! # Invariants
//! - [`Belief::behind`] names exactly the hosts with a leg on that switch, sorted, each once. So a judgement looks
//!   at the region it touches and never walks the whole site.

use super::types::{HostIx, SwitchIx, Vantage};

/// How far an attachment may be relied on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Trust {
    /// Told first-hand by a frame within its TTL, no carrier bounce since: may veto.
    Fresh,
    /// Cached, given or expired: a cost, never a veto.
    Stale,
}

/// One way to reach a host: a NIC, its cable and the port it hangs on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LegBelief {
    /// The switch behind it, `None` while unknown.
    pub switch: Option<SwitchIx>,
    /// How that is known.
    pub trust: Trust,
    /// Who must report the silence of this leg: its ring neighbours whose edges testify, for a delegate those of
    /// the site ring too. One that could report and does not counts against the silence. Empty: nobody owes.
    pub watchers: Vec<Vantage>,
}

/// A host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostBelief {
    /// It should be there. `false` for a vacated slot and for a host that said goodbye.
    pub expected: bool,
    /// Its legs; an observation names one by its place here.
    pub legs: Vec<LegBelief>,
}

/// A switch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SwitchBelief {
    /// The other half of its MLAG pair, where that is known.
    pub mlag_peer: Option<SwitchIx>,
    /// Maintenance is announced, or it announced its own reload.
    pub planned: bool,
}

/// Where the judge stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JudgeAt {
    /// On the site's core, behind no access switch.
    Fabric,
    /// On these access switches.
    Legs(Vec<SwitchIx>),
}

/// The wiring of a site as its judge believes it. Kept up to date by its owner, one host or switch at a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Belief {
    hosts: Vec<HostBelief>,
    switches: Vec<SwitchBelief>,
    behind: Vec<Vec<HostIx>>,
    judge: JudgeAt,
}

impl Belief {
    /// An empty site with its judge.
    pub fn new(judge: JudgeAt) -> Self {
        Self { hosts: Vec::new(), switches: Vec::new(), behind: Vec::new(), judge }
    }

    /// Where the judge stands.
    pub fn judge(&self) -> &JudgeAt {
        &self.judge
    }

    /// The judge stands elsewhere.
    pub fn set_judge(&mut self, judge: JudgeAt) {
        self.judge = judge;
    }

    /// A host, `None` for a number never set.
    pub fn host(&self, host: HostIx) -> Option<&HostBelief> {
        self.hosts.get(host.0 as usize)
    }

    /// A switch; one that was only named by a leg is an ordinary switch without a peer.
    pub fn switch(&self, switch: SwitchIx) -> SwitchBelief {
        self.switches.get(switch.0 as usize).copied().unwrap_or_default()
    }

    /// The hosts with a leg on that switch, sorted.
    pub fn behind(&self, switch: SwitchIx) -> &[HostIx] {
        self.behind.get(switch.0 as usize).map_or(&[], Vec::as_slice)
    }

    /// The switch behind a leg, where there is such a leg and its switch is known.
    pub fn switch_of(&self, host: HostIx, leg: u8) -> Option<SwitchIx> {
        self.leg(host, leg)?.switch
    }

    /// A leg.
    pub fn leg(&self, host: HostIx, leg: u8) -> Option<&LegBelief> {
        self.host(host)?.legs.get(usize::from(leg))
    }

    /// Replaces what is believed of a host. Numbers are dense: slots below it that were never set are vacant.
    /// Legs beyond the 255th cannot be named by any observation and are dropped.
    pub fn set_host(&mut self, host: HostIx, mut belief: HostBelief) {
        belief.legs.truncate(usize::from(u8::MAX));
        let place = host.0 as usize;
        if place >= self.hosts.len() {
            self.hosts.resize(place + 1, HostBelief::default());
        }
        for switch in switches_of(&self.hosts[place]) {
            let behind = &mut self.behind[switch.0 as usize];
            if let Ok(found) = behind.binary_search(&host) {
                behind.remove(found);
            }
        }
        for switch in switches_of(&belief) {
            self.make_room(switch);
            let behind = &mut self.behind[switch.0 as usize];
            if let Err(gap) = behind.binary_search(&host) {
                behind.insert(gap, host);
            }
        }
        self.hosts[place] = belief;
    }

    /// Replaces what is believed of a switch.
    pub fn set_switch(&mut self, switch: SwitchIx, belief: SwitchBelief) {
        self.make_room(switch);
        self.switches[switch.0 as usize] = belief;
    }

    fn make_room(&mut self, switch: SwitchIx) {
        let length = switch.0 as usize + 1;
        if self.switches.len() < length {
            self.switches.resize(length, SwitchBelief::default());
            self.behind.resize(length, Vec::new());
        }
    }
}

fn switches_of(host: &HostBelief) -> Vec<SwitchIx> {
    host.legs.iter().filter_map(|leg| leg.switch).collect()
}
