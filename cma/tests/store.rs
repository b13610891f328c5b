//! The store of a CMA in an operator's hands: copied while it runs, looked at, put back, damaged.
#![allow(clippy::unwrap_used)]

mod common;

use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::Path;

use common::{World, host, incident, switch};

const PLAIN: &str = "insecure = true\n";

fn said(output: &std::process::Output) -> (i32, String) {
    let text = [&output.stdout[..], &output.stderr].concat();
    (output.status.code().unwrap(), String::from_utf8_lossy(&text).into_owned())
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[tokio::test(flavor = "current_thread")]
async fn a_backup_of_a_running_cma_is_whole_and_a_cma_starts_from_it() {
    let world = World::start(PLAIN).await;
    let mut relay = world.relay(1, 7).await;
    relay.welcomed().await;
    for (sequence, news) in (1..).zip([switch(), host("h1", "p1"), host("h2", "p2"), incident(1, false)]) {
        relay.news(sequence, &news).await;
    }
    relay.acknowledged(4).await;
    let copy = world.path("copy.redb");
    let (code, text_of) = said(&world.ringmesh(&["store", "backup", text(&copy)]).await);
    assert!(code == 0 && text_of.contains("records in"), "{text_of}");
    assert_eq!(std::fs::metadata(&copy).unwrap().permissions().mode() & 0o777, 0o600);
    let (code, again) = said(&world.ringmesh(&["store", "backup", text(&copy)]).await);
    assert!(code == 2 && again.contains("there is a file already"), "{again}");
    let checked = world.json(&["store", "check", text(&copy)]).await;
    assert_eq!((&checked["owner"], &checked["incidents"]), (&"CMA main".into(), &1.into()));
    assert!(checked["nodes"].as_u64().unwrap() >= 10, "{checked}");

    // What comes after the copy is not in it.
    relay.news(5, &host("h3", "p3")).await;
    relay.acknowledged(5).await;
    let store = world.path("state/cma.redb");
    let (code, used) = said(&world.ringmesh(&["store", "compact", text(&store)]).await);
    assert!(code == 2 && used.contains("in use by"), "{used}");
    drop(relay);
    let folder = world.stop().await;
    std::fs::rename(&copy, &store).unwrap();
    let world = World::start_in(folder, PLAIN).await;
    let tree = world.json(&["tree"]).await.to_string();
    assert!(tree.contains("\"h2\"") && !tree.contains("\"h3\""), "{tree}");
    assert_eq!(world.json(&["incidents"]).await["incidents"].as_array().unwrap().len(), 1);
    world.stop().await;
}

#[tokio::test(flavor = "current_thread")]
async fn a_damaged_store_is_called_damaged_and_a_small_one_is_left_whole() {
    let world = World::start(PLAIN).await;
    let mut relay = world.relay(1, 7).await;
    relay.welcomed().await;
    for sequence in 1..=200 {
        relay.news(sequence, &host(&format!("h{sequence}"), "p1")).await;
    }
    relay.acknowledged(200).await;
    let copy = world.path("copy.redb");
    assert_eq!(said(&world.ringmesh(&["store", "backup", text(&copy)]).await).0, 0);
    let (code, compacted) = said(&world.ringmesh(&["store", "compact", text(&copy)]).await);
    assert!(code == 0 && compacted.contains("octets before"), "{compacted}");
    assert_eq!(said(&world.ringmesh(&["store", "check", text(&copy)]).await).0, 0);
    let file = std::fs::File::options().write(true).open(&copy).unwrap();
    let length = file.metadata().unwrap().len();
    for place in (8_192..length).step_by(4_096) {
        file.write_all_at(&[0xa5; 64], place + 700).unwrap();
    }
    let (code, damaged) = said(&world.ringmesh(&["store", "check", text(&copy)]).await);
    assert!(code == 1 && damaged.contains("damaged") && damaged.contains("backup"), "{code}: {damaged}");
    world.stop().await;
}
