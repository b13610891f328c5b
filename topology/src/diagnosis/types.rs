//! What the judge is told and what it answers.
//!
//! All instants are milliseconds of the judge's own monotonic time; whoever fills them in has already
//! subtracted the age that a witness told. Costs and odds are integer millibits (1/1000 bit) and permille.

use crate::verdict::Verdict;

/// A host's dense number within its site.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostIx(pub u32);

/// A switch's dense number within its site.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SwitchIx(pub u32);

/// Who saw something, and by which port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Vantage {
    /// The judge itself: its sealed pings, its place in the site ring.
    Judge,
    /// A member.
    Host {
        /// The member.
        host: HostIx,
        /// Which of its legs it used.
        leg: u8,
    },
}

/// What came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// No beat within its deadline, or no pong to any ping.
    Silent,
    /// The member's own address refused the port: its kernel lives, its probe is gone.
    Refused,
    /// The kernel answered an ICMP echo; says nothing about the probe.
    Echo,
    /// A beat or a pong: probe, host and path live.
    Heard,
}

/// One thing one witness saw of one leg of one member.
///
/// A witness that says anything at all is itself heard at `at_ms`: tell its doubted observations too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Observation {
    /// Who saw it.
    pub from: Vantage,
    /// Of whom.
    pub subject: HostIx,
    /// By which leg of the subject.
    pub leg: u8,
    /// On which lane.
    pub lane: u8,
    /// What.
    pub outcome: Outcome,
    /// The last sign of life on this path before `first_bad_ms`; `None` where it is not known (the onset may
    /// then be any instant up to `first_bad_ms`). For `Heard`: the instant of the beat, `None` meaning `at_ms`.
    pub last_heard_ms: Option<u64>,
    /// The first beat that is missing (not the deadline that noticed it), or the first unanswered ping.
    /// Of no meaning for `Heard`.
    pub first_bad_ms: u64,
    /// The newest instant for which the witness says so.
    pub at_ms: u64,
    /// The witness doubts itself (its own timers ran late): no evidence about the subject.
    pub doubted: bool,
}

/// What a live member says of its own leg, first-hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PortObservation {
    /// The member.
    pub host: HostIx,
    /// Its leg.
    pub leg: u8,
    /// Whether the port has carrier.
    pub carrier_up: bool,
    /// Since when.
    pub since_ms: u64,
    /// The newest instant for which it says so.
    pub at_ms: u64,
}

/// Everything seen: a set. Order and repetition mean nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Evidence {
    /// What was seen of members.
    pub observations: Vec<Observation>,
    /// What members said of their own ports.
    pub ports: Vec<PortObservation>,
    /// The newest instant at which the judge heard somebody who is no member *through the site's core*: the
    /// CMA, a standby, another site. Clears the judge's own branch. `None` where nobody was heard.
    pub outside_heard_ms: Option<u64>,
}

/// What can break. A set that broke together without a name of its own is a `SharedFate`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Component {
    /// A host: its power, kernel or probe.
    Host(HostIx),
    /// One NIC with its cable and the switch port.
    Leg(HostIx, u8),
    /// A switch.
    Switch(SwitchIx),
    /// All that joins a switch to the core.
    Uplink(SwitchIx),
    /// The link of a switch to its MLAG peer, lost so that this switch suspends its ports.
    PeerLink(SwitchIx),
    /// Whatever joins the switches of the site.
    Fabric,
    /// What joins the judge to the rest: its leg or legs.
    JudgeBranch,
    /// The members of the explanation, by a cause they share and we do not know.
    SharedFate,
}

/// How a component is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mode {
    /// Dead: nothing passes, nothing answers, its links lose carrier.
    Down,
    /// Its links keep carrier, nothing passes.
    DataPlane,
    /// It lives and is cut off from all that is outside of it.
    Isolated,
    /// A host whose kernel lives and whose probe is gone.
    ProcessDown,
    /// A host whose kernel answers and whose processes do not run.
    UserspaceHung,
}

/// An incident that is open at the judge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenIncident {
    /// The judge's number of it; given back in [`Explanation::adopted`].
    pub index: u32,
    /// What it may be, as it was last judged: the likeliest first, and one alone where that was proved.
    pub components: Vec<Component>,
    /// The members it took.
    pub members: Vec<HostIx>,
    /// Its onset: not before, not after.
    pub onset_ms: (u64, u64),
}

/// One cause the evidence allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Alternative {
    /// The subject. That of `UplinkCut` is the uplink *of* a switch: operators are told the switch.
    pub component: Component,
    /// What it would be.
    pub verdict: Verdict,
    /// What believing it costs, together with all else that is believed; less is better.
    pub cost_millibits: u64,
    /// Its share; those of one explanation sum to 1,000.
    pub permille: u16,
}

/// What is not the cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuledOut {
    /// What it is not.
    pub component: Component,
    /// Who says so, first-hand.
    pub by: Vantage,
}

/// What would tell the alternatives apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Settle {
    /// The kernel's boot ids of the members when they are back.
    BootIds,
    /// Their flight recorders: was the ring heard inside, was carrier lost.
    FlightRecorders,
    /// A dual-homed member of that switch, by its leg on it.
    DualHomedMember,
    /// A second witness that shares no path with the first.
    SecondWitness,
    /// Somebody on the other side of the judge: a standby relay, another site, the CMA.
    OtherRelay,
    /// The hypervisor, or the management controller of the host.
    HypervisorOrBmc,
}

/// A check that costs one question to a member and would split the alternatives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Check {
    /// Who should look, and by which of its legs.
    pub by: Vantage,
    /// At whom ..
    pub subject: HostIx,
    /// .. and by which leg of it.
    pub leg: u8,
}

/// One cause with all it takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// What it may be, best first; never empty. More than one subject among them means undetermined.
    pub alternatives: Vec<Alternative>,
    /// The silent members it explains, reachable by no leg; sorted. Each silent member is in one explanation.
    pub members: Vec<HostIx>,
    /// Legs of living members that are lost with it; sorted.
    pub degraded: Vec<(HostIx, u8)>,
    /// Who saw it; sorted.
    pub witnesses: Vec<Vantage>,
    /// Neither two independent witnesses nor carrier proof support it.
    pub one_witness: bool,
    /// When it began: not before, not after.
    pub onset_ms: (u64, u64),
    /// The open incident it belongs to: the oldest of those it overlaps.
    pub adopted: Option<u32>,
    /// Younger open incidents that turn out to be the same thing; sorted.
    pub absorbed: Vec<u32>,
    /// What it is not, and who says so; sorted.
    pub ruled_out: Vec<RuledOut>,
    /// What would settle it; sorted.
    pub would_settle: Vec<Settle>,
    /// Checks that would split the alternatives, best first.
    pub checks: Vec<Check>,
    /// The judge's own branch is among the alternatives: open a case, page nobody.
    pub never_page: bool,
}

impl Explanation {
    /// What needs no judging: one verdict about one component, known for certain or the only one possible.
    pub fn certain(
        component: Component,
        verdict: Verdict,
        members: Vec<HostIx>,
        onset_ms: (u64, u64),
    ) -> Self {
        Self {
            alternatives: vec![Alternative { component, verdict, cost_millibits: 0, permille: 1_000 }],
            members,
            degraded: Vec::new(),
            witnesses: Vec::new(),
            one_witness: false,
            onset_ms,
            adopted: None,
            absorbed: Vec::new(),
            ruled_out: Vec::new(),
            would_settle: Vec::new(),
            checks: Vec::new(),
            never_page: false,
        }
    }
}

/// What a member says when it is back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HealReport {
    /// The member.
    pub host: HostIx,
    /// Its kernel's boot id is another one.
    pub rebooted: bool,
    /// Its flight recorder: it heard a ring mate on the same switch during the outage. `None`: not recorded.
    pub ring_heard_inside: Option<bool>,
    /// Its flight recorder: the port lost carrier. `None`: not recorded.
    pub carrier_lost: Option<bool>,
}
