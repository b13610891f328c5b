//! What a switch sends on one port: an LLDP announcement, a CDP one and a shutdown, as hex digits.
//!
//! ```text
//! cargo run -p lldp-rs --example announce leaf1 Ethernet1/1 | cargo run -p lldp-rs --example decode
//! ```

use std::error::Error;
use std::net::Ipv4Addr;

use lldp_rs::{
    Capabilities, CapabilitySet, Cdp, CdpCapabilities, ChassisId, ChassisSubtype, Heard, Lldp, Mac,
    ManagementAddress, Numbering, PortId, PortSubtype, encode,
};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().unwrap_or_else(|| "leaf1".into());
    let port_name = arguments.next().unwrap_or_else(|| "Ethernet1/1".into());

    let chassis_mac = Mac([0x02, 0xaa, 0, 0, 1, 0]);
    let port_mac = Mac([0x02, 0xaa, 0, 0, 1, 1]);
    let chassis = ChassisId::new(ChassisSubtype::MacAddress, &chassis_mac.0)?;
    let port = PortId::new(PortSubtype::InterfaceName, port_name.as_bytes())?;
    let forwards = CapabilitySet::BRIDGE.with(CapabilitySet::ROUTER);

    let mut lldp = Lldp::new(chassis.clone(), port.clone(), 120);
    lldp.system_name = Some(name.as_str().into());
    lldp.system_description = Some("Example switch".into());
    lldp.capabilities = Some(Capabilities { available: forwards, enabled: CapabilitySet::BRIDGE });
    lldp.management.push(ManagementAddress::ipv4(Ipv4Addr::new(10, 0, 0, 1), Numbering::IfIndex, 1));

    let mut cdp = Cdp::new(&name, &port_name, 180);
    cdp.capabilities = Some(CdpCapabilities::SWITCH);

    show(&Heard::lldp(port_mac, lldp))?;
    show(&Heard::cdp(port_mac, cdp))?;
    show(&Heard::lldp(port_mac, Lldp::shutdown(chassis, port)))
}

fn show(heard: &Heard) -> Result<(), Box<dyn Error>> {
    let frame = encode(heard)?;
    println!("{}", frame.iter().map(|octet| format!("{octet:02x}")).collect::<String>());
    Ok(())
}
