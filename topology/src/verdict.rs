//! What an operator may be told, and how severe it is.
//!
//! The names are a contract: they stand in every output, and where several are possible they are printed
//! sorted and joined by `|`.

use core::fmt;

use serde::{Deserialize, Serialize};

macro_rules! verdicts {
    ($($(#[$doc:meta])* $name:ident = $number:literal),* $(,)?) => {
        /// The one name of what broke.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "u32", into = "u32")]
        pub enum Verdict { $($(#[$doc])* $name),* }

        impl Verdict {
            /// Every verdict, in the order of their numbers.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The name as printed.
            pub fn word(self) -> &'static str {
                match self { $(Self::$name => stringify!($name)),* }
            }

            /// Its number on the wire; never reused.
            pub fn number(self) -> u32 {
                match self { $(Self::$name => $number),* }
            }
        }
    };
}

verdicts! {
    /// A host is dead: every leg of it silent on two switches, or a new boot id at its return.
    HostDown = 1,
    /// A host, or the only link to it: one path is silent and nothing tells the two apart.
    HostOrCable = 2,
    /// The kernel answers, the probe neither answers nor refuses.
    HostHung = 3,
    /// The kernel refuses the probe's port: the probe is gone, the host lives.
    ProbeDown = 4,
    /// Silent for a while and back with the same boot.
    HostSlow = 5,
    /// Back with another boot id.
    HostRestarted = 6,
    /// Members of a healed cause that did not come back.
    NotReturned = 7,
    /// One link loses datagrams, or the cable of one host proved to be the cause.
    LinkDegraded = 8,
    /// A redundant leg is lost; no outage.
    RedundancyLost = 9,
    /// A switch forwards nothing.
    SwitchDown = 10,
    /// A switch works badly, or its control plane is gone.
    SwitchDegraded = 11,
    /// A switch lives, cut off from its site.
    UplinkCut = 12,
    /// The two sides of an MLAG pair lost each other.
    PeerLinkSplit = 13,
    /// A line card or stack member.
    ModuleDown = 14,
    /// A feed of a rack.
    RackPower = 15,
    /// Several members at one instant, cause unknown.
    SharedFate = 16,
    /// The default gateway of a prefix.
    GatewayDown = 17,
    /// One path of several through the fabric.
    FabricPathFault = 18,
    /// Monitoring itself is blocked by a filter.
    MonitoringBlocked = 19,
    /// A broadcast storm.
    L2Storm = 20,
    /// A site without power.
    SiteDark = 21,
    /// A site that lives, unreachable.
    SiteCut = 22,
    /// A site in two halves.
    SiteSplit = 23,
    /// One WAN path.
    WanPathFault = 24,
    /// A site relay.
    RelayDown = 25,
    /// The CMA lost all its sites.
    CmaCut = 26,
    /// A certificate near its end.
    CertificateExpiry = 27,
    /// Two hosts with one identity.
    IdentityConflict = 28,
    /// A host hangs on another port than before.
    WiringChanged = 29,
    /// A service on a live host.
    ServiceDown = 30,
    /// Opened and closed too often to be told one by one.
    Flapping = 31,
    /// Announced beforehand.
    Planned = 32,
}

impl Verdict {
    /// The verdict of a number from the wire.
    pub fn from_number(number: u32) -> Option<Self> {
        Self::ALL.iter().copied().find(|verdict| verdict.number() == number)
    }

    /// The verdict of its printed name.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|verdict| verdict.word() == word)
    }
}

/// A number that stands for no verdict: written by a newer version, or damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} is no verdict's number")]
pub struct NoVerdict(pub u32);

impl TryFrom<u32> for Verdict {
    type Error = NoVerdict;

    fn try_from(number: u32) -> Result<Self, NoVerdict> {
        Self::from_number(number).ok_or(NoVerdict(number))
    }
}

impl From<Verdict> for u32 {
    fn from(verdict: Verdict) -> Self {
        verdict.number()
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// Who should hear of it, and how soon. Ordered: the worse, the greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Severity {
    /// Kept, shown, sent to nobody.
    Log,
    /// Somebody should look in working hours.
    Ticket,
    /// Somebody is woken.
    Page,
}

impl Severity {
    /// The word used in every output.
    pub fn word(self) -> &'static str {
        match self {
            Self::Log => "log",
            Self::Ticket => "ticket",
            Self::Page => "page",
        }
    }
}

/// How much an operator cares for a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub enum Class {
    /// Comes and goes; its end is no news.
    Ephemeral,
    /// As most hosts are.
    #[default]
    Normal,
    /// Somebody is woken when it dies.
    Critical,
}

/// What an incident takes with it: the other half of its severity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Impact {
    /// Members that cannot be reached any more by any leg.
    pub silent: u32,
    /// The most cared for among them.
    pub class: Class,
    /// How long it has been open, in seconds.
    pub open_s: u32,
}

/// The severity of one verdict with its impact.
///
/// The rules are the third of the incident rules; a verdict not named there is a ticket.
pub fn severity(verdict: Verdict, impact: Impact) -> Severity {
    use Verdict as V;
    match verdict {
        V::SiteDark
        | V::SiteCut
        | V::SiteSplit
        | V::CmaCut
        | V::GatewayDown
        | V::L2Storm
        | V::NotReturned => Severity::Page,
        V::HostHung => match impact.class {
            Class::Ephemeral => Severity::Log,
            Class::Normal | Class::Critical => Severity::Page,
        },
        V::SwitchDown | V::UplinkCut | V::RackPower | V::ModuleDown | V::SharedFate | V::PeerLinkSplit => {
            if impact.silent > 0 {
                Severity::Page
            } else {
                Severity::Ticket
            }
        }
        V::HostDown | V::HostOrCable => match impact.class {
            Class::Ephemeral => Severity::Log,
            Class::Normal => Severity::Ticket,
            Class::Critical => Severity::Page,
        },
        // A probe that is restarted within ten seconds is nobody's business.
        V::ProbeDown => match impact.class {
            Class::Normal | Class::Critical if impact.open_s >= 10 => Severity::Ticket,
            Class::Normal | Class::Critical | Class::Ephemeral => Severity::Log,
        },
        V::HostSlow | V::HostRestarted | V::WiringChanged | V::Planned => Severity::Log,
        V::LinkDegraded
        | V::RedundancyLost
        | V::SwitchDegraded
        | V::FabricPathFault
        | V::MonitoringBlocked
        | V::WanPathFault
        | V::RelayDown
        | V::CertificateExpiry
        | V::IdentityConflict
        | V::ServiceDown
        | V::Flapping => Severity::Ticket,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_words_are_unique_and_round_trip() {
        for &verdict in Verdict::ALL {
            assert_eq!(Verdict::from_number(verdict.number()), Some(verdict));
            assert_eq!(Verdict::from_word(verdict.word()), Some(verdict));
        }
        assert_eq!(Verdict::from_number(0), None);
    }

    #[test]
    fn severity_follows_verdict_class_and_impact() {
        let one = Impact { silent: 1, ..Impact::default() };
        let critical = Impact { class: Class::Critical, ..one };
        let ephemeral = Impact { class: Class::Ephemeral, ..one };
        let late = Impact { open_s: 10, ..one };
        let cases = [
            (Verdict::SwitchDown, one, Severity::Page),
            (Verdict::SwitchDown, Impact::default(), Severity::Ticket),
            (Verdict::HostOrCable, one, Severity::Ticket),
            (Verdict::HostOrCable, critical, Severity::Page),
            (Verdict::HostOrCable, ephemeral, Severity::Log),
            (Verdict::HostHung, one, Severity::Page),
            (Verdict::HostHung, ephemeral, Severity::Log),
            (Verdict::ProbeDown, one, Severity::Log),
            (Verdict::ProbeDown, late, Severity::Ticket),
            (Verdict::HostSlow, critical, Severity::Log),
            (Verdict::Planned, critical, Severity::Log),
            (Verdict::RelayDown, one, Severity::Ticket),
        ];
        for (verdict, impact, want) in cases {
            assert_eq!(severity(verdict, impact), want, "{verdict} {impact:?}");
        }
    }
}
