//! Sound inputs of our own making: every TLV at least once.

use lldp_rs::{
    Aggregation, Capabilities, CapabilitySet, Cdp, CdpAddress, CdpCapabilities, CdpPower, ChassisId,
    ChassisSubtype, Classification, Dot1, Dot3, Eee, Encapsulation, Heard, Lldp, Location, Mac, MacPhy,
    ManagementAddress, Med, MedDevice, MedPower, Numbering, OtherTlv, Policy, PortId, PortSubtype, Power,
    Ppvid, Subtype, UnknownTlv, VlanName, VlanTag, encode,
};

const SOURCE: Mac = Mac([2, 0, 0, 0, 0, 1]);
/// Where the LLDPDU begins in an untagged frame, and the body after a SNAP header.
const LLDPDU_AT: usize = 14;
const BODY_AT: usize = 22;

/// Frames of every protocol and packing.
pub fn frames() -> Vec<Vec<u8>> {
    let sent = announcements().into_iter().chain(packings());
    let mut frames: Vec<Vec<u8>> = sent.map(|heard| encode(&heard).expect("sound")).collect();
    frames.extend(legacy_frames());
    frames
}

/// What follows the EtherType of LLDP.
pub fn lldpdus() -> Vec<Vec<u8>> {
    lldps()
        .into_iter()
        .map(|lldp| encode(&Heard::lldp(SOURCE, lldp)).expect("sound").split_off(LLDPDU_AT))
        .collect()
}

/// What follows the SNAP header of CDP.
pub fn cdp_bodies() -> Vec<Vec<u8>> {
    cdps().iter().map(|cdp| cdp.to_octets().expect("sound")).collect()
}

/// What follows the SNAP header of EDP, FDP and SONMP, behind an octet that says which.
pub fn legacy_bodies() -> Vec<Vec<u8>> {
    let numbered = (0_u8..).zip(legacy_frames());
    numbered.map(|(which, frame)| [&[which.min(2)], &frame[BODY_AT..]].concat()).collect()
}

/// LACP and spanning tree.
pub fn bridge_frames() -> Vec<Vec<u8>> {
    let mut lacp = [&Mac::SLOW_PROTOCOLS.0[..], &SOURCE.0, &[0x88, 0x09, 1, 1]].concat();
    lacp.extend([1, 20, 0x80, 0x00, 2, 0, 0, 0, 0, 9, 0, 7, 0, 1, 0, 3, 0x3d, 0, 0, 0]);
    lacp.extend([2, 20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x02, 0, 0, 0]);
    lacp.resize(124, 0);
    let bpdu = [
        [0, 0, 2, 2, 0x3c].as_slice(),
        &[0x60, 0x0a, 2, 0, 0, 0, 0, 1, 0, 0, 0, 19, 0x80, 0x0a, 2, 0, 0, 0, 0, 2],
        &[0x80, 0x03, 1, 0, 20, 0, 2, 0, 15, 0, 0],
    ]
    .concat();
    let length = |header: usize| ((bpdu.len() + header) as u16).to_be_bytes();
    let stp = [&Mac::NEAREST_CUSTOMER_BRIDGE.0[..], &SOURCE.0, &length(3), &[0x42, 0x42, 3], &bpdu].concat();
    let per_vlan = [0xaa, 0xaa, 3, 0, 0, 0x0c, 1, 0x0b];
    let group = [0x01, 0x00, 0x0c, 0xcc, 0xcc, 0xcd];
    let pvst = [&group[..], &SOURCE.0, &length(8), &per_vlan, &bpdu].concat();
    vec![lacp, stp, pvst]
}

/// Operations on a neighbour table: see `table.rs` for what the octets mean.
pub fn table_operations() -> Vec<Vec<u8>> {
    let hear = |port, chassis| [0, port, chassis, chassis, 0, 4, 0xff];
    let steady = [&[5, 19][..], &[hear(0, 1), [13, 0, 30, 0, 0, 1, 1]].concat().repeat(4)].concat();
    let crowd: Vec<u8> = (0..12).flat_map(|chassis| hear(chassis % 2, chassis)).collect();
    let leave = [&[4, 9][..], &hear(1, 2), &[0, 1, 2, 2, 0, 0, 1], &hear(1, 3), &[15, 0, 9]].concat();
    let recabled = [&[4, 9][..], &hear(0, 2), &[10, 0, 0], &hear(1, 2), &[10, 0, 1, 12, 1]].concat();
    let frame = frames().into_iter().find(|frame| frame.len() < 250).unwrap_or_default();
    let raw = [&[4, 9, 8, 0, frame.len() as u8][..], &frame, &[11, 0, 1, 6, 2, 1, 1, 180]].concat();
    vec![steady, [&[3, 15][..], &crowd].concat(), leave, recabled, raw]
}

fn announcements() -> Vec<Heard> {
    let lldps = lldps().into_iter().map(|lldp| Heard::lldp(SOURCE, lldp));
    lldps.chain(cdps().into_iter().map(|cdp| Heard::cdp(SOURCE, cdp))).collect()
}

/// The same said with tags, in SNAP, to other groups.
fn packings() -> Vec<Heard> {
    let tag = |protocol| VlanTag { protocol, control: 0xa007 };
    let mut tagged = Heard::lldp(SOURCE, least(ChassisSubtype::MacAddress, &SOURCE.0));
    tagged.vlans = vec![tag(0x88a8), tag(0x8100)];
    let mut snap = Heard::lldp(SOURCE, full());
    (snap.encapsulation, snap.destination) = (Encapsulation::Snap, Mac::NEAREST_NON_TPMR_BRIDGE);
    let mut cdp = Heard::cdp(SOURCE, Cdp::new("leaf1", "p", 180));
    cdp.vlans = vec![tag(0x8100)];
    vec![tagged, snap, cdp]
}

fn least(subtype: ChassisSubtype, octets: &[u8]) -> Lldp {
    let chassis = ChassisId::new(subtype, octets).expect("sound");
    Lldp::new(chassis, PortId::new(PortSubtype::InterfaceName, b"swp1").expect("sound"), 120)
}

fn lldps() -> Vec<Lldp> {
    let named = |subtype| least(subtype, b"leaf-1");
    let of_port = |number: u8, octets: &[u8]| {
        let subtype = PortSubtype::from_lldp(number).expect("1 to 7");
        let mut lldp = least(ChassisSubtype::MacAddress, &SOURCE.0);
        lldp.port = PortId::new(subtype, octets).expect("sound");
        lldp
    };
    let mut all = vec![
        full(),
        least(ChassisSubtype::NetworkAddress, &[1, 10, 0, 0, 1]),
        least(ChassisSubtype::NetworkAddress, &[&[2][..], &[0x20; 16]].concat()),
        named(ChassisSubtype::ChassisComponent),
        named(ChassisSubtype::InterfaceAlias),
        named(ChassisSubtype::PortComponent),
        named(ChassisSubtype::InterfaceName),
        least(ChassisSubtype::Local, b"0011.2233.4455"),
        of_port(3, &SOURCE.0),
        of_port(4, &[1, 10, 0, 0, 2]),
        Lldp::shutdown(full().chassis, full().port),
    ];
    all.extend([1, 2, 5, 6, 7].map(|number| of_port(number, b"Eth110/1/13")));
    all
}

/// Every TLV there is.
fn full() -> Lldp {
    let mut lldp = least(ChassisSubtype::MacAddress, &[2, 0, 0, 0, 0, 9]);
    let set = CapabilitySet::BRIDGE.with(CapabilitySet::ROUTER);
    lldp.port_description = Some("to rack 7".into());
    lldp.system_name = Some("leaf1.example.net".into());
    lldp.system_description = Some("Example OS 1.2".into());
    lldp.capabilities = Some(Capabilities { available: set, enabled: CapabilitySet::BRIDGE });
    let mut with_oid = ManagementAddress::ipv4([10, 0, 0, 1].into(), Numbering::IfIndex, 3);
    with_oid.oid = [1, 3, 6].into();
    let v6 = ManagementAddress::ipv6([0x20; 16].into(), Numbering::SystemPort, 4);
    let mac = ManagementAddress { family: 6, octets: SOURCE.0.into(), ..with_oid.clone() };
    lldp.management = vec![with_oid, v6, mac];
    let aggregation = Some(Aggregation { status: 3, port: 7 });
    lldp.dot1 = Dot1 {
        pvid: Some(7),
        ppvids: vec![Ppvid { flags: 6, id: 8 }],
        vlans: vec![VlanName { id: 7, name: "seven".into() }, VlanName { id: 8, name: "eight".into() }],
        protocols: vec![[0x88, 0x8e, 1, 0].into()],
        vid_usage_digest: Some(0xdead_beef),
        management_vid: Some(9),
        aggregation,
    };
    let classification = Classification {
        type_source_priority: 0x51,
        requested: 300,
        allocated: 255,
        extension: [7; 17].into(),
    };
    lldp.dot3 = Dot3 {
        mac_phy: Some(MacPhy { autonegotiation: 3, advertised: 0x6c11, mau: 30 }),
        power: Some(Power { support: 7, pair: 1, class: 4, classification: Some(classification) }),
        aggregation,
        frame_size_max: Some(9_216),
        eee: Some(Eee {
            transmit_wake: 17,
            receive_wake: 17,
            fallback_receive_wake: 30,
            echo_transmit_wake: 0,
            echo_receive_wake: 0,
        }),
        additional: Some(3),
    };
    lldp.med = media();
    lldp.unknown = vec![
        UnknownTlv::Reserved { kind: 9, octets: [1].into() },
        UnknownTlv::Organisation { oui: [0, 1, 0x42], subtype: 1, octets: [1, 2].into() },
    ];
    lldp
}

fn media() -> Med {
    let mut med = Med {
        device: Some(MedDevice { capabilities: 0x3f, class: 4 }),
        policies: vec![Policy {
            application: 1,
            unknown: false,
            tagged: true,
            vlan: 100,
            priority: 5,
            dscp: 46,
        }],
        locations: vec![Location { format: 3, octets: (*b"112").into() }],
        power: Some(MedPower { flags: 0x11, value: 65 }),
        ..Med::default()
    };
    let text = || Some("x1".into());
    (med.inventory.hardware, med.inventory.firmware, med.inventory.software) = (text(), text(), text());
    (med.inventory.serial, med.inventory.manufacturer) = (text(), text());
    (med.inventory.model, med.inventory.asset) = (text(), text());
    med
}

fn cdps() -> Vec<Cdp> {
    let mut full = Cdp::new("leaf1(SSI1)", "Ethernet1/1", 180);
    full.capabilities = Some(CdpCapabilities::SWITCH.with(CdpCapabilities::ROUTER));
    full.addresses = vec![CdpAddress::Ipv4([10, 0, 0, 1].into()), CdpAddress::Ipv6([0x20; 16].into())];
    let other = CdpAddress::Other { protocol_type: 1, protocol: [0x81].into(), octets: [7; 10].into() };
    full.management = vec![full.addresses[0].clone(), other];
    (full.software, full.platform) = (Some("Example OS 1.2\nby us".into()), Some("EX-9".into()));
    (full.vtp_domain, full.system_name) = (Some("campus".into()), Some("leaf1".into()));
    (full.native_vlan, full.voice_vlan, full.full_duplex) = (Some(7), Some(8), Some(true));
    (full.mtu, full.trust, full.untrusted_cos) = (Some(1_500), Some(1), Some(0));
    let levels = || Some((1, 2, vec![15_400, 7_000]));
    full.power = CdpPower { drawn_mw: Some(6_300), requested: levels(), available: levels() };
    full.other = vec![OtherTlv { kind: 0x1003, octets: [0, 1].into() }];
    let mut odd = Cdp::new("R1", "Fa0", 60);
    odd.version = 1;
    vec![full, odd, Cdp::new("SEP020000000001", "Port 1", 0)]
}

/// EDP, FDP and SONMP, in this order.
fn legacy_frames() -> Vec<Vec<u8>> {
    let edp = b"\x00\xe0\x2b\x00\x00\x00\x02\x00\x00\x00\x00\x01\x00\x3b\xaa\xaa\x03\x00\xe0\x2b\x00\xbb\
        \x01\x00\x00\x33\x00\x00\x00\x01\x00\x00\x02\x00\x00\x00\x00\x01\
        \x99\x02\x00\x18\x00\x00\x00\x03\x00\x00\x00\x00\x00\x00\x00\x00\x07\x06\x04\x63\x00\x00\x00\x00\
        \x99\x01\x00\x07sw1\x99\x00\x00\x04";
    let fdp = b"\x01\xe0\x52\xcc\xcc\xcc\x02\x00\x00\x00\x00\x01\x00\x1b\xaa\xaa\x03\x00\xe0\x52\x20\x00\
        \x01\x0a\x00\x00\x00\x01\x00\x07sw1\x00\x03\x00\x08e1/1";
    let sonmp = b"\x01\x00\x81\x00\x01\x00\x02\x00\x00\x00\x00\x01\x00\x13\xaa\xaa\x03\x00\x00\x81\x01\xa2\
        \x0a\x00\x00\x01\x00\x04\x01\x0c\x0c\x03\x01";
    vec![edp.to_vec(), fdp.to_vec(), sonmp.to_vec()]
}
