//! A graph that a test changes while a mirror follows it.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use ringmesh_cma_core::graph::{
    Direction, EdgeKey, Facts, GraphStore, HostFacts, Label, MemoryGraph, NodeKey, Op, Relation,
    Source as Teller, Stamp, Tie, scan_all,
};
use ringmesh_mirror::source::{Answer, answer};
use ringmesh_mirror::state::Phase;
use ringmesh_mirror::{Ask, Comparison, Mirror, Order, Settings, Source, State, Trouble};
use ringmesh_proto::news::HostState;
use ringmesh_topology::id::{Name, RelayId};
use ringmesh_topology::place::Evidence;
use ringmesh_topology::verdict::Class;
use tokio::sync::{mpsc, oneshot, watch};

use super::PATIENCE;

/// A graph that several hold.
#[derive(Clone)]
pub(crate) struct Shared {
    graph: Arc<Mutex<MemoryGraph>>,
    revision: watch::Sender<u64>,
    sequence: Arc<Mutex<u64>>,
}

impl Shared {
    pub(crate) fn new(graph: MemoryGraph) -> Self {
        let revision = watch::Sender::new(graph.revision().unwrap());
        Self { graph: Arc::new(Mutex::new(graph)), revision, sequence: Arc::default() }
    }

    pub(crate) fn with<T>(&self, look: impl FnOnce(&MemoryGraph) -> T) -> T {
        look(&self.graph.lock().unwrap())
    }

    pub(crate) fn apply(&self, ops: &[Op]) {
        let mut sequence = self.sequence.lock().unwrap();
        *sequence += 1;
        let mut graph = self.graph.lock().unwrap();
        graph.apply(&stamp(*sequence), ops).unwrap();
        self.revision.send_replace(graph.revision().unwrap());
    }

    /// The same graph as another run of the CMA has it: filled from records, with revisions of its own.
    pub(crate) fn restarted(&self) -> Self {
        let sequence = self.sequence.clone();
        Self { sequence, ..self.with(Self::of) }
    }

    /// A copy of a graph, with revisions of its own.
    pub(crate) fn of(old: &MemoryGraph) -> Self {
        let mut graph = MemoryGraph::default();
        let nodes: Vec<_> = Label::ALL.iter().flat_map(|label| scan_all(old, *label).unwrap()).collect();
        for node in &nodes {
            let stamp = Stamp { source: node.source.clone(), sequence: 0, at_ms: 0 };
            graph.apply(&stamp, &[Op::Node(node.key.clone(), node.facts.clone())]).unwrap();
        }
        for node in &nodes {
            for edge in old.neighbours(&node.key, Direction::Out, None).unwrap() {
                let stamp = Stamp { source: edge.source.clone(), sequence: 0, at_ms: edge.since_ms };
                graph.apply(&stamp, &[Op::Edge(edge.key.clone(), edge.tie)]).unwrap();
            }
        }
        Self::new(graph)
    }
}

pub(crate) fn teller() -> Teller {
    Teller { site: site(), relay: RelayId(1), outbox: 1 }
}

fn stamp(sequence: u64) -> Stamp {
    Stamp { source: teller(), sequence, at_ms: 1_700_000_000_000 + sequence }
}

pub(crate) fn site() -> Name {
    Name::new("lab").unwrap()
}

/// A mirror's end of it.
struct End {
    graph: Shared,
    revision: watch::Receiver<u64>,
}

impl Source for End {
    async fn ask(&mut self, ask: Ask) -> Result<Answer, Trouble> {
        self.graph.with(|graph| answer(graph, &ask)).map_err(|error| Trouble::Graph(error.to_string()))
    }

    fn revision(&self) -> u64 {
        *self.revision.borrow()
    }

    async fn moved(&mut self) -> Result<(), Trouble> {
        self.revision.changed().await.map_err(|_| Trouble::Ended)
    }
}

/// A mirror at work in this task set; aborted when dropped, as a kill would.
pub(crate) struct Working {
    pub(crate) state: watch::Receiver<State>,
    orders: mpsc::Sender<Order>,
    task: tokio::task::JoinHandle<()>,
    graph: Shared,
}

impl Drop for Working {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Starts a mirror of a graph; within a `LocalSet`.
pub(crate) fn mirror(graph: &Shared, settings: Settings) -> Working {
    let (mirror, state, orders) = Mirror::new(settings);
    let end = End { graph: graph.clone(), revision: graph.revision.subscribe() };
    let task = tokio::task::spawn_local(mirror.run(end));
    Working { state, orders, task, graph: graph.clone() }
}

impl Working {
    /// Waits until all that is known is there.
    pub(crate) async fn in_step(&mut self) -> State {
        let graph = self.graph.clone();
        self.until(|state| {
            state.phase == Phase::InStep && state.revision == Some(graph.with(|g| g.revision().unwrap()))
        })
        .await
    }

    /// The same, however long it takes.
    pub(crate) async fn patiently_in_step(&mut self) -> State {
        let graph = self.graph.clone();
        let there = |state: &State| {
            state.phase == Phase::InStep && state.revision == Some(graph.with(|g| g.revision().unwrap()))
        };
        self.state.wait_for(there).await.unwrap().clone()
    }

    /// Waits for a state.
    pub(crate) async fn until(&mut self, is_so: impl Fn(&State) -> bool) -> State {
        let shown = self.state.clone();
        let wait = self.state.wait_for(|state| is_so(state));
        match tokio::time::timeout(PATIENCE, wait).await {
            Ok(state) => state.unwrap().clone(),
            Err(_) => panic!("not within {PATIENCE:?}; it is {:?}", shown.borrow()),
        }
    }

    pub(crate) async fn compare(&self) -> Comparison {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let (reply, replied) = oneshot::channel();
            self.orders.send(Order::Compare(reply)).await.unwrap();
            match replied.await.unwrap() {
                Ok(comparison) => return comparison,
                Err(why) => assert!(Instant::now() < deadline, "{why}"),
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    pub(crate) async fn resync(&self) {
        let (reply, replied) = oneshot::channel();
        self.orders.send(Order::Resync(reply)).await.unwrap();
        replied.await.unwrap();
    }
}

/// A host with its probe, one port, its address and what that hangs on: 5 nodes of its own and 7 edges.
pub(crate) fn host(number: usize, hosts_per_switch: usize) -> Vec<Op> {
    host_at(number, number / hosts_per_switch, number % hosts_per_switch)
}

/// The same, at a port of a switch.
pub(crate) fn host_at(number: usize, switch: usize, port: usize) -> Vec<Op> {
    use ringmesh_cma_core::graph::{RelayFacts, SwitchFacts};
    use ringmesh_proto::news::SwitchState;
    let site = site();
    let name = format!("h{number:06}");
    let chassis = format!("02:00:00:{:02x}:{:02x}:{:02x}", switch >> 16, (switch >> 8) & 255, switch & 255);
    let (root, host) = (NodeKey::site(&site), NodeKey::host(&site, &name));
    let (tor, tor_port) =
        (NodeKey::switch(&site, &chassis), NodeKey::port(&site, &chassis, &format!("p{port}")));
    let nic = NodeKey::nic(&site, &name, 2);
    let address: std::net::IpAddr =
        std::net::Ipv4Addr::from(0x0a00_0000 + u32::try_from(number).unwrap()).into();
    let ip = NodeKey::address(&site, address);
    let mut id = [0; 16];
    id[..8].copy_from_slice(&(number as u64).to_be_bytes());
    let probe = NodeKey::probe(&site, ringmesh_topology::id::ProbeId(id));
    let facts = HostFacts {
        name: Name::new(&name).unwrap(),
        state: HostState::Up,
        since_ms: 1_700_000_000_000,
        class: Class::Normal,
    };
    let edge = |from: &NodeKey, relation, to: &NodeKey, tie| {
        Op::Edge(EdgeKey::new(from.clone(), relation, to.clone()), tie)
    };
    let relay = NodeKey::relay(&site, RelayId(1));
    vec![
        Op::Node(root.clone(), Facts::Site),
        Op::Node(relay, Facts::Relay(RelayFacts { id: RelayId(1), term: 1 })),
        Op::Node(
            tor.clone(),
            Facts::Switch(SwitchFacts { id: chassis, name: format!("tor-{switch}"), state: SwitchState::Up }),
        ),
        Op::Node(tor_port.clone(), Facts::SwitchPort { name: format!("p{port}") }),
        Op::Node(host.clone(), Facts::Host(facts)),
        Op::Node(
            nic.clone(),
            Facts::Nic { ifname: "eth0".into(), mac: None, carrier: true, reason: String::new(), bond: None },
        ),
        Op::Node(ip.clone(), Facts::IpAddress { address, prefix_len: 8 }),
        Op::Node(probe.clone(), Facts::Probe),
        edge(&tor, Relation::InSite, &root, Tie::Plain),
        edge(&tor, Relation::HasPort, &tor_port, Tie::Plain),
        edge(&host, Relation::InSite, &root, Tie::Plain),
        edge(&host, Relation::HasNic, &nic, Tie::Plain),
        edge(&host, Relation::Runs, &probe, Tie::Plain),
        edge(&nic, Relation::HasAddress, &ip, Tie::Plain),
        edge(&nic, Relation::WiredTo, &tor_port, Tie::Wired(Evidence::Lldp)),
    ]
}

/// A host moved from its port to another: what the news of it changes.
pub(crate) fn move_host(number: usize, from: (usize, usize), to: (usize, usize)) -> Vec<Op> {
    let site = site();
    let chassis = |switch: usize| {
        format!("02:00:00:{:02x}:{:02x}:{:02x}", switch >> 16, (switch >> 8) & 255, switch & 255)
    };
    let nic = NodeKey::nic(&site, &format!("h{number:06}"), 2);
    let old = NodeKey::port(&site, &chassis(from.0), &format!("p{}", from.1));
    let mut ops = vec![Op::DropEdge(EdgeKey::new(nic, Relation::WiredTo, old.clone())), Op::DropNode(old)];
    ops.extend(host_at(number, to.0, to.1));
    ops
}

/// So many hosts, 48 at a switch.
pub(crate) fn hosts(count: usize) -> Shared {
    let shared = Shared::new(MemoryGraph::default());
    for number in 0..count {
        shared.apply(&host(number, 48));
    }
    shared
}
