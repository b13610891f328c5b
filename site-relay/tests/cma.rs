//! The relay tells a CMA what it knows, across a restart of that CMA: a real process, a real gRPC server.
#![allow(clippy::unwrap_used)]

mod support;

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use ringmesh_proto::pb;
use ringmesh_proto::pb::from_authority::Body as Down;
use ringmesh_proto::pb::from_relay::Body as Up;
use ringmesh_proto_grpc::authority_server::{Authority, AuthorityServer};
use support::{Probe, Relay, Site};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tonic::transport::Server;
use tonic::{Request, Response, Status, Streaming};

struct Call {
    from_relay: Streaming<pb::FromRelay>,
    to_relay: mpsc::Sender<Result<pb::FromAuthority, Status>>,
}

struct Fake(mpsc::Sender<Call>);

#[tonic::async_trait]
impl Authority for Fake {
    type ConnectStream = Pin<Box<dyn tokio_stream::Stream<Item = Result<pb::FromAuthority, Status>> + Send>>;

    async fn connect(
        &self,
        request: Request<Streaming<pb::FromRelay>>,
    ) -> Result<Response<Self::ConnectStream>, Status> {
        let (to_relay, outlet) = mpsc::channel(16);
        let call = Call { from_relay: request.into_inner(), to_relay };
        self.0.send(call).await.map_err(|_| Status::unavailable("the test is over"))?;
        Ok(Response::new(Box::pin(ReceiverStream::new(outlet))))
    }
}

async fn listen(address: &str) -> (String, mpsc::Receiver<Call>, JoinHandle<()>) {
    let listener = TcpListener::bind(address).await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (sender, calls) = mpsc::channel(4);
    let router = Server::builder().add_service(AuthorityServer::new(Fake(sender)));
    let serving = router.serve_with_incoming(TcpListenerStream::new(listener));
    (address, calls, tokio::spawn(async { drop(serving.await) }))
}

impl Call {
    async fn next(&mut self) -> Up {
        let message = tokio::time::timeout(Duration::from_secs(15), self.from_relay.message()).await;
        message.expect("the relay says nothing").unwrap().expect("the relay ended").body.unwrap()
    }

    async fn say(&self, body: Down) {
        self.to_relay.send(Ok(pb::FromAuthority { body: Some(body) })).await.unwrap();
    }

    async fn open(&mut self, sequence: u64) -> pb::RelayHello {
        let Up::Hello(hello) = self.next().await else { panic!("no hello first") };
        self.say(Down::Welcome(pb::Welcome { epoch: 1, sequence })).await;
        hello
    }

    /// Takes news until all these hosts have been told of; says the last sequence.
    async fn hosts(&mut self, wanted: &[&str]) -> u64 {
        let mut missing: Vec<&str> = wanted.to_vec();
        let mut last = 0;
        while !missing.is_empty() {
            if let Up::News(item) = self.next().await {
                assert!(item.sequence > last, "{} after {last}", item.sequence);
                last = item.sequence;
                if let Some(pb::news_item::Body::Host(host)) = item.body {
                    missing.retain(|name| *name != host.name);
                }
            }
        }
        last
    }

    async fn beat(&mut self) -> pb::RelayBeat {
        loop {
            if let Up::Beat(beat) = self.next().await {
                return beat;
            }
        }
    }
}

fn garbage(site: &Site) {
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.send_to(&[1; 5], site.listen).unwrap();
    socket.send_to(&[0xff; 100], site.listen).unwrap();
}

fn join(site: &Site, host: &str) {
    let mut probe = Probe::new(site, host, "127.0.0.1:0");
    probe.knock();
    probe.announce();
    probe.assignment();
}

/// The relay is waited for on a thread of its own, so that the server goes on meanwhile.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.unwrap()
}

#[tokio::test(flavor = "current_thread")]
async fn news_reach_the_cma_and_what_it_missed_is_told_after_its_restart() {
    let (address, mut calls, task) = listen("127.0.0.1:0").await;
    let site = Arc::new(Site::new(&format!("cma = [\"{address}\"]\ninsecure = true")));
    let mut relay = Relay::start(&site);
    let mut call = calls.recv().await.unwrap();
    let hello = call.open(0).await;
    assert_eq!((hello.site.as_str(), hello.relay, hello.insecure), ("lab", 1, true));
    garbage(&site);
    let home = Arc::clone(&site);
    aside(move || join(&home, "h1")).await;
    let told = call.hosts(&["h1"]).await;
    call.say(Down::Acknowledged(pb::Acknowledged { sequence: told })).await;

    // It dies; the site goes on, and nothing is lost.
    task.abort();
    drop((call, calls));
    let home = Arc::clone(&site);
    let relay = aside(move || {
        relay.wait_for("cma-away");
        join(&home, "h2");
        relay
    });
    let relay = relay.await;
    let (_, mut calls, _task) = listen(&address).await;
    let mut call = calls.recv().await.unwrap();
    let again = call.open(told).await;
    assert_eq!((again.outbox, again.term), (hello.outbox, hello.term));
    call.hosts(&["h2"]).await;
    let beat = call.beat().await;
    assert!(beat.counters["foreign"] >= 1 && beat.counters["truncated"] >= 1, "{:?}", beat.counters);
    assert_eq!((beat.counters["members"], beat.counters["heard_Knock"]), (2, 2), "{:?}", beat.counters);
    assert!(beat.warnings.iter().all(|warning| warning.code != "cma-away"), "{:?}", beat.warnings);
    assert_eq!(aside(|| relay.stop()).await, Some(0));
}
