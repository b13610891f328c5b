//! Whether this machine lets us build a network, and how an ordinary user gets one.
//!
//! Root builds in the machine's own namespaces. Anybody else is moved, with the whole command, into
//! namespaces of his own (`unshare -Urnm`), where he may do what root may. A process kept alive there
//! (the keeper) lets later commands follow.

use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;

use super::command::{finish, not_started, require, system};
use super::error::LabError;
use super::state::State;

/// Set for a command that runs inside an ordinary user's own namespaces.
const INSIDE: &str = "RINGMESH_LAB_INSIDE";

/// Whether we run inside an ordinary user's own namespaces.
pub(super) fn is_inside() -> bool {
    std::env::var_os(INSIDE).is_some()
}

/// Whether the namespaces of the machine itself may be used.
fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

/// Returns where a network may be built at once; else runs `args` again where it may, and does not return.
///
/// # Errors
/// [`LabError::NotPermitted`] if the kernel lets this user build none.
pub fn enter_or_return(program: &std::path::Path, args: &[OsString]) -> Result<(), LabError> {
    if is_inside() || is_root() {
        return Ok(());
    }
    require("unshare")?;
    try_it()?;
    let mut command = system("unshare");
    command.args(["-Urnm", "--", "sh", "-c"]);
    // `ip netns` keeps its names in /run, which an ordinary user cannot write.
    command.arg(r#"mount -t tmpfs tmpfs /run && exec "$@""#).arg("sh").arg(program).args(args);
    command.env(INSIDE, "1");
    let error = command.exec();
    Err(not_started(&command, &error))
}

fn try_it() -> Result<(), LabError> {
    let script = "mount -t tmpfs tmpfs /run && ip netns add try && ip netns del try";
    let output = finish(system("unshare").args(["-Urnm", "--", "sh", "-c", script]), "")?;
    if output.status.success() {
        return Ok(());
    }
    Err(LabError::NotPermitted(format!(
        "this kernel lets ordinary users make no network namespaces ({}); run the lab as root, or allow it \
         (sysctl user.max_user_namespaces, kernel.unprivileged_userns_clone)",
        String::from_utf8_lossy(&output.stderr).trim().replace('\n', "; ")
    )))
}

/// Returns where this lab's namespaces can be seen; else runs `args` again where they can, and does not return.
///
/// # Errors
/// [`LabError::Unreachable`] if the lab's keeper is gone, and with it every namespace of that lab.
pub(super) fn follow_or_return(
    state: &State,
    program: &std::path::Path,
    args: &[OsString],
) -> Result<(), LabError> {
    if !state.rootless || is_inside() {
        return Ok(());
    }
    let keeper = state.keeper.filter(|keeper| keeper.is_alive());
    let gone =
        || LabError::Unreachable("this lab's namespaces are gone; `lab down` removes its files".into());
    let keeper = keeper.ok_or_else(gone)?;
    let here = std::env::current_dir().unwrap_or_else(|_| "/".into());
    let mut command = system("nsenter");
    command.args(["--preserve-credentials", "-U", "-m", "-n", "-t", &keeper.pid.to_string(), "--"]);
    // Entering a mount namespace leaves one at its root.
    command.args(["sh", "-c", r#"cd "$1" && shift && exec "$@""#, "sh"]).arg(here).arg(program).args(args);
    command.env(INSIDE, "1");
    let error = command.exec();
    Err(not_started(&command, &error))
}
