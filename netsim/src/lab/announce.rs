//! A switch's voice: real LLDP frames on each of its ports, from inside its namespace.
//!
//! A Linux bridge never forwards the nearest-bridge group, so each port is announced by itself, as a real
//! switch does. One packet socket with protocol 0 serves all ports: it sends and never receives.

use std::collections::BTreeMap;
use std::os::fd::AsRawFd as _;
use std::time::{Duration, Instant};

use lldp_rs::{
    Capabilities, CapabilitySet, ChassisId, ChassisSubtype, Heard, Lldp, Mac, PortId, PortSubtype,
};
use nix::errno::Errno;
use nix::ifaddrs::getifaddrs;
use nix::sys::socket::{AddressFamily, LinkAddr, MsgFlags, SockFlag, SockType, sendto, socket};

use super::announcer::TX_HOLD;
use super::error::LabError;
use super::interrupt::Interrupt;
use super::text::tell;

/// What a switch says about itself.
#[derive(Clone, Debug)]
pub(super) struct Voice {
    /// LLDP system name.
    pub name: String,
    /// LLDP chassis id.
    pub chassis: Mac,
    /// Interface names of the ports to speak on, each its own LLDP port id.
    pub ports: Vec<String>,
    /// Seconds between two announcements.
    pub tx_interval_s: u16,
}

/// Announces until asked to stop, then takes it all back with a TTL of 0.
///
/// # Errors
/// [`LabError::NotPermitted`] without CAP_NET_RAW, [`LabError::Failed`] for an announcement that has no frame.
pub(super) fn announce(voice: &Voice, stop: &Interrupt) -> Result<(), LabError> {
    let fd = socket(AddressFamily::Packet, SockType::Raw, SockFlag::SOCK_CLOEXEC, None).map_err(|errno| {
        LabError::NotPermitted(format!("no packet socket ({errno}); announcing needs CAP_NET_RAW"))
    })?;
    let mut silent = BTreeMap::new();
    let mut next = Instant::now();
    loop {
        let ttl_s = voice.tx_interval_s.saturating_mul(TX_HOLD);
        round(voice, fd.as_raw_fd(), ttl_s, &mut silent)?;
        // From round to round, not from send to send: the interval does not drift.
        next += Duration::from_secs(voice.tx_interval_s.max(1).into());
        if let Err(interrupted) = stop.sleep(next.saturating_duration_since(Instant::now())) {
            round(voice, fd.as_raw_fd(), 0, &mut silent)?;
            return match interrupted {
                LabError::Interrupted => Ok(()),
                other => Err(other),
            };
        }
    }
}

/// One frame on each port that is up. A port that is not there or down is told once, not every round.
fn round(voice: &Voice, fd: i32, ttl_s: u16, silent: &mut BTreeMap<String, Errno>) -> Result<(), LabError> {
    let links = links();
    for port in &voice.ports {
        let sent = match links.get(port) {
            Some((link, mac)) => {
                let octets = frame(voice, port, *mac, ttl_s)?;
                sendto(fd, &octets, link, MsgFlags::empty()).map(drop)
            }
            None => Err(Errno::ENODEV),
        };
        match sent {
            Ok(()) => drop(silent.remove(port)),
            Err(errno) if silent.get(port) == Some(&errno) => {}
            Err(errno) => {
                tell(&format!("{}: nothing sent on {port}: {errno}", voice.name));
                silent.insert(port.clone(), errno);
            }
        }
    }
    Ok(())
}

/// Every link of this namespace by name, as an address to send to and with its MAC address.
///
/// Asked anew each round: a port may come and go.
fn links() -> BTreeMap<String, (LinkAddr, Mac)> {
    let listed = getifaddrs().into_iter().flatten();
    listed
        .filter_map(|interface| {
            let link = *interface.address?.as_link_addr()?;
            Some((interface.interface_name, (link, Mac(link.addr()?))))
        })
        .collect()
}

/// The frame that a port sends; TTL 0 is the announcement of departure.
///
/// # Errors
/// [`LabError::Failed`] for a name that no frame can carry.
fn frame(voice: &Voice, port: &str, source: Mac, ttl_s: u16) -> Result<Vec<u8>, LabError> {
    let wrong =
        |what: &dyn std::fmt::Display| LabError::Failed(format!("{} port {port}: {what}", voice.name));
    let chassis =
        ChassisId::new(ChassisSubtype::MacAddress, &voice.chassis.0).map_err(|error| wrong(&error))?;
    let id = PortId::new(PortSubtype::InterfaceName, port.as_bytes()).map_err(|error| wrong(&error))?;
    let lldp = if ttl_s == 0 {
        Lldp::shutdown(chassis, id)
    } else {
        let does = CapabilitySet::BRIDGE;
        Lldp {
            port_description: Some(format!("{} port {port}", voice.name).as_str().into()),
            system_name: Some(voice.name.as_str().into()),
            system_description: Some("ringmesh lab switch".into()),
            capabilities: Some(Capabilities { available: does.with(CapabilitySet::ROUTER), enabled: does }),
            ..Lldp::new(chassis, id, ttl_s)
        }
    };
    lldp_rs::encode(&Heard::lldp(source, lldp)).map_err(|error| wrong(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn voice() -> Voice {
        Voice {
            name: "sw1".into(),
            chassis: Mac([2, 0, 0, 0, 1, 1]),
            ports: vec!["p1".into()],
            tx_interval_s: 5,
        }
    }

    #[test]
    fn a_port_says_what_a_switch_says_and_takes_it_back_with_ttl_0() {
        let source = Mac([2, 0, 0, 0, 9, 9]);
        for ttl_s in [20, 0] {
            let heard = lldp_rs::decode(&frame(&voice(), "p1", source, ttl_s).unwrap()).unwrap();
            let said = &heard.announcement;
            assert_eq!((heard.source, said.ttl_s(), said.is_shutdown()), (source, ttl_s, ttl_s == 0));
            assert_eq!(said.chassis().unwrap().text(), "02:00:00:00:01:01");
            assert_eq!(said.port().unwrap().text(), "p1");
            assert_eq!(said.system_name().map(|name| name.safe()), (ttl_s > 0).then(|| "sw1".to_string()));
            assert!(said.defects().is_empty());
        }
    }

    #[test]
    fn a_name_that_no_frame_can_carry_is_an_error_and_no_panic() {
        let long = Voice { name: "x".repeat(600), ..voice() };
        assert!(frame(&long, "p1", Mac([2; 6]), 20).is_err());
        assert!(frame(&voice(), "", Mac([2; 6]), 20).is_err());
    }
}
