//! How fast this disk takes commits: `cargo run -p ringmesh-shell --example commits [FOLDER]`.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use ringmesh_proto::keep::Keep;
use ringmesh_shell::store::{Header, Opened, Store, Ticket};
use tokio::sync::watch;

fn header() -> Header {
    Header { kind: "relay", version: 1, owner: "a measurement".into() }
}

fn put(number: u64) -> Keep {
    // As many octets as a member of a site takes, about.
    Keep::Put { key: [b'm'].into_iter().chain(number.to_be_bytes()).collect(), value: vec![1; 100] }
}

async fn written(committed: &mut watch::Receiver<Ticket>, ticket: Ticket) {
    // The sender lives as long as the store.
    let _ = committed.wait_for(|told| *told >= ticket).await;
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args_os().nth(1).map_or_else(std::env::temp_dir, PathBuf::from);
    let path = folder.join(format!("ringmesh-commits-{}.redb", std::process::id()));
    let measured = measure(&path).await;
    std::fs::remove_file(&path)?;
    measured
}

async fn measure(path: &std::path::Path) -> Result<(), Box<dyn std::error::Error>> {
    let Opened { store, .. } = Store::open(path, header())?;
    let mut committed = store.committed();

    let members = 100_000;
    let begun = Instant::now();
    let mut submitting = Duration::ZERO;
    let mut last = Ticket(0);
    for number in 0..members {
        let at = Instant::now();
        last = store.submit(vec![put(number)]);
        submitting += at.elapsed();
    }
    written(&mut committed, last).await;
    println!(
        "{members} batches of one change, all at once: {:?} in {} commits; submitting took {:?} of it",
        begun.elapsed(),
        store.stats().commits,
        submitting
    );

    let mut took: Vec<Duration> = Vec::new();
    for number in 0..500 {
        let at = Instant::now();
        let ticket = store.submit(vec![put(number * 199 % members)]);
        written(&mut committed, ticket).await;
        took.push(at.elapsed());
    }
    took.sort_unstable();
    let (all, at) = (took.iter().sum::<Duration>(), |share: usize| took.get(took.len() * share / 100));
    println!(
        "one change at a time, submitted to durable: median {:?}, 99 % {:?}, {:.0} commits/s",
        at(50).copied().unwrap_or_default(),
        at(99).copied().unwrap_or_default(),
        500.0 / all.as_secs_f64()
    );
    println!("{:?}", store.stats());
    store.close().await?;

    let begun = Instant::now();
    let Opened { store, records, .. } = Store::open(path, header())?;
    println!("opened with {} records in {:?}", records.len(), begun.elapsed());
    store.close().await?;
    Ok(())
}
