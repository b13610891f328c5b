//! The command itself, with a switch on the other end of the cable.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::namespace::{Elsewhere, Sender, cable, index_of, inside, ip, lldp};

const PATIENCE: Duration = Duration::from_secs(15);

struct Host {
    folder: tempfile::TempDir,
    probe: Option<Child>,
}

impl Host {
    /// A host with one port and one address, and a configuration with `more` in it.
    fn new(more: &str) -> Self {
        cable();
        ip("address add 10.9.0.5/24 dev eth0");
        let folder = tempfile::tempdir().unwrap();
        let key = "00".repeat(32);
        let text = format!(
            "name = \"h1\"\nsite = \"lab\"\nkey = \"{key}\"\nrelays = [\"10.9.0.1:1990\"]\nports = [\"eth*\"]\nrun_dir = \"run\"\nstate_dir = \"state\"\n{more}"
        );
        fs::write(folder.path().join("probe.toml"), text).unwrap();
        Self { folder, probe: None }
    }

    fn command(&self) -> Command {
        self.behind(&[])
    }

    /// The command, started by another one.
    fn behind(&self, wrapper: &[&str]) -> Command {
        let words: Vec<&str> =
            wrapper.iter().copied().chain([env!("CARGO_BIN_EXE_ringmesh-probe")]).collect();
        let mut command = Command::new(words[0]);
        command
            .args(&words[1..])
            .arg("--config")
            .arg(self.folder.path().join("probe.toml"))
            .env("NO_COLOR", "1");
        command
    }

    fn start(&mut self, mut command: Command) {
        let log = fs::File::create(self.log_path()).unwrap();
        self.probe = Some(command.stderr(log).stdout(Stdio::null()).spawn().unwrap());
        self.wait_for("a control socket", |host| host.ask("status").status.success());
    }

    fn log_path(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    fn log(&self) -> String {
        fs::read_to_string(self.log_path()).unwrap()
    }

    fn ask(&self, words: &str) -> Output {
        self.command().args(words.split_whitespace()).output().unwrap()
    }

    fn json(&self, command: &str) -> serde_json::Value {
        serde_json::from_slice(&self.ask(&format!("{command} --json")).stdout).unwrap_or_default()
    }

    fn wait_for(&mut self, what: &str, mut done: impl FnMut(&Self) -> bool) {
        let start = Instant::now();
        while !done(self) {
            assert!(start.elapsed() < PATIENCE, "no {what}; log:\n{}", self.log());
            if let Some(Ok(Some(status))) = self.probe.as_mut().map(Child::try_wait) {
                panic!("no {what}, the probe ended: {status}; log:\n{}", self.log());
            }
            sleep(Duration::from_millis(20));
        }
    }

    fn wait_for_end(&mut self) -> Option<i32> {
        let start = Instant::now();
        loop {
            if let Some(status) = self.probe.as_mut().unwrap().try_wait().unwrap() {
                self.probe = None;
                return status.code();
            }
            assert!(start.elapsed() < PATIENCE, "the probe does not end; log:\n{}", self.log());
            sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        if let Some(probe) = &mut self.probe {
            let _ = probe.kill();
            let _ = probe.wait();
        }
    }
}

fn evidence(host: &Host) -> String {
    host.json("attachments")["ports"][0]["evidence"].as_str().unwrap_or_default().into()
}

#[test]
fn a_probe_finds_its_switch_remembers_it_over_a_restart_and_leaves_when_asked() {
    inside("binary::a_probe_finds_its_switch_remembers_it_over_a_restart_and_leaves_when_asked", || {
        let mut host = Host::new("");
        host.start(host.command());
        host.wait_for("port", |host| evidence(host) == "fallback");
        Sender::on("p1").send(&lldp(1));
        host.wait_for("switch", |host| evidence(host) == "lldp");
        let port = &host.json("attachments")["ports"][0];
        assert_eq!((port["switch_name"].as_str(), port["port"]["text"].as_str()), (Some("sw1"), Some("p1")));
        let table = String::from_utf8(host.ask("attachments").stdout).unwrap();
        assert!(
            table.contains("sw1") && !table.contains('\u{1b}') && table.lines().all(|line| line.len() <= 80),
            "{table}"
        );
        ip("link set p1 down");
        host.wait_for("loss of carrier", |host| host.json("attachments")["ports"][0]["carrier"] == false);
        ip("link set p1 up");
        host.wait_for("cache file", |host| host.folder.path().join("state/attachments.json").exists());

        let goodbye = host.ask("goodbye --reason upgrade --back-within-s 5");
        assert!(goodbye.status.success(), "{goodbye:?}");
        assert_eq!(host.wait_for_end(), Some(0));
        assert!(!host.folder.path().join("run/probe.sock").exists(), "the socket's file is left");
        assert_eq!(host.ask("attachments").status.code(), Some(3), "nobody is there to answer");

        host.start(host.command());
        host.wait_for("remembered switch", |host| evidence(host) == "cache");
        let pid = Pid::from_raw(i32::try_from(host.probe.as_ref().unwrap().id()).unwrap());
        kill(pid, Signal::SIGTERM).unwrap();
        assert_eq!(host.wait_for_end(), Some(0));
    });
}

#[test]
fn a_started_probe_may_listen_and_nothing_else_and_still_hears_a_port_that_comes_later() {
    inside(
        "binary::a_started_probe_may_listen_and_nothing_else_and_still_hears_a_port_that_comes_later",
        || {
            let mut host = Host::new("");
            host.start(host.command());
            // By now it hears its ports, which is after the start.
            host.wait_for("port", |host| evidence(host) == "fallback");
            let status = fs::read_to_string(format!("/proc/{}/status", host.probe.as_ref().unwrap().id()));
            let status = status.unwrap();
            let net_raw = format!("{:016x}", 1_u64 << 13);
            for (what, want) in [
                ("CapInh", &*format!("{:016x}", 0)),
                ("CapPrm", &*net_raw),
                ("CapEff", &net_raw),
                ("CapBnd", &net_raw),
                ("NoNewPrivs", "1"),
            ] {
                let got = status.lines().find_map(|line| line.strip_prefix(what)?.strip_prefix(':'));
                assert_eq!(got.map(str::trim), Some(want), "{what} in\n{status}");
            }
            ip("link add eth1 type veth peer name p2");
            ip("link set eth1 up");
            ip("link set p2 up");
            let switch_of = |host: &Host| host.json("attachments")["ports"][1]["switch_name"].clone();
            let mut switch = Sender::on("p2");
            host.wait_for("second switch", |host| {
                switch.send(&lldp(2));
                switch_of(host) == "sw2"
            });
        },
    );
}

#[test]
fn a_port_that_was_away_for_a_moment_is_heard_again_though_its_number_is_the_same() {
    inside("binary::a_port_that_was_away_for_a_moment_is_heard_again_though_its_number_is_the_same", || {
        let mut host = Host::new("");
        host.start(host.command());
        let mut switch = Sender::on("p1");
        host.wait_for("switch", |host| {
            switch.send(&lldp(1));
            evidence(host) == "lldp"
        });
        let (elsewhere, number) = (Elsewhere::new(), index_of("eth0"));
        ip(&format!("link set eth0 netns {}", elsewhere.0.id()));
        elsewhere.ip(&format!("link set eth0 netns {}", std::process::id()));
        ip("link set eth0 up");
        assert_eq!(index_of("eth0"), number, "the kernel had reason to give another number");
        host.wait_for("another switch", |host| {
            switch.send(&lldp(2));
            host.json("attachments")["ports"][0]["switch_name"] == "sw2"
        });
    });
}

#[test]
fn a_probe_that_may_not_listen_says_it_once_and_goes_on() {
    inside("binary::a_probe_that_may_not_listen_says_it_once_and_goes_on", || {
        let wrapper = ["setpriv", "--bounding-set=-net_raw", "--inh-caps=-net_raw", "--"];
        if Command::new(wrapper[0])
            .args(&wrapper[1..3])
            .args(["--", "true"])
            .status()
            .map_or(true, |status| !status.success())
        {
            println!("SKIPPED a_probe_that_may_not_listen: no setpriv that may drop CAP_NET_RAW");
            return;
        }
        let mut host = Host::new("");
        ip("link add eth1 type veth peer name p2");
        host.start(host.behind(&wrapper));
        host.wait_for("port", |host| evidence(host) == "fallback");
        let port = &host.json("attachments")["ports"][0];
        assert!(port["reason"].as_str().unwrap().contains("CAP_NET_RAW"), "{port}");
        assert!(port["remedy"].as_str().unwrap().contains("AmbientCapabilities"), "{port}");
        assert_eq!(host.log().matches("no right to listen").count(), 1, "{}", host.log());
        for words in ["doctor", "listen"] {
            let output = host.behind(&wrapper).arg(words).output().unwrap();
            assert_eq!(output.status.code(), Some(4), "{words}: {output:?}");
            let text = [output.stdout, output.stderr].concat();
            let text = String::from_utf8(text).unwrap().split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(text.contains("CAP_NET_RAW (systemd: AmbientCapabilities"), "{words}: {text}");
        }
        // Still a member: it announces itself to its relay.
        host.wait_for("announcement", |host| {
            host.json("status")["counters"]["messages_sent"].as_u64() > Some(0)
        });
    });
}

#[test]
fn the_doctor_explains_each_reason_why_nothing_is_heard() {
    inside("binary::the_doctor_explains_each_reason_why_nothing_is_heard", || {
        let mut host = Host::new("");
        let doctor = |host: &Host, code: i32, words: &[&str]| {
            let output = host.ask("doctor");
            let text = String::from_utf8(output.stdout).unwrap();
            // However its lines are broken.
            let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
            for word in words {
                assert!(flat.contains(word), "no {word:?} in\n{text}");
            }
            assert!(text.lines().all(|line| line.chars().count() <= 80), "too wide:\n{text}");
            assert_eq!(output.status.code(), Some(code), "{text}");
        };
        doctor(&host, 1, &["FAIL running probe", "-> start it: systemctl start ringmesh-probe"]);
        host.start(host.command());
        host.wait_for("port", |host| evidence(host) == "fallback");
        let veth = "-> eth0 is a virtual cable (veth): at its other end is a bridge";
        doctor(&host, 1, &["FAIL switch behind eth0", "no LLDP heard on eth0", veth]);
        ip("link set p1 down");
        host.wait_for("loss of carrier", |host| host.json("attachments")["ports"][0]["carrier"] == false);
        doctor(&host, 1, &["FAIL port eth0 no carrier -> plug the cable in, or set the interface up"]);

        ip("link set p1 up");
        ip("link add br0 type bridge");
        ip("link set eth0 master br0");
        let (path, ports) = (host.folder.path().join("probe.toml"), "ports = [\"eth*\"]");
        let good = fs::read_to_string(&path).unwrap();
        let cases: &[(&str, &[&str])] = &[
            ("ports = [\"br0\"]", &["FAIL br0 is not listened on", "name eth0 in `ports`"]),
            ("ports = [\"nic*\"]", &["FAIL physical ports none was found", "a name like nic*"]),
            ("", &["eth0 is not listened on", "only if `ports` of the configuration names it"]),
        ];
        for (instead, words) in cases {
            fs::write(&path, good.replace(ports, instead)).unwrap();
            doctor(&host, 1, words);
        }
        fs::write(&path, good).unwrap();
        ip("link set eth0 nomaster");
        let mut switch = Sender::on("p1");
        host.wait_for("switch", |host| {
            switch.send(&lldp(1));
            evidence(host) == "lldp"
        });
        doctor(&host, 0, &["ok switch behind eth0: sw1", "nothing is missing"]);
    });
}

#[test]
fn listening_into_a_full_disk_fails_and_a_port_that_is_not_there_is_named() {
    inside("binary::listening_into_a_full_disk_fails_and_a_port_that_is_not_there_is_named", || {
        let host = Host::new("");
        let mut listen = host.command();
        listen.args(["listen", "--json", "eth0", "eth7"]);
        let output = listen.stdout(fs::File::create("/dev/full").unwrap()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains("standard output: No space left"), "{said}");
        assert!(said.contains("no port has the name eth7"), "{said}");
    });
}

#[test]
fn a_bad_start_is_one_clear_error_with_exit_code_2() {
    inside("binary::a_bad_start_is_one_clear_error_with_exit_code_2", || {
        let host = Host::new("relayz = 1\n");
        let output = host.command().output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert!(text.contains("relayz") && text.contains("probe.toml") && text.contains("line 8"), "{text}");

        let good =
            fs::read_to_string(host.folder.path().join("probe.toml")).unwrap().replace("relayz = 1\n", "");
        fs::write(host.folder.path().join("probe.toml"), good).unwrap();
        let _thief = std::net::UdpSocket::bind("10.9.0.5:1986").unwrap();
        let output = host.command().output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert!(
            text.contains("10.9.0.5:1986") && text.contains(&format!("(process {})", std::process::id())),
            "{text}"
        );
    });
}
