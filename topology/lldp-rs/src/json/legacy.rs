//! EDP, FDP and SONMP in JSON. Numbers are text here, as other decoders print them.

use alloc::format;
use alloc::string::ToString;

use crate::json::value::Json;
use crate::lldp::hex;
use crate::{Edp, Fdp, Sonmp};

pub(crate) fn edp(edp: &Edp) -> Json {
    // Front panels count from 1.
    let panel = |number: u16| (u32::from(number) + 1).to_string();
    Json::object()
        .with("mid", edp.machine.to_string())
        .with_some("display", edp.display.as_ref())
        .with_some("slot", edp.port.map(|port| panel(port.slot)))
        .with_some("port", edp.port.map(|port| panel(port.port)))
        .with_some("version", edp.port.map(|port| format!("0x{}", hex(&port.version, ""))))
        .with_some("vlan", edp.vlans.first().map(|vlan| vlan.id.to_string()))
}

pub(crate) fn fdp(fdp: &Fdp, version: u8) -> Json {
    Json::object()
        .with("version", version.to_string())
        .with("ttl", fdp.ttl_s.to_string())
        .with_some("device_id", fdp.device_id.as_ref())
        .with_some("port_id", fdp.port_id.as_ref())
        .with_some("capabilities", fdp.capabilities.as_ref())
        .with_some("platform", fdp.platform.as_ref())
        .with_some("software", fdp.software.as_ref())
}

pub(crate) fn sonmp(sonmp: &Sonmp) -> Json {
    Json::object()
        .with("address", sonmp.address.to_string())
        .with("segment", format!("0x{}", hex(&sonmp.segment, "")))
        .with("chassis", sonmp.chassis_type.to_string())
}
