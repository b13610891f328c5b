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
}

impl Fault {
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
    /// Touch nothing.
    Quiet,
}

/// Whom a step is about, by place rather than by name, so that a script fits any size of network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// Nobody in particular.
    Network,
    /// The n-th (from 0) host that hangs on this switch (from 1) alone.
    SingleHomed {
        /// Number of the switch.
        switch: u8,
        /// Which of its single-homed hosts.
        index: u8,
    },
    /// The switch of that number, from 1.
    Switch(u8),
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
}

/// Where [`TOUR`]'s host of severity *page* hangs: its death pages, those of other hosts do not.
pub const CRITICAL_HOST: Subject = Subject::SingleHomed { switch: 1, index: 0 };

/// The least network on which every step of [`TOUR`] has its subject: switches, single-homed hosts on each.
pub const TOUR_NEEDS: (u8, u8) = (2, 3);

const QUIET: Step = Step {
    name: "quiet",
    action: Action::Quiet,
    subject: Subject::Network,
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
/// A page of a single host is due 10 s after its silence began, one of a switch 2 s after its incident
/// opened; `broken_ms` leaves room for both.
pub const TOUR: &[Step] = &[
    Step { name: "rings-formed", action: Action::Form, within_ms: 5_000, patience_ms: 30_000, ..QUIET },
    Step {
        name: "host-down",
        action: Action::Break(Fault::Host),
        subject: CRITICAL_HOST,
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
        subject: Subject::SingleHomed { switch: 2, index: 1 },
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
        subject: Subject::Switch(2),
        expected: "SwitchDown",
        expected_unproved: Some("SwitchDown|UplinkCut"),
        expected_after_heal: "SwitchDown",
        within_ms: 5_000,
        broken_ms: 9_000,
        patience_ms: 20_000,
        pages: (1, 1),
    },
    Step {
        name: "uplink-cut",
        action: Action::Break(Fault::Uplink),
        subject: Subject::Switch(1),
        expected: "UplinkCut",
        expected_unproved: Some("SwitchDown|UplinkCut"),
        expected_after_heal: "UplinkCut",
        within_ms: 5_000,
        broken_ms: 9_000,
        patience_ms: 20_000,
        pages: (1, 1),
    },
    Step {
        name: "planned-stop",
        action: Action::Break(Fault::Stop),
        subject: Subject::SingleHomed { switch: 2, index: 2 },
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
        subject: Subject::SingleHomed { switch: 1, index: 1 },
        expected: "HostHung",
        expected_after_heal: "HostSlow",
        within_ms: 5_000,
        broken_ms: 5_000,
        // Five seconds is the fault itself: it ends whether or not anybody noticed.
        patience_ms: 5_000,
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
            if let Action::Break(_) = step.action {
                assert!(step.within_ms > 0 && step.within_ms <= step.broken_ms, "{}", step.name);
                assert!(step.patience_ms >= step.broken_ms, "{}", step.name);
            }
        }
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
