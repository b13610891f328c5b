//! What the judge believes of the wiring, kept in step with roster and rings.

use ringmesh_proto::news::{HostNews, HostState, News, SwitchNews, SwitchState};
use ringmesh_topology::diagnosis::{
    Component, HostBelief, HostIx, LegBelief, SwitchBelief, SwitchIx, Trust, Vantage,
};
use ringmesh_topology::place::{Evidence, Place, WireId};
use ringmesh_topology::verdict::Verdict;

use crate::relay::Relay;
use crate::rings::Peer;
use crate::roster::Standing;
use crate::words;

impl Relay {
    /// Writes down what is believed of a host: its legs, and who watches each.
    pub(crate) fn refresh_belief(&mut self, host: HostIx) {
        let member = &self.roster[host];
        let expected = matches!(member.standing, Standing::Live | Standing::Silent);
        let legs = member.places.iter().map(|place| self.leg_belief(host, place)).collect();
        self.belief.set_host(host, HostBelief { expected, legs });
    }

    fn leg_belief(&self, host: HostIx, place: &Place) -> LegBelief {
        let attachment = place.attachment.as_ref();
        let switch = attachment.and_then(|attachment| self.roster.switch_of(&attachment.switch));
        // First-hand and fresh is what a frame said while the port has had carrier since.
        let fresh =
            place.carrier && attachment.is_some_and(|a| matches!(a.evidence, Evidence::Lldp | Evidence::Cdp));
        let watchers = self.held(host).into_iter().filter(|(.., via)| *via == place.ifindex);
        let watchers = watchers.filter(|(_, adjacency, _)| adjacency.mutual);
        let watchers = watchers
            .map(|(_, adjacency, _)| self.vantage(adjacency.other(Peer::Member(host)), adjacency.ring));
        // It is kept: no room for more than there are.
        let watchers: Box<[Vantage]> = watchers.collect();
        LegBelief {
            switch,
            trust: if fresh { Trust::Fresh } else { Trust::Stale },
            watchers: watchers.into_vec(),
        }
    }

    /// A ring member as the judge names a witness.
    pub(crate) fn vantage(&self, peer: Peer, ring: ringmesh_proto::message::RingId) -> Vantage {
        match peer {
            Peer::Relay => Vantage::Judge,
            Peer::Member(host) => {
                let member = &self.roster[host];
                let via = member.seats.iter().find(|seat| seat.ring == ring).map_or(0, |seat| seat.via);
                Vantage::Host { host, leg: member.leg(via) }
            }
        }
    }

    /// Takes over the places of a member. Says which switches are new, or have another name; those too that only a
    /// port hangs on which waits in a bond.
    pub(crate) fn know_places(&mut self, host: HostIx, places: Vec<Place>) -> Vec<SwitchIx> {
        let mut new = Vec::new();
        for place in &places {
            let mates = place.bond.iter().flat_map(|bond| &bond.mates);
            let mates = mates.filter_map(|mate| mate.attachment.as_ref());
            for attachment in place.attachment.iter().chain(mates) {
                new.extend(self.know_switch(&attachment.switch, &attachment.switch_name));
            }
        }
        self.roster.set_places(host, places);
        self.refresh_belief(host);
        new
    }

    /// Says which switch that is, if it is new or has another name.
    pub(crate) fn know_switch(&mut self, key: &WireId, name: &str) -> Option<SwitchIx> {
        let (switch, news) = self.roster.switch(key, name);
        if news {
            self.belief.set_switch(switch, SwitchBelief::default());
        }
        news.then_some(switch)
    }

    /// Tells the CMA how a switch does: what its open incidents say, else that it is up.
    pub(crate) fn tell_switch(&mut self, switch: SwitchIx) {
        if let Some(news) = self.switch_news(switch) {
            self.tell(news);
        }
    }

    pub(crate) fn switch_news(&self, switch: SwitchIx) -> Option<News> {
        let known = self.roster.switch_at(switch)?;
        let (id, name) = (words::switch_id(known), words::switch_name(known));
        Some(News::Switch(SwitchNews { id, name, state: self.switch_state(switch) }))
    }

    fn switch_state(&self, switch: SwitchIx) -> SwitchState {
        let about = |component| matches!(component, Component::Switch(s) | Component::Uplink(s) | Component::PeerLink(s) if s == switch);
        let open = self.incidents.open();
        let named = open.flat_map(|(_, incident)| &incident.alternatives).filter(|a| about(a.component));
        let mut verdicts: Vec<Verdict> = named.map(|alternative| alternative.verdict).collect();
        verdicts.sort_unstable();
        verdicts.dedup();
        match verdicts.as_slice() {
            [] => SwitchState::Up,
            [Verdict::SwitchDown] => SwitchState::Down,
            [Verdict::UplinkCut] => SwitchState::Cut,
            [_, ..] => SwitchState::Unknown,
        }
    }

    /// Tells the CMA how a host does.
    pub(crate) fn tell_host(&mut self, host: HostIx) {
        self.changed.members.insert(host);
        self.tell(self.host_news(host));
    }

    pub(crate) fn host_news(&self, host: HostIx) -> News {
        let member = &self.roster[host];
        let state = match member.standing {
            Standing::Live => HostState::Up,
            Standing::Silent => HostState::Silent,
            Standing::Planned => HostState::Planned,
            Standing::Gone => return News::HostGone(member.name.clone()),
        };
        News::Host(HostNews {
            name: member.name.clone(),
            probe: member.probe,
            state,
            since_ms: self.clock.unix_ms(member.since),
            class: member.class,
            places: member.places.clone(),
        })
    }
}
