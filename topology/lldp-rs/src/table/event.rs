//! What the table reports.

use crate::table::Key;

/// A fact about a port's neighbours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TableEvent {
    /// A neighbour was heard for the first time.
    Appeared {
        /// Who.
        key: Key,
    },
    /// A known neighbour says something else about itself.
    Changed {
        /// Who.
        key: Key,
        /// About what.
        field: Field,
    },
    /// The cable was moved: the newcomer takes the place of one that is silent or suspect, or a silent
    /// neighbour of another port is heard on this one.
    Moved {
        /// Who was there, now forgotten.
        from: Key,
        /// Who is there.
        to: Key,
    },
    /// A neighbour took its leave and came back at once under another identity.
    Renamed {
        /// Its old identity, already reported as `Shutdown`.
        from: Key,
        /// Its new identity.
        to: Key,
    },
    /// A neighbour took its leave (TTL 0). Planned, not a failure.
    Shutdown {
        /// Who, now forgotten.
        key: Key,
    },
    /// A neighbour is silent for two and a half of its intervals, but within its time to live.
    Late {
        /// Who.
        key: Key,
    },
    /// A late or suspect neighbour was heard again.
    Recovered {
        /// Who.
        key: Key,
    },
    /// A neighbour's time to live ran out.
    Expired {
        /// Who, now forgotten.
        key: Key,
    },
    /// A late or suspect neighbour gave its place to a newcomer: the port's table was full.
    Displaced {
        /// Who, now forgotten.
        key: Key,
    },
    /// The port lost its carrier: all its neighbours are suspect.
    CarrierLost {
        /// Which port.
        ifindex: u32,
    },
    /// The port has its carrier again; its neighbours stay suspect until heard.
    CarrierBack {
        /// Which port.
        ifindex: u32,
    },
    /// Several devices on the port could equally be its switch.
    Ambiguous {
        /// Which port.
        ifindex: u32,
    },
}

/// What a neighbour changed about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Field {
    /// The address it sends from.
    Source,
    /// Its name.
    SystemName,
    /// The description of its port.
    PortDescription,
    /// Whether it forwards frames.
    Role,
    /// Its management addresses.
    Management,
    /// The VLAN of untagged frames on its port.
    NativeVlan,
    /// Whether its port is a member of an aggregate.
    Aggregated,
}

/// What became of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A new neighbour.
    Learnt,
    /// A known neighbour heard again.
    Refreshed,
    /// A known neighbour took its leave.
    Departed,
    /// Nothing was changed.
    Ignored(Ignored),
}

/// Why a frame changed nothing. One variant per thing worth a counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Ignored {
    /// The sender does not name itself.
    NoIdentity,
    /// It is a frame of this host, reflected or from another of its ports.
    OwnFrame,
    /// The port has as many neighbours as are kept.
    TableFull,
    /// Too many newcomers on the port within the minute.
    NewcomerFlood,
    /// A leave from someone who was not known.
    UnknownDeparture,
}
