//! A relay's stream, an operator's question and a page, over real sockets.
#![allow(clippy::unwrap_used)]

mod common;

use std::time::Duration;

use common::{PATIENCE, Relay, World, host, incident, lines, switch};
use ringmesh_proto::codec::news_item;
use ringmesh_proto::pb;
use tonic::Code;
use tonic::transport::Endpoint;

const PLAIN: &str = "insecure = true\n[notify]\nfile = \"pages.jsonl\"\n[holds]\nhost_s = 0\nwide_s = 0\n";

#[tokio::test(flavor = "current_thread")]
async fn news_reach_tree_and_incidents_and_a_page_leaves_once_for_each_end() {
    let world = World::start(PLAIN).await;
    let mut relay = world.relay(1, 7).await;
    assert_eq!(relay.welcomed().await, 0);
    for (sequence, news) in (1..).zip([host("h1", "p1"), switch(), incident(1, false)]) {
        relay.news(sequence, &news).await;
    }
    relay.acknowledged(3).await;
    let tree = world.json(&["tree"]).await;
    let switch = &tree["sites"][0]["switches"][0];
    assert_eq!((&switch["name"], &switch["state"]), (&"sw1".into(), &"down".into()));
    assert_eq!((&switch["ports"][0]["port"], &switch["ports"][0]["host"]), (&"p1".into(), &"h1".into()));
    let explain = world.json(&["explain", "ab12"]).await;
    assert_eq!((&explain["verdict"], &explain["state"]), (&"SwitchDown|UplinkCut".into(), &"open".into()));
    let pages = world.path("pages.jsonl");
    let opened = &lines(&pages, 1).await[0];
    assert_eq!((&opened["transition"], &opened["severity"]), (&"opened".into(), &"page".into()));
    relay.news(4, &incident(2, true)).await;
    relay.acknowledged(4).await;
    let both = lines(&pages, 2).await;
    assert_eq!((&both[1]["transition"], &both[1]["key"]), (&"closed".into(), &both[0]["key"]));
    assert_eq!(world.json(&["incidents"]).await["incidents"], serde_json::json!([]));
    assert_eq!(world.json(&["incidents", "--all"]).await["incidents"][0]["pages"], 1);
    let socket = world.path("cma.sock");
    let folder = world.stop().await;
    assert!(!socket.exists(), "a socket nobody answers on was left behind");
    assert_eq!(std::fs::read_to_string(folder.path().join("pages.jsonl")).unwrap().lines().count(), 2);
}

#[tokio::test(flavor = "current_thread")]
async fn a_relay_that_comes_again_is_told_where_to_go_on_and_its_old_stream_ends() {
    let world = World::start(PLAIN).await;
    let mut first = world.relay(1, 7).await;
    first.welcomed().await;
    first.news(5, &host("h1", "p1")).await;
    first.acknowledged(5).await;
    let mut second = world.relay(1, 7).await;
    assert_eq!(second.welcomed().await, 5);
    assert_eq!(first.next().await.unwrap_err().code(), Code::Aborted);
    second.news(5, &host("h9", "p9")).await;
    second.news(6, &host("h2", "p2")).await;
    second.acknowledged(6).await;
    let hosts = world.json(&["tree"]).await["sites"][0]["hosts"].as_array().unwrap().len();
    assert_eq!(hosts, 2, "a repeated news was applied twice");
    let mut anew = world.relay(1, 8).await;
    assert_eq!(anew.welcomed().await, 0, "a new outbox counts anew");
}

#[tokio::test(flavor = "current_thread")]
async fn a_relay_that_never_reads_holds_up_nobody() {
    let world = World::start(PLAIN).await;
    let deaf = world.relay(1, 7).await;
    for sequence in 1..=3_000 {
        deaf.news(sequence, &host("h1", "p1")).await;
    }
    let mut other = world.relay(2, 7).await;
    other.welcomed().await;
    other.news(1, &switch()).await;
    other.acknowledged(1).await;
    assert_eq!(world.json(&["status"]).await["relays"].as_array().unwrap().len(), 2);
}

#[tokio::test(flavor = "current_thread")]
async fn what_is_not_understood_is_passed_over_and_what_is_no_relay_is_refused() {
    let world = World::start(PLAIN).await;
    let mut relay = world.relay(1, 7).await;
    relay.welcomed().await;
    let empty = pb::NewsItem { sequence: 1, body: None };
    relay.say(pb::from_relay::Body::News(empty)).await;
    relay.news(2, &host("h1", "p1")).await;
    relay.acknowledged(2).await;
    let status = world.json(&["status"]).await;
    let codes: Vec<&str> =
        status["warnings"].as_array().unwrap().iter().map(|w| w["code"].as_str().unwrap()).collect();
    assert_eq!(codes, ["insecure", "news-refused"]);
    let endpoint = Endpoint::from_shared(format!("http://127.0.0.1:{}", world.port)).unwrap();
    let mut rude = Relay::open(endpoint.connect().await.unwrap()).await.unwrap();
    rude.say(pb::from_relay::Body::News(news_item(1, &switch()))).await;
    assert_eq!(rude.next().await.unwrap_err().code(), Code::FailedPrecondition);
    let mut nameless = Relay::open(endpoint.connect().await.unwrap()).await.unwrap();
    nameless.say(pb::from_relay::Body::Hello(pb::RelayHello::default())).await;
    assert_eq!(nameless.next().await.unwrap_err().code(), Code::InvalidArgument);
}

#[tokio::test(flavor = "current_thread")]
async fn a_relay_that_goes_away_is_shown_and_status_ends_with_one() {
    let world = World::start(PLAIN).await;
    let mut relay = world.relay(1, 7).await;
    relay.welcomed().await;
    let output = world.ringmesh(&["status"]).await;
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(text.contains("monitoring is ok, INSECURE") && !text.contains('\u{1b}'), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    drop(relay);
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        let output = world.ringmesh(&["status", "--json"]).await;
        let status: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        if status["relays"][0]["state"] == "away" {
            assert_eq!((output.status.code(), &status["ok"]), (Some(1), &false.into()));
            return;
        }
        assert!(tokio::time::Instant::now() < deadline, "{status}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
