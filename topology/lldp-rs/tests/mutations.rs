//! Sound frames with a few octets broken, in great number. The seed makes each run the same.

use lldp_rs::{
    Capabilities, CapabilitySet, Cdp, ChassisId, ChassisSubtype, Dot1, Heard, Lacp, Limits, Lldp, Mac,
    ManagementAddress, MedDevice, NeighbourTable, Numbering, PortId, PortSubtype, Reject, Stp,
    SwitchIdentity, VlanName, decode, encode, json,
};

const SEED: u64 = 0x6c6c_6470;
const MUTATIONS: u64 = 200_000;

/// SplitMix64: a draw is a pure function of the counter.
struct Draws(u64);

impl Draws {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }
}

fn sound_frames() -> Vec<Vec<u8>> {
    let source = Mac([2, 0, 0, 0, 0, 1]);
    let chassis = ChassisId::new(ChassisSubtype::MacAddress, &source.0).expect("sound");
    let port = PortId::new(PortSubtype::InterfaceName, b"Eth110/1/13").expect("sound");
    let mut lldp = Lldp::new(chassis, port, 120);
    lldp.system_name = Some("leaf1.example.net".into());
    lldp.capabilities =
        Some(Capabilities { available: CapabilitySet::BRIDGE, enabled: CapabilitySet::BRIDGE });
    lldp.management.push(ManagementAddress {
        family: 1,
        octets: Box::new([10, 0, 0, 1]),
        numbering: Numbering::IfIndex,
        interface: 3,
        oid: Box::new([1, 3, 6]),
    });
    lldp.dot1 = Dot1 { vlans: vec![VlanName { id: 7, name: "seven".into() }], ..Dot1::default() };
    lldp.med.device = Some(MedDevice { capabilities: 1, class: 4 });
    let mut cdp = Cdp::new("leaf1(SSI1)", "Ethernet1/1", 180);
    cdp.addresses.push(lldp_rs::CdpAddress::Ipv4([10, 0, 0, 1].into()));
    let edp = b"\x00\xe0\x2b\x00\x00\x00\x02\x00\x00\x00\x00\x01\x00\x3b\xaa\xaa\x03\x00\xe0\x2b\x00\xbb\
        \x01\x00\x00\x33\x00\x00\x00\x01\x00\x00\x02\x00\x00\x00\x00\x01\
        \x99\x02\x00\x18\x00\x00\x00\x03\x00\x00\x00\x00\x00\x00\x00\x00\x07\x06\x04\x63\x00\x00\x00\x00\
        \x99\x01\x00\x07sw1\x99\x00\x00\x04";
    let fdp = b"\x01\xe0\x52\xcc\xcc\xcc\x02\x00\x00\x00\x00\x01\x00\x1b\xaa\xaa\x03\x00\xe0\x52\x20\x00\
        \x01\x0a\x00\x00\x00\x01\x00\x07sw1\x00\x03\x00\x08e1/1";
    let sonmp = b"\x01\x00\x81\x00\x01\x00\x02\x00\x00\x00\x00\x01\x00\x13\xaa\xaa\x03\x00\x00\x81\x01\xa2\
        \x0a\x00\x00\x01\x00\x04\x01\x0c\x0c\x03\x01";
    let ours = [Heard::lldp(source, lldp), Heard::cdp(source, cdp)];
    let mut frames: Vec<Vec<u8>> = ours.iter().map(|heard| encode(heard).expect("sound")).collect();
    frames.extend([edp.to_vec(), fdp.to_vec(), sonmp.to_vec()]);
    frames
}

fn mutate(frame: &mut Vec<u8>, draws: &mut Draws) {
    for _ in 0..=draws.below(3) {
        let at = draws.below(frame.len());
        match draws.below(5) {
            0 => frame.truncate(at),
            1 => frame.insert(at, draws.next() as u8),
            2 => frame.extend_from_within(at..),
            3 if at < frame.len() => frame[at] = [0, 1, 0x7f, 0x80, 0xff][draws.below(5)],
            _ if at < frame.len() => frame[at] ^= 1 << draws.below(8),
            _ => {}
        }
    }
}

/// What was believed must be usable: keyed, rendered, and the same again after a round trip.
fn use_it(heard: &Heard, frame: &[u8]) -> bool {
    assert!(json::frame(1, frame).len() < 64 + 200 * frame.len());
    let _ = SwitchIdentity::of(heard);
    let Ok(again) = encode(heard) else { return false };
    let again = decode(&again).expect("what we encode, we decode");
    assert_eq!(again.announcement.defects(), [], "{frame:02x?}");
    if heard.announcement.defects().is_empty() {
        assert_eq!(&again, heard, "{frame:02x?}");
    }
    true
}

#[test]
fn the_hand_made_frames_are_sound() {
    for frame in sound_frames() {
        let heard = decode(&frame).expect("decodes");
        assert_eq!(heard.announcement.defects(), [], "{:?}", heard.protocol());
        assert!(heard.announcement.chassis().is_some() && heard.announcement.port().is_some());
    }
}

#[test]
fn broken_frames_neither_panic_nor_grow_nor_lose_what_is_encoded_again() {
    let (frames, mut draws) = (sound_frames(), Draws(SEED));
    let mut table = NeighbourTable::new(Limits::default());
    let (mut believed, mut encoded, mut out) = (0_u64, 0_u64, Vec::new());
    for n in 0..MUTATIONS {
        let mut frame = frames[draws.below(frames.len())].clone();
        mutate(&mut frame, &mut draws);
        let _ = (Lacp::decode(&frame), Stp::decode(&frame));
        let Ok(heard) = decode(&frame) else { continue };
        believed += 1;
        encoded += u64::from(use_it(&heard, &frame));
        out.clear();
        table.heard(1, &heard, n * 1_000_000_000, &mut out);
        table.on_deadline(n * 1_000_000_000, &mut out);
        assert!(table.neighbours(1).len() <= Limits::default().neighbours_per_port);
    }
    assert!(believed > MUTATIONS / 10 && encoded > MUTATIONS / 20, "{believed} believed, {encoded} encoded");
}

#[test]
fn each_reject_has_its_own_name() {
    let mut names: Vec<&str> = Reject::ALL.iter().map(|reject| reject.name()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), Reject::ALL.len());
}
