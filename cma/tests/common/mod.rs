//! An authority on loopback with a temporary folder, relays that tell it real news, and the operator's command.
#![allow(dead_code)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use ringmesh_cma::config::Config;
use ringmesh_cma::run::Authority;
use ringmesh_proto::codec::{news_item, relay_hello};
use ringmesh_proto::news::{
    Alternative, HostNews, HostState, IncidentNews, News, RelayHello, Subject, SubjectKind, SwitchNews,
    SwitchState,
};
use ringmesh_proto::pb;
use ringmesh_proto_grpc::authority_client::AuthorityClient;
use ringmesh_topology::id::{Boot, IncidentId, MacAddress, Name, ProbeId, RelayId};
use ringmesh_topology::place::{Attachment, Evidence, Place, WireId};
use ringmesh_topology::verdict::{Class, Verdict};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::{Channel, Endpoint};
use tonic::{Status, Streaming};

/// Longer than anything here takes on a loaded machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct World {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) port: u16,
    stop: Option<oneshot::Sender<()>>,
    running: JoinHandle<()>,
}

impl World {
    /// Starts an authority; `more` follows the keys that every test needs.
    pub(crate) async fn start(more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self::start_in(folder, more).await
    }

    pub(crate) async fn start_in(folder: tempfile::TempDir, more: &str) -> Self {
        let file = folder.path().join("cma.toml");
        let keys = "listen = \"127.0.0.1:0\"\nsocket = \"cma.sock\"\nstate_dir = \"state\"\n";
        std::fs::write(&file, format!("{keys}{more}")).unwrap();
        let authority = Authority::open(Config::read(&file).unwrap()).await.unwrap();
        let port = authority.address().unwrap().port();
        let (stop, stopped) = oneshot::channel();
        let running = tokio::spawn(async move {
            authority.run(async { drop(stopped.await) }).await.unwrap();
        });
        Self { folder, port, stop: Some(stop), running }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Stops it and returns its folder.
    pub(crate) async fn stop(mut self) -> tempfile::TempDir {
        self.stop.take().unwrap().send(()).unwrap();
        tokio::time::timeout(PATIENCE, &mut self.running).await.unwrap().unwrap();
        self.folder
    }

    pub(crate) async fn relay(&self, id: u8, outbox: u64) -> Relay {
        let endpoint = Endpoint::from_shared(format!("http://127.0.0.1:{}", self.port)).unwrap();
        Relay::connect(endpoint.connect().await.unwrap(), id, outbox).await.unwrap()
    }

    /// Runs the operator's command.
    pub(crate) async fn ringmesh(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ringmesh"));
        command.arg("--socket").arg(self.path("cma.sock")).args(arguments);
        tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
    }

    pub(crate) async fn json(&self, arguments: &[&str]) -> serde_json::Value {
        let arguments: Vec<&str> = arguments.iter().copied().chain(["--json"]).collect();
        let output = self.ringmesh(&arguments).await;
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
    }
}

/// A relay as the authority sees one.
pub(crate) struct Relay {
    pub(crate) tell: mpsc::Sender<pb::FromRelay>,
    pub(crate) told: Streaming<pb::FromAuthority>,
}

impl Relay {
    pub(crate) async fn connect(channel: Channel, id: u8, outbox: u64) -> Result<Self, Status> {
        let relay = Self::open(channel).await?;
        let site = Name::new("lab").unwrap();
        let hello = RelayHello {
            site,
            relay: RelayId(id),
            term: 1,
            outbox,
            insecure: true,
            version: "0.1".into(),
            run: Boot([7; 16]),
            host_boot: Boot([8; 16]),
            mesh_address: None,
        };
        relay.say(pb::from_relay::Body::Hello(relay_hello(&hello))).await;
        Ok(relay)
    }

    /// A stream on which nothing was said.
    pub(crate) async fn open(channel: Channel) -> Result<Self, Status> {
        let (tell, said) = mpsc::channel(16);
        let told = AuthorityClient::new(channel).connect(ReceiverStream::new(said)).await?.into_inner();
        Ok(Self { tell, told })
    }

    pub(crate) async fn say(&self, body: pb::from_relay::Body) {
        let sent = self.tell.send(pb::FromRelay { body: Some(body) });
        tokio::time::timeout(PATIENCE, sent).await.unwrap().unwrap();
    }

    pub(crate) async fn news(&self, sequence: u64, news: &News) {
        self.say(pb::from_relay::Body::News(news_item(sequence, news))).await;
    }

    pub(crate) async fn next(&mut self) -> Result<Option<pb::from_authority::Body>, Status> {
        let message = tokio::time::timeout(PATIENCE, self.told.message()).await.unwrap();
        message.map(|message| message.and_then(|message| message.body))
    }

    /// The sequence of the welcome that is due now.
    pub(crate) async fn welcomed(&mut self) -> u64 {
        match self.next().await.unwrap() {
            Some(pb::from_authority::Body::Welcome(welcome)) => welcome.sequence,
            other => panic!("a welcome was due: {other:?}"),
        }
    }

    /// Waits until that sequence is acknowledged.
    pub(crate) async fn acknowledged(&mut self, sequence: u64) {
        loop {
            match self.next().await.unwrap() {
                Some(pb::from_authority::Body::Acknowledged(ack)) if ack.sequence == sequence => return,
                Some(pb::from_authority::Body::Acknowledged(ack)) => {
                    assert!(ack.sequence < sequence, "{ack:?}")
                }
                other => panic!("an acknowledgement was due: {other:?}"),
            }
        }
    }
}

pub(crate) fn host(name: &str, port: &str) -> News {
    let wire = |subtype, octets: &[u8]| WireId { subtype, octets: octets.into() };
    let attachment = Attachment {
        switch: wire(4, &[2, 0, 0, 0, 1, 1]),
        port: wire(5, port.as_bytes()),
        switch_name: "sw1".into(),
        evidence: Evidence::Lldp,
    };
    let place = Place {
        ifindex: 2,
        ifname: "eth0".into(),
        mac: Some(MacAddress([2, 0, 0, 9, 0, 1])),
        carrier: true,
        address: "10.77.1.1".parse().unwrap(),
        prefix_len: 16,
        gateway: MacAddress::default(),
        attachment: Some(attachment),
        reason: "".into(),
        bond: None,
    };
    News::Host(HostNews {
        name: Name::new(name).unwrap(),
        probe: ProbeId([9; 16]),
        state: HostState::Up,
        since_ms: 1_000,
        class: Class::Normal,
        places: vec![place],
    })
}

pub(crate) fn switch() -> News {
    News::Switch(SwitchNews { id: "02:00:00:00:01:01".into(), name: "sw1".into(), state: SwitchState::Down })
}

/// A switch that takes a host with it: severity page.
pub(crate) fn incident(revision: u32, closed: bool) -> News {
    let subject = Subject { kind: SubjectKind::Switch, id: "02:00:00:00:01:01".into(), name: "sw1".into() };
    let alternative = |verdict, permille| Alternative { verdict, subject: subject.clone(), permille };
    News::Incident(Box::new(IncidentNews {
        id: IncidentId(0xab12_0000_0000_0001),
        revision,
        closed,
        alternatives: vec![alternative(Verdict::UplinkCut, 600), alternative(Verdict::SwitchDown, 400)],
        class: Class::Normal,
        silent: 1,
        behind: vec!["h1".into()],
        witnesses: vec!["r1".into()],
        silent_since_ms: 1_700_000_000_000,
        opened_ms: 1_700_000_003_000,
        closed_ms: if closed { 1_700_000_060_000 } else { 0 },
        at_ms: 1_700_000_003_000,
        why: "all members silent".into(),
        seen: vec!["h1 was heard last 3 s ago".into()],
        ruled_out: vec![],
        would_settle: vec!["flight recorders at heal".into()],
        page_never: false,
    }))
}

/// Waits until a file holds so many lines.
pub(crate) async fn lines(path: &Path, count: usize) -> Vec<serde_json::Value> {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let lines: Vec<_> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        if lines.len() >= count {
            return lines;
        }
        assert!(tokio::time::Instant::now() < deadline, "{}: {text:?}", path.display());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
