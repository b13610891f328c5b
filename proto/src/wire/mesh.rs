//! The keys of the mesh ring, as the CMA gives them out.

use ringmesh_topology::id::{Name, RelayId};

use crate::codec::LinkKeys;
use crate::mesh::MeshLink;
use crate::seal::{Key, SiteSecret};

/// What a CMA derives the keys of the mesh ring from: 32 octets of the operating system, drawn when its store was
/// made and kept in it. A link's number is never given twice, so no key is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MeshKeys(SiteSecret);

impl MeshKeys {
    /// Keys that follow from a secret.
    pub fn new(secret: Key) -> Self {
        Self(SiteSecret(secret))
    }

    /// The keys of one end of a link: of the relay that is told of it.
    pub fn of_end(&self, site: &Name, relay: RelayId, link: &MeshLink) -> LinkKeys {
        let key = |site: &Name, relay: RelayId| {
            let sender = format!("{site}/{}", relay.0);
            self.0.mesh_key(link.link.0, sender.as_bytes())
        };
        LinkKeys { outgoing: key(site, relay), incoming: key(&link.site, link.relay) }
    }
}
