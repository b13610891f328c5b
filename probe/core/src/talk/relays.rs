//! The relays a probe knows, and the one it turns to.

use core::net::SocketAddr;

use ringmesh_proto::message::{RELAY_GROUP, RELAY_PORT};

/// More are not kept: a probe holds keys for as many sessions.
pub(crate) const RELAYS_MAX: usize = 4;
/// While cut off, of so many asks one goes to the group.
const GROUP_EVERY: u32 = 4;

/// One relay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Relay {
    pub(crate) address: SocketAddr,
    /// The port its last message came by; 0 if unknown.
    pub(crate) via: u32,
    /// There is a session with it, as far as we know.
    pub(crate) greeted: bool,
}

/// Those that were configured, and those that answered.
#[derive(Clone, Debug)]
pub(crate) struct Relays {
    all: Vec<Relay>,
    acting: usize,
    /// None is configured: they are found by multicast.
    by_group: bool,
}

impl Relays {
    pub(crate) fn new(configured: &[SocketAddr]) -> Self {
        let relay = |&address: &SocketAddr| Relay { address, via: 0, greeted: false };
        let all: Vec<_> = configured.iter().take(RELAYS_MAX).map(relay).collect();
        Self { by_group: all.is_empty(), all, acting: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    pub(crate) fn acting(&self) -> Option<&Relay> {
        self.all.get(self.acting)
    }

    pub(crate) fn acting_address(&self) -> Option<SocketAddr> {
        self.acting().map(|relay| relay.address)
    }

    pub(crate) fn is_acting(&self, address: SocketAddr) -> bool {
        self.acting_address() == Some(address)
    }

    /// Only the group can be asked: nobody has answered yet.
    pub(crate) fn is_group_only(&self) -> bool {
        self.all.is_empty()
    }

    /// Where the knock of that number goes. The acting relay first, the others in turn, then the group; while cut
    /// off the group now and then only, but it is: relays move.
    pub(crate) fn knock_target(&self, attempt: u32, rarely: bool) -> SocketAddr {
        let group = SocketAddr::new(RELAY_GROUP.into(), RELAY_PORT);
        let to_group = self.by_group && rarely && attempt % GROUP_EVERY == GROUP_EVERY - 1;
        let targets = self.all.len() + usize::from(self.by_group && !rarely);
        if to_group || targets == 0 || self.all.is_empty() {
            return group;
        }
        // While cut off the acting relay itself takes turns with the others.
        let step = if rarely { 0 } else { usize::try_from(attempt).unwrap_or(0) };
        let at = self.acting.wrapping_add(step) % targets;
        self.all.get(at).map_or(group, |relay| relay.address)
    }

    pub(crate) fn turn_to_next(&mut self) {
        self.turn_to(self.acting.wrapping_add(1));
    }

    pub(crate) fn turn_to(&mut self, number: usize) {
        self.acting = number.checked_rem(self.all.len()).unwrap_or(0);
    }

    pub(crate) fn turn_to_address(&mut self, address: SocketAddr) {
        self.acting = self.all.iter().position(|relay| relay.address == address).unwrap_or(self.acting);
    }

    /// A message came from there. A new one takes the place of one that never answered, or of the last.
    pub(crate) fn note(&mut self, address: SocketAddr, via: u32, greeted: bool) {
        if let Some(relay) = self.all.iter_mut().find(|relay| relay.address == address) {
            *relay = Relay { address, via, greeted };
            return;
        }
        if self.all.len() == RELAYS_MAX {
            let spare = self.all.iter().rposition(|relay| !relay.greeted).unwrap_or(RELAYS_MAX - 1);
            self.all[spare] = Relay { address, via, greeted };
        } else {
            self.all.push(Relay { address, via, greeted });
        }
    }

    pub(crate) fn via_of(&self, address: SocketAddr) -> u32 {
        self.all.iter().find(|relay| relay.address == address).map_or(0, |relay| relay.via)
    }
}
