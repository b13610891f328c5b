//! The relay as an operator and a probe meet it: a real process, real sockets on the loopback.
#![allow(clippy::unwrap_used)]

mod support;

use std::fs;
use std::net::UdpSocket;
use std::os::unix::fs::MetadataExt;
use std::process::Command;

use ringmesh_proto::message::{Generation, ToProbe, ToRelay};
use ringmesh_proto::seal::{Key, SiteSecret, probe_id};
use ringmesh_proto::wire::FromRelay;
use ringmesh_topology::id::Name;
use support::{Probe, RELAY, Relay, Site, is_root, open_to_all, run, text};

#[test]
fn a_secret_is_made_once_and_the_keys_of_probes_follow_from_it() {
    let site = Site::new("");
    let path = site.path("site.secret");
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
    let before = fs::read_to_string(&path).unwrap();
    let path = path.to_str().unwrap();
    let again = run(&["init", "--site", "lab", "--secret", path]);
    assert_eq!(again.status.code(), Some(2));
    assert!(text(&again).contains("never overwritten") && text(&again).contains(path), "{}", text(&again));
    assert_eq!(fs::read_to_string(path).unwrap(), before);

    let key = site.key_of("h1");
    let by_hand = run(&["key", "h1", "--site", "lab", "--secret", path]);
    assert_eq!(String::from_utf8(by_hand.stdout).unwrap(), format!("{key}\n"));
    let secret = before.split_whitespace().next_back().unwrap();
    let secret = SiteSecret(Key::from_hex(secret).unwrap());
    let name = |name| Name::new(name).unwrap();
    assert_eq!(key, secret.probe_key(probe_id(&name("lab"), &name("h1"))).0.to_hex());
    assert_ne!(key, site.key_of("h2"));
}

#[test]
fn what_is_wrong_is_said_in_one_line_with_its_remedy_and_exit_code() {
    let site = Site::new("");
    let refused = |words: &[&str], code| {
        let ended = run(&["run", "--config", &site.config()]);
        let text = text(&ended);
        assert_eq!((ended.status.code(), text.lines().count()), (Some(code), 1), "{text}");
        assert!(words.iter().all(|word| text.contains(word)), "{words:?}: {text}");
    };
    let taken = UdpSocket::bind(site.listen).unwrap();
    let holder = format!("(process {})", std::process::id());
    refused(&["listen", "in use by", &holder, "choose another port"], 2);
    drop(taken);
    site.configure("colour = 1");
    refused(&["relay.toml:6", "colour", "correct this line"], 2);
    site.configure("");
    fs::write(site.path("state"), "a file").unwrap();
    refused(&["state_dir", "name a folder"], 2);
    fs::remove_file(site.path("state")).unwrap();
    open_to_all(&site.path("site.secret"), 0o644);
    refused(&["site.secret", "chmod 600"], 2);
    fs::remove_file(site.path("site.secret")).unwrap();
    refused(&["site.secret", "ringmesh-relay init"], 2);
    let missing = run(&["run", "--config", "/no/such/file"]);
    assert_eq!(missing.status.code(), Some(2));
    for usage in
        [&["run"][..], &["key", "h1"], &["key", "h1", "--site", "lab"], &["key", "a b", "--config", "x"]]
    {
        assert_eq!(run(usage).status.code(), Some(2), "{usage:?}");
    }
}

#[test]
fn a_missing_right_is_named_and_ends_with_4() {
    if !is_root() {
        return;
    }
    let site = Site::new("");
    open_to_all(site.folder.path(), 0o755);
    open_to_all(&site.path("relay.toml"), 0o644);
    let as_nobody = |words: &[&str]| {
        let arguments = ["--reuid", "65534", "--regid", "65534", "--clear-groups", RELAY, "run", "--config"];
        let ended = Command::new("setpriv").args(arguments).arg(site.config()).output().unwrap();
        let text = text(&ended);
        assert_eq!(ended.status.code(), Some(4), "{text}");
        let last = text.lines().last().unwrap_or_default();
        assert!(words.iter().all(|word| last.contains(word)), "{words:?}: {text}");
    };
    as_nobody(&["secret_file", "site.secret", "owner of this file"]);
    std::os::unix::fs::chown(site.path("site.secret"), Some(65_534), Some(65_534)).unwrap();
    as_nobody(&["state_dir", "may write to"]);
}

#[test]
fn a_probe_joins_and_garbage_changes_nothing() {
    let site = Site::new("");
    let mut relay = Relay::start(&site);
    let mut probe = Probe::new(&site, "h1", "127.0.0.1:0");
    for garbage in [&[][..], &[0x11; 28], &[0x12; 60], &[0x14; 1_300], b"GET / HTTP/1.1\r\n\r\n"] {
        probe.socket.send_to(garbage, site.listen).unwrap();
    }
    let hello = probe.knock();
    assert_eq!(hello.relay.0, 1);
    probe.announce();
    let order = probe.assignment();
    assert_eq!((order.relay.0, order.generation.term), (1, hello.term));
    relay.wait_for("joined");
    probe.say(&ToRelay::Applied(order.generation));
    assert_eq!(relay.stop(), Some(0));

    // Its successor has a higher term and knows no session: it answers with a hello, and the probe comes back.
    let _relay = Relay::start(&site);
    probe.say(&ToRelay::Applied(Generation::default()));
    assert_eq!(probe.hello().term, hello.term + 1);
    probe.knock();
    probe.announce();
    assert_eq!(probe.assignment().generation.term, hello.term + 1);
}

#[test]
fn an_order_is_repeated_until_it_is_applied() {
    let site = Site::new("");
    let _relay = Relay::start(&site);
    let mut probe = Probe::new(&site, "h1", "127.0.0.1:0");
    probe.knock();
    probe.announce();
    // The first may be replaced at once, when the ring it is for is cut.
    let _ = probe.assignment();
    let orders = [0; 3].map(|_| probe.assignment().generation);
    assert_eq!(orders[0], orders[2], "the machine's deadline brings the same order again");
}

#[test]
fn the_relay_beats_in_the_site_ring_from_four_ports_and_its_beats_open() {
    let site = Site::new("");
    let _relay = Relay::start(&site);
    let mut probe = Probe::new(&site, "h1", "127.19.84.1:1984");
    probe.knock();
    probe.announce();
    let mut lanes = std::collections::BTreeMap::new();
    let mut buffer = [0; 2_048];
    while lanes.len() < 4 {
        let (length, from) = probe.receive(&mut buffer).expect("no beat on some lane");
        match probe.wire.open(from, &mut buffer[..length]) {
            Ok(FromRelay::Beat(beat)) => drop(lanes.insert(beat.lane, from)),
            Ok(FromRelay::Message(ToProbe::Assignment(order))) => {
                probe.say(&ToRelay::Applied(order.generation))
            }
            Ok(FromRelay::Message(_)) => {}
            Err(error) => panic!("from {from}: {error}"),
        }
    }
    assert_eq!(lanes[&0], site.listen);
    let ports: std::collections::BTreeSet<u16> = lanes.values().map(|from| from.port()).collect();
    assert_eq!(ports.len(), 4, "{lanes:?}");
}

#[test]
fn without_the_right_to_echo_it_runs_and_says_so() {
    if !is_root() {
        return;
    }
    let site = Site::new("");
    let mut command = Command::new("setpriv");
    command.args(["--bounding-set=-net_raw", RELAY, "run", "--config", &site.config()]);
    let mut relay = Relay::spawn(command);
    relay.wait_for("no-icmp");
    Probe::new(&site, "h1", "127.0.0.1:0").knock();
    assert_eq!(relay.stop(), Some(0));
}

#[test]
fn a_full_disk_keeps_no_site_unwatched_and_its_term_still_rises() {
    if !is_root() {
        return;
    }
    let site = Site::new("");
    let full = "mkdir -p state && mount -t tmpfs -o size=8k tmpfs state && head -c 8192 /dev/zero > state/all; \
                exec \"$0\" run --config relay.toml";
    let mut command = Command::new("unshare");
    command.args(["-m", "sh", "-c", full, RELAY]).current_dir(site.folder.path());
    let mut relay = Relay::spawn(command);
    relay.wait_for("term-not-kept");
    let hello = Probe::new(&site, "h1", "127.0.0.1:0").knock();
    assert!(hello.term > 29_000_000, "term {} is not of the wall clock", hello.term);
    assert_eq!(relay.stop(), Some(0));
}
