//! A site in virtual time for the tests of this crate.

use ringmesh_proto::machine::Machine;
use ringmesh_proto::message::Generation;
use ringmesh_proto::news::{
    Alternative, HostNews, HostState, IncidentNews, News, RelayHello, RingNews, Subject, SubjectKind,
};
use ringmesh_proto::seal::Key;
use ringmesh_proto::time::{Duration, Time, WallClock};
use ringmesh_topology::id::{Boot, IncidentId, MacAddress, Name, ProbeId, RelayId};
use ringmesh_topology::place::{Attachment, Evidence, Place, WireId};
use ringmesh_topology::verdict::{Class, Verdict};

use crate::cma::{Action, Cma, CmaConfig, Event, Identity};
use crate::documents::PageLine;
use crate::graph::{GraphStore, MemoryGraph};
use crate::notifier::Holds;
use crate::relay::StreamId;

/// The relay's clock at the start of a test, in milliseconds: far from ours on purpose.
pub(crate) const RELAY_MS: u64 = 5_000_000_000;
/// Our wall clock at the start of a test.
pub(crate) const CMA_MS: u64 = 1_000_000_000;

pub(crate) fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

pub(crate) fn config() -> CmaConfig {
    CmaConfig {
        installation: name("main"),
        holds: Holds::default(),
        close_hold: secs(10),
        nodes_max: 1_000_000,
        insecure: false,
        notifies: true,
        fresh: Identity { epoch: 77, mesh_secret: Key([7; 32]) },
    }
}

pub(crate) fn hello(site: &str, relay: u8, outbox: u64) -> RelayHello {
    RelayHello {
        site: name(site),
        relay: RelayId(relay),
        term: 1,
        outbox,
        insecure: false,
        version: "0.1".into(),
        run: Boot([relay; 16]),
        host_boot: Boot([1; 16]),
        mesh_address: None,
    }
}

/// One authority with one relay on stream 1, in virtual milliseconds.
pub(crate) struct World<G = MemoryGraph> {
    pub(crate) cma: Cma<G>,
    pub(crate) now_ms: u64,
    pub(crate) sequence: u64,
    pub(crate) out: Vec<Action>,
}

impl World {
    /// A world where the hold after the start is over.
    pub(crate) fn settled() -> Self {
        let mut world = Self::over(MemoryGraph::default());
        world.run_to(20_000);
        world.out.clear();
        world
    }
}

impl<G: GraphStore> World<G> {
    pub(crate) fn over(graph: G) -> Self {
        let wall = WallClock { at: Time::ZERO, unix_ms: CMA_MS };
        let mut world =
            Self { cma: Cma::new(config(), wall, graph), now_ms: 0, sequence: 0, out: Vec::new() };
        world.event(Event::RelayConnected { stream: StreamId(1), hello: hello("lab", 1, 9) });
        world
    }

    pub(crate) fn now(&self) -> Time {
        Time::from_millis(self.now_ms)
    }

    pub(crate) fn event(&mut self, event: Event) {
        self.cma.on_event(Time::from_millis(self.now_ms), event, &mut self.out);
    }

    /// Lets time pass, deadline by deadline.
    pub(crate) fn run_to(&mut self, ms: u64) {
        while self.cma.next_deadline() <= Time::from_millis(ms) {
            self.now_ms = self.cma.next_deadline().nanos().div_ceil(1_000_000).max(self.now_ms);
            self.event(Event::DeadlineReached);
        }
        self.now_ms = ms;
    }

    pub(crate) fn news(&mut self, news: News) {
        self.sequence += 1;
        let sequence = self.sequence;
        self.event(Event::RelayNews { stream: StreamId(1), sequence, news });
    }

    pub(crate) fn incident(&mut self, news: &IncidentNews) {
        self.news(News::Incident(Box::new(news.clone())));
    }

    /// The lines that left since the last call.
    pub(crate) fn lines(&mut self) -> Vec<PageLine> {
        let line = |action: Action| if let Action::Page { line, .. } = action { Some(*line) } else { None };
        core::mem::take(&mut self.out).into_iter().filter_map(line).collect()
    }

    /// The lines in short: `opened page`, with the reason where it is not the first.
    pub(crate) fn told(&mut self) -> Vec<String> {
        let short = |line: PageLine| match line.reason.as_str() {
            "opened" | "closed" => format!("{} {}", line.transition, line.severity),
            reason => format!("{} {} {reason}", line.transition, line.severity),
        };
        self.lines().into_iter().map(short).collect()
    }
}

pub(crate) fn subject(kind: SubjectKind, id: &str) -> Subject {
    Subject { kind, id: id.into(), name: id.into() }
}

pub(crate) fn alternative(verdict: Verdict, kind: SubjectKind, id: &str) -> Alternative {
    Alternative { verdict, subject: subject(kind, id), permille: 500 }
}

/// A host incident whose silence began three seconds before it was opened; opened when it is told.
pub(crate) fn host_incident(verdict: Verdict) -> IncidentNews {
    IncidentNews {
        id: IncidentId(0xabc),
        revision: 1,
        closed: false,
        alternatives: vec![alternative(verdict, SubjectKind::Host, "h1")],
        class: Class::Normal,
        silent: 1,
        behind: Vec::new(),
        witnesses: vec!["h2".into(), "h4".into()],
        silent_since_ms: RELAY_MS - 3_000,
        opened_ms: RELAY_MS,
        closed_ms: 0,
        at_ms: RELAY_MS,
        why: "two witnesses".into(),
        seen: vec!["h2 and h4 hear nothing of h1".into()],
        ruled_out: Vec::new(),
        would_settle: Vec::new(),
        page_never: false,
    }
}

/// A switch incident with so many hosts silent.
pub(crate) fn switch_incident(silent: u32) -> IncidentNews {
    let alternatives = vec![
        alternative(Verdict::UplinkCut, SubjectKind::Switch, "sw1"),
        alternative(Verdict::SwitchDown, SubjectKind::Switch, "sw1"),
    ];
    let behind = (1..=silent).map(|n| format!("h{n}")).collect();
    IncidentNews { alternatives, silent, behind, ..host_incident(Verdict::SwitchDown) }
}

/// The next revision, made so long after the one before by the relay's clock.
pub(crate) fn revised(news: &IncidentNews, after_ms: u64) -> IncidentNews {
    IncidentNews { revision: news.revision + 1, at_ms: news.at_ms + after_ms, ..news.clone() }
}

pub(crate) fn closed(news: &IncidentNews, after_ms: u64) -> IncidentNews {
    let next = revised(news, after_ms);
    IncidentNews { closed: true, closed_ms: next.at_ms, ..next }
}

pub(crate) fn chassis(n: u8) -> WireId {
    WireId { subtype: 4, octets: [2, 0, 0, 0, 1, n].into() }
}

pub(crate) fn place(ifindex: u32, address: &str, attached: Option<(u8, &str)>) -> Place {
    Place {
        ifindex,
        ifname: format!("eth{}", ifindex - 2).into(),
        mac: None,
        carrier: true,
        address: address.parse().unwrap(),
        prefix_len: 16,
        gateway: MacAddress::default(),
        attachment: attached.map(|(switch, port)| Attachment {
            switch: chassis(switch),
            port: WireId { subtype: 5, octets: port.as_bytes().into() },
            switch_name: format!("sw{switch}").into(),
            evidence: Evidence::Lldp,
        }),
        reason: if attached.is_some() { "" } else { "no LLDP heard on eth0" }.into(),
        bond: None,
    }
}

pub(crate) fn host(id: &str, places: Vec<Place>) -> HostNews {
    let mut probe = [7; 16];
    probe[15] = id.bytes().last().unwrap();
    HostNews {
        name: name(id),
        probe: ProbeId(probe),
        state: HostState::Up,
        since_ms: RELAY_MS,
        class: Class::Normal,
        places,
    }
}

pub(crate) fn ring(id: u32, switch: &str, members: &[&str]) -> RingNews {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    RingNews {
        id,
        level: 0,
        switch: switch.into(),
        domain: "10.77.0.0/16".into(),
        reason: String::new(),
        generation: Generation { term: 1, counter: 4 },
        members: names(members),
        delegates: names(&members[..members.len().min(2)]),
    }
}

/// So many seconds.
pub(crate) fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}
