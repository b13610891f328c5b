//! The tree as devices and the wires between them.

use std::collections::BTreeMap;

use crate::documents::{BondDoc, HostDoc, PlaceDoc, PortDoc, SiteDoc, SwitchDoc, Tree};

/// All devices and wires.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Switches, then hosts, site by site.
    pub devices: Vec<Device>,
    /// By switch and port.
    pub wires: Vec<Wire>,
    /// The moment it shows.
    pub at_ms: u64,
}

/// What kind of device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A switch.
    Switch,
    /// A host.
    Host,
}

impl Kind {
    /// As exported.
    pub fn word(self) -> &'static str {
        match self {
            Self::Switch => "switch",
            Self::Host => "host",
        }
    }
}

/// A switch or a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// Unique in an export: `SITE/switch/ID` or `SITE/host/NAME`.
    pub id: String,
    /// What it is.
    pub kind: Kind,
    /// Its site.
    pub site: String,
    /// What people call it; unique within its site and kind.
    pub name: String,
    /// Its chassis id, or its name.
    pub own_id: String,
    /// As in the tree.
    pub state: String,
    /// A host's ports; of a switch, those that hosts hang on.
    pub ports: Vec<Port>,
}

/// A port of a device.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Port {
    /// Its name there.
    pub name: String,
    /// Its addresses, as `address/prefix length`.
    pub addresses: Vec<String>,
    /// The bond it belongs to.
    pub bond: Option<BondDoc>,
    /// Why nothing is known behind it.
    pub reason: String,
}

/// A wire from a host to a switch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wire {
    /// The switch, as a place in [`Plan::devices`].
    pub switch: usize,
    /// Its port.
    pub port: String,
    /// The host, as a place in [`Plan::devices`].
    pub host: usize,
    /// Its port.
    pub ifname: String,
    /// As in the tree.
    pub state: String,
    /// `lldp`, `cdp` or `cache`.
    pub evidence: String,
    /// Seconds since it was told to be so.
    pub age_s: u64,
}

impl Plan {
    /// What a tree says.
    pub fn of(tree: &Tree) -> Self {
        let mut plan = Self { at_ms: tree.at_ms, ..Self::default() };
        tree.sites.iter().for_each(|site| plan.site(site));
        plan
    }

    /// The two ends of a wire; a plan that was made by [`Self::of`] has them.
    pub fn ends(&self, wire: &Wire) -> Option<(&Device, &Device)> {
        Some((self.devices.get(wire.switch)?, self.devices.get(wire.host)?))
    }

    fn site(&mut self, site: &SiteDoc) {
        let first = self.devices.len();
        let mut named: BTreeMap<&str, usize> = BTreeMap::new();
        site.switches.iter().for_each(|switch| *named.entry(&switch.name).or_default() += 1);
        for switch in &site.switches {
            let alone = named.get(switch.name.as_str()) == Some(&1);
            self.devices.push(switch_device(site, switch, alone));
        }
        let mut hosts = BTreeMap::new();
        for host in &site.hosts {
            hosts.insert(host.id.as_str(), self.devices.len());
            self.devices.push(host_device(site, host));
        }
        for (at, switch) in site.switches.iter().enumerate() {
            let wires = switch.ports.iter().filter_map(|port| {
                let PortDoc { port, host, state, evidence, age_s, ifname, .. } = port.clone();
                Some(Wire {
                    switch: first + at,
                    host: *hosts.get(host.as_str())?,
                    port,
                    ifname,
                    state,
                    evidence,
                    age_s,
                })
            });
            self.wires.extend(wires);
        }
    }
}

fn switch_device(site: &SiteDoc, switch: &SwitchDoc, alone: bool) -> Device {
    let mut ports: Vec<Port> =
        switch.ports.iter().map(|port| Port { name: port.port.clone(), ..Port::default() }).collect();
    ports.dedup();
    Device {
        id: format!("{}/switch/{}", site.id, switch.id),
        kind: Kind::Switch,
        site: site.id.clone(),
        name: if alone { &switch.name } else { &switch.id }.clone(),
        own_id: switch.id.clone(),
        state: switch.state.clone(),
        ports,
    }
}

fn host_device(site: &SiteDoc, host: &HostDoc) -> Device {
    let port = |place: &PlaceDoc| {
        let PlaceDoc { ifname: name, addresses, bond, reason, .. } = place.clone();
        Port { name, addresses, bond, reason }
    };
    Device {
        id: format!("{}/host/{}", site.id, host.id),
        kind: Kind::Host,
        site: site.id.clone(),
        name: host.id.clone(),
        own_id: host.id.clone(),
        state: host.state.clone(),
        ports: host.places.iter().map(port).collect(),
    }
}
