//! Frames through a virtual cable, by the real socket with the real filter.

use std::time::Duration;

use ringmesh_probe::capture::{Channel, Frame, FrameSource, Listen, RawSocket, SourceError};
use tokio::time::timeout;

use crate::namespace::{Sender, block_on, cable, inside, ip, lldp};

const PATIENCE: Duration = Duration::from_secs(10);

fn eth0(ifindex: u32) -> Listen {
    Listen { ifindex, ifname: "eth0".into() }
}

/// A data frame, as a busy host has many.
fn data() -> Vec<u8> {
    let mut frame = vec![0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 9, 0x08, 0x00];
    frame.resize(200, 0x45);
    frame
}

fn tagged(frame: &[u8]) -> Vec<u8> {
    [&frame[..12], &[0x81, 0, 0, 7], &frame[12..]].concat()
}

fn cdp() -> Vec<u8> {
    let mut frame = vec![0x01, 0, 0x0c, 0xcc, 0xcc, 0xcc, 2, 0, 0, 0, 0, 1, 0, 12];
    frame.extend([0xaa, 0xaa, 3, 0, 0, 0x0c, 0x20, 0, 2, 180, 0, 0]);
    frame.resize(60, 0);
    frame
}

async fn next(source: &mut impl FrameSource) -> Frame {
    timeout(PATIENCE, source.next()).await.expect("no frame came").unwrap()
}

#[test]
fn announcements_come_through_whole_and_a_flood_of_data_does_not() {
    inside("capture::announcements_come_through_whole_and_a_flood_of_data_does_not", || {
        let ifindex = cable();
        block_on(async {
            let mut socket = RawSocket::open(&eth0(ifindex)).unwrap();
            let (mut switch, mut host) = (Sender::on("p1"), Sender::on("eth0"));
            host.send(&lldp(9)); // our own daemon's
            let announced = || [lldp(1), tagged(&lldp(2)), cdp()].into_iter().cycle().take(60);
            for frame in announced() {
                (0..500).for_each(|_| switch.send(&data()));
                switch.send(&frame);
            }
            for frame in announced() {
                let heard = next(&mut socket).await;
                assert_eq!((heard.ifindex, &*heard.octets), (ifindex, &frame[..]));
            }
            let counters = socket.counters();
            assert_eq!((counters.frames, counters.too_long, counters.kernel_drops), (60, 0, 0));
            assert!(timeout(Duration::from_millis(50), socket.next()).await.is_err(), "one more frame");
        });
    });
}

#[test]
fn a_port_that_goes_down_and_up_is_heard_again_and_costs_no_busy_loop() {
    inside("capture::a_port_that_goes_down_and_up_is_heard_again_and_costs_no_busy_loop", || {
        let ifindex = cable();
        block_on(async {
            let mut socket = RawSocket::open(&eth0(ifindex)).unwrap();
            for round in 1..=5 {
                ip("link set eth0 down");
                // Copies sent while the cable came back are left over; then one error and silence: a loop would
                // never let these timeouts come.
                while timeout(Duration::from_millis(20), socket.next()).await.is_ok() {}
                let before = cpu();
                assert!(timeout(Duration::from_millis(100), socket.next()).await.is_err());
                let spent = cpu() - before;
                assert!(spent < Duration::from_millis(50), "{spent:?} of CPU while the port was down");
                ip("link set eth0 up");
                assert_eq!(&*heard_again(&mut socket, &lldp(round)).await.octets, &lldp(round)[..]);
            }
        });
    });
}

/// Sends a frame until it is heard: the kernel drops what is sent before it has noticed that the cable is back.
async fn heard_again(socket: &mut RawSocket, frame: &[u8]) -> Frame {
    let mut switch = Sender::on("p1");
    for _ in 0..200 {
        switch.send(frame);
        if let Ok(heard) = timeout(Duration::from_millis(50), socket.next()).await {
            return heard.unwrap();
        }
    }
    panic!("not heard again");
}

/// CPU time of this thread so far, in which the runtime lives.
fn cpu() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(text.split_whitespace().next().unwrap().parse().unwrap())
}

#[test]
fn a_deleted_interface_ends_its_source() {
    inside("capture::a_deleted_interface_ends_its_source", || {
        let ifindex = cable();
        block_on(async {
            let mut socket = RawSocket::open(&eth0(ifindex)).unwrap();
            ip("link del p1");
            // The interface goes down before it goes away, and a dead socket says nothing more: either the
            // source ends, or it waits for ever and its owner drops it on the news that the port is gone.
            let ended = timeout(Duration::from_millis(500), socket.next()).await;
            assert!(!matches!(ended, Ok(Ok(_))), "a frame from a port that is gone");
            assert!(!matches!(ended, Ok(Err(SourceError::Io(_)))), "{ended:?}");
            assert!(RawSocket::open(&eth0(ifindex)).is_err());
        });
    });
}

#[test]
fn pnets_channel_over_our_socket_hears_the_same_and_is_as_deaf_to_data() {
    inside("capture::pnets_channel_over_our_socket_hears_the_same_and_is_as_deaf_to_data", || {
        let ifindex = cable();
        block_on(async {
            let mut channel = Channel::open(&eth0(ifindex)).unwrap();
            let (mut switch, mut host) = (Sender::on("p1"), Sender::on("eth0"));
            host.send(&lldp(9));
            for _ in 0..1_000 {
                switch.send(&data());
            }
            for n in 1..=3 {
                switch.send(&lldp(n));
                assert_eq!(&*next(&mut channel).await.octets, &lldp(n)[..]);
            }
            assert!(timeout(Duration::from_millis(50), channel.next()).await.is_err(), "a fourth frame");
        });
    });
}
