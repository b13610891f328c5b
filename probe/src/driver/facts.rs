//! From the shell's ports to the machine's.

use ringmesh_probe_core::{BondFacts, PortFacts};

use crate::ports::{Bond, Port};

/// All ports, as the machine wants to know them; with their addresses as far as sockets serve them.
pub(super) fn of_ports(ports: &[Port], served: impl Fn(u32) -> bool) -> Vec<PortFacts> {
    ports.iter().map(|port| of_port(port, served(port.ifindex))).collect()
}

fn of_port(port: &Port, served: bool) -> PortFacts {
    let above = port.above.as_ref().filter(|_| served);
    PortFacts {
        ifindex: port.ifindex,
        ifname: port.ifname.as_str().into(),
        mac: port.mac,
        carrier: port.carrier,
        driver: port.driver.as_str().into(),
        address: above.map(|above| (above.address, above.prefix_len)),
        gateway: above.map(|above| above.gateway_mac).unwrap_or_default(),
        bond: port.bond.as_ref().map(of_bond),
    }
}

fn of_bond(bond: &Bond) -> BondFacts {
    BondFacts {
        ifname: bond.ifname.as_str().into(),
        mode: bond.mode.into(),
        active: bond.active,
        partner: bond.partner,
    }
}
