//! What members are told of the rings: whole assignments, repeated until they are in force.

use std::collections::BTreeSet;

use ringmesh_proto::beat::LinkEnd;
use ringmesh_proto::machine::Sink;
use ringmesh_proto::message::{Assignment, Generation, LinkId, LinkOrder, RingId, RingPlace, ToProbe};
use ringmesh_proto::news::{News, RingNews};
use ringmesh_proto::time::{Duration, Time};
use ringmesh_topology::diagnosis::HostIx;
use ringmesh_topology::id::ProbeId;
use ringmesh_topology::ring::{Candidate, Ring, Spread, choose_delegates, site_order};

use crate::relay::Relay;
use crate::rings::{Adjacency, Cut, Peer, RingKey, SITE_RING, SiteRing, Speaker};
use crate::roster::{Pending, Seat, Standing};
use crate::watch::Own;
use crate::{Action, Note, words};

/// Lanes of a link between switches: enough for four equal paths.
const UPPER_LANES: u8 = 4;

/// An assignment is sent again after a quarter of a second, then twice as late each time, at most 15 s.
fn repeat_after(sent: u32) -> Duration {
    let doubled = Duration::from_millis(250) * (1 << sent.saturating_sub(1).min(6));
    doubled.min(Duration::from_secs(15))
}

/// Who speaks already keeps its slot, so that the site ring changes around the one that is new and nowhere else.
fn in_their_slots(before: &[HostIx], mut chosen: Vec<HostIx>) -> Vec<HostIx> {
    for (slot, host) in before.iter().enumerate() {
        if let Some(at) = chosen.iter().position(|new| new == host).filter(|_| slot < chosen.len()) {
            chosen.swap(at, slot);
        }
    }
    chosen
}

impl Relay {
    /// Cuts every ring whose changes are due and tells those whose neighbours changed, each once.
    pub(crate) fn cut_due(&mut self, now: Time, out: &mut impl Sink<Action>) {
        let mut due = BTreeSet::new();
        while let Some(ring) = self.rings.take_due(now) {
            due.insert(ring);
        }
        if due.is_empty() {
            return;
        }
        let mut all = Cut::default();
        for &ring in due.iter().filter(|ring| **ring != SITE_RING) {
            self.cut_one(ring, &mut all, out);
        }
        if self.elect(&due) {
            due.insert(SITE_RING);
        }
        if due.contains(&SITE_RING) {
            self.cut_one(SITE_RING, &mut all, out);
        }
        all.touched.extend(due.iter().flat_map(|ring| self.untold_in(*ring)));
        self.tell_links(now, &all, out);
        due.into_iter().for_each(|ring| self.tell_ring(ring));
    }

    /// Members of a ring that do not know of it: the only one of a ring has no link that would tell it.
    fn untold_in(&self, ring: RingId) -> Vec<Peer> {
        let Some(standing) = self.rings.get(ring) else { return Vec::new() };
        let untold = |peer: &Peer| match peer {
            Peer::Member(host) => {
                self.roster[*host].seats.iter().any(|seat| seat.ring == ring && seat.untold)
            }
            Peer::Relay => false,
        };
        standing.ring.members().filter(untold).collect()
    }

    fn cut_one(&mut self, ring: RingId, all: &mut Cut, out: &mut impl Sink<Action>) {
        let generation = self.next_generation();
        let cut = self.rings.cut(ring, generation);
        if !cut.touched.is_empty() {
            let (name, members) = (words::ring(self, ring), self.rings.get(ring).map_or(0, |r| r.ring.len()));
            out.put(Action::Say(Note::RingCut { ring: name, members }));
        }
        all.touched.extend(cut.touched);
        all.new.extend(cut.new);
        all.over.extend(cut.over);
    }

    /// Chooses delegates of those rings again and, where somebody else speaks for one of them now, puts the site ring in
    /// order: of a site's thousand rings, most that change keep their delegates. `true` if that order changed.
    fn elect(&mut self, rings: &BTreeSet<RingId>) -> bool {
        let anew = rings.contains(&SITE_RING);
        let mut changed = anew;
        for &id in rings.iter().filter(|id| **id != SITE_RING) {
            let chosen = self.delegates_of(id);
            if let Some(ring) = self.rings.get_mut(id) {
                ring.delegates = in_their_slots(&ring.delegates, chosen);
            }
            let speakers = self.speakers(id);
            changed |= self.rings.speak(id, speakers);
        }
        changed && self.order_site(anew)
    }

    /// Who speaks for a ring, each with the port it has there.
    fn speakers(&self, id: RingId) -> Vec<Speaker> {
        let Some(ring) = self.rings.get(id).filter(|ring| !ring.frozen) else { return Vec::new() };
        let seated = |host: &HostIx| Some((*host, self.roster[*host].via(id)?));
        ring.delegates.iter().filter_map(seated).collect()
    }

    /// Puts the site ring in order, and gives those who are new there their seats. `anew`: somebody may have lost a seat
    /// there that is to have one. `true` if anything changed.
    fn order_site(&mut self, anew: bool) -> bool {
        let peers = |ring: &SiteRing| ring.speakers.iter().map(|(host, _)| Peer::Member(*host)).collect();
        let of_rings: Vec<Vec<Peer>> = self.rings.iter().map(|(_, ring)| peers(ring)).collect();
        let order = site_order(&of_rings, Peer::Relay);
        let Some(site) = self.rings.get_mut(SITE_RING) else { return false };
        let moved = !site.ring.members().eq(order.iter().copied());
        if moved {
            site.ring = Ring::in_order(order);
        }
        let (now, before) = self.rings.gather_upstairs();
        for (host, _) in before.iter().filter(|speaker| anew || now.binary_search(speaker).is_err()) {
            if now.binary_search_by_key(host, |(host, _)| *host).is_err() {
                self.roster[*host].seats.retain(|seat| seat.ring != SITE_RING);
            }
        }
        let mut reseated = false;
        for speaker in now.iter().filter(|speaker| anew || before.binary_search(speaker).is_err()) {
            let stood = before.binary_search_by_key(&speaker.0, |(host, _)| *host).is_ok();
            reseated |= self.seat_upstairs(*speaker, stood);
        }
        moved || reseated
    }

    /// Gives a delegate its seat upstairs, by the port it has downstairs. `true` if it had none, or by another port.
    fn seat_upstairs(&mut self, (host, via): Speaker, stood: bool) -> bool {
        let seats = &mut self.roster[host].seats;
        match seats.iter_mut().find(|seat| seat.ring == SITE_RING) {
            Some(seat) if seat.via == via => return false,
            Some(seat) => seat.via = via,
            None => {
                seats.reserve_exact(1);
                seats.push(Seat { ring: SITE_RING, via, leaving: false, untold: false });
            }
        }
        if stood {
            // In the same place by another port: its links are made anew, for nobody would tell it otherwise.
            self.rings.renew(SITE_RING, Peer::Member(host));
        }
        true
    }

    fn delegates_of(&self, id: RingId) -> Vec<HostIx> {
        let Some(ring) = self.rings.get(id).filter(|ring| !ring.frozen) else { return Vec::new() };
        let members = ring.ring.members().filter_map(|peer| match peer {
            Peer::Member(host) => Some(host),
            Peer::Relay => None,
        });
        let candidates: Vec<Candidate<HostIx>> = members
            .filter(|host| self.roster[*host].standing == Standing::Live)
            .map(|host| Candidate {
                member: host,
                spread: self.spread_in(host, id),
                dual_homed: self.roster[host].is_dual_homed(),
                incumbent: ring.delegates.contains(&host),
            })
            .collect();
        choose_delegates(&candidates)
    }

    /// Gives their whole assignment to all members of a cut.
    fn tell_links(&mut self, now: Time, cut: &Cut, out: &mut impl Sink<Action>) {
        for peer in &cut.touched {
            match *peer {
                Peer::Member(host) => self.give(now, host, &cut.new, out),
                Peer::Relay => self.take_own_links(now, out),
            }
        }
    }

    fn take_own_links(&mut self, now: Time, out: &mut impl Sink<Action>) {
        let links = self.rings.links_of(SITE_RING, Peer::Relay);
        let orders = links.iter().filter_map(|(link, adjacency)| match adjacency.other(Peer::Relay) {
            Peer::Member(host) => Some((host, self.link_order(*link, adjacency, Peer::Relay, 0, false))),
            Peer::Relay => None,
        });
        let orders: Vec<(HostIx, LinkOrder)> = orders.collect();
        let end = |(host, order): &(HostIx, LinkOrder)| {
            Own::new(LinkEnd::new(order.link, order.lanes, now), *host, order.peer_address)
        };
        let new = self.watch.assign(now, orders.iter().map(end).collect(), self.generation.hint());
        for (_, order) in orders.iter().filter(|(_, order)| new.contains(&order.link)) {
            out.put(Action::TakeLink(*order));
        }
        for (beat, to) in self.watch.first_beats(&new) {
            out.put(Action::Beat { beat, to });
        }
    }

    /// Gives a member its assignment because `new` links are among its own; a member that only loses links is told
    /// once: if it misses that, it will suspect a neighbour it has no more and be told again.
    fn give(&mut self, now: Time, host: HostIx, new: &[LinkId], out: &mut impl Sink<Action>) {
        if self.roster[host].standing != Standing::Live {
            return;
        }
        self.roster[host].seats.iter_mut().for_each(|seat| seat.untold = false);
        let held = self.held(host);
        let mut waits: Vec<LinkId> =
            held.iter().map(|(link, ..)| *link).filter(|link| new.contains(link)).collect();
        if let Some(pending) = &self.roster[host].pending {
            let still = pending.waits.iter().filter(|link| held.iter().any(|(held, ..)| held == *link));
            waits.extend(still.filter(|link| !new.contains(link)).copied().collect::<Vec<_>>());
        }
        // It was to confirm links that both ends hear already: nobody else will speak of them.
        let again = held.iter().any(|(link, adjacency, _)| adjacency.mutual && waits.contains(link));
        let own = again
            || held.is_empty()
            || held.iter().any(|(link, adjacency, _)| {
                waits.contains(link) && adjacency.reported_by == Peer::Member(host) && !adjacency.mutual
            });
        self.roster[host].generation = self.next_generation();
        let confirmed_by_nobody = waits.is_empty() && !own;
        let pending = Pending { waits, own, sent: 0, next: now };
        self.roster[host].pending = Some(pending);
        self.send_assignment(now, host, again, out);
        if confirmed_by_nobody {
            self.applied(now, host);
        }
    }

    /// Gives a member that comes back its assignment again; it must confirm all of it.
    pub(crate) fn give_again(&mut self, now: Time, host: HostIx, out: &mut impl Sink<Action>) {
        let waits = self.held(host).into_iter().map(|(link, ..)| link).collect();
        self.roster[host].generation = self.next_generation();
        self.roster[host].pending = Some(Pending { waits, own: true, sent: 0, next: now });
        self.send_assignment(now, host, true, out);
    }

    /// Sends the assignment in force; by another way each time it is repeated.
    pub(crate) fn send_assignment(
        &mut self,
        now: Time,
        host: HostIx,
        report_all: bool,
        out: &mut impl Sink<Action>,
    ) {
        let assignment = self.assignment(host, report_all);
        let member = &mut self.roster[host];
        let addresses = member.addresses();
        let sent = member.pending.as_ref().map_or(0, |pending| pending.sent);
        let to = addresses[sent as usize % addresses.len()];
        if let Some(pending) = &mut member.pending {
            pending.sent += 1;
            self.order_timers.remove(&(pending.next, host));
            pending.next = now + repeat_after(pending.sent);
            self.order_timers.insert((pending.next, host));
        }
        let message = ToProbe::Assignment(Box::new(assignment));
        out.put(Action::Send { to, probe: self.roster[host].probe, message });
    }

    fn assignment(&self, host: HostIx, report_all: bool) -> Assignment {
        let member = &self.roster[host];
        let mut seats: Vec<&Seat> = member.seats.iter().collect();
        seats.sort_by_key(|seat| (seat.ring == SITE_RING, seat.ring));
        let place = |seat: &&Seat| {
            let links = self.rings.links_of(seat.ring, Peer::Member(host));
            let order = |(link, adjacency): &(LinkId, Adjacency)| {
                let mine = adjacency.reported_by == Peer::Member(host) && !adjacency.mutual;
                self.link_order(*link, adjacency, Peer::Member(host), seat.via, mine || report_all)
            };
            RingPlace {
                ring: seat.ring,
                level: self.rings.get(seat.ring).map_or(0, |ring| ring.key.level()),
                links: links.iter().map(order).collect(),
            }
        };
        Assignment {
            generation: member.generation,
            relay: self.config.relay,
            knows: Some(member.places_told),
            rings: seats.iter().map(place).collect(),
        }
    }

    fn link_order(&self, link: LinkId, adjacency: &Adjacency, me: Peer, via: u32, report: bool) -> LinkOrder {
        let (peer, peer_address) = match adjacency.other(me) {
            Peer::Relay => (ProbeId::of_relay(self.config.relay), self.config.address),
            Peer::Member(other) => {
                let member = &self.roster[other];
                let seat = member.seats.iter().find(|seat| seat.ring == adjacency.ring);
                (member.probe, member.address(seat.map_or(0, |seat| seat.via)))
            }
        };
        let lanes = if adjacency.ring == SITE_RING { UPPER_LANES } else { 1 };
        LinkOrder { link, counter: adjacency.counter, peer, peer_address, via, lanes, report }
    }

    /// All links of a member, with the port each is held by.
    pub(crate) fn held(&self, host: HostIx) -> Vec<(LinkId, Adjacency, u32)> {
        let of_seat = |seat: &Seat| {
            let links = self.rings.links_of(seat.ring, Peer::Member(host));
            let via = seat.via;
            links.into_iter().map(move |(link, adjacency)| (link, adjacency, via))
        };
        self.roster[host].seats.iter().flat_map(of_seat).collect()
    }

    /// A member says that its assignment is in force: each link it reports on is heard at both ends.
    pub(crate) fn take_applied(
        &mut self,
        now: Time,
        host: HostIx,
        generation: Generation,
        out: &mut impl Sink<Action>,
    ) {
        if generation != self.roster[host].generation {
            // An older order is in force there: the newer one is on its way, or was lost after it was confirmed.
            if self.roster[host].pending.is_none() {
                self.give_again(now, host, out);
            }
            return;
        }
        let confirmed: Vec<(LinkId, Peer)> = self
            .held(host)
            .into_iter()
            .map(|(link, adjacency, _)| (link, adjacency.other(Peer::Member(host))))
            .collect();
        if let Some(pending) = &mut self.roster[host].pending {
            pending.own = false;
        }
        let mut heard = BTreeSet::from([host]);
        for (link, other) in confirmed {
            let reported = self.roster[host].pending.as_ref().is_some_and(|p| p.waits.contains(&link));
            let Some(adjacency) = self.rings.link_mut(link).filter(|_| reported) else { continue };
            if adjacency.reported_by != Peer::Member(host) && !adjacency.mutual {
                // The other end reports on it, and has not yet.
                continue;
            }
            adjacency.mutual = true;
            heard.extend(match other {
                Peer::Member(other) => Some(other),
                Peer::Relay => None,
            });
            self.no_longer_waits(host, link);
            if let Peer::Member(other) = other {
                self.no_longer_waits(other, link);
            }
        }
        for host in heard {
            let done = |pending: &Pending| pending.waits.is_empty() && !pending.own;
            if self.roster[host].pending.as_ref().is_some_and(done) {
                self.applied(now, host);
            }
        }
    }

    fn no_longer_waits(&mut self, host: HostIx, link: LinkId) {
        if let Some(pending) = &mut self.roster[host].pending {
            pending.waits.retain(|waiting| *waiting != link);
        }
    }

    /// The assignment of a member is in force.
    fn applied(&mut self, now: Time, host: HostIx) {
        if let Some(pending) = self.roster[host].pending.take() {
            self.order_timers.remove(&(pending.next, host));
        }
        let leaving: Vec<RingId> =
            self.roster[host].seats.iter().filter(|seat| seat.leaving).map(|seat| seat.ring).collect();
        for ring in leaving {
            self.leave_ring(now, host, ring);
        }
        self.refresh_belief(host);
        self.return_confirmed(now, host);
    }

    /// Orders that were not confirmed in time.
    pub(crate) fn repeat_orders(&mut self, now: Time, out: &mut impl Sink<Action>) {
        while let Some(&(at, host)) = self.order_timers.first() {
            if at > now {
                return;
            }
            self.order_timers.pop_first();
            let standing = self.roster[host].standing;
            if self.roster[host].pending.is_some() && standing == Standing::Live {
                let own = self.roster[host].pending.as_ref().is_some_and(|pending| pending.own);
                self.send_assignment(now, host, own, out);
            }
        }
    }

    /// Tells the CMA how a ring is cut; that it is gone, if nobody stands in it.
    pub(crate) fn tell_ring(&mut self, id: RingId) {
        if self.rings.get(id).is_none() {
            return;
        }
        let news = self.ring_news(id);
        if let News::RingGone(_) = news {
            self.rings.forget(id);
        }
        self.tell(news);
    }

    pub(crate) fn ring_news(&self, id: RingId) -> News {
        let standing = self.rings.get(id).filter(|ring| !ring.ring.is_empty() || id == SITE_RING);
        let Some(ring) = standing else { return News::RingGone(id.0) };
        let switch = ring.key.switch().and_then(|switch| self.roster.switch_at(switch));
        let named = |host: &HostIx| self.roster[*host].name.to_string();
        let member = |peer| match peer {
            Peer::Member(host) => named(&host),
            Peer::Relay => words::relay(&self.config),
        };
        News::Ring(RingNews {
            id: id.0,
            level: ring.key.level(),
            switch: switch.map(words::switch_id).unwrap_or_default(),
            domain: words::ring(self, id),
            reason: self.reason_of(id),
            generation: ring.generation,
            members: ring.ring.members().map(member).collect(),
            delegates: ring.delegates.iter().map(named).collect(),
        })
    }

    /// Why the members of a fallback ring are in one: the reason most of them give.
    fn reason_of(&self, id: RingId) -> String {
        let Some(ring) = self.rings.get(id) else { return String::new() };
        if !matches!(ring.key, RingKey::Fallback { .. }) {
            return String::new();
        }
        let hosts = ring.ring.members().filter_map(|peer| match peer {
            Peer::Member(host) => Some(&self.roster[host]),
            Peer::Relay => None,
        });
        let reasons = hosts.flat_map(|member| &member.places).map(|place| &*place.reason);
        reasons.filter(|reason| !reason.is_empty()).max().unwrap_or_default().to_owned()
    }

    /// What a member shares with others of a ring: the part of its switch port's name before the last number.
    pub(crate) fn spread_in(&self, host: HostIx, ring: RingId) -> Spread {
        let member = &self.roster[host];
        let via = member.seats.iter().find(|seat| seat.ring == ring).map(|seat| seat.via);
        let attachment = via.and_then(|via| member.place(via)).and_then(|place| place.attachment.as_ref());
        attachment.map_or(Spread::default(), |attachment| words::module(&attachment.port.octets))
    }
}
