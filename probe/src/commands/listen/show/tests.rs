use lldp_rs::{ChassisId, ChassisSubtype, Key, PortId, PortSubtype, Protocol};
use serde_json::{Value, json};

use super::super::super::paint::WIDTH;
use super::*;
use crate::capture::Deaf;

fn who(name: &str, port: &str) -> Who {
    Who {
        key: Key {
            ifindex: 2,
            protocol: Protocol::Cdp,
            chassis: ChassisId::new(ChassisSubtype::Cdp, b"sw\x1b1").unwrap(),
            port: PortId::new(PortSubtype::Cdp, port.as_bytes()).ok(),
        },
        name: name.into(),
        ttl_s: 180,
    }
}

fn news(what: What) -> News {
    News { ifindex: 2, ifname: "enp129s0f0np0".into(), what }
}

fn every_kind() -> Vec<What> {
    let (a, b) = (who("leaf-17.rack-3.dc-east.example.net", "GigabitEthernet1/0/17"), who("", "2"));
    let long = "words ".repeat(40);
    vec![
        What::Listening { carrier: true, driver: "ice".into() },
        What::Listening { carrier: false, driver: String::new() },
        What::Deaf(Deaf { reason: long.clone(), remedy: "do that" }),
        What::Gone,
        What::CarrierLost,
        What::CarrierBack,
        What::Appeared(a.clone()),
        What::Changed(a.clone(), vec![Field::SystemName, Field::NativeVlan, Field::PortDescription]),
        What::Moved { from: a.clone(), from_port: "eth9".into(), to: b.clone() },
        What::Renamed { from: b.clone(), to: a.clone() },
        What::Shutdown(b.clone()),
        What::Late(a.clone()),
        What::Back(a.clone()),
        What::Expired(a.clone()),
        What::Displaced(b.clone()),
        What::Ambiguous(vec![a, b]),
        What::Silent { why: long.clone(), remedy: long },
    ]
}

#[test]
fn every_kind_of_news_fits_a_terminal_and_no_escape_of_a_switch_reaches_it() {
    let head = Printer::Table(Paint(false)).head().unwrap();
    assert_eq!(head, "UTC      PORT       EVENT        SWITCH              SWITCH PORT     BY    TTL");
    for what in every_kind() {
        let text = Printer::Table(Paint(false)).line(61_000, &news(what));
        assert!(text.starts_with("00:01:01 enp129s0f~ "), "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "too wide:\n{text}");
        assert!(!text.contains('\u{1b}'), "{text:?}");
    }
    let text = Printer::Table(Paint(true)).line(0, &news(What::CarrierLost));
    assert!(text.starts_with("\u{1b}[31m") && text.ends_with("\u{1b}[0m"), "{text:?}");
}

#[test]
fn every_kind_of_news_is_one_line_of_json_with_a_name_of_its_own() {
    let mut names = Vec::new();
    for what in every_kind() {
        let text = Printer::Json.line(7, &news(what));
        let json: Value = serde_json::from_str(&text).unwrap();
        assert_eq!((&json["schema"], &json["at_ms"], text.lines().count()), (&json!(1), &json!(7), 1));
        names.push(json["event"].as_str().unwrap().to_string());
    }
    assert_eq!(names.iter().filter(|name| name.contains(' ')).count(), 0);
    names.dedup();
    assert_eq!(names.len(), every_kind().len() - 1, "only `listening` is there twice");
    let moved = What::Moved { from: who("a", "1"), from_port: "eth9".into(), to: who("b", "2") };
    let json: Value = serde_json::from_str(&Printer::Json.line(7, &news(moved))).unwrap();
    let from = json!({"switch": {"subtype": 0, "hex": "73771b31", "text": json["switch"]["text"]},
        "switch_name": "a", "port": {"subtype": 0, "hex": "31", "text": "1"}, "protocol": "cdp", "ttl_s": 180,
        "on": "eth9"});
    assert_eq!(json["from"], from);
    assert_eq!(
        (&json["switch_name"], &json["port"]["text"], &json["protocol"]),
        (&json!("b"), &json!("2"), &json!("cdp"))
    );
}
