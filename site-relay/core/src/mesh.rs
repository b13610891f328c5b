//! The relay's place in the mesh ring: beats to relays of two other sites, and what is heard of them.
//!
//! The CMA cuts the ring and says who the neighbours are; this relay says what it hears of each, and draws no
//! conclusion: whether a site is cut off, dark, or only its relay down is judged where all neighbours are heard.

use core::net::SocketAddr;

use ringmesh_proto::beat::{LinkEnd, MESH_BEAT_EVERY};
use ringmesh_proto::machine::Sink;
use ringmesh_proto::mesh::MeshOrder;
use ringmesh_proto::message::{BeatHeard, LinkId};
use ringmesh_proto::news::{News, PeerNews, PeerState};
use ringmesh_proto::time::Time;
use ringmesh_topology::id::{Name, RelayId};

use crate::Action;
use crate::relay::Relay;
use crate::watch::{Heard, Own, Watch};

/// A relay of another site.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Peer {
    site: Name,
    relay: RelayId,
}

/// The place in the mesh ring.
#[derive(Clone, Debug)]
pub(crate) struct Mesh {
    watch: Watch<Peer>,
    /// What was told of each neighbour last, and since when it is so.
    told: Vec<(Peer, PeerState, Time)>,
}

impl Mesh {
    pub(crate) fn new() -> Self {
        Self { watch: Watch::new(MESH_BEAT_EVERY), told: Vec::new() }
    }

    pub(crate) fn holds(&self, link: LinkId) -> bool {
        self.watch.holds(link)
    }

    pub(crate) fn next(&self) -> Time {
        self.watch.next()
    }

    fn state_of(&self, peer: &Peer) -> Option<PeerState> {
        self.told.iter().find(|(told, ..)| told == peer).map(|(_, state, _)| *state)
    }
}

impl Relay {
    /// The CMA says who the neighbours are now.
    pub(crate) fn take_mesh_order(&mut self, now: Time, order: MeshOrder, out: &mut impl Sink<Action>) {
        let wanted = order.links.into_iter().map(|link| {
            let peer = Peer { site: link.site, relay: link.relay };
            Own::new(LinkEnd::mesh(link.link, now), peer, link.address)
        });
        let new = self.mesh.watch.assign(now, wanted.collect(), self.generation.hint());
        for (beat, to) in self.mesh.watch.first_beats(&new) {
            out.put(Action::MeshBeat { beat, to });
        }
        let here = |peer: &Peer| self.mesh.watch.iter().any(|own| own.peer == *peer);
        let gone: Vec<Peer> =
            self.mesh.told.iter().map(|(peer, ..)| peer).filter(|peer| !here(peer)).cloned().collect();
        for peer in gone {
            self.tell_peer(now, &peer, PeerState::Unwatched, now);
        }
    }

    /// A beat of a neighbour in the mesh ring.
    pub(crate) fn mesh_heard(&mut self, now: Time, heard: &BeatHeard, out: &mut impl Sink<Action>) {
        match self.mesh.watch.hear(heard) {
            Some(Heard::First(beat, to)) => out.put(Action::MeshBeat { beat, to }),
            Some(Heard::Again(peer)) => self.tell_peer(now, &peer, PeerState::Heard, now),
            Some(Heard::Still(peer)) => {
                let own = self.mesh.watch.iter().find(|own| own.peer == peer);
                if own.is_some_and(|own| own.end.is_proven()) {
                    self.tell_peer(now, &peer, PeerState::Heard, now);
                }
            }
            None => {}
        }
    }

    /// Beats that are due, and neighbours that are silent.
    pub(crate) fn watch_mesh(&mut self, now: Time, out: &mut impl Sink<Action>) {
        for (beat, to) in self.mesh.watch.beats(now) {
            out.put(Action::MeshBeat { beat, to });
        }
        for silent in self.mesh.watch.silent(now) {
            // A refusal says more than the silence that follows it.
            if self.mesh.state_of(&silent.peer) != Some(PeerState::Refused) {
                self.tell_peer(now, &silent.peer, PeerState::Silent, silent.last_heard);
            }
        }
    }

    /// An address refused a datagram: the host of a neighbour lives, and no relay listens there.
    pub(crate) fn mesh_refused(&mut self, now: Time, peer: SocketAddr) {
        let refused = self.mesh.watch.iter().find(|own| own.to == peer).map(|own| own.peer.clone());
        if let Some(peer) = refused {
            self.tell_peer(now, &peer, PeerState::Refused, now);
        }
    }

    fn tell_peer(&mut self, now: Time, peer: &Peer, state: PeerState, since: Time) {
        if self.mesh.state_of(peer) == Some(state) {
            return;
        }
        self.mesh.told.retain(|(told, ..)| told != peer);
        if state != PeerState::Unwatched {
            self.mesh.told.push((peer.clone(), state, since));
        }
        let news = self.peer_news(peer, state, since.min(now));
        self.tell(News::Peer(news));
    }

    fn peer_news(&self, peer: &Peer, state: PeerState, since: Time) -> PeerNews {
        PeerNews { site: peer.site.clone(), relay: peer.relay, state, since_ms: self.clock.unix_ms(since) }
    }

    /// What is heard of the neighbours, once more.
    pub(crate) fn tell_peers(&mut self) {
        let told = self.mesh.told.clone();
        for (peer, state, since) in told {
            let news = self.peer_news(&peer, state, since);
            self.tell(News::Peer(news));
        }
    }
}
