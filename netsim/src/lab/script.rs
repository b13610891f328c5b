//! Faults in order, what each must be called, and how soon: data that any engine can run.
//!
//! A script names no process, no namespace and no clock; times are milliseconds from the fault. The lab
//! runs it against real processes, and nothing in it keeps a simulator from running the same.

/// One way to take something away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A host loses its power: links down at once, every process gone. It comes back with a new boot id.
    Host,
    /// The probe is killed; the host lives.
    Probe,
    /// A switch loses its power: every port down, no announcement more.
    Switch,
    /// The link between a switch and the core is down on both ends.
    Uplink,
    /// User space of a host stops; its kernel answers on.
    Pause,
    /// The probe is stopped properly and says goodbye.
    Stop,
    /// A share of the frames is lost on the way out of switch-side ports.
    Loss {
        /// Of a thousand frames.
        permille: u16,
    },
    /// The relay is killed; its machine lives.
    Relay,
    /// The CMA is killed; its machine lives.
    Cma,
    /// What passes between a site and everybody else is lost in the middle, without a word.
    Wan,
    /// A whole site loses its power. Everything in it boots when it is back.
    Site,
}

impl Fault {
    /// All that need no figure.
    pub const PLAIN: [Self; 10] = [
        Self::Host,
        Self::Probe,
        Self::Switch,
        Self::Uplink,
        Self::Pause,
        Self::Stop,
        Self::Relay,
        Self::Cma,
        Self::Wan,
        Self::Site,
    ];

    /// Whether it is over when the machine boots.
    pub fn is_of_a_process(self) -> bool {
        match self {
            Self::Probe | Self::Pause | Self::Stop | Self::Relay | Self::Cma => true,
            Self::Host | Self::Switch | Self::Uplink | Self::Loss { .. } | Self::Wan | Self::Site => false,
        }
    }

    /// The word of the command line.
    pub fn word(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Probe => "probe",
            Self::Switch => "switch",
            Self::Uplink => "uplink",
            Self::Pause => "pause",
            Self::Stop => "stop",
            Self::Loss { .. } => "loss",
            Self::Relay => "relay",
            Self::Cma => "cma",
            Self::Wan => "wan",
            Self::Site => "site",
        }
    }

    /// What is done, for people; the subject's name follows.
    pub fn deed(self) -> &'static str {
        match self {
            Self::Host => "power off",
            Self::Probe => "kill the probe of",
            Self::Switch => "power off",
            Self::Uplink => "cut the uplink of",
            Self::Pause => "stop user space of",
            Self::Stop => "stop the probe of",
            Self::Loss { .. } => "lose frames towards",
            Self::Relay => "kill the relay",
            Self::Cma => "kill the",
            Self::Wan => "cut the WAN of",
            Self::Site => "power off the site",
        }
    }
}

/// What a step does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Start everything and wait until every probe is in the ring of its switch.
    Form,
    /// Break the subject, wait, heal it.
    Break(Fault),
    /// Break the subject and heal it: everything must become what it was, and nothing be told.
    Restart(Fault),
    /// Cut the WAN of the subject's site, break the subject, heal the WAN: the news must arrive. Then heal
    /// the subject.
    BreakUnheard(Fault),
    /// Touch nothing.
    Quiet,
}

/// Whom a step is about, by place rather than by name, so that a script fits any size of network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// Nobody in particular.
    Network,
    /// The n-th (from 0) host that hangs on this switch of this site (both from 1) alone.
    SingleHomed {
        /// Number of the site.
        site: u8,
        /// Number of the switch within it.
        switch: u8,
        /// Which of its single-homed hosts.
        index: u8,
    },
    /// The switch of that number of this site, both from 1.
    Switch {
        /// Number of the site.
        site: u8,
        /// Number of the switch within it.
        switch: u8,
    },
    /// The relay of the site of that number, from 1.
    Relay(u8),
    /// The site of that number, from 1.
    Site(u8),
    /// The CMA.
    Cma,
}

impl Subject {
    /// The site it is in, or is.
    pub fn site(self) -> Option<u8> {
        match self {
            Self::Network | Self::Cma => None,
            Self::SingleHomed { site, .. }
            | Self::Switch { site, .. }
            | Self::Relay(site)
            | Self::Site(site) => Some(site),
        }
    }

    /// The kind of subject that an incident about it has, where its name alone does not tell: a relay's id
    /// names its site too.
    pub fn kind(self) -> Option<&'static str> {
        match self {
            Self::Relay(_) => Some("relay"),
            Self::Site(_) => Some("site"),
            Self::Network | Self::SingleHomed { .. } | Self::Switch { .. } | Self::Cma => None,
        }
    }
}

/// One fault and everything that must and must not follow from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// Stable, for reports.
    pub name: &'static str,
    /// What is done.
    pub action: Action,
    /// To whom.
    pub subject: Subject,
    /// Sites that there must be for it to make sense.
    pub sites: u8,
    /// The verdict while it is broken; "" where none is due.
    pub expected: &'static str,
    /// The honest verdict instead, where no dual-homed member lives to tell two causes apart.
    pub expected_unproved: Option<&'static str>,
    /// The verdict it is closed with.
    pub expected_after_heal: &'static str,
    /// From the fault to the incident opened, at most; 0 where nothing is measured.
    pub within_ms: u32,
    /// How long it stays broken: long enough for its page to be due.
    pub broken_ms: u32,
    /// How long to wait for an incident that is late, so that its lateness is told as a figure.
    pub patience_ms: u32,
    /// Pages allowed, at least and at most.
    pub pages: (u32, u32),
}

impl Step {
    /// The verdict due, given whether a member with a second leg lives on the broken switch.
    pub fn expected_with(&self, proved: bool) -> &'static str {
        match (proved, self.expected_unproved) {
            (false, Some(wider)) => wider,
            (true, _) | (false, None) => self.expected,
        }
    }

    /// The same where other labs want the same processors: it may take that many times as long, as far as anybody
    /// waits for it. What it took is told either way.
    pub fn unhurried(self, times: u32) -> Self {
        Self { within_ms: self.within_ms.saturating_mul(times).min(self.patience_ms), ..self }
    }
}

/// Where the host of severity *page* of a site hangs: its death pages, those of other hosts do not.
pub fn critical_host(site: u8) -> Subject {
    single_homed(site, 1, 0)
}

const fn single_homed(site: u8, switch: u8, index: u8) -> Subject {
    Subject::SingleHomed { site, switch, index }
}

/// The least site on which every step of [`TOUR`] has its subject: switches, single-homed hosts on each.
pub const TOUR_NEEDS: (u8, u8) = (2, 3);

/// The steps of [`TOUR`] that make sense with so many sites.
pub fn tour_of(sites: u8) -> Vec<Step> {
    TOUR.iter().filter(|step| step.sites <= sites).copied().collect()
}

const QUIET: Step = Step {
    name: "quiet",
    action: Action::Quiet,
    subject: Subject::Network,
    sites: 1,
    expected: "",
    expected_unproved: None,
    expected_after_heal: "",
    within_ms: 0,
    broken_ms: 0,
    patience_ms: 0,
    pages: (0, 0),
};

/// The faults every operator knows, one at a time.
///
/// A page of a single host is due 10 s after its silence began, one of a switch or a site 2 s after its
/// incident opened; `broken_ms` leaves room for both. A relay is missed by others after four beats of 2 s.
pub const TOUR: &[Step] = &[
    Step { name: "rings-formed", action: Action::Form, within_ms: 5_000, patience_ms: 30_000, ..QUIET },
    Step {
        name: "host-down",
        action: Action::Break(Fault::Host),
        subject: single_homed(1, 1, 0),
        expected: "HostOrCable",
        // A new boot id at its return proves that it was the host and not the cable.
        expected_after_heal: "HostDown",
        within_ms: 4_000,
        broken_ms: 14_000,
        patience_ms: 20_000,
        pages: (1, 1),
        ..QUIET
    },
    Step {
        name: "probe-killed",
        action: Action::Break(Fault::Probe),
        subject: single_homed(1, 2, 1),
        expected: "ProbeDown",
        expected_after_heal: "ProbeDown",
        within_ms: 2_000,
        broken_ms: 4_000,
        patience_ms: 15_000,
        ..QUIET
    },
    Step {
        name: "switch-down",
        action: Action::Break(Fault::Switch),
        subject: Subject::Switch { site: 1, switch: 2 },
        expected: "SwitchDown",
        expected_unproved: Some("SwitchDown|UplinkCut"),
        expected_after_heal: "SwitchDown",
        within_ms: 5_000,
        broken_ms: 9_000,
        patience_ms: 20_000,
        pages: (1, 1),
        ..QUIET
    },
    Step {
        name: "uplink-cut",
        action: Action::Break(Fault::Uplink),
        subject: Subject::Switch { site: 1, switch: 1 },
        expected: "UplinkCut",
        expected_unproved: Some("SwitchDown|UplinkCut"),
        expected_after_heal: "UplinkCut",
        within_ms: 5_000,
        broken_ms: 9_000,
        patience_ms: 20_000,
        pages: (1, 1),
        ..QUIET
    },
    Step {
        name: "planned-stop",
        action: Action::Break(Fault::Stop),
        subject: single_homed(1, 2, 2),
        expected: "Planned",
        expected_after_heal: "Planned",
        within_ms: 2_000,
        broken_ms: 4_000,
        patience_ms: 15_000,
        ..QUIET
    },
    Step {
        name: "paused",
        action: Action::Break(Fault::Pause),
        subject: single_homed(1, 1, 1),
        expected: "HostHung",
        expected_after_heal: "HostSlow",
        within_ms: 5_000,
        broken_ms: 5_000,
        // Five seconds is the fault itself: it ends whether or not anybody noticed.
        patience_ms: 5_000,
        ..QUIET
    },
    Step {
        name: "wan-cut",
        action: Action::Break(Fault::Wan),
        subject: Subject::Site(2),
        sites: 2,
        // What is not heard may be cut off or without power.
        expected: "SiteCut|SiteDark",
        expected_after_heal: "SiteCut",
        within_ms: 12_000,
        broken_ms: 16_000,
        patience_ms: 30_000,
        pages: (0, 1),
        ..QUIET
    },
    Step {
        name: "relay-killed",
        action: Action::Break(Fault::Relay),
        subject: Subject::Relay(2),
        sites: 2,
        expected: "RelayDown",
        expected_after_heal: "RelayDown",
        within_ms: 12_000,
        broken_ms: 14_000,
        patience_ms: 30_000,
        ..QUIET
    },
    Step {
        name: "cma-killed",
        action: Action::Restart(Fault::Cma),
        subject: Subject::Cma,
        sites: 2,
        within_ms: 10_000,
        broken_ms: 3_000,
        // Nothing leaves a CMA in its first ten seconds: what it would say wrongly comes later.
        patience_ms: 15_000,
        ..QUIET
    },
    Step {
        name: "host-dies-while-cut",
        action: Action::BreakUnheard(Fault::Host),
        subject: single_homed(2, 1, 0),
        sites: 2,
        expected: "HostOrCable",
        expected_after_heal: "HostDown",
        // From the heal of the WAN to its being known.
        within_ms: 10_000,
        broken_ms: 14_000,
        patience_ms: 30_000,
        pages: (0, 1),
        ..QUIET
    },
    QUIET,
];

#[cfg(test)]
mod tests {
    use ringmesh_topology::verdict::Verdict;

    use super::*;

    #[test]
    fn every_expected_verdict_is_one_an_operator_can_be_told() {
        for step in TOUR {
            for words in [Some(step.expected), step.expected_unproved, Some(step.expected_after_heal)] {
                for word in
                    words.into_iter().flat_map(|words| words.split('|')).filter(|word| !word.is_empty())
                {
                    assert!(Verdict::from_word(word).is_some(), "{}: {word}", step.name);
                }
            }
        }
    }

    #[test]
    fn every_fault_leaves_time_for_its_verdict_and_no_name_is_used_twice() {
        for (n, step) in TOUR.iter().enumerate() {
            assert!(TOUR[..n].iter().all(|other| other.name != step.name), "{} twice", step.name);
            assert!(step.pages.0 <= step.pages.1, "{}", step.name);
            match step.action {
                Action::Break(_) => {
                    assert!(step.within_ms > 0 && step.within_ms <= step.broken_ms, "{}", step.name);
                    assert!(step.patience_ms >= step.broken_ms, "{}", step.name);
                }
                Action::Restart(_) | Action::BreakUnheard(_) => {
                    assert!(step.within_ms > 0 && step.patience_ms >= step.within_ms, "{}", step.name);
                }
                Action::Form | Action::Quiet => {}
            }
        }
    }

    #[test]
    fn a_step_is_walked_where_its_site_exists_and_the_quiet_one_is_always_last() {
        for sites in [1, 2, 8] {
            let steps = tour_of(sites);
            assert!(steps.iter().all(|step| step.subject.site().is_none_or(|site| site <= sites)), "{sites}");
            assert_eq!(steps.last().map(|step| step.name), Some("quiet"), "{sites}");
            assert_eq!(steps.iter().any(|step| step.name == "wan-cut"), sites > 1, "{sites}");
        }
    }

    #[test]
    fn a_fault_is_found_again_by_its_word() {
        for (n, fault) in Fault::PLAIN.iter().enumerate() {
            assert!(Fault::PLAIN[..n].iter().all(|other| other.word() != fault.word()), "{}", fault.word());
            assert!(!fault.deed().is_empty());
        }
    }

    #[test]
    fn an_unhurried_step_waits_no_longer_than_anybody_would() {
        let limits = |name: &str| {
            let step = TOUR.iter().find(|step| step.name == name).unwrap();
            [1, 3, u32::MAX].map(|times| step.unhurried(times).within_ms)
        };
        assert_eq!(limits("rings-formed"), [5_000, 15_000, 30_000]);
        assert_eq!(limits("paused"), [5_000; 3], "it ends when the fault does");
        assert_eq!(limits("quiet"), [0; 3], "nothing is measured");
    }

    #[test]
    fn without_a_dual_homed_member_only_the_honest_alternatives_are_due() {
        let step = TOUR.iter().find(|step| step.name == "switch-down").unwrap();
        assert_eq!(
            (step.expected_with(true), step.expected_with(false)),
            ("SwitchDown", "SwitchDown|UplinkCut")
        );
        let host = TOUR.iter().find(|step| step.name == "host-down").unwrap();
        assert_eq!(host.expected_with(false), "HostOrCable");
    }
}
