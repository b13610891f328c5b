//! What the kernel tells about interfaces, and what its neighbour table tells about a peer.

use std::time::{Duration, Instant};

use ringmesh_probe::net::{Notice, Sockets};
use ringmesh_probe::netlink::{self, PortNews};
use ringmesh_probe::ports::Port;
use ringmesh_shell::clock;
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::namespace::{block_on, cable, inside, ip};

const PATIENCE: Duration = Duration::from_secs(10);

fn globs() -> Vec<String> {
    vec!["eth*".into()]
}

async fn next(news: &mut mpsc::Receiver<PortNews>) -> PortNews {
    timeout(PATIENCE, news.recv()).await.expect("no news came").expect("the watch ended")
}

/// Waits for ports that are as wanted, through whatever comes before.
async fn ports_until(news: &mut mpsc::Receiver<PortNews>, wanted: impl Fn(&[Port]) -> bool) -> Vec<Port> {
    loop {
        if let PortNews::Ports { ports, .. } = next(news).await
            && wanted(&ports)
        {
            return ports;
        }
    }
}

#[test]
fn carrier_is_told_at_once_and_before_the_whole_picture_is_asked_for() {
    inside("ports::carrier_is_told_at_once_and_before_the_whole_picture_is_asked_for", || {
        let ifindex = cable();
        block_on(async {
            let (sender, mut news) = mpsc::channel(16);
            tokio::spawn(netlink::watch(globs(), sender));
            ports_until(&mut news, |ports| ports.iter().any(|port| port.carrier)).await;
            let mut worst = Duration::ZERO;
            for up in [false, true, false, true] {
                // The switch's side only: the host sees its carrier go.
                ip(if up { "link set p1 up" } else { "link set p1 down" });
                let since = Instant::now();
                let first = next(&mut news).await;
                worst = worst.max(since.elapsed());
                assert_eq!(first, PortNews::Carrier { ifindex, up }, "the picture came before the news");
                ports_until(&mut news, |ports| ports.iter().all(|port| port.carrier == up)).await;
            }
            println!("MEASURED carrier change told within {worst:?}");
        });
    });
}

#[test]
fn a_port_that_leaves_a_bridge_has_not_lost_its_carrier() {
    inside("ports::a_port_that_leaves_a_bridge_has_not_lost_its_carrier", || {
        cable();
        ip("link add br0 type bridge");
        ip("link set eth0 master br0");
        block_on(async {
            let (sender, mut news) = mpsc::channel(16);
            tokio::spawn(netlink::watch(globs(), sender));
            ports_until(&mut news, |ports| ports.iter().any(|port| port.carrier)).await;
            ip("link set eth0 nomaster");
            // What is asked for after it: then everything that came before has been told.
            ip("address add 10.9.0.5/24 dev eth0");
            loop {
                match next(&mut news).await {
                    PortNews::Ports { ports, .. } if ports.iter().any(|port| port.above.is_some()) => break,
                    PortNews::Ports { ports, .. } => assert!(ports.iter().all(|port| port.carrier)),
                    other => panic!("{other:?}"),
                }
            }
        });
    });
}

#[test]
fn addresses_bridges_gateways_and_hot_plugged_ports_are_found() {
    inside("ports::addresses_bridges_gateways_and_hot_plugged_ports_are_found", || {
        cable();
        block_on(async {
            let (sender, mut news) = mpsc::channel(16);
            tokio::spawn(netlink::watch(globs(), sender));
            let bare = ports_until(&mut news, |ports| ports.len() == 1).await;
            assert_eq!((bare[0].ifname.as_str(), bare[0].above.is_none()), ("eth0", true));

            ip("address add 10.9.0.5/24 dev eth0");
            ip("address add 10.9.0.6/24 dev eth0"); // a secondary one
            ip("neighbour add 10.9.0.1 lladdr 02:00:00:00:00:fe dev eth0");
            ip("route add default via 10.9.0.1");
            let gateway =
                |ports: &[Port]| ports[0].above.as_ref().is_some_and(|above| above.gateway.is_some());
            let addressed = ports_until(&mut news, gateway).await;
            let above = addressed[0].above.as_ref().unwrap();
            assert_eq!(
                (above.ifname.as_str(), above.address.to_string().as_str(), above.prefix_len),
                ("eth0", "10.9.0.5", 24)
            );
            assert_eq!(above.gateway_mac.to_string(), "02:00:00:00:00:fe");

            ip("link add br0 type bridge");
            ip("address del 10.9.0.5/24 dev eth0");
            ip("address flush dev eth0");
            ip("link set eth0 master br0");
            ip("address add 10.9.0.7/24 dev br0");
            ip("link set br0 up");
            let bridged = |ports: &[Port]| ports[0].above.as_ref().is_some_and(|above| above.ifname == "br0");
            let below = ports_until(&mut news, bridged).await;
            assert_eq!(below.len(), 1, "the bridge is no port");

            ip("link add eth1 type veth peer name p2");
            ports_until(&mut news, |ports| ports.len() == 2).await;
            ip("link del eth1");
            ports_until(&mut news, |ports| ports.len() == 1).await;
        });
    });
}

#[test]
fn a_peer_that_nobody_answers_for_is_unreachable() {
    inside("ports::a_peer_that_nobody_answers_for_is_unreachable", || {
        cable();
        ip("address add 10.9.0.5/24 dev eth0");
        block_on(async {
            let ports = netlink::look(&globs()).await.unwrap().ports;
            let mut sockets = Sockets::new(41_984);
            assert!(sockets.sync(&ports).is_empty());
            let nobody = "10.9.0.99:41984".parse().unwrap();
            // The kernel asks three times, a second each, before it gives up; a beat of the last second tells.
            for _ in 0..2 {
                sockets.send(clock::now(), ports[0].ifindex, 0, nobody, &[7; 28]).unwrap();
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            timeout(PATIENCE, sockets.ready())
                .await
                .expect("the kernel's own report did not wake the reader");
            let now = clock::now();
            let stamps = clock::Stamps::at(now, now);
            sockets.drain(now, &stamps, &mut [0; ringmesh_probe::net::BUFFER], |_| {});
            assert_eq!(sockets.take_notice(), Some(Notice::Unreachable { peer: nobody }));
        });
    });
}
