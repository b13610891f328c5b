//! The relays a probe knows, and the one it turns to.

use core::net::{IpAddr, SocketAddr};

use ringmesh_proto::message::{RELAY_GROUP, RELAY_PORT};

/// More are not kept: a probe holds keys for as many sessions.
pub(crate) const RELAYS_MAX: usize = 4;

const GROUP: SocketAddr = SocketAddr::new(IpAddr::V4(RELAY_GROUP), RELAY_PORT);

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

    /// Where the knock of that number goes: to the acting relay first, to the others in turn, then to the group.
    pub(crate) fn knock_target(&self, attempt: u32) -> SocketAddr {
        let targets = self.all.len() + usize::from(self.by_group);
        let at = self.acting.wrapping_add(usize::try_from(attempt).unwrap_or(0)).checked_rem(targets);
        at.and_then(|at| self.all.get(at)).map_or(GROUP, |relay| relay.address)
    }

    /// Where to knock while cut off: whom the group would find may have another address by now.
    pub(crate) fn ask_target(&self) -> SocketAddr {
        self.acting_address().filter(|_| !self.by_group).unwrap_or(GROUP)
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
