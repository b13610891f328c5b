//! Who holds a UDP port: for the error that says it is in use.

use std::fs;
use std::path::Path;

/// In words: process and command, or how to find out.
pub(super) fn of_udp_port(port: u16) -> String {
    let find_out = || format!("a process this user may not see: run `ss -ulpn sport = {port}` as root");
    let inodes: Vec<String> = ["/proc/net/udp", "/proc/net/udp6"]
        .iter()
        .flat_map(|table| inodes_in(&fs::read_to_string(table).unwrap_or_default(), port))
        .collect();
    inodes.iter().find_map(|inode| holder(Path::new("/proc"), inode)).unwrap_or_else(find_out)
}

/// The sockets bound to a port, in a table of the form of `/proc/net/udp`.
fn inodes_in(table: &str, port: u16) -> Vec<String> {
    let suffix = format!(":{port:04X}");
    let lines = table.lines().skip(1).map(|line| line.split_whitespace().collect::<Vec<_>>());
    lines
        .filter(|fields| fields.get(1).is_some_and(|local| local.ends_with(&suffix)))
        .filter_map(|fields| fields.get(9).map(|inode| (*inode).to_owned()))
        .collect()
}

/// Walks all processes this user may look into; they may end while it does.
fn holder(proc: &Path, inode: &str) -> Option<String> {
    let wanted = format!("socket:[{inode}]");
    fs::read_dir(proc).ok()?.flatten().find_map(|process| {
        let pid: u32 = process.file_name().to_str()?.parse().ok()?;
        let mut descriptors = fs::read_dir(process.path().join("fd")).ok()?.flatten();
        descriptors.find(|fd| fs::read_link(fd.path()).is_ok_and(|to| to.as_os_str() == wanted.as_str()))?;
        let command = fs::read_to_string(process.path().join("comm")).unwrap_or_default();
        // A process may call itself anything.
        let command: String = command.trim().chars().filter(|c| !c.is_control()).collect();
        Some(format!("process {pid} ({command})"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_owner_of_a_port_is_found_and_named() {
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let port = socket.local_addr().unwrap().port();
        let owner = of_udp_port(port);
        assert!(owner.starts_with(&format!("process {} (", std::process::id())), "{owner}");
        drop(socket);
        assert!(of_udp_port(port).contains("ss -ulpn"), "nobody holds it any more");
    }

    #[test]
    fn only_the_local_port_is_looked_at() {
        let table = "head\n 1: 0100007F:07C6 00000000:0000 07 0:0 00:0 0 0 0 11 2\n 2: 00000000:1000 00000000:07C6 07 0:0 00:0 0 0 0 12 2\nbroken\n";
        assert_eq!(inodes_in(table, 1990), ["11"]);
    }
}
