//! Values to try the laws on.
#![allow(dead_code, reason = "each test file uses a part of it")]

use lldp_rs::{
    Announcement, Capabilities, CapabilitySet, Cdp, CdpAddress, CdpCapabilities, CdpPower, ChassisId,
    ChassisSubtype, Encapsulation, Heard, Id, Lldp, Mac, ManagementAddress, Numbering, OtherTlv, PortId,
    PortSubtype, Subtype, Text, UnknownTlv, VlanTag,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

fn octets(max: usize) -> impl Strategy<Value = Box<[u8]>> {
    vec(any::<u8>(), 0..=max).prop_map(Vec::into_boxed_slice)
}

fn text(max: usize) -> impl Strategy<Value = Text> {
    octets(max).prop_map(|octets| Text::from(&*octets))
}

fn mac() -> impl Strategy<Value = Mac> {
    any::<[u8; 6]>().prop_map(Mac)
}

fn id<S: Subtype + 'static>() -> impl Strategy<Value = Id<S>> {
    (1_u8..=7, vec(any::<u8>(), 1..40), any::<[u8; 6]>()).prop_filter_map("subtype", |(number, octets, mac)| {
        let subtype = S::from_lldp(number)?;
        let octets = if subtype.is_mac() { mac.to_vec() } else { octets };
        Id::new(subtype, &octets).ok()
    })
}

pub fn chassis() -> impl Strategy<Value = ChassisId> {
    id::<ChassisSubtype>()
}

pub fn port() -> impl Strategy<Value = PortId> {
    id::<PortSubtype>()
}

fn management() -> impl Strategy<Value = ManagementAddress> {
    (any::<u8>(), vec(any::<u8>(), 1..=31), any::<u8>(), any::<u32>(), octets(128)).prop_map(
        |(family, address, numbering, interface, oid)| ManagementAddress {
            family,
            octets: address.into(),
            numbering: Numbering::from_code(numbering),
            interface,
            oid,
        },
    )
}

fn unknown() -> impl Strategy<Value = UnknownTlv> {
    let reserved = (9_u8..=126, octets(511)).prop_map(|(kind, octets)| UnknownTlv::Reserved { kind, octets });
    let organisation = (any::<u8>(), any::<u8>(), octets(507)).prop_map(|(last, subtype, octets)| {
        UnknownTlv::Organisation { oui: [0x02, 0xff, last], subtype, octets }
    });
    prop_oneof![reserved, organisation]
}

fn capabilities() -> impl Strategy<Value = Capabilities> {
    (any::<u16>(), any::<u16>())
        .prop_map(|(a, b)| Capabilities { available: CapabilitySet(a), enabled: CapabilitySet(b) })
}

pub fn lldp() -> impl Strategy<Value = Lldp> {
    let basic = (option::of(text(511)), option::of(text(255)), option::of(text(255)));
    let rest = (option::of(capabilities()), vec(management(), 0..4), vec(unknown(), 0..4));
    (chassis(), port(), any::<u16>(), basic, rest).prop_map(|(chassis, port, ttl_s, basic, rest)| {
        let mut lldp = Lldp::new(chassis, port, ttl_s);
        (lldp.port_description, lldp.system_name, lldp.system_description) = basic;
        (lldp.capabilities, lldp.management, lldp.unknown) = rest;
        lldp
    })
}

fn cdp_address() -> impl Strategy<Value = CdpAddress> {
    prop_oneof![
        any::<[u8; 4]>().prop_map(|ip| CdpAddress::Ipv4(ip.into())),
        any::<[u8; 16]>().prop_map(|ip| CdpAddress::Ipv6(ip.into())),
        (3_u8.., octets(8), octets(20)).prop_map(|(protocol_type, protocol, octets)| CdpAddress::Other {
            protocol_type,
            protocol,
            octets
        }),
    ]
}

fn levels() -> impl Strategy<Value = (u16, u16, Vec<u32>)> {
    (any::<u16>(), any::<u16>(), vec(any::<u32>(), 1..4))
}

fn power() -> impl Strategy<Value = CdpPower> {
    (option::of(any::<u16>()), option::of(levels()), option::of(levels()))
        .prop_map(|(drawn_mw, requested, available)| CdpPower { drawn_mw, requested, available })
}

fn other() -> impl Strategy<Value = OtherTlv> {
    (0x100_u16.., octets(30)).prop_map(|(kind, octets)| OtherTlv { kind, octets })
}

pub fn cdp() -> impl Strategy<Value = Cdp> {
    let head = (1_u8..=2, any::<u8>(), "[a-z]{1,20}", option::of(text(30)), option::of(text(100)));
    let texts = (option::of(text(40)), option::of(text(30)), option::of(text(30)));
    let numbers = (
        option::of(any::<u32>()),
        option::of(any::<u16>()),
        option::of(any::<u16>()),
        option::of(any::<bool>()),
        option::of(any::<u32>()),
        option::of(any::<u8>()),
        option::of(any::<u8>()),
    );
    let lists = (vec(cdp_address(), 0..4), vec(cdp_address(), 0..4), power(), vec(other(), 0..4));
    (head, texts, numbers, lists).prop_map(|(head, texts, numbers, lists)| {
        let mut cdp = Cdp::new(&head.2, "", head.1);
        (cdp.version, cdp.port_id, cdp.software) = (head.0, head.3, head.4);
        (cdp.platform, cdp.vtp_domain, cdp.system_name) = texts;
        cdp.capabilities = numbers.0.map(CdpCapabilities);
        (cdp.native_vlan, cdp.voice_vlan, cdp.full_duplex) = (numbers.1, numbers.2, numbers.3);
        (cdp.mtu, cdp.trust, cdp.untrusted_cos) = (numbers.4, numbers.5, numbers.6);
        (cdp.addresses, cdp.management, cdp.power, cdp.other) = lists;
        cdp
    })
}

fn vlans() -> impl Strategy<Value = Vec<VlanTag>> {
    let protocol = prop::sample::select(vec![0x8100_u16, 0x88a8, 0x9100, 0x9200]);
    vec((protocol, any::<u16>()).prop_map(|(protocol, control)| VlanTag { protocol, control }), 0..=4)
}

pub fn heard() -> impl Strategy<Value = Heard> {
    let groups = vec![Mac::NEAREST_BRIDGE, Mac::NEAREST_NON_TPMR_BRIDGE, Mac::NEAREST_CUSTOMER_BRIDGE];
    let over_lldp = (prop::sample::select(groups), lldp())
        .prop_map(|(to, lldp)| (to, Encapsulation::EthernetII, Announcement::Lldp(lldp)));
    let over_cdp = cdp().prop_map(|cdp| (Mac::CDP, Encapsulation::Snap, Announcement::Cdp(cdp)));
    (mac(), vlans(), prop_oneof![over_lldp, over_cdp]).prop_map(
        |(source, vlans, (destination, encapsulation, announcement))| Heard {
            source,
            destination,
            vlans,
            encapsulation,
            announcement,
        },
    )
}
