//! A relay as a process, and a probe as a socket.
#![allow(dead_code, missing_docs, unreachable_pub)]

use std::fs;
use std::io::{BufRead, BufReader, ErrorKind};
use std::net::{SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use ringmesh_proto::message::{Announce, Assignment, Generation, Hello, Report, ToProbe, ToRelay};
use ringmesh_proto::seal::{Key, ProbeKey, probe_id};
use ringmesh_proto::wire::{FromRelay, ProbeWire};
use ringmesh_topology::id::{Boot, MacAddress, Name};
use ringmesh_topology::place::Place;

pub const RELAY: &str = env!("CARGO_BIN_EXE_ringmesh-relay");
const PATIENCE: Duration = Duration::from_secs(10);

/// A folder with the secret of site `lab` and a configuration, and the port it names.
pub struct Site {
    pub folder: tempfile::TempDir,
    pub listen: SocketAddr,
}

impl Site {
    pub fn new(more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        // A free port is found by letting the kernel choose one and giving it back.
        let listen = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let site = Self { folder, listen };
        let secret = site.path("site.secret");
        assert!(run(&["init", "--site", "lab", "--secret", secret.to_str().unwrap()]).status.success());
        site.configure(more);
        site
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn configure(&self, more: &str) {
        let listen = self.listen;
        let text = format!(
            "site = \"lab\"\nid = 1\nlisten = \"{listen}\"\nsecret_file = \"site.secret\"\nstate_dir = \"state\"\n{more}\n"
        );
        fs::write(self.path("relay.toml"), text).unwrap();
    }

    pub fn config(&self) -> String {
        self.path("relay.toml").to_str().unwrap().into()
    }

    pub fn key_of(&self, host: &str) -> String {
        let printed = run(&["key", host, "--config", &self.config()]);
        assert!(printed.status.success(), "{printed:?}");
        String::from_utf8(printed.stdout).unwrap().trim().into()
    }
}

/// Runs the relay's program to its end.
pub fn run(arguments: &[&str]) -> Output {
    Command::new(RELAY).args(arguments).output().unwrap()
}

/// A relay that runs. Ended when dropped.
pub struct Relay {
    child: Child,
    lines: Receiver<String>,
    pub said: Vec<String>,
}

impl Relay {
    /// Starts it and waits until it says so.
    pub fn start(site: &Site) -> Self {
        let mut command = Command::new(RELAY);
        command.args(["run", "--config", &site.config()]);
        Self::spawn(command)
    }

    pub fn spawn(mut command: Command) -> Self {
        let mut child = command.env("NO_COLOR", "1").stderr(Stdio::piped()).spawn().unwrap();
        let errors = BufReader::new(child.stderr.take().unwrap());
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in errors.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        let mut relay = Self { child, lines, said: Vec::new() };
        relay.wait_for("started");
        relay
    }

    /// Waits for a line that holds some words.
    pub fn wait_for(&mut self, words: &str) {
        let until = Instant::now() + PATIENCE;
        while !self.said.iter().any(|line| line.contains(words)) {
            let left = until.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) => self.said.push(line),
                Err(_) => panic!("never said {words:?}, but {:#?}", self.said),
            }
        }
    }

    /// Ends it as an operator would, and says its exit code.
    pub fn stop(mut self) -> Option<i32> {
        let pid = nix::unistd::Pid::from_raw(self.child.id().try_into().unwrap());
        nix::sys::signal::kill(pid, nix::sys::signal::SIGTERM).unwrap();
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        None
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A probe's end, as small as it can be.
pub struct Probe {
    pub socket: UdpSocket,
    pub wire: ProbeWire,
    name: Name,
    relay: SocketAddr,
}

impl Probe {
    pub fn new(site: &Site, name: &str, address: &str) -> Self {
        let key = ProbeKey(Key::from_hex(&site.key_of(name)).unwrap());
        let socket = UdpSocket::bind(address).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let name = Name::new(name).unwrap();
        let mut boot = [0; 16];
        boot[..8].copy_from_slice(&std::process::id().to_be_bytes().repeat(2));
        boot[8..12].copy_from_slice(&u32::from(socket.local_addr().unwrap().port()).to_be_bytes());
        let wire = ProbeWire::new(probe_id(&Name::new("lab").unwrap(), &name), Boot(boot), key);
        Self { socket, wire, name, relay: site.listen }
    }

    pub fn say(&mut self, message: &ToRelay) {
        let mut datagram = Vec::new();
        assert!(self.wire.seal(self.relay, message, &mut datagram), "cannot be sealed: {message:?}");
        self.socket.send_to(&datagram, self.relay).unwrap();
    }

    /// The next datagram; `None` if none comes.
    pub fn receive(&self, buffer: &mut [u8]) -> Option<(usize, SocketAddr)> {
        loop {
            match self.socket.recv_from(buffer) {
                // A wait with a time limit ends so when the process is stopped and goes on.
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                received => return received.ok(),
            }
        }
    }

    /// The next datagram, opened; `None` if none comes.
    pub fn hear(&mut self) -> Option<FromRelay> {
        let mut buffer = [0; 2_048];
        let (length, from) = self.receive(&mut buffer)?;
        assert_eq!(from.ip(), self.relay.ip(), "it came from another address");
        let heard = self.wire.open(from, &mut buffer[..length]);
        Some(heard.unwrap())
    }

    /// The next message that `pick` takes; what the relay repeats meanwhile is passed over.
    pub fn wait_for<T>(&mut self, what: &str, pick: impl Fn(ToProbe) -> Option<T>) -> T {
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            if let Some(FromRelay::Message(message)) = self.hear()
                && let Some(picked) = pick(message)
            {
                return picked;
            }
        }
        panic!("no {what} came")
    }

    pub fn hello(&mut self) -> Hello {
        self.wait_for("hello", |message| if let ToProbe::Hello(hello) = message { Some(hello) } else { None })
    }

    pub fn assignment(&mut self) -> Assignment {
        self.wait_for("assignment", |message| {
            if let ToProbe::Assignment(order) = message { Some(*order) } else { None }
        })
    }

    /// Knocks, and waits for the answer; a relay that was just started greets unasked as well.
    pub fn knock(&mut self) -> Hello {
        self.say(&ToRelay::Knock);
        self.wait_for("answer to the knock", |message| match message {
            ToProbe::Hello(hello) => Some(hello).filter(|hello| hello.answers),
            _ => None,
        })
    }

    pub fn announce(&mut self) {
        let place = Place {
            ifindex: 2,
            ifname: "eth0".into(),
            mac: None,
            carrier: true,
            address: self.socket.local_addr().unwrap().ip(),
            prefix_len: 8,
            gateway: MacAddress::default(),
            attachment: None,
            reason: "no LLDP heard".into(),
            bond: None,
        };
        let announce = Announce {
            name: self.name.clone(),
            host_boot: Boot([9; 16]),
            generation: Generation::default(),
            links: Vec::new(),
            places: vec![place],
            suspicions: Vec::new(),
            cut_off: Duration::ZERO,
            recorder_hash: 0,
            report: Report(0),
        };
        self.say(&ToRelay::Announce(Box::new(announce)));
    }
}

/// Whether this process may do what only root may.
pub fn is_root() -> bool {
    let root = nix::unistd::geteuid().is_root();
    if !root {
        eprintln!("SKIPPED: this needs root");
    }
    root
}

pub fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Folder and file may be entered and read by anybody.
pub fn open_to_all(path: &Path, mode: u32) {
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
}
