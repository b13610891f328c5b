use super::*;
use ringmesh_shell::clock;
use ringmesh_topology::id::MacAddress;
use std::net::UdpSocket;
use std::time::Duration;
use tokio::time::timeout;

const LOOPBACK: &str = "127.0.0.1";

fn port(ifindex: u32, ifname: &str, address: &str) -> Port {
    let above = Above {
        ifindex,
        ifname: ifname.into(),
        address: address.parse().unwrap(),
        prefix_len: 8,
        gateway: None,
        gateway_mac: MacAddress::default(),
    };
    let mac = MacAddress::default();
    Port {
        ifindex,
        ifname: ifname.into(),
        mac,
        carrier: true,
        kind: crate::ports::Kind::Card,
        driver: String::new(),
        bridge: None,
        above: Some(above),
        bond: None,
    }
}

/// Four sockets at a loopback address that no other test uses.
fn sockets(address: &str) -> Sockets {
    let mut sockets = Sockets::new(41_984);
    let errors = sockets.sync(&[port(1, "lo", address)]);
    assert!(errors.is_empty(), "{}", errors[0]);
    sockets
}

fn drain(sockets: &mut Sockets, drained: Time) -> Vec<(SocketAddr, Option<u8>, Time, Vec<u8>)> {
    let now = clock::now();
    let mut got = Vec::new();
    let stamps = Stamps::at(now, drained);
    sockets.drain(now, &stamps, &mut [0; BUFFER], |arrival| {
        got.push((arrival.from, arrival.hops, arrival.arrived, arrival.octets.to_vec()));
    });
    got
}

#[tokio::test(flavor = "current_thread")]
async fn a_datagram_arrives_with_its_sender_hops_and_the_moment_it_came_not_the_moment_it_was_read() {
    let (mut here, mut there) = (sockets("127.1.0.1"), sockets("127.1.0.2"));
    let before = clock::now();
    let to: SocketAddr = "127.1.0.2:41984".parse().unwrap();
    // The kernel may need a moment to begin stamping: the first datagrams are stamped when they are read.
    for attempt in 0.. {
        here.send(clock::now(), 1, 2, to, &[5; 28]).unwrap();
        std::thread::sleep(Duration::from_millis(60));
        timeout(Duration::from_secs(5), there.ready()).await.unwrap();
        let got = drain(&mut there, before.before(Duration::from_secs(1)));
        let [(from, hops, arrived, octets)] = &got[..] else { panic!("{got:?}") };
        assert_eq!(
            (from.to_string().as_str(), *hops, &octets[..]),
            ("127.1.0.1:41986", Some(0), &[5; 28][..])
        );
        let age = clock::now().since(*arrived);
        if age >= Duration::from_millis(50) {
            break;
        }
        assert!(attempt < 50, "stamped when it was read: {age:?}");
    }
    assert!(drain(&mut there, before).is_empty());
    assert!(timeout(Duration::from_millis(30), there.ready()).await.is_err(), "ready without a datagram");
}

#[tokio::test(flavor = "current_thread")]
async fn a_dead_peer_is_noticed_at_once_and_costs_a_living_one_no_datagram() {
    let (mut here, mut living) = (sockets("127.2.0.1"), sockets("127.2.0.2"));
    let dead: SocketAddr = "127.2.0.9:41984".parse().unwrap();
    let alive: SocketAddr = "127.2.0.2:41984".parse().unwrap();
    for round in 0..20 {
        here.send(clock::now(), 1, 0, dead, &[round; 28]).unwrap();
        here.send(clock::now(), 1, 0, alive, &[round; 28]).unwrap();
    }
    assert_eq!(drain(&mut living, Time::ZERO).len(), 20, "beats to a living peer were lost");
    assert!(drain(&mut here, Time::ZERO).is_empty());
    assert_eq!(here.take_notice(), Some(Notice::Refused { peer: dead }));
    while let Some(notice) = here.take_notice() {
        assert_eq!(notice, Notice::Refused { peer: dead });
    }
    assert_eq!((here.counters.sent, here.counters.unsent), (40, 0));
}

#[tokio::test(flavor = "current_thread")]
async fn a_refusal_wakes_the_reader_by_itself() {
    let mut here = sockets("127.3.0.1");
    let dead: SocketAddr = "127.3.0.9:41984".parse().unwrap();
    here.send(clock::now(), 1, 0, dead, &[1; 28]).unwrap();
    timeout(Duration::from_secs(5), here.ready()).await.expect("no wake-up for a refusal");
    drain(&mut here, Time::ZERO);
    assert_eq!(here.take_notice(), Some(Notice::Refused { peer: dead }));
    assert!(timeout(Duration::from_millis(30), here.ready()).await.is_err(), "spins on a refusal");
}

#[tokio::test(flavor = "current_thread")]
async fn a_port_in_use_is_reported_with_its_owner_and_taken_once_it_is_free() {
    let thief = UdpSocket::bind("127.4.0.1:41986").unwrap();
    let mut sockets = Sockets::new(41_984);
    let ports = [port(1, "lo", "127.4.0.1")];
    let errors = sockets.sync(&ports);
    let [error] = &errors[..] else { panic!("{errors:?}") };
    let text = error.to_string();
    let own = format!("(process {})", std::process::id());
    assert!(
        text.contains("127.4.0.1:41986") && text.contains(&own) && text.contains("another port"),
        "{text}"
    );
    drop(thief);
    assert!(sockets.sync(&ports).is_empty());
}

#[tokio::test(flavor = "current_thread")]
async fn a_datagram_too_long_is_neither_sent_nor_taken_for_a_short_one() {
    let (mut here, mut there) = (sockets("127.5.0.1"), sockets("127.5.0.2"));
    let to: SocketAddr = "127.5.0.2:41984".parse().unwrap();
    assert!(here.send(clock::now(), 1, 0, to, &[0; DATAGRAM_MAX + 1]).is_err());
    UdpSocket::bind((LOOPBACK, 0)).unwrap().send_to(&[0; 3_000], to).unwrap();
    let got = drain(&mut there, Time::ZERO);
    assert_eq!(got.iter().map(|(.., octets)| octets.len()).collect::<Vec<_>>(), [BUFFER]);
}

#[tokio::test(flavor = "current_thread")]
async fn sockets_follow_the_addresses_and_what_stays_is_not_reopened() {
    let mut sockets = sockets("127.6.0.1");
    UdpSocket::bind((LOOPBACK, 0)).unwrap().send_to(&[1; 28], "127.6.0.1:41984").unwrap();
    assert!(sockets.sync(&[port(1, "lo", "127.6.0.1"), port(2, "lo", "127.6.0.2")]).is_empty());
    assert_eq!(drain(&mut sockets, Time::ZERO).len(), 1, "the datagram was lost with its socket");
    assert_eq!(sockets.senders(true).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(sockets.senders(false).count(), 0);
    assert!(sockets.sync(&[port(2, "lo", "127.6.0.2")]).is_empty());
    assert!(
        sockets.sync(&[port(7, "lo", "127.6.0.2")]).is_empty(),
        "an interface made anew gets new sockets"
    );
    assert!(sockets.serve(7) && !sockets.serve(2));
    assert!(sockets.sync(&[port(2, "lo", "127.6.0.2")]).is_empty());
    let to = "127.6.0.9:1".parse().unwrap();
    assert!(sockets.send(clock::now(), 1, 0, to, &[1; 28]).is_err(), "sent from an address that is gone");
    assert!(sockets.send(clock::now(), 2, 0, to, &[1; 28]).is_ok());
}

#[test]
fn two_legs_of_a_bond_share_their_sockets_and_the_active_one_comes_first() {
    let leg = |ifindex, active| {
        let bond =
            crate::ports::Bond { ifname: "bond0".into(), mode: "active-backup", active, partner: None };
        Port { ifindex, bond: Some(bond), ..port(9, "bond0", "10.0.0.5") }
    };
    let legs = [leg(2, false), leg(3, true)];
    let wanted = wanted(&legs);
    assert_eq!(
        wanted.iter().map(|(above, below)| (above.ifname.as_str(), below.clone())).collect::<Vec<_>>(),
        [("bond0", vec![3, 2])]
    );
}
