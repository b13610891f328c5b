//! How long a frame takes, in Markdown on standard output. Exit code 1 when a typical LLDP frame takes longer than
//! 1 us from octets to value.
//!
//! ```text
//! cargo run --release -p lldp-rs --example speed
//! ```

use std::fs;
use std::hint::black_box;
use std::process::{Command, ExitCode};
use std::time::Instant;

use lldp_rs::{
    Aggregation, Capabilities, CapabilitySet, Cdp, CdpAddress, CdpCapabilities, CdpView, ChassisId,
    ChassisSubtype, Dot1, Dot3, Heard, Limits, Link, Lldp, LldpView, Mac, MacPhy, ManagementAddress,
    NeighbourTable, Numbering, PortId, PortSubtype, VlanName, decode, encode, json,
};

const SOURCE: Mac = Mac([2, 0, 0, 0, 0, 1]);
const VALUE_NS_MAX: u64 = 1_000;
/// The frame that the limit is for.
const TYPICAL: &str = "LLDP, typical of a switch";
/// Frames a batch, and batches: the fastest batch counts, because what disturbs only ever adds.
const BATCH: u64 = 1_000;
const BATCHES: u32 = 400;

fn main() -> ExitCode {
    let frames = [
        (TYPICAL, &Heard::lldp(SOURCE, typical())),
        ("LLDP, 60 VLAN names", &Heard::lldp(SOURCE, with_vlans(60))),
        ("LLDP, shutdown", &Heard::lldp(SOURCE, Lldp::shutdown(typical().chassis, typical().port))),
        ("CDP, typical of a switch", &Heard::cdp(SOURCE, cdp())),
    ];
    println!("# Speed of lldp-rs\n\nWritten by the example `speed` of `lldp-rs`; not to be edited.\n");
    println!("|  |  |\n|---|---|\n| revision | {} |", revision());
    println!("| build | {} |", if cfg!(debug_assertions) { "debug" } else { "release" });
    println!("| machine | {} |\n| load | {} (1, 5, 15 minutes) |\n", machine(), load());
    println!(
        "Nanoseconds a frame, the best of {BATCHES} batches of {BATCH}. *View*: link layer, mandatory part and"
    );
    println!(
        "every TLV walked, no memory asked for. *Value*: `decode`. *Table*: a known neighbour heard again.\n"
    );
    println!(
        "| frame | octets | view | value | encode | JSON | table |\n|---|---:|---:|---:|---:|---:|---:|"
    );
    let mut typical_ns = None;
    for (name, heard) in frames {
        let value_ns = row(name, heard);
        if name == TYPICAL {
            typical_ns = value_ns;
        }
    }
    let is_met = typical_ns.is_some_and(|ns| ns <= VALUE_NS_MAX);
    let verdict = if is_met { "met" } else { "NOT MET" };
    let measured = typical_ns.map_or("not measured".into(), |ns| format!("{ns} ns"));
    println!("\n| what | wanted | measured |  |\n|---|---|---|---|");
    println!("| typical LLDP frame, octets to value | at most {VALUE_NS_MAX} ns | {measured} | {verdict} |");
    if is_met { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Prints what one frame takes and returns the nanoseconds of its value.
fn row(name: &str, heard: &Heard) -> Option<u64> {
    let frame = encode(heard).ok()?;
    let mut table = NeighbourTable::new(Limits::default());
    let (mut out, mut now) = (Vec::new(), 0);
    let value = best(|| drop(black_box(decode(black_box(&frame)))));
    let figures = [
        best(|| _ = black_box(walk(black_box(&frame)))),
        value,
        best(|| drop(black_box(encode(black_box(heard))))),
        best(|| drop(black_box(json::frame(1, black_box(&frame))))),
        best(|| {
            now += 1_000_000;
            out.clear();
            _ = table.heard(1, black_box(heard), now, &mut out);
        }),
    ];
    let cells: String = figures.iter().map(|ns| format!(" {ns} |")).collect();
    println!("| {name} | {} |{cells}", frame.len());
    Some(value)
}

/// The checked view and every TLV of it.
fn walk(frame: &[u8]) -> Option<usize> {
    let link = Link::checked(frame).ok()?;
    if let Ok(view) = LldpView::checked(link.body) {
        return Some(view.tlvs().flatten().map(|tlv| tlv.value.len()).sum());
    }
    Some(CdpView::checked(link.body).ok()?.tlvs().flatten().map(|tlv| tlv.value.len()).sum())
}

fn best(mut work: impl FnMut()) -> u64 {
    let mut batch = || {
        let start = Instant::now();
        (0..BATCH).for_each(|_| work());
        u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX) / BATCH
    };
    (0..BATCHES).map(|_| batch()).min().unwrap_or(u64::MAX)
}

/// What a data centre switch says with the usual TLVs switched on.
fn typical() -> Lldp {
    let chassis = ChassisId::new(ChassisSubtype::MacAddress, &[2, 0, 0, 0, 0, 9]).expect("sound");
    let port = PortId::new(PortSubtype::InterfaceName, b"Ethernet1/13").expect("sound");
    let mut lldp = Lldp::new(chassis, port, 120);
    let set = CapabilitySet::BRIDGE.with(CapabilitySet::ROUTER);
    lldp.port_description = Some("host17 eth0".into());
    lldp.system_name = Some("leaf1.example.net".into());
    lldp.system_description = Some("Example Switch OS, Version 9.3(7), release software of a Tuesday".into());
    lldp.capabilities = Some(Capabilities { available: set, enabled: CapabilitySet::BRIDGE });
    lldp.management = vec![ManagementAddress::ipv4([10, 0, 0, 1].into(), Numbering::IfIndex, 3)];
    lldp.dot1 =
        Dot1 { pvid: Some(7), vlans: vec![VlanName { id: 7, name: "servers".into() }], ..Dot1::default() };
    lldp.dot3 = Dot3 {
        mac_phy: Some(MacPhy { autonegotiation: 3, advertised: 0x6c11, mau: 30 }),
        aggregation: Some(Aggregation { status: 1, port: 0 }),
        frame_size_max: Some(9_216),
        ..Dot3::default()
    };
    lldp
}

fn with_vlans(count: u16) -> Lldp {
    let mut lldp = typical();
    lldp.dot1.vlans =
        (0..count).map(|id| VlanName { id, name: format!("vlan{id}").as_str().into() }).collect();
    lldp
}

fn cdp() -> Cdp {
    let mut cdp = Cdp::new("leaf1.example.net(SSI15420A2B)", "Ethernet1/13", 180);
    cdp.capabilities = Some(CdpCapabilities::SWITCH.with(CdpCapabilities::ROUTER));
    cdp.software = Some("Example Switch OS, Version 9.3(7), release software of a Tuesday".into());
    cdp.platform = Some("EX-93180".into());
    cdp.addresses = vec![CdpAddress::Ipv4([10, 0, 0, 1].into())];
    (cdp.native_vlan, cdp.full_duplex, cdp.mtu) = (Some(7), Some(true), Some(1_500));
    cdp
}

fn revision() -> String {
    let git = |words: &[&str]| {
        let output =
            Command::new("git").args(words).output().ok().filter(|output| output.status.success())?;
        Some(String::from_utf8_lossy(&output.stdout).trim().to_string())
    };
    let Some(head) = git(&["rev-parse", "--short", "HEAD"]) else { return "unknown".into() };
    // Files that git does not know build nothing.
    match git(&["status", "--porcelain", "--untracked-files=no"]) {
        Some(changed) if !changed.is_empty() => format!("{head} with changes"),
        _ => head,
    }
}

fn machine() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = text.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    format!("{cores} x {}", model.map_or("unknown", |(_, name)| name))
}

fn load() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().take(3).collect::<Vec<_>>().join(" ")
}
