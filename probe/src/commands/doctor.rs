//! What a probe needs on this host, checked one by one, with what to do where it is missing.

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::ExitCode;

use nix::unistd::{User, geteuid};

use super::paint::{Paint, wrapped};
use super::{BAD_USAGE, CHECK_FAILED, NO_RIGHT, ask, print, read};
use crate::capture;
use crate::config::Config;
use crate::control::Request;
use crate::control::shape::Attachments;
use crate::hints;
use crate::net::Sockets;
use crate::netlink::{self, Look};
use crate::ports::{PassedOver, Port};

/// Where everything stands, behind `ok` and `FAIL`.
const INDENT: usize = 5;

/// The result of one check.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Check {
    what: String,
    /// What is wrong and what to do about it.
    trouble: Option<(String, String)>,
    /// The exit code this check alone would give.
    code: u8,
}

impl Check {
    fn fine(what: impl Into<String>) -> Self {
        Self { what: what.into(), trouble: None, code: 0 }
    }

    fn bad(what: impl Into<String>, trouble: impl ToString, remedy: impl Into<String>) -> Self {
        Self { what: what.into(), trouble: Some((trouble.to_string(), remedy.into())), code: CHECK_FAILED }
    }
}

/// Checks a host by its configuration file. The gravest finding is the exit code.
pub async fn doctor(path: &Path) -> ExitCode {
    let paint = Paint::of_stdout();
    let config = match Config::load(path) {
        Ok(config) => config,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(BAD_USAGE);
        }
    };
    let checks = examine(path, &config).await;
    print(&report(&checks, paint));
    ExitCode::from(checks.iter().map(|check| check.code).max().unwrap_or(0))
}

async fn examine(path: &Path, config: &Config) -> Vec<Check> {
    let named = format!("configuration {}: {} at {}", path.display(), config.name, config.site);
    let running: Option<Attachments> =
        ask(config, &Request::Attachments).ok().and_then(|answer| read(&answer).ok());
    let mut checks = vec![Check::fine(named), right(running.as_ref())];
    match netlink::look(&config.ports).await {
        Ok(Look { ports, passed_over, .. }) => {
            checks.extend(of_ports(&ports, &config.ports));
            checks.extend(of_passed_over(&passed_over, &config.ports, &ports));
            checks.extend(running.is_none().then(|| of_sockets(config.port, &ports)).into_iter().flatten());
        }
        Err(error) => {
            checks.push(Check::bad("interfaces", error, "this needs a Linux kernel with rtnetlink"))
        }
    }
    // The socket belongs to whoever the probe runs as.
    let probe = running.as_ref().and_then(|_| fs::metadata(config.control_socket()).ok());
    let probe = probe.map(|socket| socket.uid());
    checks.push(folder("run_dir", &config.run_dir, probe));
    checks.push(folder("state_dir", &config.state_dir, probe));
    checks.push(relays(config));
    match running {
        Some(attachments) => checks.extend(of_attachments(&attachments)),
        None => checks.push(Check::bad(
            "running probe",
            format!("none answers at {}", config.control_socket().display()),
            "start it: systemctl start ringmesh-probe",
        )),
    }
    checks
}

/// The right of the probe that runs; else that of the caller, who may be another user than the service's.
fn right(running: Option<&Attachments>) -> Check {
    const WHAT: &str = "right to listen (CAP_NET_RAW)";
    let missing = |whose: &str| {
        let trouble = format!("{whose} has not got it: no switch is heard, a fallback ring has to do");
        Check { code: NO_RIGHT, ..Check::bad(WHAT, trouble, hints::RIGHT) }
    };
    match running.filter(|attachments| !attachments.ports.is_empty()) {
        Some(attachments) if attachments.ports.iter().any(|port| port.remedy == hints::RIGHT) => {
            return missing("the running probe");
        }
        Some(_) => return Check::fine(format!("{WHAT}: the running probe has it")),
        None => {}
    }
    let me = name_of(geteuid().as_raw());
    match capture::may_listen() {
        Ok(()) => Check::fine(format!("{WHAT}: {me} has it; the service may run as another user")),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => missing(&me),
        Err(error) => {
            Check::bad(WHAT, error, "packet sockets are needed: is the kernel built with CONFIG_PACKET?")
        }
    }
}

fn of_ports(ports: &[Port], globs: &[String]) -> Vec<Check> {
    if !ports.is_empty() {
        return ports.iter().map(of_port).collect();
    }
    let trouble = if globs.is_empty() {
        "none was found: no network card, or only radios".into()
    } else {
        format!("none was found: no card or virtual cable has a name like {}", globs.join(", "))
    };
    vec![Check::bad("physical ports", trouble, "name them in the configuration: ports = [\"eth*\"]")]
}

/// What the configuration names in vain is wrong; what it does not name is worth a word only where nothing is left.
fn of_passed_over(passed_over: &[PassedOver], globs: &[String], ports: &[Port]) -> Vec<Check> {
    if globs.is_empty() && !ports.is_empty() {
        return Vec::new();
    }
    let of = |passed: &PassedOver| {
        let what = format!("{} is not listened on", passed.ifname);
        Check::bad(what, "it is no port by itself", &*passed.why)
    };
    passed_over.iter().map(of).collect()
}

fn of_port(port: &Port) -> Check {
    let driver = if port.driver.is_empty() { String::new() } else { format!(" ({})", port.driver) };
    let what = format!("port {}{driver}", port.ifname);
    if !port.carrier {
        return Check::bad(what, "no carrier", "plug the cable in, or set the interface up");
    }
    match &port.above {
        Some(above) => {
            Check::fine(format!("{what}: {}/{} on {}", above.address, above.prefix_len, above.ifname))
        }
        None => Check::bad(
            what,
            "no address on it or on a bond, bridge or VLAN above it: it listens only",
            "give it an address with an on-link prefix, unless listening is all it shall do",
        ),
    }
}

/// Whether the lanes could be opened. Asked only while no probe runs, which would have them open.
fn of_sockets(port: u16, ports: &[Port]) -> Vec<Check> {
    let errors = Sockets::new(port).sync(ports);
    if errors.is_empty() {
        return vec![Check::fine(format!(
            "UDP ports {port} to {} are free",
            port + crate::config::LANES - 1
        ))];
    }
    errors
        .iter()
        .map(|error| Check::bad("UDP ports", error, "free them, or set `port` in the configuration"))
        .collect()
}

/// Whether a folder can be written: by its owner and mode for the user of the probe that runs, else by doing it, which
/// shows the rights of the caller only. Never makes it: it would be the caller's.
fn folder(key: &str, path: &Path, probe: Option<u32>) -> Check {
    let what = format!("{key} {}", path.display());
    let remedy = || format!("make it writable for the probe's user, or set {key}");
    let whose = |uid: u32| format!("{what}: {} may write it", name_of(uid));
    let seen = match (fs::metadata(path), probe) {
        (Ok(seen), _) => seen,
        (Err(error), None) if error.kind() == io::ErrorKind::NotFound => {
            return Check::fine(format!(
                "{what}: not there yet, the unit or the probe makes it at its start"
            ));
        }
        (Err(error), _) => return Check::bad(what, error, remedy()),
    };
    let me = geteuid().as_raw();
    match probe {
        Some(uid) if may_write(&seen, uid) => Check::fine(whose(uid)),
        Some(uid) => {
            let owner = name_of(seen.uid());
            Check::bad(what, format!("it is {owner}'s, the running probe is {}", name_of(uid)), remedy())
        }
        None => match try_to_write(path) {
            Ok(()) => Check::fine(format!("{}; the service may run as another user", whose(me))),
            Err(error) => Check::bad(what, format!("{}: {error}", name_of(me)), remedy()),
        },
    }
}

/// By owner and mode alone: a probe that root started has given up the right to write everywhere. Who is in a group is
/// not looked up.
fn may_write(folder: &fs::Metadata, uid: u32) -> bool {
    let mode = folder.permissions().mode();
    mode & 0o022 != 0 || (folder.uid() == uid && mode & 0o200 != 0)
}

fn try_to_write(folder: &Path) -> io::Result<()> {
    let trial = folder.join(format!(".doctor-{}", std::process::id()));
    let written = fs::write(&trial, "x").and_then(|()| fs::remove_file(&trial));
    if written.is_err() {
        // Half written on a full disk.
        let _ = fs::remove_file(&trial);
    }
    written
}

fn name_of(uid: u32) -> String {
    let user = User::from_uid(uid.into()).ok().flatten();
    user.map_or_else(|| format!("user {uid}"), |user| user.name)
}

fn relays(config: &Config) -> Check {
    if config.relays.is_empty() {
        return Check::fine("relays: found by multicast to 224.0.2.5");
    }
    let list: Vec<String> = config.relays.iter().map(ToString::to_string).collect();
    Check::fine(format!("relays: {}", list.join(", ")))
}

fn of_attachments(attachments: &Attachments) -> Vec<Check> {
    let of = |port: &crate::control::shape::PortShape| {
        let what = format!("switch behind {}", port.ifname);
        match port.evidence.as_str() {
            "lldp" | "cdp" => Check::fine(format!("{what}: {}", port.switch_name)),
            _ => Check::bad(what, &port.reason, port.remedy.clone()),
        }
    };
    attachments.ports.iter().map(of).collect()
}

fn report(checks: &[Check], paint: Paint) -> String {
    let mut lines = Vec::new();
    for check in checks {
        let mark = if check.trouble.is_none() { paint.good("ok  ") } else { paint.bad("FAIL") };
        let what = wrapped(&check.what, INDENT);
        let first = what.first().map_or("", |line| line.trim_start());
        lines.push(format!("{mark} {first}"));
        lines.extend(what.iter().skip(1).cloned());
        if let Some((trouble, remedy)) = &check.trouble {
            lines.extend(wrapped(trouble, INDENT));
            lines.extend(wrapped(&format!("-> {remedy}"), INDENT));
        }
    }
    let bad = checks.iter().filter(|check| check.trouble.is_some()).count();
    lines.push(if bad == 0 {
        "nothing is missing".into()
    } else {
        format!("{bad} of {} checks failed", checks.len())
    });
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::Kind;

    #[test]
    fn a_failed_check_says_what_is_wrong_and_what_to_do() {
        let text = report(&[Check::fine("one"), Check::bad("two", "it is broken", "mend it")], Paint(false));
        assert_eq!(text, "ok   one\nFAIL two\n     it is broken\n     -> mend it\n1 of 2 checks failed");
    }

    #[test]
    fn a_folder_that_cannot_be_written_fails_with_its_key_and_nothing_is_left_behind() {
        let parent = tempfile::tempdir().unwrap();
        let new = parent.path().join("new");
        assert!(folder("run_dir", &new, None).what.contains("not there yet"));
        assert!(!new.exists(), "it would be the caller's");
        assert!(
            folder("run_dir", &new, Some(0)).trouble.is_some(),
            "of a probe that runs it should be there"
        );
        let check = folder("run_dir", parent.path(), None);
        assert!(check.trouble.is_none() && check.what.contains("another user"), "{check:?}");
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 0);
        let file = parent.path().join("file");
        fs::write(&file, "").unwrap();
        for path in [file.join("below"), file] {
            let check = folder("state_dir", &path, None);
            assert!(check.trouble.is_some_and(|(_, remedy)| remedy.contains("set state_dir")), "{path:?}");
        }
    }

    #[test]
    fn a_folder_is_judged_by_the_rights_of_the_running_probe_not_of_the_caller() {
        let parent = tempfile::tempdir().unwrap();
        let owner = fs::metadata(parent.path()).unwrap().uid();
        let mode = |mode| fs::set_permissions(parent.path(), fs::Permissions::from_mode(mode)).unwrap();
        for (bits, uid, want) in [
            (0o700, owner, true),
            (0o755, owner + 1, false),
            (0o500, owner, false),
            (0o1777, owner + 1, true),
        ] {
            mode(bits);
            let check = folder("state_dir", parent.path(), Some(uid));
            assert_eq!(check.trouble.is_none(), want, "{bits:o} {check:?}");
        }
        mode(0o700);
    }

    #[test]
    fn the_right_to_listen_is_that_of_the_running_probe() {
        let of = |remedy: &str| {
            let port = serde_json::json!({
                "ifname": "eth0", "ifindex": 2, "driver": "", "carrier": true, "switch": null, "switch_name": "",
                "port": null, "evidence": "fallback", "age_s": null, "expires_s": null, "reason": "r",
                "remedy": remedy, "bond": null,
            });
            let attachments = serde_json::json!({ "schema": 1, "ports": [port] });
            right(Some(&serde_json::from_value(attachments).unwrap()))
        };
        assert_eq!(of(hints::RIGHT).code, NO_RIGHT);
        assert!(of("ask the switch").what.contains("the running probe has it"));
    }

    #[test]
    fn what_is_named_in_vain_fails_and_what_nobody_named_is_told_only_where_no_port_is_left() {
        let passed = [PassedOver { ifname: "bond0".into(), why: "name eth0".into() }];
        let (card, named) = ([card()], ["eth0".to_string(), "bond0".to_string()]);
        let cases: [(&[String], &[Port], usize); 4] =
            [(&named, &card, 1), (&named, &[], 1), (&[], &card, 0), (&[], &[], 1)];
        for (globs, ports, want) in cases {
            let checks = of_passed_over(&passed, globs, ports);
            assert_eq!(checks.len(), want, "{globs:?}, {} ports", ports.len());
            assert!(checks.iter().all(|check| check.code == CHECK_FAILED), "{checks:?}");
        }
    }

    fn card() -> Port {
        Port {
            ifindex: 2,
            ifname: "eth0".into(),
            mac: Default::default(),
            carrier: true,
            kind: Kind::Card,
            driver: "ice".into(),
            bridge: None,
            above: None,
            bond: None,
        }
    }

    #[test]
    fn a_host_without_ports_or_a_port_without_address_is_a_failed_check() {
        assert_eq!(of_ports(&[], &[])[0].code, CHECK_FAILED);
        let check = of_port(&card());
        assert_eq!((check.what.as_str(), check.code), ("port eth0 (ice)", CHECK_FAILED));
    }
}
