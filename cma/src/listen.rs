//! Where relays and operators come in. Whatever is in the way is said in one line, with its remedy.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::Path;

use nix::sys::stat::{Mode, umask};
use nix::unistd::{Group, chown};
use ringmesh_shell::failure::{Failure, Kind};
use ringmesh_shell::owner;
use tokio::net::{TcpListener, UnixListener, UnixStream};

/// Who may ask besides root, where that group exists.
const GROUP: &str = "ringmesh";
/// Owner and group may ask, nobody else.
const SOCKET_MODE: u32 = 0o660;

/// Listens for relays.
pub(crate) async fn tcp(address: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => {
            let owner = owner::of_tcp_port(address).map_or_else(String::new, |owner| format!(" by {owner}"));
            let problem = format!("listen: {address} is in use{owner}");
            Failure::new(Kind::OutOfReach, problem, "stop that process, or give another port in listen")
        }
        io::ErrorKind::PermissionDenied => {
            let problem = format!("listen: {address}: {error}");
            Failure::new(
                Kind::Right,
                problem,
                "give a port above 1023, or the capability CAP_NET_BIND_SERVICE",
            )
        }
        _ => {
            let problem = format!("listen: {address}: {error}");
            Failure::new(Kind::OutOfReach, problem, "give an address of this host in listen, or 0.0.0.0")
        }
    })
}

/// Listens for operators. A socket file that nobody answers on is removed, one that is answered is not.
pub(crate) async fn unix(path: &Path) -> Result<UnixListener, Failure> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    if let Some(folder) = folder {
        let remedy = "make the folder, or give another path in socket";
        fs::create_dir_all(folder)
            .map_err(|error| Failure::file("socket: folder", folder, &error, remedy))?;
    }
    remove_stale(path).await?;
    // The file must never be there with more rights than it has in the end.
    let before = umask(Mode::from_bits_truncate(0o777 & !SOCKET_MODE));
    let bound = UnixListener::bind(path);
    umask(before);
    let listener = bound.map_err(|error| {
        Failure::file("socket", path, &error, "make its folder writable, or give another path in socket")
    })?;
    give_rights(path);
    Ok(listener)
}

async fn remove_stale(path: &Path) -> Result<(), Failure> {
    let Ok(about) = fs::symlink_metadata(path) else { return Ok(()) };
    let shown = path.display();
    if !about.file_type().is_socket() {
        return Err(Failure::usage(
            format!("socket: {shown} is no socket"),
            "move it away, or give another path in socket",
        ));
    }
    if UnixStream::connect(path).await.is_ok() {
        let problem = format!("socket: another CMA answers on {shown}");
        return Err(Failure::new(Kind::OutOfReach, problem, "stop it, or give another path in socket"));
    }
    fs::remove_file(path).map_err(|error| Failure::file("socket", path, &error, "remove it by hand"))
}

fn give_rights(path: &Path) {
    let shown = path.display();
    if let Err(error) = fs::set_permissions(path, fs::Permissions::from_mode(SOCKET_MODE)) {
        tracing::warn!("socket {shown}: {error}: its mode stays as it is");
    }
    let Ok(Some(group)) = Group::from_name(GROUP) else { return };
    if let Err(error) = chown(path, None, Some(group.gid)) {
        tracing::warn!(
            "socket {shown}: group {GROUP}: {error}: only our own group may ask; run the CMA in group {GROUP}"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "current_thread")]
    async fn a_port_in_use_is_told_with_its_owner() {
        let first = tcp("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let failure = tcp(first.local_addr().unwrap()).await.unwrap_err();
        let own = format!("(process {})", std::process::id());
        assert_eq!(failure.exit_code(), 3);
        assert!(
            failure.to_string().contains("is in use by ") && failure.to_string().contains(&own),
            "{failure}"
        );
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_socket_nobody_answers_on_is_replaced_and_one_that_is_answered_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run/cma.sock");
        let first = unix(&path).await.unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o660);
        let failure = unix(&path).await.unwrap_err();
        assert!(failure.to_string().contains("another CMA answers on"), "{failure}");
        drop(first);
        unix(&path).await.unwrap();
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_file_in_the_way_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cma.sock");
        fs::write(&path, "precious").unwrap();
        let failure = unix(&path).await.unwrap_err();
        assert!(failure.to_string().contains("is no socket"), "{failure}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
    }
}
