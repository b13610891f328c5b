//! Verdicts in plain words, for whoever was just woken.

use ringmesh_topology::verdict::Verdict;

/// What a verdict says of its subject; nothing of a word that this version does not know.
pub(crate) fn of(verdict: &str) -> Option<&'static str> {
    Verdict::from_word(verdict).map(gloss)
}

fn gloss(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::HostDown => "the host is dead",
        Verdict::HostOrCable => "the host is dead, or the only link to it is",
        Verdict::HostHung => "its kernel answers, its processes do not",
        Verdict::ProbeDown => "its probe does not run, the host lives",
        Verdict::HostSlow => "it was silent for a while, and is back without a reboot",
        Verdict::HostRestarted => "it was rebooted",
        Verdict::NotReturned => "the cause is healed, and these did not come back",
        Verdict::LinkDegraded => "the link to it is bad: cable, optic or port",
        Verdict::RedundancyLost => "one of several legs is lost; nothing is unreachable",
        Verdict::SwitchDown => "the switch forwards nothing",
        Verdict::SwitchDegraded => "the switch works badly, or its control plane is gone",
        Verdict::UplinkCut => "the switch lives, but nothing passes its uplink",
        Verdict::PeerLinkSplit => "the two switches of a pair lost each other",
        Verdict::ModuleDown => "a line card or a stack member is dead",
        Verdict::RackPower => "the rack has no power",
        Verdict::SharedFate => "they fell silent at one moment; what they share is not known",
        Verdict::GatewayDown => "the default gateway is dead",
        Verdict::FabricPathFault => "one of several paths through the fabric is broken",
        Verdict::MonitoringBlocked => {
            "a filter drops what probes send each other; nothing else is known to be broken"
        }
        Verdict::L2Storm => "a broadcast storm",
        Verdict::SiteDark => "the site has no power",
        Verdict::SiteCut => "the site lives, and cannot be reached",
        Verdict::SiteSplit => "the site fell into two halves",
        Verdict::WanPathFault => "one way to the site is broken, another one works",
        Verdict::RelayDown => "the relay does not run; its site lives, and nobody watches it for us",
        Verdict::CmaCut => "this CMA is cut off from its sites: nothing is known of them now",
        Verdict::CertificateExpiry => "a certificate ends soon, or has ended",
        Verdict::IdentityConflict => "two hosts claim to be the same one",
        Verdict::WiringChanged => "it hangs on another port than before",
        Verdict::ServiceDown => "a service is dead, its host lives",
        Verdict::Flapping => "it comes and goes too often to tell each time",
        Verdict::Planned => "announced beforehand; nobody is paged",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_verdict_says_something_of_its_own() {
        let said: std::collections::BTreeSet<_> =
            Verdict::ALL.iter().map(|verdict| of(verdict.word())).collect();
        assert!(said.len() == Verdict::ALL.len() && !said.contains(&None));
        assert_eq!(of("Nonsense"), None);
    }
}
