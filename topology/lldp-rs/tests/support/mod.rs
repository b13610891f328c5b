//! Values to try the laws on.
#![allow(dead_code, reason = "each test file uses a part of it")]

use lldp_rs::{
    Aggregation, Announcement, Capabilities, CapabilitySet, Cdp, CdpAddress, CdpCapabilities, CdpPower,
    ChassisId, ChassisSubtype, Classification, Dot1, Dot3, Eee, Encapsulation, Heard, Id, Inventory, Lldp,
    Location, Mac, MacPhy, ManagementAddress, Med, MedDevice, MedPower, Numbering, OtherTlv, Policy, PortId,
    PortSubtype, Power, Ppvid, Subtype, Text, UnknownTlv, VlanName, VlanTag,
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
    (1_u8..=7, vec(any::<u8>(), 1..40), any::<[u8; 6]>()).prop_filter_map(
        "subtype",
        |(number, octets, mac)| {
            let subtype = S::from_lldp(number)?;
            Id::new(subtype, &octets).or_else(|_| Id::new(subtype, &mac)).ok()
        },
    )
}

pub(crate) fn chassis() -> impl Strategy<Value = ChassisId> {
    id::<ChassisSubtype>()
}

pub(crate) fn port() -> impl Strategy<Value = PortId> {
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

fn aggregation() -> impl Strategy<Value = Aggregation> {
    (any::<u8>(), any::<u32>()).prop_map(|(status, port)| Aggregation { status, port })
}

fn dot1() -> impl Strategy<Value = Dot1> {
    let ppvid = (any::<u8>(), any::<u16>()).prop_map(|(flags, id)| Ppvid { flags, id });
    let vlan = (any::<u16>(), text(32)).prop_map(|(id, name)| VlanName { id, name });
    let lists = (vec(ppvid, 0..3), vec(vlan, 0..3), vec(octets(20), 0..3));
    let numbers = (option::of(any::<u16>()), option::of(any::<u32>()), option::of(any::<u16>()));
    (numbers, lists, option::of(aggregation())).prop_map(
        |((pvid, vid_usage_digest, management_vid), (ppvids, vlans, protocols), aggregation)| Dot1 {
            pvid,
            ppvids,
            vlans,
            protocols,
            vid_usage_digest,
            management_vid,
            aggregation,
        },
    )
}

fn classification() -> impl Strategy<Value = Classification> {
    (any::<u8>(), any::<u16>(), any::<u16>(), octets(17)).prop_map(
        |(type_source_priority, requested, allocated, extension)| Classification {
            type_source_priority,
            requested,
            allocated,
            extension,
        },
    )
}

fn dot3() -> impl Strategy<Value = Dot3> {
    let mac_phy = (any::<u8>(), any::<u16>(), any::<u16>())
        .prop_map(|(autonegotiation, advertised, mau)| MacPhy { autonegotiation, advertised, mau });
    let power = (any::<u8>(), any::<u8>(), any::<u8>(), option::of(classification()))
        .prop_map(|(support, pair, class, classification)| Power { support, pair, class, classification });
    let eee = any::<[u16; 5]>().prop_map(|[transmit, receive, fallback, echo_transmit, echo_receive]| Eee {
        transmit_wake: transmit,
        receive_wake: receive,
        fallback_receive_wake: fallback,
        echo_transmit_wake: echo_transmit,
        echo_receive_wake: echo_receive,
    });
    let numbers = (option::of(any::<u16>()), option::of(any::<u16>()));
    (option::of(mac_phy), option::of(power), option::of(aggregation()), option::of(eee), numbers).prop_map(
        |(mac_phy, power, aggregation, eee, (frame_size_max, additional))| Dot3 {
            mac_phy,
            power,
            aggregation,
            frame_size_max,
            eee,
            additional,
        },
    )
}

fn inventory() -> impl Strategy<Value = Inventory> {
    let text = || option::of(text(32));
    (text(), text(), text(), text(), text(), text(), text()).prop_map(
        |(hardware, firmware, software, serial, manufacturer, model, asset)| Inventory {
            hardware,
            firmware,
            software,
            serial,
            manufacturer,
            model,
            asset,
        },
    )
}

fn med() -> impl Strategy<Value = Med> {
    let device =
        (any::<u16>(), any::<u8>()).prop_map(|(capabilities, class)| MedDevice { capabilities, class });
    let policy = (any::<u8>(), any::<bool>(), any::<bool>(), 0_u16..4096, 0_u8..8, 0_u8..64).prop_map(
        |(application, unknown, tagged, vlan, priority, dscp)| Policy {
            application,
            unknown,
            tagged,
            vlan,
            priority,
            dscp,
        },
    );
    let location = (any::<u8>(), octets(40)).prop_map(|(format, octets)| Location { format, octets });
    let power = (any::<u8>(), any::<u16>()).prop_map(|(flags, value)| MedPower { flags, value });
    (option::of(device), vec(policy, 0..3), vec(location, 0..3), option::of(power), inventory()).prop_map(
        |(device, policies, locations, power, inventory)| Med {
            device,
            policies,
            locations,
            power,
            inventory,
        },
    )
}

pub(crate) fn lldp() -> impl Strategy<Value = Lldp> {
    let basic = (option::of(text(511)), option::of(text(255)), option::of(text(255)));
    let rest = (option::of(capabilities()), vec(management(), 0..4), vec(unknown(), 0..4));
    let organisations = (dot1(), dot3(), med());
    let parts = (chassis(), port(), any::<u16>(), basic, rest, organisations);
    parts.prop_map(|(chassis, port, ttl_s, basic, rest, organisations)| {
        let mut lldp = Lldp::new(chassis, port, ttl_s);
        (lldp.port_description, lldp.system_name, lldp.system_description) = basic;
        (lldp.capabilities, lldp.management, lldp.unknown) = rest;
        (lldp.dot1, lldp.dot3, lldp.med) = organisations;
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

pub(crate) fn cdp() -> impl Strategy<Value = Cdp> {
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
    let protocol = prop::sample::select(VlanTag::PROTOCOLS.to_vec());
    vec((protocol, any::<u16>()).prop_map(|(protocol, control)| VlanTag { protocol, control }), 0..=4)
}

pub(crate) fn heard() -> impl Strategy<Value = Heard> {
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
