//! The mesh ring's orders, with the keys that travel in them.

use super::Malformed;
use super::authority::{name, relay_id, socket_address};
use super::probe::{LinkKeys, address, octets};
use crate::mesh::{MeshLink, MeshOrder};
use crate::message::LinkId;
use crate::pb;
use crate::seal::Key;

/// A relay has two neighbours in one ring.
const LINKS_MAX: usize = 2;

/// As it is sent: each link with the keys of the end that is told.
pub fn mesh_order(order: &MeshOrder, keys_of: impl Fn(&MeshLink) -> LinkKeys) -> pb::MeshOrder {
    let link = |link: &MeshLink| {
        let keys = keys_of(link);
        pb::MeshLink {
            link: link.link.0,
            site: link.site.to_string(),
            relay: u32::from(link.relay.0),
            address: address(link.address.ip()),
            port: u32::from(link.address.port()),
            outgoing: keys.outgoing.0.to_vec(),
            incoming: keys.incoming.0.to_vec(),
        }
    };
    pb::MeshOrder { links: order.links.iter().map(link).collect() }
}

/// Checked: what the machine hears, and the keys beside it.
pub fn read_mesh_order(order: pb::MeshOrder) -> Result<(MeshOrder, Vec<(LinkId, LinkKeys)>), Malformed> {
    if order.links.len() > LINKS_MAX {
        return Err(Malformed::TooMany("links"));
    }
    let mut read = (MeshOrder::default(), Vec::new());
    for link in order.links {
        let keys = LinkKeys {
            outgoing: Key(octets(&link.outgoing, "outgoing key")?),
            incoming: Key(octets(&link.incoming, "incoming key")?),
        };
        read.1.push((LinkId(link.link), keys));
        read.0.links.push(MeshLink {
            link: LinkId(link.link),
            site: name(&link.site, "site")?,
            relay: relay_id(link.relay)?,
            address: socket_address(&link.address, link.port)?,
        });
    }
    Ok(read)
}

#[cfg(test)]
mod tests {
    use super::*;

    use ringmesh_topology::id::{Name, RelayId};

    use crate::wire::MeshKeys;

    fn order(to: &str) -> MeshOrder {
        let (site, relay) = (Name::new(to).unwrap(), RelayId(1));
        let address = "10.1.0.2:1990".parse().unwrap();
        MeshOrder { links: vec![MeshLink { link: LinkId(7), site, relay, address }] }
    }

    #[test]
    fn an_order_arrives_as_it_was_sent_and_both_ends_hold_keys_that_fit() {
        let keys = MeshKeys::new(Key([3; 32]));
        let told = |own: &str, other: &str| {
            let own = Name::new(own).unwrap();
            let sent = mesh_order(&order(other), |link| keys.of_end(&own, RelayId(1), link));
            read_mesh_order(sent).unwrap()
        };
        let (at_a, keys_a) = told("a", "b");
        let (_, keys_b) = told("b", "a");
        assert_eq!(at_a, order("b"));
        assert_eq!(
            (keys_a[0].1.outgoing, keys_a[0].1.incoming),
            (keys_b[0].1.incoming, keys_b[0].1.outgoing)
        );
        assert_ne!(keys_a[0].1.outgoing, keys_a[0].1.incoming, "one key for both directions");
    }

    #[test]
    fn what_a_sound_authority_would_not_send_is_refused_by_name() {
        let keys = MeshKeys::new(Key([3; 32]));
        let own = Name::new("a").unwrap();
        let sound = mesh_order(&order("b"), |link| keys.of_end(&own, RelayId(1), link));
        let with = |change: fn(&mut pb::MeshLink)| {
            let mut order = sound.clone();
            order.links.iter_mut().for_each(change);
            read_mesh_order(order)
        };
        type Change = fn(&mut pb::MeshLink);
        let cases: [(Change, Malformed); 4] = [
            (|link| link.port = 0, Malformed::Range("port")),
            (|link| link.relay = 256, Malformed::Range("relay")),
            (|link| link.site = "a b".into(), Malformed::Range("site")),
            (|link| link.incoming = vec![1; 31], Malformed::Range("incoming key")),
        ];
        for (change, want) in cases {
            assert_eq!(with(change).unwrap_err(), want);
        }
        let three = pb::MeshOrder { links: vec![sound.links[0].clone(); 3] };
        assert_eq!(read_mesh_order(three).unwrap_err(), Malformed::TooMany("links"));
    }
}
