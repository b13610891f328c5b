//! ICMP echo: does a host's kernel live, whatever its probe does?
//!
//! Needs a raw socket, that is CAP_NET_RAW; without it there is no echo, and a warning says so.
//! An answer counts once, from the address that was asked, and only if it brings back the token it was sent.

mod packet;

use std::collections::BTreeMap;
use std::future::pending;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsRawFd;

use nix::errno::Errno;
use nix::sys::socket::{SockaddrStorage, recvfrom};
use ringmesh_proto::news::Warning;
use ringmesh_proto::time::{Duration, Time};
use ringmesh_shell::failure::Failure;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::secret::random;
use crate::sys::watch_socket;
use packet::{Echo, Family, TOKEN};

/// An answer later than this is none.
const WAIT: Duration = Duration::from_secs(3);
/// Echoes waiting for an answer at once; further ones are not sent. Checks are paced far below.
const WAITING_MAX: usize = 32_768;

/// Sends echoes and hears their answers.
pub(crate) struct Icmp {
    v4: Option<AsyncFd<Socket>>,
    v6: Option<AsyncFd<Socket>>,
    ident: u16,
    sequence: u16,
    waiting: BTreeMap<(IpAddr, u16), Waiting>,
}

#[derive(Debug)]
struct Waiting {
    sent: Time,
    token: [u8; TOKEN],
}

impl Icmp {
    /// Opens the raw sockets of both families. Where a right is missing, a warning says so and nothing is sent.
    pub(crate) fn open() -> Result<(Self, Option<Warning>), Failure> {
        let ident = random()?;
        let (v4, v6) = (socket(Family::V4, ident), socket(Family::V6, ident));
        let warning = v4.as_ref().err().map(missing);
        let icmp = Self {
            v4: v4.ok(),
            v6: v6.ok(),
            ident: u16::from_be_bytes(ident),
            sequence: 0,
            waiting: BTreeMap::new(),
        };
        Ok((icmp, warning))
    }

    /// Asks the kernel of an address to answer.
    pub(crate) fn send(&mut self, now: Time, to: IpAddr) {
        self.waiting.retain(|_, waiting| now.since(waiting.sent) <= WAIT);
        let family = Family::of(to);
        let Some(socket) = self.socket(family).filter(|_| self.waiting.len() < WAITING_MAX) else { return };
        // Without a token an answer could be forged, and then it would be worth nothing.
        let Ok(token) = random() else { return };
        let sequence = self.sequence.wrapping_add(1);
        let echo = Echo { ident: self.ident, sequence, token };
        let sent = socket.get_ref().send_to(&echo.request(family), &SocketAddr::new(to, 0).into());
        self.sequence = sequence;
        match sent {
            Ok(_) => drop(self.waiting.insert((to, sequence), Waiting { sent: now, token })),
            Err(error) => tracing::debug!(%to, %error, "an echo was not sent"),
        }
    }

    /// Returns once an answer may be there. Whoever calls it must then receive until there is none.
    pub(crate) async fn ready(&self) -> io::Result<()> {
        let ready = async |socket: &Option<AsyncFd<Socket>>| match socket {
            Some(socket) => socket.readable().await.map(|mut guard| guard.clear_ready()),
            None => pending().await,
        };
        tokio::select! {
            ready = ready(&self.v4) => ready,
            ready = ready(&self.v6) => ready,
        }
    }

    /// The next address whose kernel answered, if there is one.
    pub(crate) fn receive(&mut self, now: Time) -> Option<IpAddr> {
        [Family::V4, Family::V6].into_iter().find_map(|family| self.receive_from(now, family))
    }

    fn receive_from(&mut self, now: Time, family: Family) -> Option<IpAddr> {
        let mut buffer = [0; 256];
        loop {
            let fd = self.socket(family)?.get_ref().as_raw_fd();
            let (length, from) = match recvfrom::<SockaddrStorage>(fd, &mut buffer) {
                Ok(received) => received,
                Err(Errno::EINTR) => continue,
                Err(_) => return None,
            };
            let Some(from) = from.as_ref().and_then(address) else { continue };
            let answer = buffer.get(..length).and_then(|octets| Echo::reply(family, octets));
            if answer.is_some_and(|echo| self.is_answer(now, from, &echo)) {
                return Some(from);
            }
        }
    }

    fn is_answer(&mut self, now: Time, from: IpAddr, echo: &Echo) -> bool {
        let asked = self.waiting.get(&(from, echo.sequence)).is_some_and(|waiting| {
            echo.ident == self.ident && waiting.token == echo.token && now.since(waiting.sent) <= WAIT
        });
        asked && self.waiting.remove(&(from, echo.sequence)).is_some()
    }

    fn socket(&self, family: Family) -> Option<&AsyncFd<Socket>> {
        match family {
            Family::V4 => self.v4.as_ref(),
            Family::V6 => self.v6.as_ref(),
        }
    }
}

fn address(from: &SockaddrStorage) -> Option<IpAddr> {
    let v4 = from.as_sockaddr_in().map(|v4| IpAddr::V4(v4.ip()));
    v4.or_else(|| from.as_sockaddr_in6().map(|v6| IpAddr::V6(v6.ip())))
}

/// A raw socket that lets only our own answers through; what came before the filter was set is checked anyway.
fn socket(family: Family, ident: [u8; 2]) -> io::Result<AsyncFd<Socket>> {
    let (domain, protocol) = match family {
        Family::V4 => (Domain::IPV4, Protocol::ICMPV4),
        Family::V6 => (Domain::IPV6, Protocol::ICMPV6),
    };
    let socket = Socket::new(domain, Type::RAW.nonblocking().cloexec(), Some(protocol))?;
    socket.attach_filter(&packet::filter(family, u16::from_be_bytes(ident)))?;
    watch_socket(socket, Interest::READABLE)
}

fn missing(error: &io::Error) -> Warning {
    Warning {
        code: "no-icmp".into(),
        text: format!("no raw ICMP socket ({error}): a hung host and a dead one look alike"),
        remedy: "give the relay CAP_NET_RAW (systemd: AmbientCapabilities=CAP_NET_RAW)".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringmesh_shell::clock;

    async fn answer(icmp: &mut Icmp) -> Option<IpAddr> {
        loop {
            if let Some(from) = icmp.receive(clock::now()) {
                return Some(from);
            }
            tokio::time::timeout(std::time::Duration::from_secs(1), icmp.ready()).await.ok()?.unwrap();
        }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_living_kernel_answers_once_in_both_families() {
        let (mut icmp, warning) = Icmp::open().unwrap();
        if let Some(warning) = warning {
            return eprintln!("SKIPPED: {}: {}", warning.text, warning.remedy);
        }
        for to in ["127.0.0.1", "127.3.2.1", "::1"] {
            let to: IpAddr = to.parse().unwrap();
            icmp.send(clock::now(), to);
            icmp.send(clock::now(), to);
            assert_eq!(answer(&mut icmp).await, Some(to));
            assert_eq!(answer(&mut icmp).await, Some(to));
        }
        assert_eq!(answer(&mut icmp).await, None);
        assert!(icmp.waiting.is_empty(), "{:?}", icmp.waiting);
    }

    #[tokio::test(flavor = "current_thread")]
    async fn only_the_asked_address_with_the_right_token_in_time_counts_and_only_once() {
        let (mut icmp, _) = Icmp::open().unwrap();
        let (to, other): (IpAddr, IpAddr) = ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
        let at = Time::from_millis(10_000);
        let right = Echo { ident: icmp.ident, sequence: 5, token: [7; TOKEN] };
        icmp.waiting.insert((to, 5), Waiting { sent: at, token: [7; TOKEN] });
        let wrong = [
            (to, Echo { ident: icmp.ident ^ 1, ..right }, at),
            (to, Echo { sequence: 6, ..right }, at),
            (to, Echo { token: [8; TOKEN], ..right }, at),
            (other, right, at),
            (to, right, Time::from_millis(13_001)),
        ];
        for (from, echo, now) in wrong {
            assert!(!icmp.is_answer(now, from, &echo), "{from} {echo:?} at {now:?}");
        }
        assert!(icmp.is_answer(Time::from_millis(13_000), to, &right));
        assert!(!icmp.is_answer(at, to, &right), "twice");
    }

    #[tokio::test(flavor = "current_thread")]
    async fn without_the_right_a_warning_says_so_and_nothing_is_sent() {
        let (mut icmp, _) = Icmp::open().unwrap();
        (icmp.v4, icmp.v6) = (None, None);
        icmp.send(clock::now(), "127.0.0.1".parse().unwrap());
        assert!(icmp.waiting.is_empty() && icmp.receive(clock::now()).is_none());
        let warning = missing(&io::ErrorKind::PermissionDenied.into());
        assert!(warning.remedy.contains("CAP_NET_RAW"), "{warning:?}");
    }
}
