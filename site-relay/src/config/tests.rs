use super::*;

const SOUND: &str = "site = \"lab\"\nid = 1\nsecret_file = \"site.secret\"\n";

fn load(text: &str) -> Result<Config, Failure> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("relay.toml");
    fs::write(&path, text).unwrap();
    Config::load(&path)
}

#[test]
fn a_short_file_has_defaults_and_paths_are_relative_to_it() {
    let config = load(SOUND).unwrap();
    assert_eq!(config.listen, "0.0.0.0:1990".parse().unwrap());
    assert_eq!((config.relay, config.address, config.multicast), (RelayId(1), None, false));
    assert_eq!(config.timing, Timing::default());
    assert!(config.secret_file.is_absolute() && config.secret_file.ends_with("site.secret"));
    assert_eq!(config.state_dir, Path::new("/var/lib/ringmesh-relay"));
}

#[test]
fn a_full_file_is_taken_as_it_is_written() {
    let rest = r#"
listen = "[::]:2000"
address = "10.77.0.2"
state_dir = "state"
cma = ["10.78.0.2:1991", "cma.example.net:1991", "[::1]:1991"]
insecure = true
multicast = true
[timing]
close_hold_s = 2
settle_s = 3
boot_grace_s = 20
[[hosts]]
match = "db-*"
class = "critical"
"#;
    let config = load(&format!("{SOUND}{rest}")).unwrap();
    assert_eq!(config.listen, "[::]:2000".parse().unwrap());
    assert_eq!(config.address, Some("10.77.0.2".parse().unwrap()));
    assert_eq!(config.cma.len(), 3);
    assert!(config.multicast && config.tls.is_none());
    assert_eq!(config.timing.settle, Duration::from_secs(3));
    assert_eq!(config.classes, [("db-*".to_string(), Class::Critical)]);
}

#[test]
fn a_wrong_file_is_refused_by_its_line_or_key_with_a_remedy() {
    let cases = [
        ("sites = \"x\"", ":4: sites: unknown field `sites`", "correct this line"),
        ("listen = 5", ":4: listen: invalid type", "correct this line"),
        ("id = 2", "duplicate key", "correct this line"),
        ("listen = \"localhost:1990\"", "listen = \"localhost:1990\"", "ADDRESS:PORT"),
        ("listen = \"0.0.0.0:0\"", "listen", "ADDRESS:PORT"),
        ("address = \"0.0.0.0\"", "address = \"0.0.0.0\"", "leave the key out"),
        ("address = \"here\"", ":4: address", "correct this line"),
        ("cma = [\"10.0.0.1\"]\ninsecure = true", "cma = \"10.0.0.1\"", "like \"cma.example.net:1991\""),
        ("cma = [\"http://a:1\"]\ninsecure = true", "cma = \"http://a:1\"", "like"),
        ("cma = [\"a:1\", \"a:1\"]\ninsecure = true", "named twice", "once"),
        ("cma = [\"a:1\"]", "tls = \"\"", "insecure = true"),
        ("insecure = true\n[tls]\nca = \"a\"\ncert = \"b\"\nkey = \"c\"", "insecure", "keep one"),
        ("[tls]\nca = \"no-such\"\ncert = \"b\"\nkey = \"c\"", "tls.ca", "name the right file"),
        ("[timing]\nclose_hold_s = 0", "timing.close_hold_s = \"0\"", "leave the key out"),
        ("[timing]\nsilence_s = 1", ":5: silence_s: unknown field", "correct this line"),
        ("[[hosts]]\nmatch = \"a b\"\nclass = \"normal\"", "hosts.match = \"a b\"", "db-*"),
        ("[[hosts]]\nmatch = \"a\"\nclass = \"vital\"", ":6: class: unknown variant `vital`", "correct"),
    ];
    for (rest, problem, remedy) in cases {
        let failure = load(&format!("{SOUND}{rest}\n")).unwrap_err();
        let text = failure.to_string();
        assert!(text.contains("relay.toml") || text.contains("no-such"), "{rest}: no file in {text}");
        assert!(text.contains(problem) && text.contains(remedy), "{rest}: {text}");
        assert_eq!((text.lines().count(), failure.exit_code()), (1, 2), "{rest}: {text}");
    }
}

#[test]
fn what_must_be_there_is_asked_for_by_name() {
    for (text, key) in
        [("id = 1\nsecret_file = \"s\"", "site"), ("site = \"lab\"\nsecret_file = \"s\"", "id")]
    {
        let failure = load(text).unwrap_err().to_string();
        assert!(failure.contains(&format!("missing field `{key}`")), "{failure}");
    }
    let failure = load("site = \"a b\"\nid = 1\nsecret_file = \"s\"").unwrap_err().to_string();
    assert!(failure.contains("site = \"a b\""), "{failure}");
    let failure = load("site = \"lab\"\nid = 0\nsecret_file = \"s\"").unwrap_err().to_string();
    assert!(failure.contains("choose 1 to 255"), "{failure}");
    let failure = Config::load(Path::new("/no/such/relay.toml")).unwrap_err().to_string();
    assert!(failure.contains("/no/such/relay.toml") && failure.contains("--config"), "{failure}");
}
