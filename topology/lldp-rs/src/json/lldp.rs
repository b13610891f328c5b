//! LLDP in JSON.

use alloc::borrow::Cow;
use alloc::vec::Vec;

use crate::id::Subtype;
use crate::json::value::Json;
use crate::lldp::{hex, tlv_type};
use crate::{
    Aggregation, ChassisSubtype, Dot1, Dot3, Eee, Lldp, LldpView, ManagementAddress, Med, Policy,
    PortSubtype, Power, Tlv, text,
};

pub(crate) fn render(lldp: &Lldp, view: &LldpView<'_>) -> Json {
    let tlvs: Vec<Tlv<'_>> = view.tlvs().flatten().collect();
    let head = Json::object()
        .with("tlvs", types_and_lengths(&tlvs))
        .with("chassis", id::<ChassisSubtype>(lldp.chassis.subtype().code(), lldp.chassis.octets()))
        .with("port", id::<PortSubtype>(lldp.port.subtype().code(), lldp.port.octets()))
        .with("ttl", lldp.ttl_s);
    optional(head, lldp, &tlvs)
}

/// Everything after the mandatory part.
pub(crate) fn optional(head: Json, lldp: &Lldp, tlvs: &[Tlv<'_>]) -> Json {
    let caps = lldp
        .capabilities
        .map(|caps| Json::object().with("available", caps.available.0).with("enabled", caps.enabled.0));
    head.with_some("port_descr", lldp.port_description.as_ref())
        .with_some("sys_name", lldp.system_name.as_ref())
        .with_some("sys_descr", lldp.system_description.as_ref())
        .with_some("caps", caps)
        .with_some("mgmt", Json::list(lldp.management.iter().map(management)))
        .with_some("org", Json::list(tlvs.iter().filter_map(organisation)))
        .with_some("dot1", dot1(&lldp.dot1).unless_empty())
        .with_some("dot3", dot3(&lldp.dot3).unless_empty())
        .with_some("med", med(&lldp.med).unless_empty())
}

pub(crate) fn types_and_lengths(tlvs: &[Tlv<'_>]) -> Json {
    let pair = |tlv: &Tlv<'_>| Json::List([tlv.kind.into(), Json::from(tlv.value.len() as u64)].into());
    Json::List(tlvs.iter().map(pair).collect())
}

fn organisation(tlv: &Tlv<'_>) -> Option<Json> {
    let [a, b, c, subtype, ..] = *tlv.value else {
        return None;
    };
    let object = Json::object().with("oui", hex(&[a, b, c], "")).with("subtype", subtype);
    (tlv.kind == tlv_type::ORGANISATION).then(|| object.with("len", tlv.value.len() as u64))
}

/// An id as it lies in its TLV, sound or not.
pub(crate) fn id<S: Subtype>(code: u8, octets: &[u8]) -> Json {
    let spelled = S::from_lldp(code).and_then(|subtype| subtype.spell(octets));
    let text = spelled.map_or_else(|| text::lossy(octets), Cow::Owned);
    Json::object().with("subtype", code).with("hex", hex(octets, "")).with("text", text)
}

fn management(address: &ManagementAddress) -> Json {
    Json::object()
        .with("family", address.family)
        .with("hex", hex(&address.octets, ""))
        .with("text", address.text())
        .with("if_subtype", address.numbering.code())
        .with("if_number", address.interface)
        .with_some("oid", (!address.oid.is_empty()).then(|| hex(&address.oid, "")))
}

fn aggregation(aggregation: Aggregation) -> Json {
    Json::object().with("status", aggregation.status).with("port", aggregation.port)
}

fn dot1(dot1: &Dot1) -> Json {
    let ppvid = |ppvid: &crate::Ppvid| Json::object().with("flags", ppvid.flags).with("id", ppvid.id);
    let vlan = |vlan: &crate::VlanName| Json::object().with("id", vlan.id).with("name", &vlan.name);
    Json::object()
        .with_some("pvid", dot1.pvid)
        .with_some("ppvids", Json::list(dot1.ppvids.iter().map(ppvid)))
        .with_some("vlans", Json::list(dot1.vlans.iter().map(vlan)))
        .with_some("protocols", Json::list(dot1.protocols.iter().map(|octets| hex(octets, "").into())))
        .with_some("aggregation", dot1.aggregation.map(aggregation))
        .with_some("mgmt_vid", dot1.management_vid)
        .with_some("vid_usage_digest", dot1.vid_usage_digest)
}

fn dot3(dot3: &Dot3) -> Json {
    Json::object()
        .with_some("autoneg", dot3.mac_phy.map(|phy| phy.autonegotiation))
        .with_some("advertised", dot3.mac_phy.map(|phy| phy.advertised))
        .with_some("mau", dot3.mac_phy.map(|phy| phy.mau))
        .with_some("power", dot3.power.as_ref().map(power))
        .with_some("aggregation", dot3.aggregation.map(aggregation))
        .with_some("mtu", dot3.frame_size_max)
        .with_some("eee", dot3.eee.map(eee))
        .with_some("additional", dot3.additional)
}

fn eee(eee: Eee) -> Json {
    Json::object()
        .with("tx_wake", eee.transmit_wake)
        .with("rx_wake", eee.receive_wake)
        .with("fallback_rx_wake", eee.fallback_receive_wake)
        .with("echo_tx_wake", eee.echo_transmit_wake)
        .with("echo_rx_wake", eee.echo_receive_wake)
}

fn power(power: &Power) -> Json {
    let more = power.classification.as_ref();
    Json::object()
        .with("support", power.support)
        .with("pair", power.pair)
        .with("class", power.class)
        .with_some("type_src_prio", more.map(|more| more.type_source_priority))
        .with_some("requested", more.map(|more| more.requested))
        .with_some("allocated", more.map(|more| more.allocated))
}

fn med(med: &Med) -> Json {
    let location = |location: &crate::Location| {
        Json::object().with("format", location.format).with("hex", hex(&location.octets, ""))
    };
    let named = med.inventory.named().into_iter();
    let inventory = named.fold(Json::object(), |object, (name, text)| object.with_some(name, text));
    let power = med.power.map(|power| Json::object().with("flags", power.flags).with("value", power.value));
    Json::object()
        .with_some("caps", med.device.map(|device| device.capabilities))
        .with_some("class", med.device.map(|device| device.class))
        .with_some("policies", Json::list(med.policies.iter().map(policy)))
        .with_some("location", Json::list(med.locations.iter().map(location)))
        .with_some("power", power)
        .with_some("inventory", inventory.unless_empty())
}

fn policy(policy: &Policy) -> Json {
    Json::object()
        .with("app", policy.application)
        .with("unknown", u8::from(policy.unknown))
        .with("tagged", u8::from(policy.tagged))
        .with("vlan", policy.vlan)
        .with("priority", policy.priority)
        .with("dscp", policy.dscp)
}
