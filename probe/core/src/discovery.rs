//! What the ports hang on, from the frames their switches send.
//!
//! The table of neighbours decides who is the switch; this keeps what is remembered beside it, and why there is
//! no switch where there is none.

use lldp_rs::{
    Choice, Ignored, Key, Limits, Mac, Neighbour, NeighbourTable, NoSwitch, Outcome, Protocol, Reject,
    TableEvent,
};
use ringmesh_proto::time::{Duration, Time};
use ringmesh_topology::place::{Attachment, Evidence, WireId};

use crate::config::CachedAttachment;
use crate::event::PortFacts;
use crate::ports::{CarrierChange, Port, Ports, PortsChange};
use crate::words;

/// A shutdown that is followed by another identity is a rename: what hangs there is not told before this.
pub(crate) const SETTLE: Duration = Duration::from_secs(3);

/// What became of a port's last neighbour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gone {
    Shutdown,
    Expired,
}

/// What is known about one port beside its neighbours.
#[derive(Clone, Debug)]
struct Side {
    ifindex: u32,
    /// Only until a switch is heard.
    cached: Option<Box<CachedAttachment>>,
    cached_until: Time,
    gone: Option<Gone>,
    own_frames: bool,
    settled_at: Time,
}

/// What a port hangs on, and how that is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) attachment: Option<Attachment>,
    /// Why there is none by announcement; empty where there is.
    pub(crate) reason: String,
    /// When the switch was heard last in this run.
    pub(crate) heard_at: Option<Time>,
    /// Until when it is believed.
    pub(crate) expires: Option<Time>,
    /// What it is remembered as.
    pub(crate) cached: Option<CachedAttachment>,
}

/// What a frame, a deadline or a carrier changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sighting {
    /// Taken. `said_before`: by a neighbour that is known and said nothing new.
    Taken { said_before: bool },
    /// Not an announcement, or a broken one.
    Refused(Reject),
}

/// The neighbours of all ports.
#[derive(Debug)]
pub(crate) struct Discovery {
    table: NeighbourTable,
    sides: Vec<Side>,
    /// From disk, not yet claimed by a port.
    cache: Vec<CachedAttachment>,
    events: Vec<TableEvent>,
}

impl Discovery {
    pub(crate) fn new(cache: &[CachedAttachment]) -> Self {
        Self {
            table: NeighbourTable::new(Limits::default()),
            sides: Vec::new(),
            cache: cache.to_vec(),
            events: Vec::new(),
        }
    }

    /// Takes the ports as they are now.
    pub(crate) fn set_ports(&mut self, now: Time, ports: &Ports, change: &PortsChange) {
        for &gone in &change.gone {
            self.table.forget_port(gone);
            self.sides.retain(|side| side.ifindex != gone);
        }
        for port in change.new.iter().filter_map(|&new| ports.get(new)) {
            self.add_port(now, port);
        }
        let own: Vec<Mac> = ports.own().iter().map(|mac| Mac(mac.0)).collect();
        for port in ports.iter() {
            self.table.set_own_macs(port.facts.ifindex, &own);
        }
        for &change in &change.carriers {
            self.carrier(now, change);
        }
    }

    fn add_port(&mut self, now: Time, port: &Port) {
        let PortFacts { ifindex, ifname, mac, carrier, .. } = &port.facts;
        let is_it = |cached: &CachedAttachment| cached.ifname == *ifname && cached.mac == *mac;
        let at = self.cache.iter().position(is_it);
        let cached = at.map(|at| Box::new(self.cache.swap_remove(at)));
        let cached_until = cached.as_ref().map_or(now, |cached| now + cached.ttl);
        self.sides.reserve_exact(1);
        self.sides.push(Side {
            ifindex: *ifindex,
            cached,
            cached_until,
            gone: None,
            own_frames: false,
            settled_at: Time::ZERO,
        });
        self.table.carrier(*ifindex, *carrier, now.nanos(), &mut self.events);
        self.events.clear();
    }

    /// Takes a frame. `lost` is called with the port if its switch took its leave.
    pub(crate) fn frame(
        &mut self,
        now: Time,
        port: u32,
        octets: &[u8],
        lost: &mut impl FnMut(u32),
    ) -> Sighting {
        let heard = match lldp_rs::decode(octets) {
            Ok(heard) => heard,
            Err(reject) => return Sighting::Refused(reject),
        };
        // A frame by a port that is none of ours must not fill the table.
        if self.side(port).is_none() {
            return Sighting::Taken { said_before: false };
        }
        let switch = self.switch_of(port);
        let outcome = self.table.heard(port, &heard, now.nanos(), &mut self.events);
        let own_before = self.side(port).is_some_and(|side| side.own_frames);
        let said_before = outcome == Outcome::Refreshed && self.events.is_empty() && !own_before;
        if let Some(side) = self.side_mut(port) {
            match outcome {
                Outcome::Learnt | Outcome::Refreshed => side.own_frames = false,
                Outcome::Ignored(Ignored::OwnFrame) => side.own_frames = true,
                Outcome::Departed | Outcome::Ignored(_) => {}
            }
        }
        self.take_events(now, &[(port, switch)], lost);
        Sighting::Taken { said_before }
    }

    /// Takes a change of carrier.
    pub(crate) fn carrier(&mut self, now: Time, change: CarrierChange) {
        self.table.carrier(change.port, change.up, now.nanos(), &mut self.events);
        self.events.clear();
    }

    /// Forgets whose time is over. `lost` is called with each port whose switch fell silent.
    pub(crate) fn expire(&mut self, now: Time, lost: &mut impl FnMut(u32)) {
        if self.table.next_deadline().is_some_and(|at| at <= now.nanos()) {
            let switches: Vec<_> =
                self.sides.iter().map(|side| (side.ifindex, self.switch_of(side.ifindex))).collect();
            self.table.on_deadline(now.nanos(), &mut self.events);
            self.take_events(now, &switches, lost);
        }
        for side in self.sides.iter_mut().filter(|side| side.cached_until <= now) {
            side.cached = None;
        }
    }

    pub(crate) fn deadline(&self) -> Time {
        let table = self.table.next_deadline().map_or(Time::NEVER, Time::from_nanos);
        let cached = self.sides.iter().filter(|side| side.cached.is_some()).map(|side| side.cached_until);
        cached.fold(table, Time::min)
    }

    /// Until when what hangs on that port is not to be told: its switch has just said goodbye.
    pub(crate) fn settled_at(&self, port: u32) -> Time {
        self.side(port).map_or(Time::ZERO, |side| side.settled_at)
    }

    /// What the port hangs on.
    pub(crate) fn finding(&self, port: &Port) -> Finding {
        match self.table.the_switch(port.facts.ifindex) {
            Choice::Switch { neighbour, .. } => announced(port, neighbour),
            Choice::Ambiguous { candidates } => {
                let names: Vec<String> = candidates.iter().map(|c| c.key.chassis.text()).collect();
                self.remembered(port, words::ambiguous(&port.facts.ifname, &names))
            }
            Choice::None { reason } => self.remembered(port, self.why_none(port, reason)),
        }
    }

    fn why_none(&self, port: &Port, reason: NoSwitch) -> String {
        let (ifname, driver) = (&port.facts.ifname, &port.facts.driver);
        let side = self.side(port.facts.ifindex);
        if !port.facts.carrier {
            return words::no_carrier(ifname);
        }
        match (reason, side.and_then(|side| side.gone)) {
            (NoSwitch::EndpointsOnly, _) => words::endpoints_only(ifname),
            (NoSwitch::Silent, _) if side.is_some_and(|side| side.own_frames) => words::own_only(ifname),
            (NoSwitch::Silent, Some(Gone::Shutdown)) => words::shut_down(ifname),
            (NoSwitch::Silent, Some(Gone::Expired)) => words::fell_silent(ifname),
            (NoSwitch::Silent, None) => words::nothing_heard(ifname, driver),
        }
    }

    /// What is remembered from before the start, or nothing.
    fn remembered(&self, port: &Port, why: String) -> Finding {
        let side = self.side(port.facts.ifindex).filter(|side| side.cached.is_some());
        let cached = side.and_then(|side| side.cached.as_deref().cloned());
        let attachment = cached
            .as_ref()
            .map(|cached| Attachment { evidence: Evidence::Cache, ..cached.attachment.clone() });
        let reason = if attachment.is_some() { words::remembered(&why) } else { why };
        Finding { attachment, reason, heard_at: None, expires: side.map(|side| side.cached_until), cached }
    }

    fn switch_of(&self, port: u32) -> Option<Key> {
        self.table.the_switch(port).switch().map(|neighbour| neighbour.key.clone())
    }

    /// Of what the table says, only the loss of a port's switch matters here: all else shows in the findings.
    fn take_events(&mut self, now: Time, switches: &[(u32, Option<Key>)], lost: &mut impl FnMut(u32)) {
        for event in core::mem::take(&mut self.events) {
            let (key, gone) = match event {
                TableEvent::Shutdown { key } => (key, Gone::Shutdown),
                TableEvent::Expired { key } => (key, Gone::Expired),
                TableEvent::Appeared { key } | TableEvent::Recovered { key } => {
                    self.heard_somebody(key.ifindex);
                    continue;
                }
                TableEvent::Moved { to, .. } | TableEvent::Renamed { to, .. } => {
                    self.heard_somebody(to.ifindex);
                    continue;
                }
                TableEvent::Changed { .. } | TableEvent::Late { .. } | TableEvent::Ambiguous { .. } => {
                    continue;
                }
                TableEvent::Displaced { .. } => continue,
                TableEvent::CarrierLost { .. } | TableEvent::CarrierBack { .. } => continue,
            };
            let was_switch = switches.iter().any(|(_, switch)| switch.as_ref() == Some(&key));
            if let Some(side) = self.side_mut(key.ifindex).filter(|_| was_switch) {
                side.gone = Some(gone);
                side.cached = None;
                if gone == Gone::Shutdown {
                    side.settled_at = now + SETTLE;
                }
                lost(key.ifindex);
            }
        }
    }

    /// A living neighbour is better than a memory, once it is known to be the switch.
    fn heard_somebody(&mut self, port: u32) {
        if self.table.the_switch(port).switch().is_some()
            && let Some(side) = self.side_mut(port)
        {
            side.cached = None;
        }
    }

    fn side(&self, port: u32) -> Option<&Side> {
        self.sides.iter().find(|side| side.ifindex == port)
    }

    fn side_mut(&mut self, port: u32) -> Option<&mut Side> {
        self.sides.iter_mut().find(|side| side.ifindex == port)
    }
}

/// An announced switch. While the port has had no carrier since, it is only remembered.
fn announced(port: &Port, switch: &Neighbour) -> Finding {
    let heard_as = match switch.key.protocol {
        Protocol::Lldp => Evidence::Lldp,
        // The vendors' own protocols: none says more than CDP does.
        Protocol::Cdp | Protocol::Edp | Protocol::Fdp | Protocol::Sonmp => Evidence::Cdp,
    };
    let as_heard = attachment(switch, heard_as);
    let evidence = if switch.suspect { Evidence::Cache } else { heard_as };
    let reason = if switch.suspect { words::before_carrier_loss(&port.facts.ifname) } else { String::new() };
    Finding {
        cached: Some(CachedAttachment {
            ifname: port.facts.ifname.clone(),
            mac: port.facts.mac,
            attachment: as_heard.clone(),
            ttl: Duration::from_nanos(switch.expires.saturating_sub(switch.last_seen)),
            age: Duration::ZERO,
            saved_unix_ms: 0,
        }),
        attachment: Some(Attachment { evidence, ..as_heard }),
        reason,
        heard_at: Some(Time::from_nanos(switch.last_seen)),
        expires: Some(Time::from_nanos(switch.expires)),
    }
}

fn attachment(switch: &Neighbour, evidence: Evidence) -> Attachment {
    let name = switch.facts.system_name.as_ref().map(|name| name.safe()).unwrap_or_default();
    Attachment {
        switch: words::switch_id(&switch.identity.switch),
        port: switch.key.port.as_ref().map_or_else(unnamed_port, words::port_id),
        switch_name: words::cut(&name, words::NAME_MAX).into(),
        evidence,
    }
}

/// CDP knows senders that do not name their port.
fn unnamed_port() -> WireId {
    WireId { subtype: 7, octets: (*b"?").into() }
}
