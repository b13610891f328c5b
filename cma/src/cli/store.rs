//! `ringmesh store`: a copy of a CMA's store while it runs; a look at one, and making it smaller, while none does.

use std::path::Path;
use std::time::Duration;

use ringmesh_cma_core::RECORDS_VERSION;
use ringmesh_cma_core::cma::{Cma, CmaConfig, Identity, Kept};
use ringmesh_cma_core::documents::{BackedUp, SCHEMA};
use ringmesh_cma_core::graph::{GraphStore, MemoryGraph};
use ringmesh_cma_core::notifier::Holds;
use ringmesh_proto::keep::Unreadable;
use ringmesh_proto::seal::Key;
use ringmesh_shell::clock::wall_clock;
use ringmesh_shell::failure::{Failure, Kind};
use ringmesh_shell::store::{self, Looked, StoreError};
use ringmesh_topology::id::Name;
use serde::Serialize;

use super::arguments::Store;
use super::client::{Client, Question};
use super::paint::{harmless, wrapped};

/// Whose files these are.
const KIND: &str = "cma";
/// How long a copy may take: gigabytes, on a slow disk.
const COPY_WITHIN: Duration = Duration::from_secs(3_600);

/// What a look at a store has found.
#[derive(Serialize)]
struct Checked {
    schema: u32,
    file: String,
    owner: String,
    version: u32,
    nodes: u64,
    edges: u64,
    incidents: usize,
    newest_event: u64,
}

/// What a file was made smaller by.
#[derive(Serialize)]
struct Compacted {
    schema: u32,
    file: String,
    octets_before: u64,
    octets: u64,
}

/// Does it; the answer as JSON and in words.
pub(crate) async fn run(socket: &Path, what: &Store) -> Result<(String, String), Failure> {
    match what {
        Store::Backup { file } => backup(socket, file).await,
        Store::Check { file } => check(file),
        Store::Compact { file } => compact(file),
    }
}

async fn backup(socket: &Path, file: &Path) -> Result<(String, String), Failure> {
    let file = std::path::absolute(file)
        .map_err(|error| Failure::file("file", file, &error, "give a file that is not there yet"))?;
    let mut client = Client::connect_within(socket, COPY_WITHIN).await?;
    let json = client.ask(Question::Backup(file)).await?;
    let BackedUp { file, records, octets, .. } = super::read(&json)?;
    let text = format!("{} holds {records} records in {octets} octets", harmless(&file));
    Ok((json, wrapped("", &text)))
}

fn check(file: &Path) -> Result<(String, String), Failure> {
    let looked = store::look(file, KIND, RECORDS_VERSION, |version, records| {
        if version < RECORDS_VERSION {
            return Err(Failure::from(StoreError::Older {
                path: file.to_owned(),
                found: version,
                known: RECORDS_VERSION,
            }));
        }
        let unreadable = |error| unreadable(file, &error);
        let kept = Kept::read(MemoryGraph::default(), records).map_err(unreadable)?;
        kept.start(nobody()?, wall_clock()).map_err(unreadable)
    });
    let Looked { owner, version, taken } = looked.map_err(|error| damaged(file, error))?;
    let checked = counted(file, owner, version, &taken?)?;
    let Checked { owner, nodes, edges, incidents, newest_event, .. } = &checked;
    let text = format!(
        "{} is whole: the store of {}, records of version {version}; {nodes} nodes, {edges} edges, {incidents} incidents, events up to number {newest_event}",
        harmless(&checked.file),
        harmless(owner),
    );
    Ok((json(&checked)?, wrapped("", &text)))
}

fn counted(file: &Path, owner: String, version: u32, cma: &Cma) -> Result<Checked, Failure> {
    let stats = cma.graph().stats().map_err(|error| Failure::new(Kind::Check, error.to_string(), REMEDY))?;
    Ok(Checked {
        schema: SCHEMA,
        file: file.display().to_string(),
        owner,
        version,
        nodes: stats.nodes.values().sum(),
        edges: stats.edges.values().sum(),
        incidents: cma.incidents(wall_clock().at, true).incidents.len(),
        newest_event: cma.newest_event(),
    })
}

/// An authority that only reads.
fn nobody() -> Result<CmaConfig, Failure> {
    let installation =
        Name::new("check").map_err(|error| Failure::new(Kind::Usage, error.to_string(), REMEDY))?;
    let fresh = Identity { epoch: 0, mesh_secret: Key([0; 32]) };
    let (holds, close_hold) = (Holds::default(), Duration::ZERO);
    Ok(CmaConfig {
        installation,
        holds,
        close_hold,
        nodes_max: u64::MAX,
        insecure: false,
        notifies: false,
        fresh,
    })
}

fn compact(file: &Path) -> Result<(String, String), Failure> {
    let compacted = store::compact(file, KIND, RECORDS_VERSION);
    let (octets_before, octets) = compacted.map_err(|error| damaged(file, error))?;
    let file = file.display().to_string();
    let text = format!("{}: {octets_before} octets before, {octets} now", harmless(&file));
    Ok((json(&Compacted { schema: SCHEMA, file, octets_before, octets })?, wrapped("", &text)))
}

const REMEDY: &str = "put a backup in its place, or move it away: docs/OPERATING.md says what is lost then";

/// Damage is what a check is for.
fn damaged(file: &Path, error: StoreError) -> Failure {
    match error {
        StoreError::Damaged { why, .. } => {
            Failure::new(Kind::Check, format!("store {}: it is damaged ({why})", file.display()), REMEDY)
        }
        other => Failure::from(other),
    }
}

fn unreadable(file: &Path, error: &Unreadable) -> Failure {
    Failure::new(Kind::Check, format!("store {}: {error}", file.display()), REMEDY)
}

fn json(document: &impl Serialize) -> Result<String, Failure> {
    serde_json::to_string(document).map_err(|error| super::not_understood(&error))
}
