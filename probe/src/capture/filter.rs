//! The filter in the kernel: classic BPF that lets a switch's announcements through and nothing else.
//!
//! Nearly every frame of a busy host is refused after four instructions. Accepted are
//! - LLDP (EtherType 88-cc, also with up to two VLAN tags in place, also in SNAP, 00-00-00 or 00-00-f8) to its three groups,
//! - CDP (SNAP 00-00-0c, 20-00) to its group; not VTP, DTP, PAgP and UDLD, which share that group,
//! - FDP (SNAP 00-e0-52, 20-00) to its group,
//! - spanning tree (LLC 42 42 03) and LACP (EtherType 88-09): signs that a switch lives,
//!
//! and of these only what came in: an own daemon's announcements leave by the same port.

/// What an accepted frame is cut to: more than any frame has.
const WHOLE: u32 = 0x4_0000;
/// `SKF_AD_OFF + SKF_AD_PKTTYPE`: in place of an offset, the direction of the frame.
const PACKET_TYPE: u32 = 0xffff_f004;
/// `PACKET_OUTGOING`: this host sends it.
const OUTGOING: u32 = 4;

// Octets 0 to 3 of the destination addresses, and their octets 4 and 5.
const IEEE_GROUP: u32 = 0x0180_c200;
const CISCO_GROUP: u32 = 0x0100_0ccc;
const FOUNDRY_GROUP: u32 = 0x01e0_52cc;
/// Of both vendors' groups.
const VENDOR_TAIL: u32 = 0xcccc;
const NEAREST_BRIDGE: u32 = 0x000e;
const NEAREST_NON_TPMR_BRIDGE: u32 = 0x0003;
const NEAREST_CUSTOMER_BRIDGE: u32 = 0x0000;
const SLOW_PROTOCOLS: u32 = 0x0002;

const ETHER_LLDP: u32 = 0x88cc;
const ETHER_SLOW: u32 = 0x8809;
const TAGS: [u32; 3] = [0x8100, 0x88a8, 0x9100];
/// The highest value of octets 12 and 13 that is a length (802.3 3.2.6).
const LENGTH_MAX: u32 = 1_500;
/// LLC aa aa 03 and the first octet of an organisation 00-..
const SNAP: u32 = 0xaaaa_0300;
/// The rest of SNAP after the organisation's first octet.
const SNAP_CDP: u32 = 0x000c_2000;
const SNAP_FDP: u32 = 0xe052_2000;
const SNAP_LLDP: u32 = 0x0000_88cc;
/// What a bridge tunnels (802.1H): organisation 00-00-f8.
const SNAP_LLDP_TUNNELLED: u32 = 0x00f8_88cc;
const LLC_SPANNING_TREE: u32 = 0x42_4203;

/// Places a jump may go to, resolved to distances when the program is put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Label {
    Next,
    VendorTail,
    Walk,
    FirstTag,
    SecondTag,
    Payload,
    Length,
    Snap,
    SnapProtocol,
    Lldp,
    LldpTail,
    Slow,
    SlowTail,
    SpanningTree,
    SpanningTreeTail,
    CiscoOnly,
    FoundryOnly,
    Accept,
    Drop,
}

/// One line of the program.
#[derive(Clone, Copy)]
enum Line {
    At(Label),
    /// Loads a word of 4, 2 or 1 octets from a fixed offset.
    Load(u16, u32),
    /// Loads 4 or 2 octets from an offset counted from X, the octets of VLAN tags.
    LoadBehindTags(u16, u32),
    TagOctets(u32),
    ShiftRight(u32),
    IfEqual(u32, Label, Label),
    IfAbove(u32, Label, Label),
    Return(u32),
}

const WORD: u16 = 0x00;
const HALF: u16 = 0x08;
const OCTET: u16 = 0x10;

use Label::{
    Accept, CiscoOnly, Drop, FirstTag, FoundryOnly, Length, Lldp, LldpTail, Next, Payload, SecondTag, Slow,
    SlowTail, Snap, SnapProtocol, SpanningTree, SpanningTreeTail, VendorTail, Walk,
};
use Line::{At, IfAbove, IfEqual, Load, LoadBehindTags, Return, ShiftRight, TagOctets};

const LINES: &[Line] = &[
    Load(WORD, 0),
    IfEqual(IEEE_GROUP, Walk, Next),
    IfEqual(CISCO_GROUP, VendorTail, Next),
    IfEqual(FOUNDRY_GROUP, VendorTail, Drop),
    At(VendorTail),
    Load(HALF, 4),
    IfEqual(VENDOR_TAIL, Walk, Drop),
    // The destination is one of ours; now what is inside.
    At(Walk),
    Load(OCTET, PACKET_TYPE),
    IfEqual(OUTGOING, Drop, Next),
    TagOctets(0),
    LoadBehindTags(HALF, 12),
    IfEqual(TAGS[0], FirstTag, Next),
    IfEqual(TAGS[1], FirstTag, Next),
    IfEqual(TAGS[2], FirstTag, Payload),
    At(FirstTag),
    TagOctets(4),
    LoadBehindTags(HALF, 12),
    IfEqual(TAGS[0], SecondTag, Next),
    IfEqual(TAGS[1], SecondTag, Next),
    IfEqual(TAGS[2], SecondTag, Payload),
    At(SecondTag),
    TagOctets(8),
    LoadBehindTags(HALF, 12),
    At(Payload),
    IfEqual(ETHER_LLDP, Lldp, Next),
    IfEqual(ETHER_SLOW, Slow, Next),
    IfAbove(LENGTH_MAX, Drop, Length),
    At(Length),
    LoadBehindTags(WORD, 14),
    IfEqual(SNAP, Snap, Next),
    ShiftRight(8),
    IfEqual(LLC_SPANNING_TREE, SpanningTree, Drop),
    At(Snap),
    LoadBehindTags(WORD, 18),
    At(SnapProtocol),
    IfEqual(SNAP_LLDP, Lldp, Next),
    IfEqual(SNAP_LLDP_TUNNELLED, Lldp, Next),
    IfEqual(SNAP_CDP, CiscoOnly, Next),
    IfEqual(SNAP_FDP, FoundryOnly, Drop),
    // Each kind of announcement only to the groups it belongs to.
    At(Lldp),
    Load(WORD, 0),
    IfEqual(IEEE_GROUP, LldpTail, Drop),
    At(LldpTail),
    Load(HALF, 4),
    IfEqual(NEAREST_BRIDGE, Accept, Next),
    IfEqual(NEAREST_NON_TPMR_BRIDGE, Accept, Next),
    IfEqual(NEAREST_CUSTOMER_BRIDGE, Accept, Drop),
    At(Slow),
    Load(WORD, 0),
    IfEqual(IEEE_GROUP, SlowTail, Drop),
    At(SlowTail),
    Load(HALF, 4),
    IfEqual(SLOW_PROTOCOLS, Accept, Drop),
    At(SpanningTree),
    Load(WORD, 0),
    IfEqual(IEEE_GROUP, SpanningTreeTail, Drop),
    At(SpanningTreeTail),
    Load(HALF, 4),
    IfEqual(NEAREST_CUSTOMER_BRIDGE, Accept, Drop),
    At(CiscoOnly),
    Load(WORD, 0),
    IfEqual(CISCO_GROUP, Accept, Drop),
    At(FoundryOnly),
    Load(WORD, 0),
    IfEqual(FOUNDRY_GROUP, Accept, Drop),
    At(Accept),
    Return(WHOLE),
    At(Drop),
    Return(0),
];

/// One instruction of classic BPF, as `struct sock_filter` has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instruction {
    /// What to do, on which width, with which operand.
    pub code: u16,
    /// Instructions to skip where a comparison holds ..
    pub then: u8,
    /// .. and where it does not.
    pub otherwise: u8,
    /// The operand.
    pub value: u32,
}

/// The program, ready to be attached to a packet socket.
pub fn program() -> Vec<Instruction> {
    let instruction = |code, then, otherwise, value| Instruction { code, then, otherwise, value };
    let mut program = Vec::with_capacity(LINES.len());
    for line in LINES {
        let next = program.len() + 1;
        let to = |label| if label == Next { 0 } else { distance(next, label) };
        program.push(match *line {
            At(_) => continue,
            Load(size, offset) => instruction(0x20 | size, 0, 0, offset),
            LoadBehindTags(size, offset) => instruction(0x40 | size, 0, 0, offset),
            TagOctets(octets) => instruction(0x01, 0, 0, octets),
            ShiftRight(bits) => instruction(0x74, 0, 0, bits),
            IfEqual(value, then, otherwise) => instruction(0x15, to(then), to(otherwise), value),
            IfAbove(value, then, otherwise) => instruction(0x25, to(then), to(otherwise), value),
            Return(octets) => instruction(0x06, 0, 0, octets),
        });
    }
    program
}

/// Instructions to skip to get from `next` to the instruction behind a label.
fn distance(next: usize, label: Label) -> u8 {
    let is_label = |line: &Line| matches!(line, At(l) if *l == label);
    let before =
        LINES.iter().take_while(|line| !is_label(line)).filter(|line| !matches!(line, At(_))).count();
    // The tests run every jump; a program of this size has no distance above 255 and none backwards.
    u8::try_from(before.saturating_sub(next)).unwrap_or(u8::MAX)
}

#[cfg(test)]
mod tests;
