//! What may keep a switch's announcements from this host, and what an operator can do about it.

use crate::ports::{Kind, Port};

/// What to try on a port that hears no announcement, given its driver.
///
/// Some cards have firmware that answers LLDP itself and hands nothing to the kernel. A probe changes no card:
/// it says what would help.
pub fn remedy(ifname: &str, driver: &str) -> String {
    match driver {
        "i40e" => format!(
            "the card's firmware may keep LLDP to itself: ethtool --set-priv-flags {ifname} disable-fw-lldp on"
        ),
        "ice" => format!(
            "the card's firmware may keep LLDP to itself: ethtool --set-priv-flags {ifname} fw-lldp-agent off"
        ),
        "bnxt_en" => format!(
            "the card's firmware may keep LLDP to itself: ask its tool (niccli or bnxtnvm) for the LLDP agent of {ifname} and turn it off"
        ),
        "mlx5_core" => format!(
            "the card's firmware may keep LLDP to itself: mlxconfig -d PCI_ADDRESS set LLDP_NB_RX_MODE_P1=0 \
             LLDP_NB_DCBX_P1=0 (the address: ethtool -i {ifname}), then reset the card"
        ),
        "" => "have the switch announce itself by LLDP on this port".into(),
        _ => format!(
            "have the switch announce itself by LLDP; `tcpdump -ni {ifname} ether proto 0x88cc` shows whether it does"
        ),
    }
}

/// What to try on a port that hears no announcement, given all that is known of it.
pub fn of_silence(port: &Port) -> String {
    let Port { ifname, driver, kind, bridge, .. } = port;
    match (kind, bridge) {
        (Kind::Veth | Kind::Tun, _) => format!(
            "{ifname} is {}: at its other end is a bridge of this machine or of its host, which says nothing; \
             run lldpd there, or be content with the fallback ring",
            kind.word()
        ),
        (_, Some(bridge)) => format!(
            "{ifname} is listened to before its bridge {bridge} takes frames away, so that is not why; {}",
            remedy(ifname, driver)
        ),
        (_, None) => remedy(ifname, driver),
    }
}

/// What to do where the right to listen is missing.
pub const RIGHT: &str =
    "give the service CAP_NET_RAW (systemd: AmbientCapabilities=CAP_NET_RAW), or run it as root";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_virtual_port_and_a_member_of_a_bridge_get_their_own_words() {
        let port = |kind, driver: &str, bridge: Option<&str>| Port {
            ifindex: 2,
            ifname: "eth2".into(),
            mac: Default::default(),
            carrier: true,
            kind,
            driver: driver.into(),
            bridge: bridge.map(Into::into),
            above: None,
            bond: None,
        };
        let cases = [
            (port(Kind::Card, "i40e", None), "disable-fw-lldp"),
            (port(Kind::Card, "i40e", Some("br0")), "before its bridge br0"),
            (port(Kind::Card, "i40e", Some("br0")), "disable-fw-lldp"),
            (port(Kind::Veth, "", None), "a virtual cable (veth)"),
            (port(Kind::Tun, "", Some("br0")), "tun or tap"),
        ];
        for (port, words) in cases {
            let said = of_silence(&port);
            assert!(said.contains(words), "{port:?}: {said}");
        }
    }

    #[test]
    fn cards_with_a_firmware_agent_get_the_command_for_their_own_kind() {
        for (driver, word) in [
            ("i40e", "disable-fw-lldp"),
            ("ice", "fw-lldp-agent"),
            ("bnxt_en", "niccli"),
            ("mlx5_core", "mlxconfig"),
        ] {
            let remedy = remedy("eth2", driver);
            assert!(remedy.contains(word) && remedy.contains("eth2"), "{driver}: {remedy}");
        }
        assert!(remedy("eth2", "e1000e").contains("tcpdump -ni eth2"));
        assert!(remedy("eth2", "").contains("switch"));
    }
}
