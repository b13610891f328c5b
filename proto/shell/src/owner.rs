//! Who holds a port or a file: so that "in use" names the process to stop.

use std::fmt;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

/// In the column `st` of the kernel's table: a connection that uses the port is in nobody's way.
const TCP_LISTEN: &str = "0A";

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

/// A process whose socket keeps this address and port from being bound. `None` if it is another user's and cannot
/// be seen.
pub fn of_udp_port(address: SocketAddr) -> Option<Owner> {
    of_port(["net/udp", "net/udp6"], None, address)
}

/// The same of a TCP port: a process that listens there.
pub fn of_tcp_port(address: SocketAddr) -> Option<Owner> {
    of_port(["net/tcp", "net/tcp6"], Some(TCP_LISTEN), address)
}

fn of_port(tables: [&str; 2], state: Option<&str>, address: SocketAddr) -> Option<Owner> {
    let proc = Path::new("/proc");
    tables
        .iter()
        .filter_map(|table| fs::read_to_string(proc.join(table)).ok())
        .flat_map(|table| inodes(&table, state, address))
        .find_map(|inode| holder(proc, Path::new(&format!("socket:[{inode}]")), None))
}

/// Another process that has the file open. `None` if it is another user's and cannot be seen.
pub fn of_file(path: &Path) -> Option<Owner> {
    let path = fs::canonicalize(path).ok()?;
    holder(Path::new("/proc"), &path, Some(std::process::id()))
}

/// The sockets of a table like `/proc/net/udp`, in that state, that stand in the way of binding `address`.
fn inodes(table: &str, state: Option<&str>, address: SocketAddr) -> Vec<u64> {
    let lines = table.lines().skip(1).map(|line| line.split_ascii_whitespace().collect::<Vec<_>>());
    let wanted = address.ip().to_canonical();
    let blocking = lines.filter_map(|fields| {
        let (ip, port) = local(fields.get(1)?)?;
        let meet = ip == wanted || ip.is_unspecified() || wanted.is_unspecified();
        let holds = state.is_none_or(|state| fields.get(3) == Some(&state));
        (port == address.port() && meet && holds).then(|| fields.get(9)?.parse().ok()).flatten()
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
    Some((ip.to_canonical(), u16::from_str_radix(port, 16).ok()?))
}

/// The process with a descriptor that leads to `wanted`. Walks those that this user may look into; they may end
/// while it does.
fn holder(proc: &Path, wanted: &Path, but: Option<u32>) -> Option<Owner> {
    fs::read_dir(proc).ok()?.flatten().find_map(|entry| {
        let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
        if Some(pid) == but {
            return None;
        }
        let mut descriptors = fs::read_dir(entry.path().join("fd")).ok()?.flatten();
        descriptors.find(|fd| fs::read_link(fd.path()).is_ok_and(|target| target == wanted))?;
        let command = fs::read_to_string(entry.path().join("comm")).unwrap_or_default();
        // A process may call itself anything.
        Some(Owner { pid, command: command.trim().chars().filter(|c| !c.is_control()).collect() })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    const TABLE: &str = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
  1: 0500000A:07C0 00000000:07C6 07 00000000:00000000 00:00000000 00000000     0        0 4242 2 0 0
  2: 00000000:0035 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4243 2 0 0
  3: garbage
  4: 0000000000000000FFFF00000700000A:07C0 00000000000000000000000000000000:0000 07 0:0 00:0 0     0        0 4244 2 0 0
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
            ("10.0.0.5:1990", vec![]), // a remote port is in nobody's way
            ("0.0.0.0:1984", vec![4242, 4244]),
            ("[::]:1984", vec![4242, 4244]),
            ("10.0.0.7:1984", vec![4244]),
        ];
        for (address, want) in cases {
            assert_eq!(inodes(TABLE, None, address.parse().unwrap()), want, "{address}");
        }
        let listens = TABLE.replace(
            " 07 00000000:00000000 00:00000000 00000000     0        0 4243",
            " 0A 0:0 00:0 0 0 0 4243",
        );
        for (address, want) in [("10.0.0.5:1984", vec![]), ("10.0.0.6:53", vec![4243])] {
            assert_eq!(inodes(&listens, Some(TCP_LISTEN), address.parse().unwrap()), want, "{address}");
        }
    }

    #[test]
    fn the_holder_is_found_by_its_open_descriptors() {
        let proc = tempfile::tempdir().unwrap();
        for (pid, command, target) in
            [("17", "sshd\n", "socket:[1]"), ("812", "chro\x1bnyd\n", "socket:[4242]")]
        {
            fs::create_dir_all(proc.path().join(pid).join("fd")).unwrap();
            fs::write(proc.path().join(pid).join("comm"), command).unwrap();
            symlink(target, proc.path().join(pid).join("fd/3")).unwrap();
        }
        fs::create_dir_all(proc.path().join("self")).unwrap();
        let find = |target, but| holder(proc.path(), Path::new(target), but);
        assert_eq!(find("socket:[4242]", None).unwrap().to_string(), "chronyd (process 812)");
        assert_eq!(find("socket:[5]", None), None);
        assert_eq!(find("socket:[4242]", Some(812)), None);
    }

    #[test]
    fn this_process_is_found_by_its_port_and_gone_when_it_lets_go() {
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        assert_eq!(of_udp_port(address).unwrap().pid, std::process::id());
        drop(socket);
        assert_eq!(of_udp_port(address), None);
        let listener = std::net::TcpListener::bind("[::1]:0").unwrap();
        let address = listener.local_addr().unwrap();
        assert_eq!(of_tcp_port(address).unwrap().pid, std::process::id());
        drop(listener);
        assert_eq!(of_tcp_port(address), None);
    }
}
