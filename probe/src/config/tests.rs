use super::*;

const KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

/// Writes `text` beside a boot id and a key file, and loads it.
fn load(text: &str) -> Result<Config, ConfigError> {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("boot"), "c0ffee00-1111-2222-3333-444455556666\n").unwrap();
    fs::write(folder.path().join("host.key"), format!("{KEY}\n")).unwrap();
    let path = folder.path().join("probe.toml");
    fs::write(&path, text).unwrap();
    Config::load(&path)
}

#[test]
fn a_short_file_is_filled_with_defaults_and_paths_are_relative_to_it() {
    let config = load("name = \"h1\"\nsite = \"lab\"\nkey_file = \"host.key\"\nboot_id_file = \"boot\"\nstate_dir = \"state\"").unwrap();
    assert_eq!((config.name.as_str(), config.site.as_str(), config.port), ("h1", "lab", 1984));
    assert_eq!(config.key.0.0[..3], [0, 1, 2]);
    assert_eq!(config.host_boot.0[..3], [0xc0, 0xff, 0xee]);
    assert_eq!(config.back_within, Duration::from_secs(300));
    assert!(config.relays.is_empty() && config.ports.is_empty());
    assert_eq!(config.control_socket(), Path::new("/run/ringmesh/probe.sock"));
    assert!(config.cache_file().is_absolute() && config.cache_file().ends_with("state/attachments.json"));
}

#[test]
fn a_relay_may_be_written_with_and_without_port_in_both_families() {
    let relays = "relays = [\"10.77.0.2:1999\", \"10.77.0.2\", \"[fd00::1]:7\", \"fd00::1\", \"[fd00::1]\"]";
    let config =
        load(&format!("site = \"lab\"\nkey = \"{KEY}\"\nboot_id_file = \"boot\"\nname = \"h1\"\n{relays}"))
            .unwrap();
    let got: Vec<String> = config.relays.iter().map(ToString::to_string).collect();
    assert_eq!(got, ["10.77.0.2:1999", "10.77.0.2:1990", "[fd00::1]:7", "[fd00::1]:1990", "[fd00::1]:1990"]);
}

#[test]
fn every_refusal_names_the_file_and_the_key_and_what_to_do() {
    let good = format!("site = \"lab\"\nname = \"h1\"\nboot_id_file = \"boot\"\nkey = \"{KEY}\"\n");
    let without_key = "site = \"lab\"\nname = \"h1\"\nboot_id_file = \"boot\"\n";
    let cases: &[(&str, String, &[&str])] = &[
        ("unknown key", format!("{good}relay = []"), &["line 5", "relay", "relays", "OPERATING.md"]),
        ("wrong type", format!("{good}port = \"a\""), &["line 5", "port = \"a\""]),
        ("port without room", format!("{good}port = 65533"), &["port", "65532"]),
        ("no key", without_key.into(), &["key", "ringmesh-relay key"]),
        ("two keys", format!("{good}key_file = \"host.key\""), &["key_file", "keep one"]),
        (
            "short key",
            format!("{without_key}key = \"abcd\""),
            &["key", "64 hexadecimal digits", "ringmesh-relay key"],
        ),
        (
            "no such key file",
            format!("{without_key}key_file = \"none\""),
            &["none", "key_file", "ringmesh-relay key"],
        ),
        (
            "unresolvable relay",
            format!("{good}relays = [\"nobody.invalid:1\"]"),
            &["relays", "nobody.invalid:1", "resolve"],
        ),
        ("a name with a space", good.replace("\"h1\"", "\"h 1\""), &["name", "h 1", "choose another"]),
        ("no site", good.replace("site = \"lab\"", ""), &["site"]),
        ("no boot id", good.replace("\"boot\"", "\"host.key\""), &["boot_id_file", "UUID"]),
        ("a path as port", format!("{good}ports = [\"/sys\"]"), &["ports", "/sys", "eth*"]),
    ];
    for (name, text, wanted) in cases {
        let error = load(text).map(|_| ()).expect_err(name).to_string();
        assert!(error.contains("probe.toml") || *name == "no such key file", "{name}: {error}");
        for want in *wanted {
            assert!(error.contains(want), "{name}: {want:?} is not in: {error}");
        }
        assert!(!error.contains("000102"), "{name}: shows the key: {error}");
    }
}
