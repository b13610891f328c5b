//! Frames written by hand, octet by octet: what is believed, what is refused, and why.

use lldp_rs::{Announcement, CdpAddress, DefectKind, Encapsulation, Heard, Protocol, Reject, decode, json};
use lldp_rs::{
    Cdp, ChassisId, ChassisSubtype, EncodeError, Lldp, Mac, ManagementAddress, Numbering, PortId,
    PortSubtype, UnknownTlv, VlanTag, encode,
};

const SOURCE: [u8; 6] = [2, 0, 0, 0, 0, 1];
/// Type and contents.
type TlvParts<'a> = (u8, &'a [u8]);

const CHASSIS: TlvParts<'_> = (1, &[4, 2, 0, 0, 0, 0, 9]);
const PORT: TlvParts<'_> = (2, &[5, b's', b'w', b'p', b'1']);
const TTL: TlvParts<'_> = (3, &[0, 120]);
const END: TlvParts<'_> = (0, &[]);

fn ethernet(destination: [u8; 6], kind: &[u8], body: &[u8]) -> Vec<u8> {
    [&destination[..], &SOURCE, kind, body].concat()
}

fn tlv((kind, value): TlvParts<'_>) -> Vec<u8> {
    let header = (u16::from(kind) << 9) | value.len() as u16;
    [&header.to_be_bytes()[..], value].concat()
}

fn lldpdu(tlvs: &[TlvParts<'_>]) -> Vec<u8> {
    tlvs.iter().copied().flat_map(tlv).collect()
}

fn lldp(tlvs: &[TlvParts<'_>]) -> Vec<u8> {
    ethernet([0x01, 0x80, 0xc2, 0, 0, 0x0e], &[0x88, 0xcc], &lldpdu(tlvs))
}

fn cdp_tlv((kind, value): (u16, &[u8])) -> Vec<u8> {
    let length = value.len() as u16 + 4;
    [&kind.to_be_bytes()[..], &length.to_be_bytes(), value].concat()
}

/// An 802.3 frame with this much said about its length.
fn snap(destination: [u8; 6], protocol: [u8; 5], body: &[u8], length: usize) -> Vec<u8> {
    let header = [&[0xaa, 0xaa, 0x03][..], &protocol].concat();
    ethernet(destination, &(length as u16).to_be_bytes(), &[&header, body].concat())
}

fn cdp_octets(body: &[u8]) -> Vec<u8> {
    let mut octets = [&[2, 180, 0, 0][..], body].concat();
    let words = octets.chunks(2).map(|word| u32::from(word[0]) << 8 | u32::from(*word.get(1).unwrap_or(&0)));
    let sum: u32 = words.sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    let folded = (folded & 0xffff) + (folded >> 16);
    octets[2..4].copy_from_slice(&(!(folded as u16)).to_be_bytes());
    octets
}

fn cdp(body: &[u8]) -> Vec<u8> {
    let octets = cdp_octets(body);
    let length = octets.len() + 8;
    snap([0x01, 0x00, 0x0c, 0xcc, 0xcc, 0xcc], [0, 0, 0x0c, 0x20, 0], &octets, length)
}

/// TLV index and kind.
type Defects = Vec<(u16, DefectKind)>;

fn defects(heard: &Heard) -> Defects {
    heard.announcement.defects().iter().map(|defect| (defect.tlv, defect.kind)).collect()
}

#[test]
fn the_mandatory_part_of_lldp_is_strict() {
    let long = [&[7][..], &[b'x'; 255]].concat();
    let too_long = [&[7][..], &[b'x'; 256]].concat();
    let cases: Vec<(&str, Vec<TlvParts<'_>>, Result<(), Reject>)> = vec![
        ("least", vec![CHASSIS, PORT, TTL, END], Ok(())),
        ("nothing", vec![], Err(Reject::Truncated)),
        ("end only", vec![END], Err(Reject::MandatoryOrder)),
        ("port first", vec![PORT, CHASSIS, TTL, END], Err(Reject::MandatoryOrder)),
        ("no port", vec![CHASSIS, TTL, END], Err(Reject::MandatoryOrder)),
        ("no ttl", vec![CHASSIS, PORT, END], Err(Reject::MandatoryOrder)),
        ("cut after port", vec![CHASSIS, PORT], Err(Reject::Truncated)),
        ("name before ttl", vec![CHASSIS, PORT, (5, b"sw"), TTL, END], Err(Reject::MandatoryOrder)),
        ("ttl twice", vec![CHASSIS, PORT, TTL, (5, b"sw"), TTL, END], Err(Reject::MandatoryRepeated)),
        ("chassis twice", vec![CHASSIS, PORT, TTL, CHASSIS, END], Err(Reject::MandatoryRepeated)),
        ("repeated after the end", vec![CHASSIS, PORT, TTL, END, TTL], Ok(())),
        ("subtype 0", vec![(1, &[0, 1]), PORT, TTL, END], Err(Reject::IdSubtype)),
        ("subtype 8", vec![CHASSIS, (2, &[8, 1]), TTL, END], Err(Reject::IdSubtype)),
        ("no subtype", vec![(1, &[]), PORT, TTL, END], Err(Reject::IdLength)),
        ("no id", vec![(1, &[7]), PORT, TTL, END], Err(Reject::IdLength)),
        ("255 octets", vec![(1, &long), PORT, TTL, END], Ok(())),
        ("256 octets", vec![(1, &too_long), PORT, TTL, END], Err(Reject::IdLength)),
        ("short mac", vec![(1, &[4, 2, 0, 0, 0, 0]), PORT, TTL, END], Err(Reject::IdLength)),
        ("long mac", vec![(1, &[4, 2, 0, 0, 0, 0, 0, 0]), PORT, TTL, END], Err(Reject::IdLength)),
        ("short ipv4", vec![(1, &[5, 1, 10, 0, 0]), PORT, TTL, END], Err(Reject::IdLength)),
        ("ipv4 in ipv6", vec![(1, &[5, 2, 10, 0, 0, 1]), PORT, TTL, END], Err(Reject::IdLength)),
        ("long ipv4", vec![(1, &[5, 1, 10, 0, 0, 1, 1]), PORT, TTL, END], Err(Reject::IdLength)),
        ("short ttl", vec![CHASSIS, PORT, (3, &[120]), END], Err(Reject::TtlLength)),
        ("long ttl", vec![CHASSIS, PORT, (3, &[0, 120, 0]), END], Ok(())),
    ];
    for (name, tlvs, want) in cases {
        assert_eq!(decode(&lldp(&tlvs)).map(|_| ()), want, "{name}");
    }
}

#[test]
fn the_optional_part_of_lldp_costs_only_itself() {
    use DefectKind::{EndLength, InnerLength, Length, Repeated};
    let address: &[u8] = &[5, 1, 10, 0, 0, 1, 2, 0, 0, 0, 3, 0];
    let cases: &[(&str, TlvParts<'_>, Option<DefectKind>)] = &[
        ("empty name", (5, b""), None),
        ("capabilities", (7, &[0, 20, 0, 4]), None),
        ("short capabilities", (7, &[0, 20]), Some(Length)),
        ("address", (8, address), None),
        ("no address", (8, &[0]), Some(Length)),
        ("empty address", (8, &[]), Some(Length)),
        ("address of a family only", (8, &[1, 1, 2, 0, 0, 0, 3, 0]), Some(Length)),
        ("32 octets of address", (8, &[&[33, 1][..], &[7; 32], &[2, 0, 0, 0, 3, 0]].concat()), Some(Length)),
        ("address past its TLV", (8, &[30, 1, 10, 0, 0, 1, 2, 0, 0, 0, 3, 0]), Some(InnerLength)),
        ("object id past its TLV", (8, &[5, 1, 10, 0, 0, 1, 2, 0, 0, 0, 3, 9]), Some(InnerLength)),
        ("reserved type", (9, b"x"), None),
        ("organisation", (127, &[0, 1, 2, 3]), None),
        ("organisation cut", (127, &[0, 1, 2]), Some(Length)),
        ("vlan name", (127, &[0x00, 0x80, 0xc2, 3, 0, 7, 1, b'x']), None),
        ("vlan name past its TLV", (127, &[0x00, 0x80, 0xc2, 3, 0, 7, 9, b'x']), Some(InnerLength)),
        ("protocol past its TLV", (127, &[0x00, 0x80, 0xc2, 4, 9, 1]), Some(InnerLength)),
        ("pvid cut", (127, &[0x00, 0x80, 0xc2, 1, 0]), Some(Length)),
        ("power cut", (127, &[0x00, 0x12, 0x0f, 2, 0]), Some(Length)),
        ("media cut", (127, &[0x00, 0x12, 0xbb, 1, 0]), Some(Length)),
        ("end with contents", (0, b"x"), Some(EndLength)),
    ];
    for (name, optional, want) in cases {
        let heard = decode(&lldp(&[CHASSIS, PORT, TTL, *optional, END])).expect("kept");
        let want: Vec<_> = want.iter().map(|kind| (3, *kind)).collect();
        assert_eq!(defects(&heard), want, "{name}");
    }
    let twice = decode(&lldp(&[CHASSIS, PORT, TTL, (5, b"first"), (5, b"second"), END])).expect("kept");
    assert_eq!(defects(&twice), [(4, Repeated)]);
    assert_eq!(twice.announcement.system_name().map(|name| name.safe()).as_deref(), Some("first"));
}

#[test]
fn defects_are_counted_by_kind() {
    let tlvs = [CHASSIS, PORT, TTL, (7, &[0][..]), (5, b"a"), (5, b"b"), (127, &[0]), (0, b"x")];
    let heard = decode(&lldp(&tlvs)).expect("kept");
    let counts: Vec<(DefectKind, usize)> = heard.announcement.defect_counts().collect();
    assert_eq!(counts, [(DefectKind::Length, 2), (DefectKind::Repeated, 1), (DefectKind::EndLength, 1)]);
    let mut names: Vec<&str> = DefectKind::ALL.iter().map(|kind| kind.name()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), DefectKind::ALL.len());
}

#[test]
fn a_list_that_breaks_off_keeps_what_came_before() {
    let whole = lldp(&[CHASSIS, PORT, TTL, (5, b"switch"), END]);
    let cut = |octets: usize| decode(&whole[..whole.len() - octets]).expect("identity is whole");
    assert_eq!(defects(&cut(0)), []);
    assert_eq!(defects(&cut(1)), [(4, DefectKind::Overrun)]);
    assert_eq!(defects(&cut(2)), [(4, DefectKind::NoEnd)]);
    assert_eq!(defects(&cut(3)), [(3, DefectKind::Overrun)]);
    assert_eq!(cut(3).announcement.system_name(), None);
}

#[test]
fn media_policies_are_read_bit_by_bit() {
    // Tagged, VLAN 100, priority 5, DSCP 46: 0 1 0 000001100100 101 101110.
    let word: u32 = 1 << 22 | 100 << 9 | 5 << 6 | 46;
    let octets = [&[0x00, 0x12, 0xbb, 2, 1][..], &word.to_be_bytes()[1..]].concat();
    let heard = decode(&lldp(&[CHASSIS, PORT, TTL, (127, &octets), END])).expect("sound");
    let Announcement::Lldp(lldp) = heard.announcement else { panic!("not LLDP") };
    let policy = lldp.med.policies[0];
    assert_eq!((policy.application, policy.unknown, policy.tagged), (1, false, true));
    assert_eq!((policy.vlan, policy.priority, policy.dscp), (100, 5, 46));
}

#[test]
fn tags_are_stripped_and_kept_and_the_destination_must_be_a_group_of_the_protocol() {
    let body = lldpdu(&[CHASSIS, PORT, TTL, END]);
    let group = [0x01, 0x80, 0xc2, 0, 0, 0x03];
    let tag = [0x81, 0x00, 0x00, 0x05];
    for tags in 0..=4 {
        let kind = [tag.repeat(tags), vec![0x88, 0xcc]].concat();
        let heard = decode(&ethernet(group, &kind, &body)).expect("tagged");
        assert_eq!(heard.vlans.iter().map(|tag| tag.id()).collect::<Vec<_>>(), [5].repeat(tags));
        assert_eq!(heard.encapsulation, Encapsulation::EthernetII);
    }
    let five = [tag.repeat(5), vec![0x88, 0xcc]].concat();
    assert_eq!(decode(&ethernet(group, &five, &body)), Err(Reject::TooManyTags));
    let unicast = ethernet([2, 0, 0, 0, 0, 7], &[0x88, 0xcc], &body);
    assert_eq!(decode(&unicast), Err(Reject::Destination));
    assert_eq!(decode(&ethernet(group, &[0x08, 0x00], &body)), Err(Reject::Foreign));
    assert_eq!(decode(&group), Err(Reject::TooShort));
}

#[test]
fn lldp_in_snap_is_lldp() {
    let body = lldpdu(&[CHASSIS, PORT, TTL, END]);
    let frame = snap([0x01, 0x80, 0xc2, 0, 0, 0x0e], [0, 0, 0, 0x88, 0xcc], &body, body.len() + 8);
    let heard = decode(&frame).expect("sound");
    assert_eq!((heard.protocol(), heard.encapsulation), (Protocol::Lldp, Encapsulation::Snap));
}

#[test]
fn cdp_respects_the_length_field_and_its_neighbours_on_the_same_group_are_foreign() {
    let body = [cdp_tlv((1, b"core1")), cdp_tlv((3, b"Gi0/1"))].concat();
    let whole = cdp(&body);
    let padded = [&whole[..], &[0xff; 9]].concat();
    assert_eq!(decode(&whole), decode(&padded), "padding is not CDP");
    assert_eq!(decode(&whole[..whole.len() - 1]), Err(Reject::LengthOverrun));
    for protocol in [0x2003_u16, 0x2004, 0x0104, 0x0111, 0x010b] {
        let [high, low] = protocol.to_be_bytes();
        let frame =
            snap([0x01, 0x00, 0x0c, 0xcc, 0xcc, 0xcc], [0, 0, 0x0c, high, low], &body, body.len() + 8);
        assert_eq!(decode(&frame), Err(Reject::Foreign), "{protocol:04x}");
    }
    let mut third = whole.clone();
    third[22] = 3;
    assert_eq!(decode(&third), Err(Reject::Version));
}

#[test]
fn a_broken_cdp_tlv_costs_itself_and_what_follows() {
    let id = cdp_tlv((1, b"core1"));
    let address = [&[0, 0, 0, 1, 1, 1, 0xcc, 0, 4][..], &[10, 0, 0, 1]].concat();
    let mut lying = address.clone();
    lying[..4].copy_from_slice(&u32::MAX.to_be_bytes());
    let cases: Vec<(&str, Vec<u8>, Defects)> = vec![
        ("sound", cdp_tlv((2, &address)), vec![]),
        ("a count of addresses that is a lie", cdp_tlv((2, &lying)), vec![(1, DefectKind::InnerLength)]),
        ("no count", cdp_tlv((2, &[0])), vec![(1, DefectKind::Length)]),
        ("length 0", vec![0, 3, 0, 0], vec![(1, DefectKind::Length)]),
        ("length 3", vec![0, 3, 0, 3], vec![(1, DefectKind::Length)]),
        ("past the end", vec![0, 3, 0, 9, 0, 0], vec![(1, DefectKind::Overrun)]),
        ("half a header", vec![0, 3], vec![(1, DefectKind::Overrun)]),
        ("short capabilities", cdp_tlv((4, &[0, 0])), vec![(1, DefectKind::Length)]),
        ("an MTU of five octets", cdp_tlv((0x11, &[0; 5])), vec![(1, DefectKind::Length)]),
        ("short power", cdp_tlv((0x1a, &[0; 7])), vec![(1, DefectKind::Length)]),
        ("a repeated id", id.clone(), vec![]),
    ];
    for (name, tlv, want) in cases {
        let heard = decode(&cdp(&[id.clone(), tlv].concat())).expect("kept");
        assert_eq!(defects(&heard), want, "{name}");
        assert_eq!(heard.announcement.chassis().map(|id| id.text()).as_deref(), Some("core1"), "{name}");
    }
    let nameless = decode(&cdp(&cdp_tlv((3, b"Gi0/1")))).expect("kept");
    assert_eq!(defects(&nameless), [(1, DefectKind::NoDeviceId)]);
    assert_eq!(nameless.announcement.chassis(), None);
    let mut wrong = cdp(&id);
    wrong[25] ^= 1;
    assert_eq!(decode(&wrong).map(|heard| defects(&heard)), Ok(vec![(0, DefectKind::Checksum)]));
}

#[test]
fn cdp_fields_lie_where_the_octets_say() {
    let v6 = [&[2, 8, 0xaa, 0xaa, 3, 0, 0, 0, 0x86, 0xdd, 0, 16][..], &[0x20; 16]].concat();
    let body = [
        cdp_tlv((1, b"core1")),
        cdp_tlv((0x0e, &[1, 0x07, 0x42])),
        cdp_tlv((0x0a, &[0, 77])),
        cdp_tlv((0x0b, &[1])),
        cdp_tlv((0x16, &[&[0, 0, 0, 1][..], &v6].concat())),
        cdp_tlv((0x19, &[0, 1, 0, 2, 0, 0, 0x28, 0x0a, 0, 0])),
    ];
    let heard = decode(&cdp(&body.concat())).expect("sound");
    let Announcement::Cdp(cdp) = heard.announcement else { panic!("not CDP") };
    assert_eq!((cdp.voice_vlan, cdp.native_vlan, cdp.full_duplex), (Some(0x742), Some(77), Some(true)));
    assert_eq!(cdp.management, [CdpAddress::Ipv6([0x20; 16].into())]);
    assert_eq!(cdp.power.requested, Some((1, 2, vec![0x280a])), "half a level is none");
}

#[test]
fn json_says_what_was_heard_and_why_not() {
    let frame = lldp(&[CHASSIS, PORT, TTL, (5, b"a\x01\"b"), (7, &[0]), END]);
    let want = concat!(
        r#"{"n":1,"proto":"lldp","src":"02:00:00:00:00:01","dst":"01:80:c2:00:00:0e","verdict":"partial","#,
        r#""defects":[{"tlv":4,"kind":"length"}],"lldp":{"tlvs":[[1,7],[2,5],[3,2],[5,4],[7,1],[0,0]],"#,
        r#""chassis":{"subtype":4,"hex":"020000000009","text":"02:00:00:00:00:09"},"#,
        r#""port":{"subtype":5,"hex":"73777031","text":"swp1"},"ttl":120,"sys_name":"a\u0001\"b"}}"#
    );
    assert_eq!(json::frame(1, &frame), want);
    let tagged = ethernet(
        [0x01, 0x80, 0xc2, 0, 0, 0x0e],
        &[0x88, 0xa8, 0, 9, 0x81, 0, 0, 5, 0x88, 0xcc],
        &lldpdu(&[CHASSIS, PORT, TTL, END]),
    );
    assert!(json::frame(1, &tagged).contains(r#""vlan":[5],"svlan":[9],"verdict":"ok""#));
    assert_eq!(
        json::frame(7, &[1]),
        r#"{"n":7,"proto":"other","verdict":"reject","reject":"too_short","defects":[]}"#
    );
    let empty_list = cdp(&[cdp_tlv((1, b"core1")), cdp_tlv((2, &[0; 4]))].concat());
    assert!(json::frame(1, &empty_list).contains(r#""addresses":[]"#));
    let file = json::capture("f", [&frame[..14]]);
    assert!(
        file.starts_with(r#"{"file":"f","frames":[{"n":1,"#)
            && file.ends_with(r#""reject":"truncated","defects":[],"lldp":{"tlvs":[]}}]}"#)
    );
}

/// What the JSON of a refused frame shows, and why it was refused.
fn refused(frame: &[u8]) -> (Option<Reject>, String) {
    let text = json::frame(1, frame);
    let shown =
        text.split_once(r#","reject":""#).and_then(|(_, end)| end.split_once("[],")).map(|(_, end)| end);
    (decode(frame).err(), shown.unwrap_or_default().into())
}

#[test]
fn a_refused_frame_is_shown_as_far_as_it_can_be_read() {
    let chassis = r#""chassis":{"subtype":4,"hex":"020000000009","text":"02:00:00:00:00:09"}"#;
    let short_mac = lldp(&[(1, &[4, 2, 0, 0, 0, 0]), PORT, TTL, END]);
    let reserved = lldp(&[CHASSIS, (2, &[9, b'x']), TTL, (5, b"sw"), END]);
    let twice = lldp(&[CHASSIS, PORT, TTL, TTL, (5, b"sw"), END]);
    let cases: [(&str, Vec<u8>, Reject, &str); 4] = [
        (
            "no port",
            lldp(&[CHASSIS, TTL, END]),
            Reject::MandatoryOrder,
            &format!(r#""tlvs":[[1,7]],{chassis}"#),
        ),
        (
            "short mac",
            short_mac,
            Reject::IdLength,
            r#""tlvs":[[1,6]],"chassis":{"subtype":4,"hex":"0200000000""#,
        ),
        ("reserved subtype", reserved, Reject::IdSubtype, r#""text":"x"},"ttl":120,"sys_name":"sw""#),
        ("ttl twice", twice, Reject::MandatoryRepeated, r#""tlvs":[[1,7],[2,5],[3,2],[3,2]],"#),
    ];
    for (name, frame, why, want) in cases {
        let (reject, shown) = refused(&frame);
        assert_eq!(reject, Some(why), "{name}");
        assert!(shown.starts_with(r#""lldp":{"#) && shown.contains(want), "{name}: {shown}");
    }
    let mut third = cdp(&cdp_tlv((1, b"core1")));
    third[22] = 3;
    assert!(json::frame(1, &third).contains(r#""reject":"version","defects":[],"cdp":{"tlvs":[[1,9]],"#));
    let tags = [[0x81, 0, 0, 5].repeat(5), vec![0x88, 0xcc]].concat();
    let deep =
        json::frame(1, &ethernet([0x01, 0x80, 0xc2, 0, 0, 0x0e], &tags, &lldpdu(&[CHASSIS, PORT, TTL, END])));
    assert!(
        deep.contains(
            r#""vlan":[5,5,5,5,5],"verdict":"reject","reject":"too_many_tags","defects":[],"lldp":{"#
        ),
        "{deep}"
    );
}

#[test]
fn of_repeated_cdp_tlvs_the_first_counts_and_of_offered_power_the_last() {
    let address = |last: u8| [&[0, 0, 0, 1, 1, 1, 0xcc, 0, 4, 10, 0, 0][..], &[last]].concat();
    let body = [
        cdp_tlv((1, b"core1")),
        cdp_tlv((2, &[0; 4])),
        cdp_tlv((2, &address(1))),
        cdp_tlv((0x16, &address(2))),
        cdp_tlv((0x16, &address(3))),
        cdp_tlv((0x10, &[0, 1])),
        cdp_tlv((0x10, &[0, 2])),
    ];
    let heard = decode(&cdp(&body.concat())).expect("sound");
    let Announcement::Cdp(cdp) = heard.announcement else { panic!("not CDP") };
    assert_eq!((cdp.addresses, cdp.power.drawn_mw), (vec![], Some(2)), "an empty list came first");
    assert_eq!(cdp.management, [CdpAddress::Ipv4([10, 0, 0, 2].into())]);
}

#[test]
fn a_misnumbered_cdp_address_is_kept_as_sent_and_spelled_as_meant() {
    let octets = [0, 0, 0, 1, 2, 1, 0xcc, 0, 4, 10, 0, 0, 1];
    let heard = decode(&cdp(&[cdp_tlv((1, b"core1")), cdp_tlv((2, &octets))].concat())).expect("sound");
    let Announcement::Cdp(cdp) = heard.announcement else { panic!("not CDP") };
    assert!(matches!(&cdp.addresses[..], [CdpAddress::Other { protocol_type: 2, .. }]));
    assert_eq!((cdp.addresses[0].text().as_str(), cdp.addresses[0].ip()), ("10.0.0.1", None));
}

#[test]
fn a_tag_that_is_cut_or_unknown_is_no_tag_and_bridged_ethertypes_are_ethertypes() {
    let body = lldpdu(&[CHASSIS, PORT, TTL, END]);
    let group = [0x01, 0x80, 0xc2, 0, 0, 0x0e];
    for (kind, want) in [
        (vec![0x92, 0x00, 0, 5, 0x88, 0xcc], Err(Reject::Foreign)),
        (vec![0x05, 0xdd], Err(Reject::Foreign)),
        (vec![0x91, 0x00, 0, 5, 0x88, 0xcc], Ok(Protocol::Lldp)),
    ] {
        let got = decode(&ethernet(group, &kind, &body)).map(|heard| heard.protocol());
        assert_eq!(got, want, "{kind:02x?}");
    }
    assert_eq!(decode(&ethernet(group, &[0x81, 0x00], &[])), Err(Reject::Foreign));
    let tunnelled = snap(group, [0, 0, 0xf8, 0x88, 0xcc], &body, body.len() + 8);
    assert_eq!(decode(&tunnelled).map(|heard| heard.protocol()), Ok(Protocol::Lldp));
}

#[test]
fn old_protocols_give_an_identity() {
    let edp = |version: u8, id_kind: u8, tlvs: &[u8]| {
        let length = (16 + tlvs.len()) as u16;
        let head = [&[version, 0][..], &length.to_be_bytes(), &[0, 0, 0, 0, 0, id_kind], &SOURCE].concat();
        // The 802.3 length of real ones is too long, and memory scraps follow.
        let body = [&head, tlvs, &[0xee; 6]].concat();
        snap([0x00, 0xe0, 0x2b, 0, 0, 0], [0x00, 0xe0, 0x2b, 0x00, 0xbb], &body, body.len() + 30)
    };
    let info = [&[0x99, 2, 0, 36, 0, 7, 0, 59][..], &[0; 8], &[0x0b, 2, 2, 4], &[0; 16]].concat();
    let tlvs = [&info[..], b"\x99\x01\x00\x0dHD2\0scrap", &[0x99, 0, 0, 4], b"anything"].concat();
    let heard = decode(&edp(1, 0, &tlvs)).expect("sound");
    assert_eq!(defects(&heard), []);
    assert_eq!(heard.announcement.chassis().map(|id| id.text()).as_deref(), Some("02:00:00:00:00:01"));
    assert_eq!(heard.announcement.port().map(|id| id.text()).as_deref(), Some("8:60"));
    assert_eq!(heard.announcement.system_name().map(|name| name.safe()).as_deref(), Some("HD2"));
    assert_eq!(decode(&edp(2, 0, &tlvs)), Err(Reject::Version));
    assert_eq!(decode(&edp(1, 1, &tlvs)), Err(Reject::NoIdentity));
    let endless = decode(&edp(1, 0, &info)).expect("sound");
    assert_eq!(defects(&endless), [], "EDP's own length ends the list");
    let unmarked = decode(&edp(1, 0, &[0x98, 1, 0, 4])).expect("kept");
    assert_eq!(defects(&unmarked), [(0, DefectKind::Marker)]);

    let fdp = |version: u8| {
        let body =
            [&[version, 10, 0, 0][..], &cdp_tlv((1, b"domix")), &cdp_tlv((3, b"ethernet3/1"))].concat();
        snap([0x01, 0xe0, 0x52, 0xcc, 0xcc, 0xcc], [0x00, 0xe0, 0x52, 0x20, 0], &body, body.len() + 8)
    };
    let heard = decode(&fdp(1)).expect("sound");
    assert_eq!(heard.announcement.chassis().map(|id| id.text()).as_deref(), Some("domix"));
    assert_eq!((heard.announcement.ttl_s(), decode(&fdp(2))), (10, Err(Reject::Version)));

    let sonmp = |address: [u8; 4]| {
        let body = [&address[..], &[0, 4, 1, 12, 12, 3, 1]].concat();
        snap([0x01, 0x00, 0x81, 0, 1, 0], [0, 0, 0x81, 0x01, 0xa2], &body, body.len() + 8)
    };
    let heard = decode(&sonmp([172, 17, 142, 37])).expect("sound");
    assert_eq!(heard.announcement.chassis().map(|id| id.text()).as_deref(), Some("172.17.142.37"));
    assert_eq!(heard.announcement.port().map(|id| id.text()).as_deref(), Some("000401"));
    assert_eq!(decode(&sonmp([0; 4])), Err(Reject::NoIdentity));
}

fn lldp_value() -> Lldp {
    let chassis = ChassisId::new(ChassisSubtype::MacAddress, &SOURCE).expect("sound");
    Lldp::new(chassis, PortId::new(PortSubtype::InterfaceName, b"swp1").expect("sound"), 120)
}

#[test]
fn what_has_no_place_on_the_wire_is_not_encoded() {
    let lldp = |change: &dyn Fn(&mut Lldp)| {
        let mut value = lldp_value();
        change(&mut value);
        encode(&Heard::lldp(Mac(SOURCE), value)).map(|_| ())
    };
    let text = |octets: usize| Some([b'x'; 512][..octets].into());
    let address = |octets: usize, oid: usize| {
        let mut address = ManagementAddress::ipv4([10, 0, 0, 1].into(), Numbering::IfIndex, 1);
        (address.octets, address.oid) = (vec![1; octets].into(), vec![1; oid].into());
        address
    };
    let reserved = |kind: u8| UnknownTlv::Reserved { kind, octets: Box::default() };
    assert_eq!(lldp(&|lldp| lldp.system_name = text(511)), Ok(()));
    assert_eq!(lldp(&|lldp| lldp.system_name = text(512)), Err(EncodeError::TlvTooLong(5)));
    assert_eq!(lldp(&|lldp| lldp.management.push(address(31, 128))), Ok(()));
    for (octets, oid) in [(0, 0), (32, 0), (4, 129)] {
        assert_eq!(
            lldp(&|lldp| lldp.management.push(address(octets, oid))),
            Err(EncodeError::ManagementAddress)
        );
    }
    for kind in [0, 8, 127] {
        assert_eq!(lldp(&|lldp| lldp.unknown.push(reserved(kind))), Err(EncodeError::TlvType(kind)));
    }
    let foreign = ChassisId::new(ChassisSubtype::Cdp, b"core1").expect("sound");
    assert_eq!(lldp(&|lldp| lldp.chassis = foreign.clone()), Err(EncodeError::IdKind));
}

#[test]
fn what_no_receiver_would_believe_is_not_encoded() {
    let cdp = |change: &dyn Fn(&mut Cdp)| {
        let mut value = Cdp::new("core1", "Gi0/1", 180);
        change(&mut value);
        encode(&Heard::cdp(Mac(SOURCE), value)).map(|frame| frame.len())
    };
    let software = |octets: usize| move |cdp: &mut Cdp| cdp.software = Some([b'x'; 1500][..octets].into());
    // 8 of LLC and SNAP, 4 of header, 9 of each id, 4 of TLV header.
    assert_eq!(cdp(&software(1500 - 34)), Ok(1514));
    assert_eq!(cdp(&software(1500 - 33)), Err(EncodeError::FrameTooLong));
    assert_eq!(cdp(&|cdp| cdp.version = 3), Err(EncodeError::Version));
    assert_eq!(cdp(&|cdp| cdp.device_id = None), Err(EncodeError::NoDeviceId));
    assert_eq!(cdp(&|cdp| cdp.device_id = Some("".into())), Err(EncodeError::NoDeviceId));

    let heard = |change: &dyn Fn(&mut Heard)| {
        let mut heard = Heard::cdp(Mac(SOURCE), Cdp::new("core1", "Gi0/1", 180));
        change(&mut heard);
        encode(&heard).map(|_| ())
    };
    let tag = VlanTag { protocol: 0x8100, control: 1 };
    assert_eq!(heard(&|heard| heard.vlans = vec![tag; 5]), Err(EncodeError::TooManyTags));
    assert_eq!(heard(&|heard| heard.destination = Mac::NEAREST_BRIDGE), Err(EncodeError::Destination));
    assert_eq!(
        heard(&|heard| heard.encapsulation = Encapsulation::EthernetII),
        Err(EncodeError::Encapsulation)
    );
}

#[test]
fn a_shutdown_is_the_mandatory_part_alone_and_padded() {
    let value = lldp_value();
    let frame = encode(&Heard::lldp(Mac(SOURCE), Lldp::shutdown(value.chassis, value.port))).expect("sound");
    let want = lldp(&[(1, &[4, 2, 0, 0, 0, 0, 1]), PORT, (3, &[0, 0]), END]);
    assert_eq!((&frame[..want.len()], frame.len()), (&want[..], 60));
    assert!(decode(&frame).is_ok_and(|heard| heard.announcement.is_shutdown()));
}
