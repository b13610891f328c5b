//! Frames recorded from real equipment, and what other decoders made of them.
//!
//! The captures are not part of this repository. Without them the test says so loudly and passes.
//! `RINGMESH_CAPTURES` names their directory; the default is `shared/captures` beside the checkout.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use lldp_rs::{decode, json};
use pcap_parser::traits::PcapReaderIterator;
use pcap_parser::{LegacyPcapReader, PcapBlockOwned, PcapError};
use serde_json::Value;

/// Refused although the reference decoder prints them, and why. It is lenient and stops where it stops.
const REFUSED: &[(&str, &str)] = &[
    ("ladvd__cdp_02.header.invalid.pcap", "length_overrun"),
    ("ladvd__cdp_41.good.small.pcap", "length_overrun"),
    ("ladvd__edp_02.header.invalid.pcap", "version"),
    ("ladvd__fdp_02.header.invalid.pcap", "length_overrun"),
    ("ladvd__lldp_13.port_id.missing.pcap", "mandatory_order"),
    ("ladvd__lldp_23.ttl.missing.pcap", "mandatory_order"),
    ("ladvd__lldp_A3.fuzzer.chassis_id.broken.pcap", "id_length"),
    ("ladvd__lldp_AA.fuzzer.addr.invalid.pcap", "id_length"),
    ("tcpdump__lldp_8021_linkagg.pcap", "mandatory_order"),
    ("tcpdump__lldp_asan.pcap", "destination"),
];

/// Where the reference decoder is wrong.
const ORACLE_ERRS: &[(&str, &str)] = &[(
    "made1__mutants.pcap.frames[147].lldp.tlvs[3][1]",
    "after a TTL TLV that is too long it goes on behind the two octets it knows, not behind the TLV",
)];

fn captures() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/captures");
    let directory = std::env::var_os("RINGMESH_CAPTURES").map_or(beside, PathBuf::from);
    if directory.is_dir() {
        return Some(directory);
    }
    eprintln!("SKIPPED: no captures at {}; set RINGMESH_CAPTURES to test with them", directory.display());
    None
}

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).expect("readable directory");
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut names: Vec<String> = names.filter(|name| name.ends_with(".pcap")).collect();
    names.sort();
    names
}

fn frames(path: &Path) -> Vec<Vec<u8>> {
    let file = fs::File::open(path).expect("readable capture");
    let mut reader = LegacyPcapReader::new(1 << 20, file).expect("pcap header");
    let mut frames = Vec::new();
    loop {
        match reader.next() {
            Ok((used, block)) => {
                if let PcapBlockOwned::Legacy(block) = block {
                    frames.push(block.data.to_vec());
                }
                reader.consume(used);
            }
            // One capture ends in a stray octet.
            Err(PcapError::Eof | PcapError::UnexpectedEof) => return frames,
            Err(PcapError::Incomplete(_)) => reader.refill().expect("whole capture"),
            Err(error) => panic!("{}: {error}", path.display()),
        }
    }
}

fn rendered(directory: &Path, name: &str) -> Value {
    let frames = frames(&directory.join(name));
    let text = json::capture(name, frames.iter().map(Vec::as_slice));
    serde_json::from_str(&text).expect("our JSON parses")
}

/// Every leaf of the oracle must be equal here, of refused frames too. Frames it calls malformed compare by
/// protocol only.
fn differences(oracle: &Value, ours: &Value, path: &str, found: &mut Vec<String>) {
    match (oracle, ours) {
        (Value::Object(oracle), Value::Object(ours)) => {
            let is_malformed = oracle.get("malformed") == Some(&Value::Bool(true));
            let is_compared = |key: &&String| match is_malformed {
                true => *key == "proto",
                false => !matches!(key.as_str(), "notes" | "file"),
            };
            for key in oracle.keys().filter(is_compared) {
                match ours.get(key) {
                    Some(value) => differences(&oracle[key], value, &format!("{path}.{key}"), found),
                    None => found.push(format!("{path}.{key}: missing, oracle has {}", oracle[key])),
                }
            }
        }
        (Value::Array(oracle), Value::Array(ours)) => {
            if oracle.len() != ours.len() {
                found.push(format!("{path}: {} items, oracle has {}", ours.len(), oracle.len()));
            }
            for (at, (oracle, ours)) in oracle.iter().zip(ours).enumerate() {
                differences(oracle, ours, &format!("{path}[{at}]"), found);
            }
        }
        (oracle, ours) if oracle != ours && ORACLE_ERRS.iter().all(|(leaf, _)| *leaf != path) => {
            found.push(format!("{path}: {ours}, oracle has {oracle}"))
        }
        _ => {}
    }
}

fn verdicts(ours: &Value) -> Vec<&str> {
    let frames = ours["frames"].as_array().expect("frames");
    frames.iter().filter_map(|frame| frame["verdict"].as_str()).collect()
}

fn made(directory: &Path) -> BTreeMap<String, String> {
    let text = fs::read_to_string(directory.join("made1.json")).expect("made1.json");
    serde_json::from_str(&text).expect("verdicts")
}

#[test]
fn every_capture_decodes_as_the_oracle_says() {
    let Some(directory) = captures() else { return };
    let (mut found, mut equal) = (Vec::new(), 0);
    let names = names(&directory);
    for name in &names {
        let path = directory.join("expected").join(format!("{name}.json"));
        let oracle: Value = serde_json::from_str(&fs::read_to_string(path).expect("expected")).expect("JSON");
        let before = found.len();
        differences(&oracle, &rendered(&directory, name), name, &mut found);
        equal += usize::from(found.len() == before);
    }
    println!("{equal} of {} captures equal", names.len());
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn only_the_frames_that_should_be_are_refused() {
    let Some(directory) = captures() else { return };
    let (made, mut found) = (made(&directory), Vec::new());
    for name in names(&directory) {
        let path = directory.join("expected").join(format!("{name}.json"));
        let oracle: Value = serde_json::from_str(&fs::read_to_string(path).expect("expected")).expect("JSON");
        let ours = rendered(&directory, &name);
        let by_verdict = made.get(&name).is_some_and(|verdict| verdict != "ok");
        let by_list = REFUSED.iter().find(|(refused, _)| *refused == name);
        let list = |value: &Value| value["frames"].as_array().cloned().expect("frames");
        for (oracle, ours) in list(&oracle).iter().zip(&list(&ours)) {
            let lost =
                ours["verdict"] == "reject" && oracle["proto"] != "other" && oracle["malformed"] != true;
            if lost && !by_verdict && by_list.is_none_or(|(_, reason)| ours["reject"] != *reason) {
                found.push(format!("{name}: {ours}"));
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn every_made_capture_meets_its_verdict() {
    let Some(directory) = captures() else { return };
    let mut missed = Vec::new();
    let made = made(&directory);
    for (name, want) in &made {
        let ours = rendered(&directory, name);
        let got = verdicts(&ours);
        let met = match want.as_str() {
            // Whatever is sound may be kept, but not everything is.
            "partial" => got.iter().any(|verdict| *verdict != "ok"),
            want => got.iter().all(|verdict| *verdict == want),
        };
        if !met || got.is_empty() {
            missed.push(format!("{name}: {got:?}, should be {want}"));
        }
    }
    println!("{} of {} verdicts met", made.len() - missed.len(), made.len());
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

#[test]
fn mutants_never_panic() {
    let Some(directory) = captures() else { return };
    let mutants = frames(&directory.join("made1__mutants.pcap"));
    let believed = mutants.iter().filter(|frame| decode(frame).is_ok()).count();
    println!("{} mutants, {believed} believed", mutants.len());
    assert!(mutants.len() >= 400 && believed < mutants.len());
}
