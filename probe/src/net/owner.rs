//! Who holds a UDP port: so that "address in use" names the process to stop.

use std::fmt;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

/// A process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// Its id.
    pub pid: u32,
    /// Its command's short name.
    pub command: String,
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (process {})", self.command, self.pid)
    }
}

/// The process that holds this address and port, or the port at all addresses. `None` if it is another user's and
/// cannot be seen.
pub fn of_udp_port(address: SocketAddr) -> Option<Owner> {
    find(Path::new("/proc"), address)
}

fn find(proc: &Path, address: SocketAddr) -> Option<Owner> {
    ["net/udp", "net/udp6"]
        .iter()
        .filter_map(|table| fs::read_to_string(proc.join(table)).ok())
        .flat_map(|table| inodes(&table, address))
        .find_map(|inode| holder(proc, inode))
}

/// The sockets of a table like `/proc/net/udp` that stand in the way of binding `address`.
fn inodes(table: &str, address: SocketAddr) -> Vec<u64> {
    let lines = table.lines().skip(1).map(|line| line.split_ascii_whitespace().collect::<Vec<_>>());
    let blocking = lines.filter_map(|fields| {
        let (ip, port) = local(fields.get(1)?)?;
        let blocks = port == address.port() && (ip == address.ip() || ip.is_unspecified());
        blocks.then(|| fields.get(9)?.parse().ok()).flatten()
    });
    blocking.collect()
}

/// `0100007F:07C0`: each four octets of the address in the machine's own order, then the port.
fn local(field: &str) -> Option<(IpAddr, u16)> {
    let (address, port) = field.split_once(':')?;
    let word = |at: usize| u32::from_str_radix(address.get(at..at + 8)?, 16).ok().map(u32::to_ne_bytes);
    let ip = match address.len() {
        8 => IpAddr::V4(Ipv4Addr::from(word(0)?)),
        32 => {
            let octets = [word(0)?, word(8)?, word(16)?, word(24)?].concat();
            IpAddr::V6(Ipv6Addr::from(<[u8; 16]>::try_from(octets).ok()?))
        }
        _ => return None,
    };
    Some((ip, u16::from_str_radix(port, 16).ok()?))
}

/// The process that has the socket open.
fn holder(proc: &Path, inode: u64) -> Option<Owner> {
    let wanted = format!("socket:[{inode}]");
    fs::read_dir(proc).ok()?.flatten().find_map(|entry| {
        let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
        let descriptors = fs::read_dir(entry.path().join("fd")).ok()?;
        let holds = |fd: &fs::DirEntry| {
            fs::read_link(fd.path()).is_ok_and(|target| target.as_os_str() == wanted.as_str())
        };
        descriptors.flatten().find(holds)?;
        let command = fs::read_to_string(entry.path().join("comm")).unwrap_or_default();
        Some(Owner { pid, command: command.trim_end().into() })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    const TABLE: &str = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
  1: 0500000A:07C0 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4242 2 0 0
  2: 00000000:0035 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4243 2 0 0
  3: garbage
";

    #[test]
    fn a_socket_blocks_its_own_address_and_an_unbound_one_every_address() {
        if cfg!(target_endian = "big") {
            return; // the table above is of a little-endian machine
        }
        let cases = [
            ("10.0.0.5:1984", vec![4242]),
            ("10.0.0.6:1984", vec![]),
            ("10.0.0.6:53", vec![4243]),
            ("10.0.0.5:1985", vec![]),
        ];
        for (address, want) in cases {
            assert_eq!(inodes(TABLE, address.parse().unwrap()), want, "{address}");
        }
    }

    #[test]
    fn the_holder_of_a_socket_is_found_by_its_open_descriptors() {
        let proc = tempfile::tempdir().unwrap();
        for (pid, command, socket) in [("17", "sshd\n", "socket:[1]"), ("812", "chronyd\n", "socket:[4242]")]
        {
            fs::create_dir_all(proc.path().join(pid).join("fd")).unwrap();
            fs::write(proc.path().join(pid).join("comm"), command).unwrap();
            symlink(socket, proc.path().join(pid).join("fd/3")).unwrap();
        }
        fs::create_dir_all(proc.path().join("self")).unwrap();
        let owner = holder(proc.path(), 4242).unwrap();
        assert_eq!(owner.to_string(), "chronyd (process 812)");
        assert_eq!(holder(proc.path(), 5), None);
    }
}
