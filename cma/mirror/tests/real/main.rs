//! The mirror against a real Neo4j.
//!
//! One server for all of these, of our own or named by `RINGMESH_BOLT_URI`; where there is neither, they say SKIPPED.
//! Tests that kill or reconfigure a server start one for themselves.
#![allow(clippy::unwrap_used)]

mod queries;
mod support;

use std::time::Duration;

use ringmesh_cma_core::graph::{EdgeKey, Facts, MemoryGraph, NodeKey, Op, Relation, Tie};
use ringmesh_mirror::bolt::{Bolt, Statement};
use ringmesh_mirror::cursor::Cursor;
use ringmesh_mirror::state::Phase;
use ringmesh_mirror::{Settings, text};
use ringmesh_topology::id::IncidentId;
use support::graph::{Shared as Graph, host, hosts, mirror, move_host, site};
use support::proxy::{Fault, Proxy};
use support::server::{Count, Server, count, empty, settings, shared};
use tokio::task::LocalSet;

/// Runs a test of mirrors, which live in one thread.
fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    LocalSet::new().block_on(&runtime, test);
}

#[test]
fn what_changes_here_changes_there() {
    run(async {
        let Some(server) = shared().await else { return };
        let graph = hosts(100);
        let mut working = mirror(&graph, server.settings("run-1"));
        working.in_step().await;
        let compared = working.compare().await;
        assert!(compared.is_same(), "{compared:?}");
        let rows = |of: &str| compared.rows.iter().find(|row| row.of == of).unwrap().there;
        assert_eq!((rows("Host"), rows("Switch"), rows("WIRED_TO"), rows("IN_SITE")), (100, 3, 100, 103));

        graph.apply(&move_host(7, (0, 7), (2, 60)));
        graph.apply(&[Op::DropNode(NodeKey::host(&site(), "h000009"))]);
        let incident = NodeKey::incident(IncidentId(5));
        let facts = Facts::Incident { id: IncidentId(5), opened_ms: 1, closed_ms: 0, closed: false };
        let cause = EdgeKey::marked(
            incident.clone(),
            Relation::CausedBy,
            NodeKey::host(&site(), "h000001"),
            "HostDown".into(),
        );
        graph.apply(&[Op::Node(incident, facts), Op::Edge(cause, Tie::Odds { permille: 600 })]);
        working.in_step().await;
        let compared = working.compare().await;
        assert!(compared.is_same(), "{compared:?}");
        let there = count(
            &server.settings("look"),
            "MATCH (:Incident)-[c:CAUSED_BY {mark: 'HostDown'}]->(h:Host {name: 'h000001'}) \
             WHERE c.permille = 600 RETURN count(h) AS rows",
        )
        .await;
        assert_eq!(there, 1);
    });
}

#[test]
fn an_edge_that_is_told_before_its_end_is_not_lost() {
    run(async {
        let Some(server) = shared().await else { return };
        let graph = Graph::new(MemoryGraph::default());
        graph.apply(&[Op::Node(NodeKey::site(&site()), Facts::Site)]);
        let mut working = mirror(&graph, server.settings("run-1"));
        working.in_step().await;
        drop(working);
        // The host's node changes last, far behind its edges in the log.
        (0..200).for_each(|number| graph.apply(&host(number, 48)));
        for number in 0..200 {
            let mut ops = host(number, 48);
            ops.retain(|op| matches!(op, Op::Node(key, _) if key.id.starts_with("lab/h")));
            for op in &mut ops {
                if let Op::Node(_, Facts::Host(facts)) = op {
                    facts.since_ms += 1;
                }
            }
            graph.apply(&ops);
        }
        let few = Settings { batch: 50, ..server.settings("run-1") };
        let mut working = mirror(&graph, few);
        working.in_step().await;
        assert_eq!(working.state.borrow().compared, 0, "it followed the log");
        let compared = working.compare().await;
        assert!(compared.is_same(), "{compared:?}");
    });
}

#[test]
fn after_a_restart_of_the_cma_only_what_differs_is_written() {
    run(async {
        let Some(server) = shared().await else { return };
        let graph = hosts(500);
        let mut working = mirror(&graph, server.settings("run-1"));
        let first = working.in_step().await.written;
        drop(working);
        // What happens now is in no log that the next run has.
        graph.apply(&move_host(3, (0, 3), (9, 50)));
        graph.apply(&[Op::DropNode(NodeKey::host(&site(), "h000100"))]);
        let graph = graph.restarted();
        let mut working = mirror(&graph, server.settings("run-2"));
        let state = working.in_step().await;
        assert_eq!(state.compared, 1);
        assert!(state.written > 0 && state.written < 20, "{} of {first} rows", state.written);
        let compared = working.compare().await;
        assert!(compared.is_same(), "{compared:?}");
    });
}

#[test]
fn a_mirror_cut_off_in_any_batch_loses_nothing_and_doubles_nothing() {
    run(async {
        let Some(server) = shared().await else { return };
        let graph = hosts(300);
        let address = server.uri.trim_start_matches("bolt://").to_owned();
        let proxy = Proxy::before(&address).await;
        // The first rounds end within the comparison, the later ones while changes are followed.
        for round in 0..8_u64 {
            proxy.set(Fault::CutAfter(3_000 + round * 17_000));
            let mut settings = settings(&proxy.uri(), if round < 4 { "run-1" } else { "run-2" });
            settings.batch = 200;
            let working = mirror(&graph, settings);
            (0..40).for_each(|n| {
                let number = (round * 40 + n) as usize % 300;
                let at = |round: u64| (20 + number / 40 + round as usize, number % 40);
                graph.apply(&move_host(number, at(round.saturating_sub(1)), at(round)));
            });
            tokio::time::sleep(Duration::from_millis(150 + round * 40)).await;
            // As a kill does: at no particular moment.
            drop(working);
        }
        proxy.set(Fault::None);
        let mut working = mirror(&graph, settings(&proxy.uri(), "run-2"));
        working.in_step().await;
        let compared = working.compare().await;
        assert!(compared.is_same(), "{compared:?}");
        let doubled = "MATCH (a)-[e]->(b) WITH a, b, type(e) AS t, e.mark AS m, count(e) AS n WHERE n > 1 \
                       RETURN count(*) AS rows";
        assert_eq!(count(&server.settings("look"), doubled).await, 0);
    });
}

#[test]
fn a_mirror_cut_off_at_its_very_first_start_leaves_nothing_in_the_way() {
    run(async {
        let Some(server) = shared().await else { return };
        let settings = server.settings("run-1");
        let graph = hosts(10);
        for round in 0..12 {
            drop_constraints(&settings).await;
            let working = mirror(&graph, settings.clone());
            tokio::time::sleep(Duration::from_millis(60 + round * 10)).await;
            // As a kill does, and soon enough while a constraint is being made.
            drop(working);
        }
        // What such a kill leaves at the worst moment.
        drop_constraints(&settings).await;
        let bolt = Bolt::new(&settings).unwrap();
        let orphan = "CREATE INDEX ringmesh_host_id IF NOT EXISTS FOR (n:Host) ON (n.id)";
        bolt.once::<Nothing>(Statement::new(orphan)).await.unwrap();
        let mut working = mirror(&graph, settings.clone());
        working.in_step().await;
        let compared = working.compare().await;
        assert!(compared.is_same(), "{compared:?}");
        let ours =
            "SHOW CONSTRAINTS YIELD name WHERE name STARTS WITH 'ringmesh_' RETURN count(name) AS rows";
        let labels = i64::try_from(text::labels().count()).unwrap();
        assert_eq!(count(&settings, ours).await, labels, "every label has its constraint");
    });
}

/// As before the first mirror ever came.
async fn drop_constraints(settings: &Settings) {
    let bolt = Bolt::new(settings).unwrap();
    for label in text::labels() {
        let name = format!("ringmesh_{}_id", label.to_lowercase());
        let constraint = Statement::new(format!("DROP CONSTRAINT {name} IF EXISTS"));
        bolt.once::<Nothing>(constraint).await.unwrap();
    }
}

#[test]
fn a_half_open_socket_is_given_up_and_the_mirror_catches_up() {
    run(async {
        let Some(server) = shared().await else { return };
        let graph = hosts(50);
        let proxy = Proxy::before(server.uri.trim_start_matches("bolt://")).await;
        let mut quick = settings(&proxy.uri(), "run-1");
        quick.within = Duration::from_secs(2);
        let mut working = mirror(&graph, quick);
        working.in_step().await;
        proxy.set(Fault::Silent);
        graph.apply(&move_host(1, (0, 1), (5, 5)));
        let state = working.until(|state| state.trouble.is_some()).await;
        assert_eq!(state.phase, Phase::Waiting);
        assert!(state.trouble.unwrap().text.contains("did not answer"), "it says so");
        graph.apply(&move_host(2, (0, 2), (5, 6)));
        proxy.set(Fault::None);
        working.in_step().await;
        let compared = working.compare().await;
        assert!(compared.is_same(), "{compared:?}");
        assert!(working.state.borrow().trouble.is_none());
    });
}

#[test]
fn a_slow_server_gets_smaller_batches_until_it_takes_them() {
    run(async {
        let Some(server) = shared().await else { return };
        let graph = hosts(1);
        let proxy = Proxy::before(server.uri.trim_start_matches("bolt://")).await;
        let mut quick = settings(&proxy.uri(), "run-1");
        quick.within = Duration::from_secs(2);
        let mut working = mirror(&graph, quick);
        working.in_step().await;
        // Some 10 kB/s: all rows of one kind in one statement take too long, a quarter of them does not.
        proxy.set(Fault::Slow(500, Duration::from_millis(50)));
        (1..200).for_each(|number| graph.apply(&host(number, 48)));
        let state = working.until(|state| state.trouble.is_some()).await;
        assert!(state.trouble.unwrap().text.contains("did not answer within 2 s"));
        working.in_step().await;
        proxy.set(Fault::None);
        let compared = working.compare().await;
        assert!(compared.is_same(), "{compared:?}");
    });
}

#[test]
fn a_server_away_for_longer_than_tombstones_are_kept_is_compared() {
    run(async {
        let Some(server) = shared().await else { return };
        let graph = Graph::new(MemoryGraph::with_tombstones_max(20));
        (0..200).for_each(|number| graph.apply(&host(number, 48)));
        let proxy = Proxy::before(server.uri.trim_start_matches("bolt://")).await;
        let mut working = mirror(&graph, settings(&proxy.uri(), "run-1"));
        working.in_step().await;
        let before = working.state.borrow().compared;
        proxy.set(Fault::Away);
        for number in 0..100 {
            graph.apply(&move_host(number, (number / 48, number % 48), (10 + number / 48, number % 48)));
        }
        working.until(|state| state.trouble.is_some()).await;
        proxy.set(Fault::None);
        let state = working.in_step().await;
        assert_eq!(state.compared, before + 1, "what was dropped is in no log any more");
        let compared = working.compare().await;
        assert!(compared.is_same(), "{compared:?}");
    });
}

#[test]
fn what_a_newer_version_or_another_installation_wrote_is_left_alone() {
    run(async {
        let Some(server) = shared().await else { return };
        let graph = hosts(3);
        let mut working = mirror(&graph, server.settings("run-1"));
        working.in_step().await;
        drop(working);
        let cases = [
            ("SET m.schema = 99", "schema 99 of a mirror, this program writes 1"),
            ("SET m.schema = 1, m.installation = 'other'", "mirror of installation \"other\""),
        ];
        for (change, want) in cases {
            let changed = format!("MATCH (m:RingmeshMirror) {change} RETURN count(m) AS rows");
            assert_eq!(count(&server.settings("by-hand"), &changed).await, 1);
            graph.apply(&[Op::DropNode(NodeKey::host(&site(), "h000001"))]);
            let mut working = mirror(&graph, server.settings("run-2"));
            let state = working.until(|state| state.trouble.is_some()).await;
            assert!(state.trouble.as_ref().unwrap().text.contains(want), "{:?}", state.trouble);
            let hosts = "MATCH (h:Host) RETURN count(h) AS rows";
            assert_eq!(count(&server.settings("look"), hosts).await, 3, "it wrote");
        }
    });
}

#[test]
fn what_was_changed_by_hand_is_put_right_by_a_resync_and_nobody_elses_rows_are_touched() {
    run(async {
        let Some(server) = shared().await else { return };
        let graph = hosts(20);
        let mut working = mirror(&graph, server.settings("run-1"));
        working.in_step().await;
        let look = server.settings("by-hand");
        let spoilt = "MATCH (h:Host) SET h.state = 'nonsense', h.owner = 'alice' WITH h \
                      MERGE (n:RingmeshTestNote {of: h.id}) MERGE (n)-[:ABOUT]->(h) RETURN count(h) AS rows";
        assert_eq!(count(&look, spoilt).await, 20);
        let strange = "CREATE (:Host {id: 'lab/ghost'})-[:IN_SITE {mark: 'x'}]->(:Site {id: 'ghost'}) \
                       RETURN 1 AS rows";
        count(&look, strange).await;
        assert!(!working.compare().await.is_same());
        working.resync().await;
        working.until(|state| state.compared == 2 || state.phase == Phase::Comparing).await;
        working.in_step().await;
        let compared = working.compare().await;
        assert!(compared.is_same(), "{compared:?}");
        let right = "MATCH (n:RingmeshTestNote)-[:ABOUT]->(h:Host {state: 'up', owner: 'alice'}) \
                     RETURN count(n) AS rows";
        assert_eq!(count(&look, right).await, 20);
        count(&look, "MATCH (n:RingmeshTestNote) DETACH DELETE n RETURN 1 AS rows").await;
    });
}

#[test]
fn a_second_writer_is_noticed_before_anything_is_lost() {
    run(async {
        let Some(server) = shared().await else { return };
        let graph = hosts(10);
        let mut working = mirror(&graph, server.settings("run-1"));
        working.in_step().await;
        // A cursor that went back, behind the open connection: an old backup came back.
        let back = "MATCH (m:RingmeshMirror) SET m.revision = 0 WITH m MATCH (h:Host {name: 'h000004'}) \
                    DETACH DELETE h RETURN 1 AS rows";
        count(&server.settings("by-hand"), back).await;
        graph.apply(&move_host(1, (0, 1), (5, 5)));
        working.until(|state| state.trouble.as_ref().is_some_and(|t| t.text.contains("moved"))).await;
        working.in_step().await;
        let compared = working.compare().await;
        assert!(compared.is_same(), "{compared:?}");
    });
}

#[test]
fn hostile_names_reach_the_server_as_values_only() {
    run(async {
        let Some(server) = shared().await else { return };
        let graph = hosts(1);
        let nasty = [
            "'}) DETACH DELETE n //".to_owned(),
            "\"`\\'$id {} \u{1b}[2J\u{7}".to_owned(),
            "x".repeat(255),
            String::from_utf8_lossy(&[0xff, 0xfe, b'a', 0]).into_owned(),
            "\u{202e}\u{0}\u{1F980}".to_owned(),
        ];
        for name in &nasty {
            let port = NodeKey::port(&site(), "02:00", name);
            graph.apply(&[Op::Node(port, Facts::SwitchPort { name: name.clone() })]);
        }
        let mut working = mirror(&graph, server.settings("run-1"));
        working.in_step().await;
        let compared = working.compare().await;
        assert!(compared.is_same(), "{compared:?}");
        let bolt = Bolt::new(&server.settings("look")).unwrap();
        for name in &nasty {
            let asked = Statement::new("MATCH (p:SwitchPort {name: $name}) RETURN count(p) AS rows");
            let found: Vec<Count> = bolt.once(asked.with("name", name.as_str())).await.unwrap();
            assert_eq!(found[0].rows, 1, "{name:?}");
        }
        // And a comparison by pages finds them again, however the server sorts them.
        drop(working);
        let graph = graph.restarted();
        let mut working = mirror(&graph, server.settings("run-2"));
        let state = working.in_step().await;
        assert_eq!((state.compared, state.written), (1, 0));
    });
}

#[test]
fn a_server_killed_in_mid_batch_or_restored_from_a_backup_holds_the_same_in_the_end() {
    run(async {
        let Some(mut server) = Server::own(&[]) else { return };
        let graph = hosts(600);
        let mut working = mirror(&graph, settings(&server.uri(), "run-1"));
        for rows in [1_000, 4_000] {
            working.until(|state| state.written >= rows).await;
            server.kill();
            working.until(|state| state.phase == Phase::Waiting).await;
            server.again(&[]);
        }
        working.in_step().await;
        let compared = working.compare().await;
        assert!(compared.is_same(), "{compared:?}");

        // A backup, made in good order; then more happens, and the backup comes back behind the mirror.
        server.stop();
        let backup = server.folder().with_extension("backup");
        copy(server.folder(), &backup);
        server.again(&[]);
        (0..50).for_each(|number| {
            graph.apply(&move_host(number, (number / 48, number % 48), (90, number)));
        });
        working.in_step().await;
        server.kill();
        std::fs::remove_dir_all(server.folder()).unwrap();
        std::fs::rename(&backup, server.folder()).unwrap();
        server.again(&[]);
        (50..60).for_each(|number| {
            graph.apply(&move_host(number, (number / 48, number % 48), (90, number)));
        });
        working.in_step().await;
        let compared = working.compare().await;
        assert!(compared.is_same(), "{compared:?}");
    });
}

#[test]
fn a_read_only_server_is_said_to_be_one_and_caught_up_with_when_it_is_none_any_more() {
    run(async {
        let Some(mut server) = Server::own(&[]) else { return };
        let graph = hosts(30);
        let mut working = mirror(&graph, settings(&server.uri(), "run-1"));
        working.in_step().await;
        // One that was killed could not be opened for reading alone: it has to be repaired first.
        server.stop();
        server.again(&["--read-only"]);
        graph.apply(&move_host(1, (0, 1), (5, 5)));
        working
            .until(|state| state.trouble.as_ref().is_some_and(|t| t.text.contains("takes no writes")))
            .await;
        server.kill();
        server.again(&[]);
        // It is looked for seldom where somebody has to do something first; an operator's word ends the wait.
        working.resync().await;
        working.in_step().await;
        let compared = working.compare().await;
        assert!(compared.is_same(), "{compared:?}");
    });
}

#[test]
fn a_server_that_fails_in_mid_batch_is_asked_again_until_it_does_not() {
    run(async {
        let Some(server) = shared().await else { return };
        let graph = hosts(10);
        let mut working = mirror(&graph, server.settings("run-1"));
        working.in_step().await;
        // Somebody else's idea of order: no two prefixes may be of one length.
        let by_hand = Bolt::new(&server.settings("by-hand")).unwrap();
        let make = "CREATE CONSTRAINT ringmesh_test_ip IF NOT EXISTS FOR (n:IpAddress) REQUIRE n.prefix_len IS UNIQUE";
        count(&server.settings("by-hand"), "MATCH (n:IpAddress) DETACH DELETE n RETURN 1 AS rows LIMIT 1")
            .await;
        by_hand.once::<Nothing>(Statement::new(make)).await.unwrap();
        working.resync().await;
        working.until(|state| state.trouble.as_ref().is_some_and(|t| t.text.contains("failed"))).await;
        let shown = working.state.borrow().trouble.clone().unwrap().text;
        assert!(shown.contains("ConstraintValidationFailed") && shown.len() < 500, "{shown}");
        by_hand.once::<Nothing>(Statement::new("DROP CONSTRAINT ringmesh_test_ip")).await.unwrap();
        working.in_step().await;
        let compared = working.compare().await;
        assert!(compared.is_same(), "{compared:?}");
    });
}

#[derive(serde::Deserialize)]
struct Nothing {}

#[test]
fn over_tls_the_certificate_has_to_be_the_one_we_were_given_and_the_password_the_servers() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        std::fs::write(folder.path().join("cert.pem"), made.cert.pem()).unwrap();
        std::fs::write(folder.path().join("key.pem"), made.signing_key.serialize_pem()).unwrap();
        let tls = folder.path().display().to_string();
        let Some(server) = Server::own(&["--tls", &tls, "--password", "an-open-secret"]) else { return };
        let graph = hosts(5);
        let mut right = settings(&format!("bolt+s://127.0.0.1:{}", server.port), "run-1");
        // Without our certificate nobody vouches for it.
        let mut working = mirror(&graph, right.clone());
        let state = working.until(|state| state.trouble.is_some()).await;
        assert!(state.trouble.as_ref().unwrap().text.contains("refuses us"), "{:?}", state.trouble);
        drop(working);
        right.ca_file = Some(folder.path().join("cert.pem"));
        for (user, password) in [("neo4j", "another-secret"), ("nobody", "an-open-secret"), ("", "")] {
            (right.user, right.password) = (user.to_owned(), password.to_owned());
            let mut working = mirror(&graph, right.clone());
            let state = working.until(|state| state.trouble.is_some()).await;
            let said = state.trouble.unwrap().text;
            assert!(said.contains("refuses us") && !said.contains("secret"), "{user}: {said}");
        }
        (right.user, right.password) = ("neo4j".into(), "an-open-secret".into());
        let mut working = mirror(&graph, right);
        working.in_step().await;
        assert!(working.compare().await.is_same());
    });
}

#[test]
fn the_cursor_says_how_far_the_server_is() {
    run(async {
        let Some(server) = shared().await else { return };
        let graph = hosts(5);
        let mut working = mirror(&graph, server.settings("run-1"));
        let state = working.in_step().await;
        let bolt = Bolt::new(&server.settings("look")).unwrap();
        let cursor = Cursor::read(&bolt).await.unwrap().unwrap();
        assert_eq!((cursor.run.as_str(), cursor.installation.as_str()), ("run-1", "main"));
        assert_eq!(Some(cursor.revision()), state.revision);
        empty(&server.settings("wipe")).await;
        assert_eq!(Cursor::read(&bolt).await.unwrap(), None);
    });
}

fn copy(from: &std::path::Path, to: &std::path::Path) {
    let copied = std::process::Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap();
    assert!(copied.success());
}
