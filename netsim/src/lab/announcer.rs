//! Who announces a switch: our own process, or Debian's lldpd, each started so that its first frame is right.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use super::command::require;
use super::error::{LabError, at};
use super::net;
use super::plan::Switch;
use super::roles::{Launch, Role};
use super::running::Lab;
use super::state::Announcer;

/// Announcements per lifetime: the TTL is this many intervals, as IEEE 802.1AB 9.2.5.7 recommends.
pub(super) const TX_HOLD: u16 = 4;

/// Whether lldpd is there and may run.
///
/// # Errors
/// [`LabError::MissingProgram`] or [`LabError::NotPermitted`].
pub(super) fn check_lldpd() -> Result<(), LabError> {
    require("lldpd")?;
    if super::permit::is_inside() {
        return Err(LabError::NotPermitted(
            "lldpd gives up its rights to another user, which an ordinary user's namespace does not have; \
             run as root, or take --announcer own"
                .into(),
        ));
    }
    Ok(())
}

/// How the announcer of a switch is started; `None` where switches are silent.
///
/// # Errors
/// [`LabError::File`] if lldpd's configuration cannot be written.
pub(super) fn launch(lab: &Lab, name: &str) -> Result<Option<Launch>, LabError> {
    let Some(switch) = lab.plan.switch(name) else { return Ok(None) };
    match lab.state.announcer {
        Announcer::Own => Ok(Some(own(lab, switch))),
        Announcer::Lldpd => lldpd(lab, switch).map(Some),
        Announcer::None => Ok(None),
    }
}

fn own(lab: &Lab, switch: &Switch) -> Launch {
    let mut args: Vec<String> =
        ["lab", "announce", "--name", &switch.name, "--chassis"].map(String::from).into();
    args.push(switch.chassis_text());
    args.extend(["--tx-interval-s".into(), lab.state.tx_interval_s.to_string()]);
    for (port, _) in lab.plan.ports_of(switch.number) {
        args.extend(["--port".into(), port.into()]);
    }
    Launch {
        name: switch.name.clone(),
        role: Role::Announcer,
        netns: switch.netns.clone(),
        program: lab.state.bin_dir.join("ringmesh-netsim"),
        args: args.into_iter().map(Into::into).collect(),
        log: lab.files.log(&switch.name, Role::Announcer.word()),
    }
}

/// The whole configuration is read before the first frame: given afterwards, lldpd would announce another
/// chassis first, take it back, and be silent for seconds.
fn lldpd(lab: &Lab, switch: &Switch) -> Result<Launch, LabError> {
    net::give_processor_port(switch)?;
    let folder = lab.files.of(&switch.name);
    let (config, socket) = (folder.join("lldpd.conf"), folder.join("lldpd.sock"));
    write_lldpd(&config, switch, lab.state.tx_interval_s)?;
    // One left by a killed forerunner would be taken for a running daemon.
    let _ = fs::remove_file(&socket);
    let fixed = ["-d", "-C", net::PROCESSOR_PORT, "-O"].map(Into::into);
    let args = fixed.into_iter().chain([config.into(), "-u".into(), socket.into()]).collect();
    Ok(Launch {
        name: switch.name.clone(),
        role: Role::Announcer,
        netns: switch.netns.clone(),
        program: "lldpd".into(),
        args,
        log: lab.files.log(&switch.name, Role::Announcer.word()),
    })
}

fn write_lldpd(path: &Path, switch: &Switch, tx_interval_s: u16) -> Result<(), LabError> {
    let mut text = String::new();
    for line in [
        format!("system hostname {}", switch.name),
        "system interface pattern p*,up".into(),
        "lldp portidsubtype ifname".into(),
        format!("lldp tx-interval {tx_interval_s}"),
        format!("lldp tx-hold {TX_HOLD}"),
    ] {
        let _ = writeln!(text, "configure {line}");
    }
    fs::write(path, text).map_err(at(path, "write"))
}
