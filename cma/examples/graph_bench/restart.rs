//! The second half: an authority starts from the file, and is asked.

use std::path::Path;
use std::time::{Duration, Instant};

use ringmesh_cma_core::cma::{Cma, CmaConfig, Identity};
use ringmesh_cma_core::graph::{Bounds, Direction, GraphStore, Relation};
use ringmesh_cma_core::notifier::Holds;
use ringmesh_proto::draws::{Draws, Purpose};
use ringmesh_proto::seal::Key;
use ringmesh_shell::clock::wall_clock;
use ringmesh_shell::store::Store;
use ringmesh_topology::id::Name;

use crate::figures::{Figures, all_cpu, cpu, memory_mib, share};
use crate::world::{World, host_key, switch_key, switch_name};
use crate::{Outcome, header};

/// How many hosts and switches are asked about.
const HOSTS: u64 = 5_000;
const SWITCHES: u64 = 1_000;
/// What hangs together: everything but that it is of one site.
const WIRING: [Relation; 7] = [
    Relation::HasPort,
    Relation::WiredTo,
    Relation::HasNic,
    Relation::HasAddress,
    Relation::Runs,
    Relation::MemberOf,
    Relation::NextInRing,
];

/// Starts from the file and asks.
pub(crate) fn measure(world: World, file: &Path) -> Outcome<Figures> {
    let mut figures = Figures::new();
    let begun = Instant::now();
    let (store, kept) = Store::open_streaming(file, header(), |_, records| {
        figures.insert("open_s".into(), begun.elapsed().as_secs_f64());
        figures.insert("open_cpu_s".into(), all_cpu().as_secs_f64());
        ringmesh_cma::load::kept(records)
    })?;
    let cma = kept?.start(config()?, wall_clock())?;
    figures.insert("restart_cpu_s".into(), all_cpu().as_secs_f64());
    figures.insert("restart_s".into(), begun.elapsed().as_secs_f64());
    let (now, most) = memory_mib()?;
    figures.insert("restart_rss_mib".into(), now);
    figures.insert("restart_hwm_mib".into(), most);
    walks(world, &cma, &mut figures)?;
    questions(world, &cma, &mut figures)?;
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(store.close())?;
    Ok(figures)
}

fn config() -> Outcome<CmaConfig> {
    Ok(CmaConfig {
        installation: Name::new("bench")?,
        holds: Holds::default(),
        close_hold: Duration::from_secs(10),
        nodes_max: u64::MAX,
        insecure: true,
        notifies: false,
        fresh: Identity { epoch: 1, mesh_secret: Key([0; 32]) },
    })
}

fn drawn(of: u32, count: u64, seed: u64) -> impl Iterator<Item = u32> {
    let draw = move |at| Draws::new(seed, 0).below(u64::from(of), Purpose::Start, at);
    (0..count).map(move |at| u32::try_from(draw(at)).unwrap_or_default())
}

/// Everything within two steps of a host, both ways.
fn walks(world: World, cma: &Cma, figures: &mut Figures) -> Outcome<()> {
    let along: Vec<(Relation, Direction)> =
        WIRING.iter().flat_map(|&relation| [(relation, Direction::Out), (relation, Direction::In)]).collect();
    let (mut took, mut found) = (Vec::new(), 0);
    for host in drawn(world.hosts, HOSTS, 11) {
        let (key, begun) = (host_key(host), Instant::now());
        let walk = cma.graph().walk(&key, &along, Bounds { steps_max: 2, nodes_max: 10_000 })?;
        took.push(begun.elapsed().as_secs_f64() * 1_000.0);
        found += walk.nodes.len();
    }
    figures.insert("two_hop_nodes".into(), found as f64 / HOSTS as f64);
    figures.insert("two_hop_p50_ms".into(), share(&mut took, 500));
    figures.insert("two_hop_p99_ms".into(), share(&mut took, 990));
    figures.insert("two_hop_max_ms".into(), share(&mut took, 1_000));
    Ok(())
}

/// As an operator asks: by the switch's name, by its chassis id, by a host.
fn questions(world: World, cma: &Cma, figures: &mut Figures) -> Outcome<()> {
    let mut ask = |figure: &str, query: &str, arguments: &mut dyn Iterator<Item = String>| -> Outcome<()> {
        let (mut took, mut used) = (Vec::new(), Vec::new());
        for argument in arguments {
            let (now, begun, before) = (wall_clock().at, Instant::now(), cpu());
            let answer = cma.query(now, query, &argument)?;
            took.push(begun.elapsed().as_secs_f64() * 1_000.0);
            used.push((cpu() - before).as_secs_f64() * 1_000.0);
            if answer.rows.is_empty() {
                return Err(format!("{query} {argument}: no rows").into());
            }
        }
        figures.insert(format!("{figure}_p50_ms"), share(&mut took, 500));
        figures.insert(format!("{figure}_p99_ms"), share(&mut took, 990));
        figures.insert(format!("{figure}_max_ms"), share(&mut took, 1_000));
        figures.insert(format!("{figure}_max_cpu_ms"), share(&mut used, 1_000));
        Ok(())
    };
    let switches = || drawn(world.switches(), SWITCHES, 13);
    ask("blast_by_id", "blast-radius", &mut switches().map(|switch| switch_key(switch).id))?;
    ask("blast_by_name", "blast-radius", &mut switches().map(switch_name))?;
    ask(
        "host_ports",
        "host-ports",
        &mut drawn(world.hosts, 1_000, 17).map(|host| host_key(host).local().to_owned()),
    )?;
    ask(
        "find_address",
        "find",
        &mut drawn(world.hosts.min(20_000), 3, 19)
            .map(|host| std::net::Ipv4Addr::from(0x0a00_0000 + host).to_string()),
    )?;
    ask("find_name", "find", &mut drawn(world.hosts, 3, 23).map(|host| host_key(host).local().to_owned()))
}
