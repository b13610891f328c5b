//! The mesh ring: one acting relay of each site, cut by the CMA.
//!
//! A relay is told its whole place in the ring each time: the links it holds, each with its neighbour. Keys follow
//! from a secret that the CMA drew when its store was made; they travel in the order, over the stream, and no core
//! sees them ([`crate::wire::MeshKeys`]).

use core::net::SocketAddr;

use ringmesh_topology::id::{Name, RelayId};
use serde::{Deserialize, Serialize};

use crate::message::LinkId;

/// One link of the mesh ring, as one end is told it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MeshLink {
    /// Its number, given once and never again by this CMA.
    pub link: LinkId,
    /// The neighbour's site.
    pub site: Name,
    /// The neighbour's number there.
    pub relay: RelayId,
    /// Where beats to it go.
    pub address: SocketAddr,
}

/// The place of one relay in the mesh ring, whole: what is not named is over.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MeshOrder {
    /// At most two.
    pub links: Vec<MeshLink>,
}
