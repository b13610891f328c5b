//! What nodes and edges are called.

use core::fmt;

use ringmesh_proto::news::SubjectKind;
use ringmesh_topology::id::{IncidentId, Name, ProbeId, RelayId};
use serde::{Deserialize, Serialize};

macro_rules! words {
    ($(#[$outer:meta])* $enum:ident { $($(#[$doc:meta])* $name:ident = $word:literal),* $(,)? }) => {
        $(#[$outer])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum $enum { $($(#[$doc])* $name),* }

        impl $enum {
            /// All of them, in their order.
            pub const ALL: [Self; [$(Self::$name),*].len()] = [$(Self::$name),*];

            /// The name used in every store and output.
            pub fn word(self) -> &'static str {
                match self { $(Self::$name => $word),* }
            }
        }
    };
}

words! {
    /// What kind of thing a node is.
    Label {
        /// A site.
        Site = "Site",
        /// A site relay.
        Relay = "Relay",
        /// A switch.
        Switch = "Switch",
        /// One port of a switch.
        SwitchPort = "SwitchPort",
        /// A host.
        Host = "Host",
        /// The probe on a host.
        Probe = "Probe",
        /// A network port of a host.
        Nic = "Nic",
        /// An address.
        IpAddress = "IpAddress",
        /// A heartbeat ring.
        Ring = "Ring",
        /// An incident.
        Incident = "Incident",
        /// What a network port of a host hung on, and does no more.
        Attachment = "Attachment",
    }
}

words! {
    /// How two nodes belong together.
    Relation {
        /// Host, switch, ring, relay or incident -> site.
        InSite = "IN_SITE",
        /// Switch -> port.
        HasPort = "HAS_PORT",
        /// NIC -> switch port.
        WiredTo = "WIRED_TO",
        /// Host -> NIC.
        HasNic = "HAS_NIC",
        /// NIC -> address.
        HasAddress = "HAS_ADDRESS",
        /// Host -> probe.
        Runs = "RUNS",
        /// Host -> ring.
        MemberOf = "MEMBER_OF",
        /// Host -> the next host of the same ring.
        NextInRing = "NEXT_IN_RING",
        /// Incident -> host that it takes.
        Affects = "AFFECTS",
        /// Incident -> what may have caused it.
        CausedBy = "CAUSED_BY",
        /// NIC -> what it hung on, for as long as both are there.
        HungOn = "HUNG_ON",
    }
}

/// Labels that are kept free for what nobody tells yet: processes (`/proc/net/tcp` and its owners, by a probe), the
/// services that they offer (a unit or a port that is listened on), packages (the host's package database).
pub const RESERVED_LABELS: [&str; 3] = ["Process", "Service", "Package"];

/// Relations that are kept free with them: process -> address it listens on; service -> service it connects to, seen as
/// an established connection; host -> package.
pub const RESERVED_RELATIONS: [&str; 3] = ["LISTENS_ON", "DEPENDS_ON", "INSTALLED"];

/// A node for good.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct NodeKey {
    /// Its kind.
    pub label: Label,
    /// Unique within the kind, over all sites.
    pub id: String,
}

impl NodeKey {
    fn new(label: Label, id: String) -> Self {
        Self { label, id }
    }

    /// A site.
    pub fn site(site: &Name) -> Self {
        Self::new(Label::Site, site.to_string())
    }

    /// A relay.
    pub fn relay(site: &Name, relay: RelayId) -> Self {
        Self::new(Label::Relay, format!("{site}/{}", relay.0))
    }

    /// A switch, by chassis id.
    pub fn switch(site: &Name, switch: &str) -> Self {
        Self::new(Label::Switch, format!("{site}/{switch}"))
    }

    /// A port of a switch.
    pub fn port(site: &Name, switch: &str, port: &str) -> Self {
        Self::new(Label::SwitchPort, format!("{site}/{switch}/{port}"))
    }

    /// A host.
    pub fn host(site: &Name, host: &str) -> Self {
        Self::new(Label::Host, format!("{site}/{host}"))
    }

    /// The probe of a host.
    pub fn probe(site: &Name, probe: ProbeId) -> Self {
        let hex: String = probe.0.iter().map(|octet| format!("{octet:02x}")).collect();
        Self::new(Label::Probe, format!("{site}/{hex}"))
    }

    /// A network port of a host.
    pub fn nic(site: &Name, host: &str, ifindex: u32) -> Self {
        Self::new(Label::Nic, format!("{site}/{host}/{ifindex}"))
    }

    /// An address within a site.
    pub fn address(site: &Name, address: core::net::IpAddr) -> Self {
        Self::new(Label::IpAddress, format!("{site}/{address}"))
    }

    /// A ring, by its number at the relay that cuts it.
    pub fn ring(site: &Name, relay: RelayId, ring: u32) -> Self {
        Self::new(Label::Ring, format!("{site}/{}/{ring}", relay.0))
    }

    /// An incident.
    pub fn incident(id: IncidentId) -> Self {
        Self::new(Label::Incident, id.to_string())
    }

    /// What a network port hung on; numbers rise, so that those of one port sort by age.
    pub fn attachment(nic: &Self, number: u64) -> Self {
        Self::new(Label::Attachment, format!("{}/{number:020}", nic.id))
    }

    /// What an incident is about; a set of hosts is no node.
    pub fn subject(site: &Name, kind: SubjectKind, id: &str) -> Option<Self> {
        match kind {
            SubjectKind::Host => Some(Self::host(site, id)),
            SubjectKind::Switch => Some(Self::switch(site, id)),
            SubjectKind::Relay => Some(Self::new(Label::Relay, format!("{site}/{id}"))),
            SubjectKind::Site => Some(Self::new(Label::Site, id.to_owned())),
            SubjectKind::Set => None,
        }
    }

    /// The id without the site in front of it.
    pub fn local(&self) -> &str {
        self.id.split_once('/').map_or(&self.id, |(_, local)| local)
    }

    /// Whether it belongs to that site.
    pub fn is_in(&self, site: &str) -> bool {
        self.id.strip_prefix(site).is_some_and(|rest| rest.starts_with('/'))
    }
}

impl fmt::Display for NodeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({})", self.label.word(), self.id)
    }
}

/// An edge for good.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct EdgeKey {
    /// Where it starts.
    pub from: NodeKey,
    /// What it says.
    pub relation: Relation,
    /// Where it ends.
    pub to: NodeKey,
    /// Tells edges of one relation between the same two nodes apart: the ring of a `NEXT_IN_RING`, the verdict
    /// of a `CAUSED_BY`; else empty.
    pub mark: String,
}

impl EdgeKey {
    /// An edge that is the only one of its relation between its ends.
    pub fn new(from: NodeKey, relation: Relation, to: NodeKey) -> Self {
        Self { from, relation, to, mark: String::new() }
    }

    /// One of several edges of its relation between its ends.
    pub fn marked(from: NodeKey, relation: Relation, to: NodeKey, mark: String) -> Self {
        Self { from, relation, to, mark }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_labels_or_relations_have_one_word_and_none_takes_a_reserved_one() {
        let labels = Label::ALL.map(Label::word);
        let relations = Relation::ALL.map(Relation::word);
        let all = [&labels[..], &relations, &RESERVED_LABELS, &RESERVED_RELATIONS].concat();
        let mut once = all.clone();
        once.sort_unstable();
        once.dedup();
        assert_eq!(once.len(), all.len());
        assert!(Label::ALL.is_sorted() && Relation::ALL.is_sorted());
    }
}
