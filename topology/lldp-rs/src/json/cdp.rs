//! CDP in JSON.

use alloc::vec::Vec;

use crate::cdp::tlv_type;
use crate::json::value::Json;
use crate::{Cdp, CdpAddress, CdpPower, CdpTlv, CdpView};

const HEADER: u64 = 4;

pub(crate) fn render(cdp: &Cdp, view: &CdpView<'_>) -> Json {
    let tlvs: Vec<CdpTlv<'_>> = view.tlvs().flatten().collect();
    Json::object()
        .with("tlvs", Json::List(tlvs.iter().map(type_and_length).collect()))
        .with("checksum_ok", cdp.checksum_ok())
        .with("version", cdp.version)
        .with("ttl", cdp.ttl_s)
        .with_some("device_id", cdp.device_id.as_ref())
        .with_some("port_id", cdp.port_id.as_ref())
        .with_some("platform", cdp.platform.as_ref())
        .with_some("software", cdp.software.as_ref())
        .with_some("capabilities", cdp.capabilities.map(|set| set.0))
        .with_some("addresses", addresses(&tlvs, tlv_type::ADDRESSES, &cdp.addresses))
        .with_some("mgmt_addresses", addresses(&tlvs, tlv_type::MANAGEMENT, &cdp.management))
        .with_some("native_vlan", cdp.native_vlan)
        .with_some("voice_vlan", cdp.voice_vlan)
        .with_some("duplex", cdp.full_duplex.map(|full| if full { "full" } else { "half" }))
        .with_some("vtp_domain", cdp.vtp_domain.as_ref())
        .with_some("system_name", cdp.system_name.as_ref())
        .with_some("mtu", cdp.mtu)
        .with_some("power", power(&cdp.power).unless_empty())
        .with_some("trust", cdp.trust)
        .with_some("untrusted_cos", cdp.untrusted_cos)
}

fn type_and_length(tlv: &CdpTlv<'_>) -> Json {
    Json::List(Vec::from([Json::from(tlv.kind), Json::from(tlv.value.len() as u64 + HEADER)]))
}

/// An empty list was sent as one, so it is shown as one.
fn addresses(tlvs: &[CdpTlv<'_>], kind: u16, addresses: &[CdpAddress]) -> Option<Json> {
    let was_sent = tlvs.iter().any(|tlv| tlv.kind == kind && tlv.value.len() >= 4);
    was_sent.then(|| Json::List(addresses.iter().map(|address| address.text().into()).collect()))
}

fn power(power: &CdpPower) -> Json {
    let levels = |levels: &(u16, u16, Vec<u32>)| Json::List(levels.2.iter().map(|mw| (*mw).into()).collect());
    Json::object()
        .with_some("consumption_mw", power.drawn_mw)
        .with_some("requested_mw", power.requested.as_ref().map(levels))
        .with_some("available_mw", power.available.as_ref().map(levels))
}
