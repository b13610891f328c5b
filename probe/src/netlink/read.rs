//! From the kernel's messages to plain values.

use std::fs;
use std::net::IpAddr;
use std::path::Path;

use ringmesh_topology::id::MacAddress;
use rtnetlink::packet_route::address::{AddressAttribute, AddressFlags, AddressMessage, AddressScope};
use rtnetlink::packet_route::link::{
    BondAdInfo, BondMode, InfoBond, InfoData, InfoKind, LinkAttribute, LinkFlags, LinkInfo, LinkLayerType,
    LinkMessage,
};
use rtnetlink::packet_route::neighbour::{NeighbourAttribute, NeighbourMessage, NeighbourState};
use rtnetlink::packet_route::route::{RouteAddress, RouteAttribute, RouteMessage, RouteVia};

use crate::ports::{Address, BondState, Kind, Link};

/// Up, and the layer below as well.
pub(super) fn has_carrier(message: &LinkMessage) -> bool {
    message.header.flags.contains(LinkFlags::Up | LinkFlags::LowerUp)
}

/// An interface. What its message does not say stays at its plainest.
pub(super) fn link(message: &LinkMessage, sysfs: &Path) -> Link {
    let mut link = Link {
        ifindex: message.header.index,
        name: String::new(),
        kind: Kind::Other,
        ethernet: message.header.link_layer_type == LinkLayerType::Ether,
        wireless: false,
        mac: MacAddress::default(),
        carrier: has_carrier(message),
        master: None,
        below: None,
        bond: None,
        driver: String::new(),
    };
    let mut virtual_kind = None;
    for attribute in &message.attributes {
        match attribute {
            LinkAttribute::IfName(name) => link.name.clone_from(name),
            LinkAttribute::Address(octets) => link.mac = mac(octets).unwrap_or_default(),
            LinkAttribute::Controller(master) => link.master = Some(*master),
            LinkAttribute::Link(below) => link.below = Some(*below),
            LinkAttribute::LinkInfo(infos) => read_infos(infos, &mut virtual_kind, &mut link.bond),
            _ => {}
        }
    }
    let folder = sysfs.join(&link.name);
    // Inside a container the folder may be another interface's, of the host and by chance of the same name.
    link.driver = if virtual_kind.is_none() { driver(&folder) } else { String::new() };
    link.wireless = folder.join("wireless").exists() || folder.join("phy80211").exists();
    link.kind = virtual_kind.unwrap_or(if folder.join("device").exists() { Kind::Card } else { Kind::Other });
    link
}

fn read_infos(infos: &[LinkInfo], kind: &mut Option<Kind>, bond: &mut Option<BondState>) {
    for info in infos {
        match info {
            LinkInfo::Kind(told) => *kind = Some(kind_of(told)),
            LinkInfo::Data(InfoData::Bond(data)) => *bond = Some(bond_state(data)),
            _ => {}
        }
    }
}

fn kind_of(kind: &InfoKind) -> Kind {
    match kind {
        InfoKind::Veth => Kind::Veth,
        InfoKind::Tun => Kind::Tun,
        InfoKind::Bond | InfoKind::Team => Kind::Bond,
        InfoKind::Bridge => Kind::Bridge,
        InfoKind::Vlan => Kind::Vlan,
        _ => Kind::Other,
    }
}

fn bond_state(data: &[InfoBond]) -> BondState {
    let mut state = BondState::default();
    for info in data {
        match info {
            InfoBond::Mode(mode) => state.mode = mode_name(*mode),
            InfoBond::ActivePort(active) => state.active = Some(*active).filter(|&active| active != 0),
            InfoBond::AdInfo(infos) => state.partner = infos.iter().find_map(partner),
            _ => {}
        }
    }
    state
}

fn mode_name(mode: BondMode) -> &'static str {
    match mode {
        BondMode::BalanceRr => "balance-rr",
        BondMode::ActiveBackup => "active-backup",
        BondMode::BalanceXor => "balance-xor",
        BondMode::Broadcast => "broadcast",
        BondMode::Ieee8023Ad => "802.3ad",
        BondMode::BalanceTlb => "balance-tlb",
        BondMode::BalanceAlb => "balance-alb",
        _ => "unknown",
    }
}

fn partner(info: &BondAdInfo) -> Option<MacAddress> {
    match info {
        BondAdInfo::PartnerMac(octets) if *octets != [0; 6] => Some(MacAddress(*octets)),
        _ => None,
    }
}

/// The name of the driver: where the card's device folder points to.
fn driver(folder: &Path) -> String {
    let target = fs::read_link(folder.join("device/driver")).ok();
    target.and_then(|path| Some(path.file_name()?.to_string_lossy().into_owned())).unwrap_or_default()
}

fn mac(octets: &[u8]) -> Option<MacAddress> {
    octets.try_into().ok().map(MacAddress)
}

/// An address beats may leave from; `None` for one that may go away or belongs to one interface only.
pub(super) fn address(message: &AddressMessage) -> Option<Address> {
    let mut flags = AddressFlags::from_bits_retain(message.header.flags.bits().into());
    let (mut local, mut peer) = (None, None);
    for attribute in &message.attributes {
        match attribute {
            AddressAttribute::Local(address) => local = Some(*address),
            AddressAttribute::Address(address) => peer = Some(*address),
            AddressAttribute::Flags(more) => flags |= *more,
            _ => {}
        }
    }
    let passing = AddressFlags::Secondary
        | AddressFlags::Deprecated
        | AddressFlags::Tentative
        | AddressFlags::Dadfailed;
    if message.header.scope != AddressScope::Universe || flags.intersects(passing) {
        return None;
    }
    // On a point-to-point interface the kernel's "address" is the peer's.
    Some(Address {
        ifindex: message.header.index,
        address: local.or(peer)?,
        prefix_len: message.header.prefix_len,
    })
}

/// The next hop of a route, if it has one.
pub(super) fn gateway(message: &RouteMessage) -> Option<IpAddr> {
    message.attributes.iter().find_map(|attribute| match attribute {
        RouteAttribute::Gateway(RouteAddress::Inet(address))
        | RouteAttribute::Via(RouteVia::Inet(address)) => Some(IpAddr::V4(*address)),
        RouteAttribute::Gateway(RouteAddress::Inet6(address))
        | RouteAttribute::Via(RouteVia::Inet6(address)) => Some(IpAddr::V6(*address)),
        _ => None,
    })
}

/// The Ethernet address of a neighbour; `None` while the kernel is still asking for it, or has given up.
pub(super) fn neighbour(message: &NeighbourMessage) -> Option<MacAddress> {
    if matches!(
        message.header.state,
        NeighbourState::Incomplete | NeighbourState::Failed | NeighbourState::None
    ) {
        return None;
    }
    message.attributes.iter().find_map(|attribute| match attribute {
        NeighbourAttribute::LinkLayerAddress(octets) => mac(octets),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn message(index: u32, attributes: Vec<LinkAttribute>) -> LinkMessage {
        let mut message = LinkMessage::default();
        message.header.index = index;
        message.header.link_layer_type = LinkLayerType::Ether;
        message.header.flags = LinkFlags::Up | LinkFlags::LowerUp;
        message.attributes = attributes;
        message
    }

    #[test]
    fn a_card_is_what_has_a_device_and_no_virtual_kind() {
        let sysfs = tempfile::tempdir().unwrap();
        let device = sysfs.path().join("eth0/device");
        fs::create_dir_all(&device).unwrap();
        symlink("../../../bus/pci/drivers/i40e", device.join("driver")).unwrap();
        fs::create_dir_all(sysfs.path().join("veth0/device")).unwrap();
        let name = |name: &str| LinkAttribute::IfName(name.into());
        let card = link(
            &message(2, vec![name("eth0"), LinkAttribute::Address(vec![2, 0, 0, 0, 0, 1])]),
            sysfs.path(),
        );
        assert_eq!((card.kind, card.driver.as_str(), card.carrier), (Kind::Card, "i40e", true));
        assert_eq!(card.mac, MacAddress([2, 0, 0, 0, 0, 1]));
        let veth = vec![name("veth0"), LinkAttribute::LinkInfo(vec![LinkInfo::Kind(InfoKind::Veth)])];
        assert_eq!(link(&message(3, veth), sysfs.path()).kind, Kind::Veth);
        assert_eq!(link(&message(4, vec![name("dummy")]), sysfs.path()).kind, Kind::Other);
    }

    #[test]
    fn a_bond_tells_its_mode_its_active_member_and_its_partner() {
        let data = vec![
            InfoBond::Mode(BondMode::Ieee8023Ad),
            InfoBond::ActivePort(0),
            InfoBond::AdInfo(vec![BondAdInfo::PartnerMac([2, 0, 0, 0, 0, 9])]),
        ];
        let infos = vec![LinkInfo::Kind(InfoKind::Bond), LinkInfo::Data(InfoData::Bond(data))];
        let bond = link(&message(9, vec![LinkAttribute::LinkInfo(infos)]), Path::new("/nowhere"));
        let want = BondState { mode: "802.3ad", active: None, partner: Some(MacAddress([2, 0, 0, 0, 0, 9])) };
        assert_eq!((bond.kind, bond.bond), (Kind::Bond, Some(want)));
    }

    #[test]
    fn addresses_that_may_go_away_are_not_used() {
        let told = |scope, flags: AddressFlags| {
            let mut message = AddressMessage::default();
            message.header.index = 2;
            message.header.prefix_len = 24;
            message.header.scope = scope;
            message.attributes = vec![
                AddressAttribute::Address("10.0.0.9".parse().unwrap()),
                AddressAttribute::Local("10.0.0.5".parse().unwrap()),
                AddressAttribute::Flags(flags),
            ];
            address(&message).map(|address| address.address.to_string())
        };
        assert_eq!(told(AddressScope::Universe, AddressFlags::Permanent).as_deref(), Some("10.0.0.5"));
        assert_eq!(told(AddressScope::Universe, AddressFlags::Secondary), None);
        assert_eq!(told(AddressScope::Universe, AddressFlags::Tentative), None);
        assert_eq!(told(AddressScope::Link, AddressFlags::Permanent), None);
    }
}
