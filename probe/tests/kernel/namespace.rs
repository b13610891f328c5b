//! Runs a test again inside a fresh network namespace.

use std::env;
use std::io::{self, Write};
use std::process::{Child, Command, Output};
use std::time::Duration;

const INSIDE: &str = "RINGMESH_TEST_NAMESPACE";

/// Runs `body` in a namespace where only it lives. `test` is the path of the calling test.
///
/// The process is started again under `unshare`, so no name is taken and nothing can be left behind.
pub(crate) fn inside(test: &str, body: fn()) {
    if env::var_os(INSIDE).is_some() {
        return body();
    }
    match impossible() {
        Some(reason) => skipped(test, &reason),
        None => again(test, &["-rn"]),
    }
}

/// As [`inside`], for programs that change to a user of their own, which only root may let them do: with a `/run`
/// and process numbers of its own, so that every process of the test ends with it.
pub(crate) fn inside_as_root(test: &str, programs: &[&str], body: fn()) {
    if env::var_os(INSIDE).is_some() {
        mount("-t tmpfs -o mode=755 tmpfs /run");
        return body();
    }
    let missing = programs.iter().find(|program| !is_installed(program));
    match missing.map(|program| format!("{program} is not installed (scripts/setup installs it as root)")) {
        Some(reason) => skipped(test, &reason),
        None if !is_root() => skipped(test, "only root may start daemons that change their user"),
        None => again(test, &["-nmpf", "--mount-proc", "--kill-child"]),
    }
}

/// Written past the test harness, which would keep it to itself.
pub(crate) fn skipped(test: &str, reason: &str) {
    let _ = writeln!(io::stderr(), "SKIPPED {test}: {reason}");
}

/// Whether a program of the system is there. Daemons are not in an ordinary user's path.
pub(crate) fn is_installed(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    folders.map(|folder| folder.join(program)).any(|file| file.is_file())
}

/// Root outside of any user namespace.
fn is_root() -> bool {
    let users = std::fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    nix::unistd::geteuid().is_root() && users.split_whitespace().eq(["0", "0", "4294967295"])
}

fn mount(words: &str) {
    let output = Command::new("mount").args(words.split_whitespace()).output().unwrap();
    assert!(output.status.success(), "mount {words}: {}", both(&output));
}

fn again(test: &str, namespaces: &[&str]) {
    let own = env::current_exe().unwrap();
    let mut again = Command::new("unshare");
    again.args(namespaces).arg("--").arg(own).args([test, "--exact", "--nocapture"]).env(INSIDE, "1");
    let output = again.output().unwrap();
    let text = both(&output);
    assert!(output.status.success(), "inside the namespace:\n{text}");
    assert!(text.contains("1 passed"), "no such test as {test}:\n{text}");
    for line in text.lines().filter(|line| line.starts_with("SKIPPED") || line.starts_with("MEASURED")) {
        let _ = writeln!(io::stderr(), "{line}");
    }
}

fn impossible() -> Option<String> {
    let tried = Command::new("unshare").args(["-rn", "--", "ip", "link", "set", "lo", "up"]).output();
    match tried {
        Err(error) => Some(format!("no unshare command: {error}")),
        Ok(output) if !output.status.success() => {
            Some(format!("no namespace may be made here: {}", both(&output).trim()))
        }
        Ok(_) => None,
    }
}

fn both(output: &Output) -> String {
    [&output.stdout[..], &output.stderr[..]].map(String::from_utf8_lossy).concat()
}

/// `ip` with these words; must succeed.
pub(crate) fn ip(words: &str) {
    let output = Command::new("ip").args(words.split_whitespace()).output().unwrap();
    assert!(output.status.success(), "ip {words}: {}", both(&output));
}

/// A cable from `eth0`, the host's port, to `p1`, the switch's; both up. Returns the number of `eth0`.
pub(crate) fn cable() -> u32 {
    ip("link set lo up");
    ip("link add eth0 type veth peer name p1");
    ip("link set eth0 up");
    ip("link set p1 up");
    index_of("eth0")
}

/// The number of an interface.
pub(crate) fn index_of(name: &str) -> u32 {
    pnet::datalink::interfaces().into_iter().find(|interface| interface.name == name).unwrap().index
}

/// A second network namespace, kept by a process that does nothing and ends with the test that made it.
pub(crate) struct Elsewhere(pub(crate) Child);

impl Elsewhere {
    pub(crate) fn new() -> Self {
        let words = ["--pdeathsig", "KILL", "--", "unshare", "-n", "--", "sleep", "infinity"];
        let keeper = Command::new("setpriv").args(words).spawn().unwrap();
        let elsewhere = Self(keeper);
        let own = std::fs::read_link("/proc/self/ns/net").unwrap();
        let its = format!("/proc/{}/ns/net", elsewhere.0.id());
        for _ in 0..500 {
            if std::fs::read_link(&its).is_ok_and(|its| its != own) {
                return elsewhere;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("no second namespace");
    }

    /// A command that will run over there.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["-n", "-t", &self.0.id().to_string(), program]);
        command
    }

    /// `ip` with these words over there; must succeed.
    pub(crate) fn ip(&self, words: &str) {
        let output = self.command("ip").args(words.split_whitespace()).output().unwrap();
        assert!(output.status.success(), "ip {words}: {}", both(&output));
    }
}

impl Drop for Elsewhere {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Sends whole frames out of an interface.
pub(crate) struct Sender(Box<dyn pnet::datalink::DataLinkSender>);

impl Sender {
    pub(crate) fn on(name: &str) -> Self {
        let interface =
            pnet::datalink::interfaces().into_iter().find(|interface| interface.name == name).unwrap();
        match pnet::datalink::channel(&interface, Default::default()).unwrap() {
            pnet::datalink::Channel::Ethernet(sender, _) => Self(sender),
            _ => panic!("no Ethernet channel on {name}"),
        }
    }

    pub(crate) fn send(&mut self, frame: &[u8]) {
        self.0.send_to(frame, None).unwrap().unwrap();
    }
}

/// An LLDP frame of switch `sw<n>`, port `p1`, in as many octets as an Ethernet frame has at least.
pub(crate) fn lldp(n: u8) -> Vec<u8> {
    let mut frame = vec![0x01, 0x80, 0xc2, 0, 0, 0x0e, 2, 0, 0, 0, 1, n, 0x88, 0xcc];
    frame.extend([0x02, 7, 4, 2, 0, 0, 0, 1, n]); // chassis id: MAC address
    frame.extend([0x04, 3, 5, b'p', b'1']); // port id: interface name
    frame.extend([0x06, 2, 0, 120]); // TTL
    frame.extend([0x0a, 3, b's', b'w', b'0' + n]); // system name
    frame.extend([0, 0]);
    frame.resize(60, 0);
    frame
}

/// A runtime like the probe's.
pub(crate) fn block_on<T>(task: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(task)
}
