use std::net::UdpSocket;
use std::time::Duration;

use super::*;
use ringmesh_shell::clock;

fn open(address: &str) -> (Udp, u16) {
    // A free port is found by letting the kernel choose one and giving it back.
    let port = UdpSocket::bind("[::]:0").unwrap().local_addr().unwrap().port();
    let (udp, _) = Udp::open(SocketAddr::new(address.parse().unwrap(), port), false).unwrap();
    (udp, port)
}

fn datagram(number: u8) -> Vec<u8> {
    (0..28).map(|octet: u8| octet.wrapping_add(number.wrapping_mul(29))).collect()
}

async fn next(udp: &mut Udp, buffer: &mut [u8]) -> Arrival {
    loop {
        if let Some(arrival) = udp.receive(clock::now(), buffer) {
            return arrival;
        }
        tokio::time::timeout(Duration::from_secs(5), udp.ready()).await.expect("nothing came").unwrap();
    }
}

fn listener(address: &str) -> (UdpSocket, SocketAddr) {
    let socket = UdpSocket::bind(address).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let at = socket.local_addr().unwrap();
    (socket, at)
}

fn hear(socket: &UdpSocket, buffer: &mut [u8]) -> (usize, SocketAddr) {
    loop {
        match socket.recv_from(buffer) {
            // A wait with a time limit ends so when the process is stopped and goes on.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            received => return received.expect("a datagram is lost"),
        }
    }
}

#[tokio::test(flavor = "current_thread")]
async fn a_datagram_arrives_with_all_the_kernel_knows_and_is_answered_from_where_it_went() {
    for (listen, to, peer) in [
        ("0.0.0.0", "127.0.0.5", "127.0.0.9:0"),
        ("127.0.0.5", "127.0.0.5", "127.0.0.9:0"),
        ("::", "127.0.0.5", "127.0.0.9:0"),
        ("::1", "::1", "[::1]:0"),
    ] {
        let (mut udp, port) = open(listen);
        let (peer, peer_at) = listener(peer);
        let to = SocketAddr::new(to.parse().unwrap(), port);
        peer.send_to(&datagram(1), to).unwrap();
        let mut buffer = [0; BUFFER];
        let arrival = next(&mut udp, &mut buffer).await;
        let case = format!("{listen}: {arrival:?}");
        assert_eq!((arrival.from, &buffer[..arrival.length]), (peer_at, &datagram(1)[..]), "{case}");
        assert_eq!((arrival.local, arrival.ttl), (Some(to.ip()), Some(64)), "{case}");
        let wall_ms = clock::wall_clock().unix_ms;
        assert!(arrival.stamp.unwrap() / 1_000_000 + 5_000 > wall_ms, "{case}");

        udp.send(clock::now(), 0, peer_at, &datagram(2));
        let (_, from) = hear(&peer, &mut buffer);
        assert_eq!(from, to, "{listen}: the answer comes from another address");
    }
}

#[tokio::test(flavor = "current_thread")]
async fn the_return_address_of_a_peer_that_proved_itself_is_kept_and_no_other() {
    let (mut udp, port) = open("0.0.0.0");
    let (peer, peer_at) = listener("127.0.0.9:0");
    let (other, _) = listener("127.0.0.10:0");
    let mut buffer = [0; BUFFER];
    let written_to: IpAddr = "127.0.0.5".parse().unwrap();
    for proves in [false, true] {
        peer.send_to(&datagram(1), (written_to, port)).unwrap();
        next(&mut udp, &mut buffer).await;
        if proves {
            udp.proved();
        }
        other.send_to(&datagram(1), ("127.0.0.6", port)).unwrap();
        next(&mut udp, &mut buffer).await;
        udp.send(clock::now(), 0, peer_at, &datagram(2));
        let (_, from) = hear(&peer, &mut buffer);
        assert_eq!(from.ip() == written_to, proves, "proves {proves}: answered from {from}");
    }
}

#[tokio::test(flavor = "current_thread")]
async fn each_lane_has_a_port_of_its_own_and_the_first_is_the_known_one() {
    let (mut udp, port) = open("127.0.0.1");
    let (peer, peer_at) = listener("127.0.0.1:0");
    let mut from = Vec::new();
    for lane in 0..4 {
        udp.send(clock::now(), lane, peer_at, &datagram(lane));
        from.push(hear(&peer, &mut [0; 64]).1.port());
    }
    assert_eq!(from[0], port);
    from.sort_unstable();
    from.dedup();
    assert_eq!(from.len(), 4);
    udp.send(clock::now(), 4, peer_at, &datagram(4));
    assert_eq!(udp.counters().sent, 4, "there is no fifth lane");
}

/// Without care, the error of the dead peer eats every second datagram to the living one.
#[tokio::test(flavor = "current_thread")]
async fn a_dead_peer_costs_a_living_one_no_datagram_and_is_told_of() {
    for (listen, living, dead) in [
        ("127.0.0.1", "127.0.0.1:0", "127.0.0.1"),
        ("::", "127.0.0.1:0", "127.0.0.1"),
        ("::1", "[::1]:0", "::1"),
    ] {
        let (mut udp, _) = open(listen);
        let (living, living_at) = listener(living);
        let dead = SocketAddr::new(dead.parse().unwrap(), listener("[::]:0").1.port());
        let mut troubles = Vec::new();
        for number in 0..20 {
            udp.send(clock::now(), 0, dead, &datagram(number));
            udp.send(clock::now(), 0, living_at, &datagram(100 + number));
            troubles.extend(udp.troubles());
        }
        for number in 0..20 {
            let mut buffer = [0; 64];
            let (length, _) = hear(&living, &mut buffer);
            assert_eq!(&buffer[..length], datagram(100 + number), "{listen}");
        }
        assert!(!troubles.is_empty(), "{listen}: no refusal was noticed");
        assert!(troubles.iter().all(|trouble| *trouble == Trouble::Refused(dead)), "{listen}: {troubles:?}");
        assert_eq!(udp.counters().unsent, 0, "{listen}");
    }
}

#[tokio::test(flavor = "current_thread")]
async fn a_refusal_alone_wakes_the_driver() {
    let (mut udp, _) = open("127.0.0.1");
    let dead = listener("127.0.0.1:0").1;
    udp.send(clock::now(), 2, dead, &datagram(1));
    tokio::time::timeout(Duration::from_secs(5), udp.ready()).await.expect("it slept on").unwrap();
    assert!(udp.receive(clock::now(), &mut [0; BUFFER]).is_none());
    assert_eq!(udp.troubles(), [Trouble::Refused(dead)]);
    let quiet = tokio::time::timeout(Duration::from_millis(100), udp.ready()).await;
    assert!(quiet.is_err(), "it spins");
}

#[tokio::test(flavor = "current_thread")]
async fn an_oversized_datagram_is_longer_than_any_and_an_empty_one_is_one() {
    let (mut udp, port) = open("127.0.0.1");
    let (peer, _) = listener("127.0.0.1:0");
    let mut buffer = [0; BUFFER];
    for (length, want) in [(0, 0), (DATAGRAM_MAX, DATAGRAM_MAX), (9_000, BUFFER)] {
        peer.send_to(&vec![1; length], ("127.0.0.1", port)).unwrap();
        assert_eq!(next(&mut udp, &mut buffer).await.length, want);
    }
}

#[tokio::test(flavor = "current_thread")]
async fn what_the_kernel_drops_is_counted() {
    let (mut udp, port) = open("127.0.0.1");
    let (peer, _) = listener("127.0.0.1:0");
    let small = socket2::SockRef::from(&peer);
    small.set_send_buffer_size(1 << 20).unwrap();
    // Some 14,000 small datagrams fit into 16 MiB of the kernel's book-keeping.
    let total = 60_000;
    (0..total).for_each(|_| drop(peer.send_to(&datagram(1), ("127.0.0.1", port))));
    let mut buffer = [0; BUFFER];
    let mut received = 0;
    while udp.receive(clock::now(), &mut buffer).is_some() {
        received += 1;
    }
    peer.send_to(&datagram(1), ("127.0.0.1", port)).unwrap();
    next(&mut udp, &mut buffer).await;
    assert!(received < total, "nothing was dropped");
    assert_eq!(udp.counters().shed, total - received);
}

#[tokio::test(flavor = "current_thread")]
async fn the_group_is_heard_whatever_address_is_listened_on() {
    for listen in ["0.0.0.0", "127.0.0.1", "::"] {
        let port = UdpSocket::bind("[::]:0").unwrap().local_addr().unwrap().port();
        let (mut udp, warnings) = Udp::open(SocketAddr::new(listen.parse().unwrap(), port), true).unwrap();
        assert!(warnings.iter().all(|warning| warning.code != "group-not-joined"), "{warnings:?}");
        assert_eq!(udp.join_groups(), None, "joined twice");
        let (peer, _) = listener("127.0.0.1:0");
        socket2::SockRef::from(&peer).set_multicast_if_v4(&Ipv4Addr::LOCALHOST).unwrap();
        peer.send_to(&datagram(1), (RELAY_GROUP, port)).unwrap();
        let arrival = next(&mut udp, &mut [0; BUFFER]).await;
        assert_eq!((arrival.length, arrival.local), (28, Some(Ipv4Addr::LOCALHOST.into())), "{listen}");
    }
}

#[tokio::test(flavor = "current_thread")]
async fn a_port_in_use_names_its_owner() {
    let (taken, at) = listener("127.0.0.1:0");
    let failure = Udp::open(at, false).map(|_| ()).unwrap_err();
    let text = failure.to_string();
    assert!(text.contains(&format!("process {}", std::process::id())), "{text}");
    assert!(text.contains(&at.to_string()) && text.contains("choose another port"), "{text}");
    assert_eq!(failure.exit_code(), 2);
    drop(taken);
    let failure = Udp::open("192.0.2.1:1990".parse().unwrap(), false).map(|_| ()).unwrap_err();
    assert!(failure.to_string().contains("this host has"), "{failure}");
}

/// A kernel answers its own datagrams to a silent link with "host unreachable" once ARP has been given up.
#[test]
fn an_address_that_answers_no_arp_is_unreachable() {
    let in_own_network = std::thread::spawn(|| {
        if let Err(error) = nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNET) {
            return eprintln!("SKIPPED: no network namespace ({error}): run as root");
        }
        for line in [
            "link set lo up",
            "link add v0 type veth peer name v1",
            "addr add 10.99.0.1/24 dev v0",
            "link set v0 up",
            "link set v1 up",
        ] {
            let done = std::process::Command::new("ip").args(line.split(' ')).status().unwrap();
            assert!(done.success(), "ip {line}");
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (mut udp, _) = open("0.0.0.0");
            let (silent, living) = ("10.99.0.9:1984".parse().unwrap(), listener("127.0.0.1:0"));
            udp.send(clock::now(), 0, silent, &datagram(1));
            let mut troubles = Vec::new();
            while troubles.is_empty() {
                tokio::time::timeout(Duration::from_secs(9), udp.ready())
                    .await
                    .expect("no word of it")
                    .unwrap();
                assert!(udp.receive(clock::now(), &mut [0; BUFFER]).is_none());
                troubles = udp.troubles();
            }
            assert_eq!(troubles, [Trouble::Unreachable(silent)]);
            udp.send(clock::now(), 0, living.1, &datagram(2));
            assert_eq!(hear(&living.0, &mut [0; 64]).0, 28);
        });
    });
    in_own_network.join().unwrap();
}
