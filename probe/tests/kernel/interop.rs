//! Other people's programs, both ways: Debian's lldpd and ladvd announce and are heard, what we encode is taken by
//! lldpd and by tshark.

use std::fs::{self, File};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use lldp_rs::{
    Aggregation, Capabilities, CapabilitySet, Cdp, CdpAddress, CdpCapabilities, ChassisId, ChassisSubtype,
    Dot1, Dot3, Heard, Inventory, Lldp, Mac, MacPhy, ManagementAddress, Med, MedDevice, Numbering, Policy,
    PortId, PortSubtype, Power, Ppvid, VlanName, encode,
};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::namespace::{Elsewhere, Sender, inside_as_root, ip, is_installed, skipped};

const PATIENCE: Duration = Duration::from_secs(20);
/// ladvd speaks every 30 s, and its first words may be lost.
const PATIENCE_WITH_LADVD: Duration = Duration::from_secs(75);
const SOURCE: Mac = Mac([2, 0, 0, 0, 9, 1]);

/// A cable from `eth0` here to `p1` of a switch in a namespace of its own: a host believes no frame that comes from
/// one of its own addresses.
fn cable_to_a_switch() -> Elsewhere {
    ip("link set lo up");
    ip("link add eth0 type veth peer name p1");
    let switch = Elsewhere::new();
    ip(&format!("link set p1 netns {}", switch.0.id()));
    switch.ip("link set p1 up");
    ip("link set eth0 up");
    switch
}

/// A program that ends with its owner.
struct Running(Child);

impl Running {
    /// Asks it to end, as an operator would.
    fn stop(&mut self, signal: Signal) -> Option<i32> {
        kill(Pid::from_raw(i32::try_from(self.0.id()).unwrap()), signal).unwrap();
        self.0.wait().unwrap().code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// `ringmesh-probe listen --json` on `eth0`, and what it has said so far.
struct Listening {
    command: Running,
    out: tempfile::NamedTempFile,
}

impl Listening {
    fn start() -> Self {
        let out = tempfile::NamedTempFile::new().unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_ringmesh-probe"))
            .args(["listen", "eth0", "--json"])
            .stdout(File::create(out.path()).unwrap())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let listening = Self { command: Running(child), out };
        listening.wait_for("listening", |event| event["ifname"] == "eth0");
        listening
    }

    fn events(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.out.path()).unwrap();
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// The first event of that name that is as wanted.
    fn wait_for(&self, name: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        self.wait(PATIENCE, name, wanted)
    }

    fn wait(&self, patience: Duration, name: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let start = Instant::now();
        loop {
            let events = self.events();
            if let Some(event) = events.iter().find(|event| event["event"] == name && wanted(event)) {
                return event.clone();
            }
            assert!(start.elapsed() < patience, "no {name} in {events:#?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Who appeared by that protocol, in words: switch, its name, its port, TTL.
    fn appeared(&self, patience: Duration, protocol: &str) -> (String, String, String, u64) {
        let event = self.wait(patience, "appeared", |event| event["protocol"] == protocol);
        let word = |value: &Value| value.as_str().unwrap_or_default().to_string();
        let port = word(&event["port"]["text"]);
        (word(&event["switch"]["text"]), word(&event["switch_name"]), port, event["ttl_s"].as_u64().unwrap())
    }
}

/// lldpd on `p1` of the switch, speaking LLDP and CDP every second. All is configured before its first frame.
fn lldpd(switch: &Elsewhere) -> Running {
    fs::create_dir_all("/run/lldpd").unwrap();
    let config = "configure system hostname tor-1\nconfigure system interface pattern p1\n\
        configure lldp portidsubtype ifname\nconfigure lldp tx-interval 1\n";
    fs::write("/run/lldpd.conf", config).unwrap();
    // -H 0: it would hide a CDP neighbour behind an LLDP one.
    let words = ["-d", "-ccc", "-l", "-H", "0", "-C", "p1", "-O", "/run/lldpd.conf", "-u", "/run/lldpd.sock"];
    let quiet = File::create("/run/lldpd.log").unwrap();
    Running(switch.command("lldpd").args(words).stdout(Stdio::null()).stderr(quiet).spawn().unwrap())
}

#[test]
fn lldpd_is_heard_by_lldp_and_cdp_and_takes_its_leave() {
    inside_as_root(
        "interop::lldpd_is_heard_by_lldp_and_cdp_and_takes_its_leave",
        &["lldpd", "nsenter"],
        || {
            let switch = cable_to_a_switch();
            let mut listening = Listening::start();
            let mut lldpd = lldpd(&switch);
            let (chassis, name, port, ttl) = listening.appeared(PATIENCE, "lldp");
            assert_eq!(
                (chassis.len(), name.as_str(), port.as_str(), ttl),
                (17, "tor-1", "p1", 4),
                "{chassis}"
            );
            let (_, name, port, _) = listening.appeared(PATIENCE, "cdp");
            assert_eq!((name.as_str(), port.as_str()), ("tor-1", "p1"));
            lldpd.stop(Signal::SIGTERM);
            listening.wait_for("shutdown", |event| event["protocol"] == "lldp");
            assert_eq!(listening.command.stop(Signal::SIGINT), Some(0), "Ctrl-C is how it ends");
        },
    );
}

#[test]
fn ladvd_is_heard_by_lldp_cdp_and_fdp() {
    inside_as_root("interop::ladvd_is_heard_by_lldp_cdp_and_fdp", &["ladvd", "nsenter"], || {
        fs::create_dir_all("/run/ladvd").unwrap();
        let switch = cable_to_a_switch();
        let listening = Listening::start();
        // It writes no file, not even to a log.
        let mut ladvd = switch.command("ladvd");
        ladvd.args(["-f", "-t", "-u", "root", "-L", "-C", "-F", "p1"]);
        let _ladvd = Running(ladvd.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
        for protocol in ["lldp", "cdp", "fdp"] {
            let (_, name, port, ttl) = listening.appeared(PATIENCE_WITH_LADVD, protocol);
            assert!(!name.is_empty(), "{protocol}");
            assert_eq!((port.as_str(), ttl), ("p1", 180), "{protocol}");
        }
    });
}

/// An LLDP announcement with something in every corner.
fn rich_lldp() -> Lldp {
    let does = CapabilitySet::BRIDGE;
    let text = |text: &str| Some(text.into());
    let vlan = |id, name: &str| VlanName { id, name: name.into() };
    let chassis = ChassisId::new(ChassisSubtype::MacAddress, &[2, 0, 0, 0, 9, 0]).unwrap();
    Lldp {
        port_description: text("rack 3, unit 17"),
        system_name: text("leaf-1"),
        system_description: text("an example of a switch"),
        capabilities: Some(Capabilities { available: does.with(CapabilitySet::ROUTER), enabled: does }),
        management: vec![
            ManagementAddress::ipv4(Ipv4Addr::new(192, 0, 2, 9), Numbering::IfIndex, 3),
            ManagementAddress::ipv6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 9), Numbering::IfIndex, 3),
        ],
        dot1: Dot1 {
            pvid: Some(10),
            ppvids: vec![Ppvid { flags: 6, id: 10 }],
            vlans: vec![vlan(10, "servers"), vlan(20, "storage")],
            protocols: vec![[0x88, 0xcc].into()],
            vid_usage_digest: Some(0x0102_0304),
            management_vid: Some(20),
            aggregation: Some(Aggregation { status: 3, port: 7 }),
        },
        dot3: Dot3 {
            mac_phy: Some(MacPhy { autonegotiation: 3, advertised: 0x6c01, mau: 30 }),
            power: Some(Power { support: 7, pair: 1, class: 3, classification: None }),
            aggregation: None, // deprecated, tshark warns
            frame_size_max: Some(9216),
            ..Dot3::default()
        },
        med: Med {
            device: Some(MedDevice { capabilities: 0x33, class: 4 }),
            policies: vec![Policy {
                application: 1,
                unknown: false,
                tagged: true,
                vlan: 30,
                priority: 5,
                dscp: 46,
            }],
            inventory: Inventory { serial: text("S123"), model: text("M9"), ..Inventory::default() },
            ..Med::default()
        },
        ..Lldp::new(chassis, PortId::new(PortSubtype::InterfaceName, b"Ethernet1/7").unwrap(), 120)
    }
}

fn rich_cdp() -> Cdp {
    let mut cdp = Cdp::new("leaf-2", "GigabitEthernet1/0/7", 180);
    cdp.capabilities = Some(CdpCapabilities::SWITCH.with(CdpCapabilities::IGMP));
    cdp.addresses = vec![CdpAddress::Ipv4(Ipv4Addr::new(192, 0, 2, 10))];
    cdp.management = vec![CdpAddress::Ipv4(Ipv4Addr::new(192, 0, 2, 11))];
    cdp.software = Some("version 1".into());
    cdp.platform = Some("an example".into());
    cdp.native_vlan = Some(10);
    cdp.full_duplex = Some(true);
    cdp.mtu = Some(1500);
    cdp
}

/// What we encode, by name.
fn encoded() -> Vec<(&'static str, Vec<u8>)> {
    let lldp = rich_lldp();
    let plain = Lldp::new(lldp.chassis.clone(), lldp.port.clone(), 120);
    let shutdown = Lldp::shutdown(lldp.chassis.clone(), lldp.port.clone());
    let all = [
        ("rich LLDP", Heard::lldp(SOURCE, lldp)),
        ("plain LLDP", Heard::lldp(SOURCE, plain)),
        ("shutdown", Heard::lldp(SOURCE, shutdown)),
        ("rich CDP", Heard::cdp(SOURCE, rich_cdp())),
        ("plain CDP", Heard::cdp(SOURCE, Cdp::new("leaf-2", "1", 60))),
    ];
    all.into_iter().map(|(name, heard)| (name, encode(&heard).unwrap())).collect()
}

/// What lldpd believes, one for each protocol and neighbour.
fn believed() -> Vec<Value> {
    let words = ["-u", "/run/lldpd.sock", "-f", "json0", "show", "neighbors", "details"];
    let output = Command::new("lldpcli").args(words).output().unwrap();
    let json: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    json["lldp"][0]["interface"].as_array().cloned().unwrap_or_default()
}

/// Sends again and again, for a daemon takes its time to open its sockets, until it believes.
fn wait_believed(via: &str, name: &str, mut send: impl FnMut()) -> Value {
    let start = Instant::now();
    loop {
        send();
        let all = believed();
        let is_it = |one: &&Value| {
            one["via"].as_str().is_some_and(|is| is.starts_with(via))
                && one["chassis"][0]["name"][0]["value"] == name
        };
        if let Some(found) = all.iter().find(is_it) {
            return found.clone();
        }
        let log = fs::read_to_string("/run/lldpd.log").unwrap_or_default();
        assert!(start.elapsed() < PATIENCE, "lldpd does not believe {name} by {via}: {all:#?}\n{log}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Where `lldpcli -f json0` has a field, and what we sent in it.
const LLDP_AS_LLDPD_READS_IT: &[(&str, &str)] = &[
    ("/chassis/0/id/0/type", "mac"),
    ("/chassis/0/id/0/value", "02:00:00:00:09:00"),
    ("/chassis/0/descr/0/value", "an example of a switch"),
    ("/chassis/0/mgmt-ip/0/value", "192.0.2.9"),
    ("/chassis/0/mgmt-ip/1/value", "2001:db8::9"),
    ("/chassis/0/mgmt-iface/1/value", "3"),
    ("/chassis/0/capability/0/type", "Bridge"),
    ("/chassis/0/capability/0/enabled", "true"),
    ("/chassis/0/capability/1/type", "Router"),
    ("/chassis/0/capability/1/enabled", "false"),
    ("/port/0/id/0/type", "ifname"),
    ("/port/0/id/0/value", "Ethernet1/7"),
    ("/port/0/descr/0/value", "rack 3, unit 17"),
    ("/port/0/ttl/0/value", "120"),
    ("/port/0/mfs/0/value", "9216"),
    ("/port/0/auto-negotiation/0/advertised/2/type", "1000Base-T"),
    ("/port/0/power/0/class/0/value", "class 2"),
    ("/vlan/0/vlan-id", "10"),
    ("/vlan/0/pvid", "true"),
    ("/vlan/0/value", "servers"),
    ("/vlan/1/value", "storage"),
    ("/pi/0/value", "88 cc"),
    ("/lldp-med/0/device-type/0/value", "Network Connectivity Device"),
    ("/lldp-med/0/policy/0/apptype", "Voice"),
    ("/lldp-med/0/policy/0/vlan/0/vid", "30"),
    ("/lldp-med/0/policy/0/dscp/0/value", "46"),
    ("/lldp-med/0/inventory/0/serial/0/value", "S123"),
];
const CDP_AS_LLDPD_READS_IT: &[(&str, &str)] = &[
    ("/chassis/0/id/0/value", "leaf-2"),
    ("/chassis/0/descr/0/value", "an example running on\nversion 1"),
    ("/chassis/0/mgmt-ip/0/value", "192.0.2.10"),
    ("/chassis/0/capability/0/type", "Bridge"),
    ("/port/0/id/0/value", "GigabitEthernet1/0/7"),
    ("/port/0/ttl/0/value", "180"),
];

/// Text, number or truth at that place of a document.
fn word_at(json: &Value, path: &str) -> String {
    match json.pointer(path) {
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => "nothing".into(),
    }
}

#[test]
fn lldpd_takes_every_field_of_what_we_encode() {
    inside_as_root(
        "interop::lldpd_takes_every_field_of_what_we_encode",
        &["lldpd", "lldpcli", "nsenter"],
        || {
            let switch = cable_to_a_switch();
            let _lldpd = lldpd(&switch);
            let start = Instant::now();
            while !Path::new("/run/lldpd.sock").exists() {
                assert!(start.elapsed() < PATIENCE, "lldpd does not start");
                std::thread::sleep(Duration::from_millis(20));
            }
            let mut host = Sender::on("eth0");
            let send = |host: &mut Sender, name: &str| {
                encoded().iter().filter(|(n, _)| *n == name).for_each(|(_, frame)| host.send(frame));
            };
            let lldp = wait_believed("LLDP", "leaf-1", || send(&mut host, "rich LLDP"));
            let cdp = wait_believed("CDP", "leaf-2", || send(&mut host, "rich CDP"));
            for (path, want) in LLDP_AS_LLDPD_READS_IT {
                assert_eq!(&word_at(&lldp, path), want, "{path} of {lldp:#}");
            }
            for (path, want) in CDP_AS_LLDPD_READS_IT {
                assert_eq!(&word_at(&cdp, path), want, "{path} of {cdp:#}");
            }
            send(&mut host, "shutdown");
            let start = Instant::now();
            while believed().iter().any(|one| one["via"] == "LLDP") {
                assert!(start.elapsed() < PATIENCE, "lldpd does not take the leave");
                std::thread::sleep(Duration::from_millis(50));
            }
        },
    );
}

/// A legacy capture file, little-endian, of Ethernet frames.
fn pcap(frames: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut file =
        [0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 1, 0, 0, 0].to_vec();
    for (_, frame) in frames {
        let length = u32::try_from(frame.len()).unwrap().to_le_bytes();
        file.extend([[0; 4], [0; 4], length, length].concat());
        file.extend(frame);
    }
    file
}

/// What tshark prints of a file, of the frames that a display filter takes.
fn tshark(path: &Path, filter: &str) -> String {
    let mut tshark = Command::new("tshark");
    tshark.arg("-r").arg(path).args([
        "-Y",
        filter,
        "-T",
        "fields",
        "-e",
        "frame.number",
        "-e",
        "_ws.expert.message",
    ]);
    let output = tshark.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn tshark_finds_nothing_malformed_in_what_we_encode() {
    const TEST: &str = "interop::tshark_finds_nothing_malformed_in_what_we_encode";
    if !is_installed("tshark") {
        return skipped(TEST, "tshark is not installed (scripts/setup installs it as root)");
    }
    let (folder, frames) = (tempfile::tempdir().unwrap(), encoded());
    let path = folder.path().join("ours.pcap");
    fs::write(&path, pcap(&frames)).unwrap();
    assert_eq!(
        tshark(&path, "lldp || cdp").lines().count(),
        frames.len(),
        "tshark does not know some of them"
    );
    let names: Vec<_> = frames.iter().map(|(name, _)| name).collect();
    let found = tshark(&path, "_ws.malformed || _ws.expert.severity >= 0x600000");
    assert_eq!(found, "", "of {names:?}");
    // The same question about a frame that is broken, or an empty answer would prove nothing.
    let mut broken = frames[0].clone();
    broken.1.truncate(40);
    fs::write(&path, pcap(&[broken])).unwrap();
    assert_ne!(tshark(&path, "_ws.malformed || _ws.expert.severity >= 0x600000"), "");
}
