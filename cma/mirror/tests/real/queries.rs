//! Every query of `ringmesh query`, asked of the CMA and of its mirror: the same rows.
//!
//! Ages are compared to the minute, for the server has a clock of its own. What a query leaves empty the server calls
//! null. The order of rows is a matter of taste: the CMA sorts names as people count.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use ringmesh_cma_core::cma::{Cma, CmaConfig, Event, Identity};
use ringmesh_cma_core::query::{Answer, Argument, Cell, Query, catalogue};
use ringmesh_cma_core::relay::StreamId;
use ringmesh_mirror::bolt::{Bolt, Statement};
use ringmesh_proto::machine::Machine;
use ringmesh_proto::message::Generation;
use ringmesh_proto::news::{
    Alternative, HostNews, HostState, IncidentNews, News, RelayHello, RingNews, Subject, SubjectKind,
    SwitchNews, SwitchState,
};
use ringmesh_proto::seal::Key;
use ringmesh_proto::time::{Duration, Time, WallClock};
use ringmesh_topology::id::{Boot, IncidentId, MacAddress, Name, ProbeId, RelayId};
use ringmesh_topology::place::{Attachment, Bond, BondMate, BondRole, Evidence, Place, WireId};
use ringmesh_topology::verdict::{Class, Verdict};
use serde_json::Value;

use super::run;
use super::support::graph::{Shared as Graph, mirror};
use super::support::server::shared;

/// So long ago the estate was first told of, in milliseconds.
const AGO_MS: u64 = 3_600_000;
/// What two clocks, and a test under load, may make of one age.
const CLOCKS_S: u64 = 120;

struct World {
    cma: Cma,
    now_ms: u64,
    sequence: u64,
}

impl World {
    fn new() -> Self {
        let unix_ms = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64 - AGO_MS;
        let wall = WallClock { at: Time::ZERO, unix_ms };
        let config = CmaConfig {
            installation: name("main"),
            holds: Default::default(),
            close_hold: Duration::from_secs(10),
            insecure: false,
            notifies: true,
            nodes_max: 1_000_000,
            fresh: Identity { epoch: 1, mesh_secret: Key([7; 32]) },
        };
        let mut world = Self { cma: Cma::new(config, wall, Default::default()), now_ms: 0, sequence: 0 };
        let hello = RelayHello {
            site: name("lab"),
            relay: RelayId(1),
            term: 1,
            outbox: 9,
            insecure: false,
            version: "0.1".into(),
            run: Boot([1; 16]),
            host_boot: Boot([1; 16]),
            mesh_address: None,
        };
        world.event(Event::RelayConnected { stream: StreamId(1), hello });
        world
    }

    fn event(&mut self, event: Event) {
        let mut out = Vec::new();
        self.cma.on_event(Time::from_millis(self.now_ms), event, &mut out);
    }

    fn tell(&mut self, news: News) {
        self.sequence += 1;
        let sequence = self.sequence;
        self.event(Event::RelayNews { stream: StreamId(1), sequence, news });
    }

    fn host(&mut self, id: &str, state: HostState, places: Vec<Place>) {
        let mut probe = [7; 16];
        probe[..id.len()].copy_from_slice(id.as_bytes());
        let news = HostNews {
            name: name(id),
            probe: ProbeId(probe),
            state,
            since_ms: 1,
            class: Class::Normal,
            places,
        };
        self.tell(News::Host(news));
    }

    fn switch(&mut self, number: u8, state: SwitchState) {
        let id = chassis_text(number);
        self.tell(News::Switch(SwitchNews { id, name: format!("sw{number}"), state }));
    }
}

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn chassis_text(number: u8) -> String {
    format!("02:00:00:00:01:0{number}")
}

fn place(ifindex: u32, address: &str, attached: Option<(u8, &str)>) -> Place {
    Place {
        ifindex,
        ifname: format!("eth{}", ifindex - 2).into(),
        mac: Some(MacAddress([2, 0, 0, 9, ifindex as u8, address.bytes().last().unwrap()])),
        carrier: true,
        address: address.parse().unwrap(),
        prefix_len: 16,
        gateway: MacAddress::default(),
        attachment: attached.map(|(switch, port)| Attachment {
            switch: WireId { subtype: 4, octets: [2, 0, 0, 0, 1, switch].into() },
            port: WireId { subtype: 5, octets: port.as_bytes().into() },
            switch_name: format!("sw{switch}").into(),
            evidence: Evidence::Lldp,
        }),
        reason: if attached.is_some() { "" } else { "no LLDP heard" }.into(),
        bond: None,
    }
}

/// A bond over sw1 and another; its second port may be without carrier, and on no known switch.
fn bonded(address: &str, port: &str, other: u8, carrier: bool, wired: bool) -> Place {
    let second = place(3, address, Some((other, port)));
    let mate = BondMate {
        ifindex: 3,
        ifname: second.ifname,
        mac: second.mac,
        carrier,
        role: BondRole::default(),
        attachment: second.attachment.filter(|_| wired),
    };
    let role = BondRole { active: true, partner: None };
    let bond = Bond { ifname: "bond0".into(), mode: "active-backup".into(), role, mates: vec![mate] };
    Place { bond: Some(Box::new(bond)), ..place(2, address, Some((1, port))) }
}

/// Hosts with one way, two, a lost one, an unknown one; a dead switch, a moved wire, a remembered one, rings, causes.
fn estate() -> World {
    let mut world = World::new();
    for (number, state) in [(1, SwitchState::Up), (2, SwitchState::Up), (3, SwitchState::Down)] {
        world.switch(number, state);
    }
    let up = HostState::Up;
    world.host("h1", up, vec![place(2, "10.77.1.1", Some((1, "p1")))]);
    world.host("h10", up, vec![place(2, "10.77.1.10", Some((1, "p10")))]);
    world.host("h2", up, vec![bonded("10.77.1.2", "p2", 2, true, true)]);
    world.host("h3", up, vec![bonded("10.77.1.3", "p3", 2, false, false)]);
    world.host("h4", up, vec![place(2, "10.77.1.4", None)]);
    world.host(
        "h5",
        HostState::Silent,
        vec![place(2, "10.77.1.5", Some((1, "p5"))), place(3, "10.78.1.5", None)],
    );
    world.host("h6", up, vec![bonded("10.77.1.6", "p6", 3, true, true)]);
    world.host("h7", up, vec![bonded("10.77.1.7", "p7", 2, false, true)]);
    world.host("h8", up, vec![place(2, "10.77.1.8", Some((2, "p8")))]);
    world.now_ms = AGO_MS / 2;
    world.host("h8", up, vec![place(2, "10.77.1.8", Some((3, "p8")))]);
    let mut remembered = place(2, "10.77.1.1", Some((1, "p1")));
    remembered.attachment.as_mut().unwrap().evidence = Evidence::Cache;
    world.host("h1", up, vec![remembered]);
    // Unplugged, and plugged in again; one more port; one that is gone with its host.
    world.host("h4", up, vec![place(2, "10.77.1.4", Some((2, "p4")))]);
    world.now_ms += 1_000;
    world.host("h4", up, vec![place(2, "10.77.1.4", None)]);
    // Heard a second after the host was known: it hung there before.
    world.host("h11", up, vec![place(2, "10.77.1.11", None)]);
    world.host("h9", up, vec![place(2, "10.77.1.9", Some((2, "p9")))]);
    world.now_ms += 1_000;
    world.host("h11", up, vec![place(2, "10.77.1.11", Some((1, "p11")))]);
    // Long after it was known: somebody plugged it in.
    world.now_ms += 130_000;
    world.host(
        "h9",
        up,
        vec![place(2, "10.77.1.9", Some((2, "p9"))), place(3, "10.78.1.9", Some((1, "p9")))],
    );
    world.host("h8", up, vec![place(2, "10.77.1.8", None)]);
    world.now_ms += 1_000;
    world.tell(News::HostGone(name("h9")));
    world.host("h8", up, vec![place(2, "10.77.1.8", Some((3, "p8")))]);
    let ring = |id, switch: String, reason: &str, members: &[&str]| {
        let names: Vec<String> = members.iter().map(|name| (*name).to_owned()).collect();
        News::Ring(RingNews {
            id,
            level: 0,
            switch,
            domain: "10.77.0.0/16".into(),
            reason: reason.into(),
            generation: Generation { term: 1, counter: 4 },
            delegates: names[..2].to_vec(),
            members: names,
        })
    };
    world.tell(ring(3, chassis_text(1), "", &["h1", "h3", "h2"]));
    world.tell(ring(4, String::new(), "no LLDP heard", &["h4", "h5"]));
    let cause = |verdict, kind, id: &str, permille| {
        let subject = Subject { kind, id: id.into(), name: id.into() };
        Alternative { verdict, subject, permille }
    };
    let id = chassis_text(3);
    let of_switch = vec![
        cause(Verdict::UplinkCut, SubjectKind::Switch, &id, 600),
        cause(Verdict::SwitchDown, SubjectKind::Switch, &id, 400),
    ];
    world.tell(incident(0xabc, of_switch, &["h8", "h6"]));
    world.tell(incident(0xdef, vec![cause(Verdict::HostDown, SubjectKind::Host, "h5", 1_000)], &[]));
    let News::Incident(mut over) =
        incident(0x111, vec![cause(Verdict::HostHung, SubjectKind::Host, "h1", 1_000)], &[])
    else {
        unreachable!()
    };
    (over.closed, over.closed_ms) = (true, 7_000);
    world.tell(News::Incident(over));
    world.now_ms = AGO_MS;
    world
}

fn incident(id: u64, alternatives: Vec<Alternative>, behind: &[&str]) -> News {
    News::Incident(Box::new(IncidentNews {
        id: IncidentId(id),
        revision: 1,
        closed: false,
        alternatives,
        class: Class::Normal,
        silent: 1,
        behind: behind.iter().map(|host| (*host).into()).collect(),
        witnesses: vec!["h2".into()],
        silent_since_ms: 1,
        opened_ms: 2,
        closed_ms: 0,
        at_ms: 2,
        why: "two witnesses".into(),
        seen: Vec::new(),
        ruled_out: Vec::new(),
        would_settle: Vec::new(),
        page_never: false,
    }))
}

/// A row as text, so that both sides can be sorted; ages apart, for they are compared with patience.
type Row = (BTreeMap<String, String>, BTreeMap<String, u64>);

fn ours(answer: &Answer) -> Vec<Row> {
    let rows = answer.rows.iter().map(|row| {
        let mut said: Row = Default::default();
        for (column, cell) in row {
            match cell {
                Cell::Number(age) if column.ends_with("_s") => drop(said.1.insert(column.clone(), *age)),
                Cell::Flag(flag) => drop(said.0.insert(column.clone(), flag.to_string())),
                Cell::Number(number) => drop(said.0.insert(column.clone(), number.to_string())),
                Cell::Text(text) => drop(said.0.insert(column.clone(), text.clone())),
                Cell::List(list) => drop(said.0.insert(column.clone(), joined(column, list.clone()))),
            }
        }
        said
    });
    sorted(rows.collect())
}

fn theirs(rows: Vec<BTreeMap<String, Value>>) -> Vec<Row> {
    let rows = rows.into_iter().map(|row| {
        let mut said: Row = Default::default();
        for (column, value) in row {
            match value {
                Value::Number(age) if column.ends_with("_s") => {
                    said.1.insert(column, age.as_u64().unwrap());
                }
                Value::Null => drop(said.0.insert(column, String::new())),
                Value::String(text) => drop(said.0.insert(column, text)),
                Value::Array(list) => {
                    let list = list.into_iter().map(|text| text.as_str().unwrap().to_owned()).collect();
                    said.0.insert(column.clone(), joined(&column, list));
                }
                other => drop(said.0.insert(column, other.to_string())),
            }
        }
        said
    });
    sorted(rows.collect())
}

/// Members of a ring stand in their order; other lists in any.
fn joined(column: &str, mut list: Vec<String>) -> String {
    if !["members", "delegates"].contains(&column) {
        list.sort();
    }
    list.join(", ")
}

fn sorted(mut rows: Vec<Row>) -> Vec<Row> {
    // An age of nothing is no age.
    for (texts, ages) in &mut rows {
        texts.retain(|column, text| !(column.ends_with("_s") && text.is_empty()));
        ages.retain(|_, _| true);
    }
    rows.sort();
    rows
}

fn same(query: &str, ours: &[Row], theirs: &[Row]) {
    let texts = |rows: &[Row]| rows.iter().map(|row| row.0.clone()).collect::<Vec<_>>();
    assert_eq!(texts(ours), texts(theirs), "{query}: here, and in the mirror");
    for (here, there) in ours.iter().zip(theirs) {
        assert_eq!(here.1.keys().collect::<Vec<_>>(), there.1.keys().collect::<Vec<_>>(), "{query}");
        for (column, age) in &here.1 {
            assert!(age.abs_diff(there.1[column]) <= CLOCKS_S, "{query} {column}: {here:?} {there:?}");
        }
    }
}

fn cypher(query: &Query) -> String {
    let file = format!("{}/../queries/{}.cypher", env!("CARGO_MANIFEST_DIR"), query.name);
    std::fs::read_to_string(file).unwrap()
}

fn arguments(query: &Query) -> &'static [&'static str] {
    match query.argument {
        None => &[""],
        Some(Argument::Host) if query.name == "history" => &["h1", "h4", "h5", "lab/h8", "h9"],
        Some(Argument::Host) => &["h1", "h2", "h3", "h4", "h5", "lab/h7"],
        Some(Argument::Switch) => &["sw1", "sw2", "02:00:00:00:01:03"],
        Some(Argument::Text) => {
            &["h1", "SW", "10.77.1.10", "h5", "h7", "02:00:00:00:01:01", "02:00:00:09:03:35"]
        }
        Some(Argument::Age) => &["", "600", "2700"],
        Some(Argument::Since) => &["1"],
    }
}

#[test]
fn a_query_in_cypher_gives_what_the_cma_answers() {
    run(async {
        let Some(server) = shared().await else { return };
        let world = estate();
        let graph = Graph::of(world.cma.graph());
        let mut working = mirror(&graph, server.settings("run-1"));
        working.in_step().await;
        let bolt = Bolt::new(&server.settings("look")).unwrap();
        for query in catalogue::ALL {
            for argument in arguments(query) {
                let now = Time::from_millis(world.now_ms);
                let answer = world.cma.query(now, query.name, argument).unwrap();
                let mut statement = Statement::new(cypher(query));
                if let Some(wanted) = query.argument {
                    let is_number = [Argument::Age, Argument::Since].contains(&wanted);
                    let number = argument.parse::<i64>().ok().filter(|_| is_number);
                    statement = match (number, wanted) {
                        (Some(number), _) => statement.with(wanted.parameter(), number),
                        (None, Argument::Age) => statement.with(wanted.parameter(), None::<i64>),
                        (None, _) => statement.with(wanted.parameter(), *argument),
                    };
                }
                let rows = bolt.once(statement).await.unwrap();
                let about = format!("{} {argument}", query.name);
                assert!(!answer.rows.is_empty() || query.argument == Some(Argument::Age), "{about}: nothing");
                same(&about, &ours(&answer), &theirs(rows));
            }
        }
    });
}
