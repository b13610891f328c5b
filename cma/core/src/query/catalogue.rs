//! Every query: its name, its argument, its columns, and what it tells in a line.

use super::NoAnswer;

/// Which query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    HostPorts,
    SwitchPorts,
    Find,
    HostsBehind,
    BlastRadius,
    UplinkCut,
    SinglePoints,
    LostRedundancy,
    Rings,
    Causes,
    WiringChanges,
    History,
    Stale,
}

/// What a query asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Argument {
    /// A host, as `HOST` or `SITE/HOST`.
    Host,
    /// A switch, by name or chassis id, with `SITE/` before it where need be.
    Switch,
    /// An address, a MAC address, or a part of a name.
    Text,
    /// A moment, in milliseconds since 1970.
    Since,
    /// An age in seconds; may be left out.
    Age,
}

impl Argument {
    /// The name of the parameter in a query of a mirror.
    pub fn parameter(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Switch => "switch",
            Self::Text => "text",
            Self::Since => "since_ms",
            Self::Age => "age_s",
        }
    }

    /// As it is written in a usage line.
    pub fn usage(self) -> &'static str {
        match self {
            Self::Host => "[SITE/]HOST",
            Self::Switch => "[SITE/]SWITCH",
            Self::Text => "TEXT",
            Self::Since => "TIME",
            Self::Age => "[AGE]",
        }
    }

    fn may_be_left_out(self) -> bool {
        self == Self::Age
    }
}

/// A query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Query {
    pub(super) kind: Kind,
    /// Its name.
    pub name: &'static str,
    /// What it asks for, if anything.
    pub argument: Option<Argument>,
    /// What it tells.
    pub line: &'static str,
    /// The columns of its answer.
    pub columns: &'static [&'static str],
}

/// All of them, in the order people are shown them.
pub const ALL: &[Query] = &[
    Query {
        kind: Kind::HostPorts,
        name: "host-ports",
        argument: Some(Argument::Host),
        line: "the switch ports a host hangs on",
        columns: &["interface", "carrier", "switch", "switch_id", "port", "evidence", "age_s", "remarks"],
    },
    Query {
        kind: Kind::SwitchPorts,
        name: "switch-ports",
        argument: None,
        line: "every switch port that a host hangs on",
        columns: &["site", "switch", "switch_id", "port", "host", "interface", "state", "evidence", "age_s"],
    },
    Query {
        kind: Kind::Find,
        name: "find",
        argument: Some(Argument::Text),
        line: "hosts and switches by address, MAC or a part of a name",
        columns: &[
            "kind",
            "site",
            "name",
            "state",
            "interface",
            "interface_id",
            "address",
            "switch",
            "switch_id",
            "port",
        ],
    },
    Query {
        kind: Kind::HostsBehind,
        name: "hosts-behind",
        argument: Some(Argument::Switch),
        line: "the hosts that hang on a switch",
        columns: &["port", "host", "interface", "state", "evidence", "age_s", "also_on"],
    },
    Query {
        kind: Kind::BlastRadius,
        name: "blast-radius",
        argument: Some(Argument::Switch),
        line: "what if this switch died: who loses every way, who loses redundancy",
        columns: &["host", "state", "loses", "ways_left"],
    },
    Query {
        kind: Kind::UplinkCut,
        name: "uplink-cut",
        argument: Some(Argument::Switch),
        line: "what if all uplinks of this switch were cut",
        columns: &["host", "state", "loses", "ways_left", "still_reaches"],
    },
    Query {
        kind: Kind::SinglePoints,
        name: "single-points",
        argument: None,
        line: "switches whose death would cut off hosts",
        columns: &["site", "switch", "switch_id", "state", "cut_off", "perhaps", "hosts"],
    },
    Query {
        kind: Kind::LostRedundancy,
        name: "lost-redundancy",
        argument: None,
        line: "hosts made for two ways that have fewer now, and why",
        columns: &["site", "host", "state", "ways", "made_for", "why"],
    },
    Query {
        kind: Kind::Rings,
        name: "rings",
        argument: None,
        line: "heartbeat rings, with their members in ring order",
        columns: &["site", "ring", "kind", "inside", "domain", "generation", "members", "delegates"],
    },
    Query {
        kind: Kind::Causes,
        name: "causes",
        argument: None,
        line: "what incidents are put down to, and to what odds",
        columns: &["site", "kind", "cause", "cause_id", "verdict", "permille", "incident", "state", "hosts"],
    },
    Query {
        kind: Kind::WiringChanges,
        name: "wiring-changes",
        argument: Some(Argument::Since),
        line: "what was plugged, moved or unplugged since a moment",
        columns: &["at_ms", "site", "host", "interface", "before", "after"],
    },
    Query {
        kind: Kind::History,
        name: "history",
        argument: Some(Argument::Host),
        line: "what a host hung on, and the incidents that took it, with their times",
        columns: &["kind", "interface", "switch", "switch_id", "port", "incident", "from_ms", "until_ms"],
    },
    Query {
        kind: Kind::Stale,
        name: "stale",
        argument: Some(Argument::Age),
        line: "wires known from memory only, or unchanged for longer than an age",
        columns: &["site", "host", "interface", "switch", "switch_id", "port", "evidence", "age_s", "why"],
    },
];

/// A query by its name.
pub fn find(name: &str) -> Result<&'static Query, NoAnswer> {
    ALL.iter().find(|query| query.name == name).ok_or_else(|| NoAnswer::NoQuery(name.to_owned()))
}

impl Query {
    /// `host-ports [SITE/]HOST`.
    pub fn usage(&self) -> String {
        self.argument
            .map_or_else(|| self.name.to_owned(), |argument| format!("{} {}", self.name, argument.usage()))
    }

    /// Whether that argument is one for it; an empty one is none.
    pub fn check(&self, argument: &str) -> Result<(), NoAnswer> {
        let sound = match self.argument {
            None => argument.is_empty(),
            Some(wanted) => wanted.may_be_left_out() || !argument.is_empty(),
        };
        if sound { Ok(()) } else { Err(NoAnswer::Argument(self.usage())) }
    }
}

/// The number that an argument is.
pub(super) fn number(query: &Query, argument: &str) -> Result<u64, NoAnswer> {
    let unit = if query.argument == Some(Argument::Age) { "seconds" } else { "milliseconds since 1970" };
    argument.parse().map_err(|_| NoAnswer::NoNumber { argument: argument.to_owned(), unit })
}
