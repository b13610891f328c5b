//! Against a real gRPC server on the loopback, which the test makes say whatever it wants.

use std::pin::Pin;
use std::time::Instant;

use ringmesh_proto::pb::from_authority::Body as Down;
use ringmesh_proto::pb::from_relay::Body as Up;
use ringmesh_proto_grpc::authority_server::{Authority, AuthorityServer};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tonic::transport::Server;
use tonic::{Request, Response, Status, Streaming};

use super::*;

const PATIENCE: Duration = Duration::from_secs(10);

/// One stream as the server has it.
struct Call {
    from_relay: Streaming<pb::FromRelay>,
    to_relay: mpsc::Sender<Result<pb::FromAuthority, Status>>,
}

struct Fake {
    calls: mpsc::Sender<Call>,
}

#[tonic::async_trait]
impl Authority for Fake {
    type ConnectStream = Pin<Box<dyn tokio_stream::Stream<Item = Result<pb::FromAuthority, Status>> + Send>>;

    async fn connect(
        &self,
        request: Request<Streaming<pb::FromRelay>>,
    ) -> Result<Response<Self::ConnectStream>, Status> {
        let (to_relay, outlet) = mpsc::channel(64);
        let call = Call { from_relay: request.into_inner(), to_relay };
        self.calls.send(call).await.map_err(|_| Status::unavailable("the test is over"))?;
        Ok(Response::new(Box::pin(ReceiverStream::new(outlet))))
    }
}

struct Cma {
    address: String,
    calls: mpsc::Receiver<Call>,
    task: JoinHandle<()>,
}

impl Cma {
    async fn listen(address: &str, tls: Option<tonic::transport::ServerTlsConfig>) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (sender, calls) = mpsc::channel(4);
        let mut server = Server::builder();
        if let Some(tls) = tls {
            server = server.tls_config(tls).unwrap();
        }
        let router = server.add_service(AuthorityServer::new(Fake { calls: sender }));
        let serving = router.serve_with_incoming(TcpListenerStream::new(listener));
        let task = tokio::spawn(async { serving.await.unwrap() });
        Self { address, calls, task }
    }

    async fn call(&mut self) -> Call {
        within(self.calls.recv()).await.expect("the server ended")
    }
}

impl Drop for Cma {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Call {
    /// The next message; pulses are passed over.
    async fn next(&mut self) -> Up {
        loop {
            match self.any().await {
                Up::Pulse(_) => {}
                other => return other,
            }
        }
    }

    async fn any(&mut self) -> Up {
        let message = within(self.from_relay.message()).await.unwrap();
        message.expect("the relay ended the stream").body.unwrap()
    }

    /// The next news' sequence; beats are passed over.
    async fn news(&mut self) -> u64 {
        loop {
            match self.next().await {
                Up::News(item) => return item.sequence,
                Up::Beat(_) | Up::Pulse(_) | Up::Groups(_) | Up::Things(_) => {}
                Up::Hello(hello) => panic!("a second hello: {hello:?}"),
            }
        }
    }

    async fn say(&self, body: Down) {
        self.to_relay.send(Ok(pb::FromAuthority { body: Some(body) })).await.unwrap();
    }

    /// Takes the hello and answers it.
    async fn welcome(&mut self, sequence: u64) {
        let Up::Hello(said) = self.next().await else { panic!("no hello first") };
        assert_eq!(said, hello());
        self.say(Down::Welcome(pb::Welcome { epoch: 1, sequence })).await;
    }
}

/// The driver's side.
struct Driver {
    asks: mpsc::Receiver<Asked>,
    replies: mpsc::Sender<Reply>,
}

impl Driver {
    fn start(address: &str, tls: Option<&Tls>, pace: Pace) -> Self {
        let (ask, asks) = mpsc::channel(64);
        let (replies, replied) = mpsc::channel(REPLIES);
        tokio::spawn(Uplink::new((3, address), tls, pace, ask, replied).unwrap().run());
        Self { asks, replies }
    }

    /// The next question that the driver would not answer by itself.
    async fn asked(&mut self) -> Ask {
        loop {
            let Asked { cma, ask } = within(self.asks.recv()).await.expect("the uplink ended");
            assert_eq!(cma, 3);
            match ask {
                Ask::Hello => self.reply(Reply::Hello(hello())),
                Ask::Beat => {
                    self.reply(Reply::Beat(pb::RelayBeat { pending: 9, ..pb::RelayBeat::default() }))
                }
                Ask::Pulse => self.reply(Reply::Pulse(pb::Pulse { pending: 9, picture: Some(3) })),
                other => return other,
            }
        }
    }

    fn reply(&self, reply: Reply) {
        self.replies.try_send(reply).unwrap();
    }

    fn tell(&self, after: u64, sequences: impl IntoIterator<Item = u64>) {
        self.reply(Reply::News { after, items: sequences.into_iter().map(news).collect() });
    }
}

fn hello() -> pb::RelayHello {
    let (site, version) = ("lab".into(), "1".into());
    pb::RelayHello {
        site,
        relay: 1,
        term: 4,
        outbox: 77,
        insecure: true,
        version,
        ..pb::RelayHello::default()
    }
}

fn news(sequence: u64) -> pb::NewsItem {
    pb::NewsItem { sequence, body: Some(pb::news_item::Body::HostGone(format!("h{sequence}"))) }
}

fn quick() -> Pace {
    let (pause_min, pause_max) = (Duration::from_millis(20), Duration::from_millis(100));
    Pace { open: Duration::from_secs(2), pause_min, pause_max, ..Pace::default() }
}

async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.expect("nothing happened in time")
}

#[tokio::test(flavor = "current_thread")]
async fn news_leave_in_order_and_acknowledgements_come_back() {
    let mut cma = Cma::listen("127.0.0.1:0", None).await;
    let mut driver = Driver::start(&cma.address, None, quick());
    let answering = tokio::spawn(async move {
        let first = driver.asked().await;
        (driver, first)
    });
    let mut call = cma.call().await;
    call.welcome(0).await;
    let (mut driver, first) = answering.await.unwrap();
    assert_eq!(first, Ask::Connected { taken: 0 });
    assert_eq!(driver.asked().await, Ask::News { after: 0 });
    driver.tell(0, [1, 2, 5]);
    for want in [1, 2, 5] {
        assert_eq!(call.news().await, want);
    }
    assert_eq!(driver.asked().await, Ask::News { after: 5 });
    call.say(Down::Acknowledged(pb::Acknowledged { sequence: 2 })).await;
    assert_eq!(driver.asked().await, Ask::Acknowledged { sequence: 2 });
    driver.tell(4, [5, 6]);
    driver.tell(5, [6]);
    assert_eq!(call.news().await, 6, "the answer to another question was taken");
}

/// A driver that keeps news 1 to `last` and answers by itself; what else it is asked comes out of the receiver.
fn keeper(address: &str, tls: Option<&Tls>, pace: Pace, last: u64) -> mpsc::Receiver<Ask> {
    let mut driver = Driver::start(address, tls, pace);
    let (told, out) = mpsc::channel(1_000);
    tokio::spawn(async move {
        while !driver.asks.is_closed() {
            match driver.asked().await {
                Ask::News { after } if after < last => {
                    driver.tell(after, (after + 1..=last).take(BATCH));
                }
                Ask::News { .. } => {}
                other => told.send(other).await.unwrap(),
            }
        }
    });
    out
}

#[tokio::test(flavor = "current_thread")]
async fn a_broken_stream_is_opened_again_and_goes_on_where_the_cma_says() {
    let mut cma = Cma::listen("127.0.0.1:0", None).await;
    let mut asked = keeper(&cma.address, None, quick(), 10);
    let mut call = cma.call().await;
    call.welcome(0).await;
    for want in 1..=10 {
        assert_eq!(call.news().await, want);
    }
    call.say(Down::Acknowledged(pb::Acknowledged { sequence: 4 })).await;
    assert_eq!(within(asked.recv()).await, Some(Ask::Connected { taken: 0 }));
    assert_eq!(within(asked.recv()).await, Some(Ask::Acknowledged { sequence: 4 }));
    drop(call);
    let gone = within(asked.recv()).await;
    assert!(matches!(gone, Some(Ask::Gone { .. })), "{gone:?}");

    let mut call = cma.call().await;
    call.welcome(7).await;
    for want in 8..=10 {
        assert_eq!(call.news().await, want);
    }
    assert_eq!(within(asked.recv()).await, Some(Ask::Connected { taken: 7 }));
}

#[tokio::test(flavor = "current_thread")]
async fn a_cma_that_comes_late_or_is_restarted_is_found_and_its_absence_told_once() {
    let address = Cma::listen("127.0.0.1:0", None).await.address.clone();
    let mut asked = keeper(&address, None, quick(), 2);
    let gone = within(asked.recv()).await;
    let Some(Ask::Gone { why }) = gone else { panic!("{gone:?}") };
    assert!(why.contains("refused"), "{why}");
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(asked.try_recv().is_err(), "each attempt is told");

    for round in 0..2 {
        let mut cma = Cma::listen(&address, None).await;
        let mut call = cma.call().await;
        call.welcome(round).await;
        assert_eq!(call.news().await, round + 1);
        assert_eq!(within(asked.recv()).await, Some(Ask::Connected { taken: round }));
        drop((cma, call));
        let gone = within(asked.recv()).await;
        assert!(matches!(gone, Some(Ask::Gone { .. })), "{gone:?}");
    }
}

#[tokio::test(flavor = "current_thread")]
async fn a_cma_that_reads_nothing_holds_up_nobody_and_is_left() {
    let mut cma = Cma::listen("127.0.0.1:0", None).await;
    let stall = Duration::from_millis(400);
    let mut asked = keeper(&cma.address, None, Pace { stall, ..quick() }, 1_000_000);
    let mut call = cma.call().await;
    call.welcome(0).await;
    let began = Instant::now();
    assert_eq!(within(asked.recv()).await, Some(Ask::Connected { taken: 0 }));
    // It can still speak, though nothing is read from it.
    call.say(Down::Acknowledged(pb::Acknowledged { sequence: 1 })).await;
    assert_eq!(within(asked.recv()).await, Some(Ask::Acknowledged { sequence: 1 }));
    let gone = within(asked.recv()).await;
    assert!(matches!(&gone, Some(Ask::Gone { why }) if why.contains("takes nothing")), "{gone:?}");
    assert!(began.elapsed() >= stall);
    let mut second = cma.call().await;
    second.welcome(1).await;
    assert_eq!(second.news().await, 2);
}

#[tokio::test(flavor = "current_thread")]
async fn a_slow_cma_gets_everything_and_is_not_left() {
    let mut cma = Cma::listen("127.0.0.1:0", None).await;
    let stall = Duration::from_millis(500);
    let _asked = keeper(&cma.address, None, Pace { stall, ..quick() }, 60_000);
    let mut call = cma.call().await;
    call.welcome(0).await;
    for want in 1..=60_000 {
        if want % 15_000 == 0 {
            tokio::time::sleep(stall / 2).await;
        }
        assert_eq!(call.news().await, want);
    }
}

#[tokio::test(flavor = "current_thread")]
async fn a_cma_that_breaks_the_protocol_moves_nothing() {
    let mut cma = Cma::listen("127.0.0.1:0", None).await;
    let mut asked = keeper(&cma.address, None, quick(), 3);
    let lies = [
        ("no Welcome", Down::Acknowledged(pb::Acknowledged { sequence: 0 })),
        ("no Welcome", Down::Compare(pb::Compare {})),
    ];
    for (at, (want, lie)) in lies.into_iter().enumerate() {
        let mut call = cma.call().await;
        assert!(matches!(call.next().await, Up::Hello(_)));
        call.say(lie).await;
        if at == 0 {
            let gone = within(asked.recv()).await;
            assert!(matches!(&gone, Some(Ask::Gone { why }) if why.contains(want)), "{gone:?}");
        }
    }
    let mut call = cma.call().await;
    call.welcome(0).await;
    assert_eq!(within(asked.recv()).await, Some(Ask::Connected { taken: 0 }));
    call.news().await;
    call.say(Down::Acknowledged(pb::Acknowledged { sequence: 50 })).await;
    let gone = within(asked.recv()).await;
    assert!(matches!(&gone, Some(Ask::Gone { why }) if why.contains("never told")), "{gone:?}");
}

#[tokio::test(flavor = "current_thread")]
async fn the_relay_beats_at_once_and_then_at_its_pace() {
    let mut cma = Cma::listen("127.0.0.1:0", None).await;
    let _asked = keeper(&cma.address, None, Pace { beat: Duration::from_millis(150), ..quick() }, 0);
    let mut call = cma.call().await;
    call.welcome(0).await;
    let began = Instant::now();
    for _ in 0..4 {
        let beat = call.next().await;
        assert!(matches!(&beat, Up::Beat(beat) if beat.pending == 9), "{beat:?}");
    }
    let took = began.elapsed();
    assert!((Duration::from_millis(400)..Duration::from_secs(2)).contains(&took), "{took:?}");
}

#[tokio::test(flavor = "current_thread")]
async fn between_beats_a_pulse_says_that_the_stream_is_alive() {
    let mut cma = Cma::listen("127.0.0.1:0", None).await;
    let _asked = keeper(&cma.address, None, Pace { pulse: Duration::from_millis(50), ..quick() }, 0);
    let mut call = cma.call().await;
    call.welcome(0).await;
    let mut pulses = 0;
    while pulses < 3 {
        match call.any().await {
            Up::Pulse(pulse) => {
                pulses += 1;
                assert_eq!((pulse.pending, pulse.picture), (9, Some(3)));
            }
            Up::Beat(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(flavor = "current_thread")]
async fn what_the_cma_asks_reaches_the_driver_and_its_answer_stands_in_line() {
    let mut cma = Cma::listen("127.0.0.1:0", None).await;
    let mut driver = Driver::start(&cma.address, None, quick());
    let answering = tokio::spawn(async move {
        assert_eq!(driver.asked().await, Ask::Connected { taken: 9 });
        assert_eq!(driver.asked().await, Ask::News { after: 9 });
        driver
    });
    let mut call = cma.call().await;
    call.welcome(9).await;
    let mut driver = answering.await.unwrap();
    call.say(Down::Compare(pb::Compare {})).await;
    assert_eq!(driver.asked().await, Ask::Heard(Event::Compare));
    driver.tell(9, [10]);
    driver.reply(Reply::Digests(Up::Groups(pb::GroupDigests::default())));
    assert_eq!(call.news().await, 10);
    assert!(matches!(call.next().await, Up::Groups(_)));
    assert_eq!(driver.asked().await, Ask::News { after: 10 });
    call.say(Down::Forget("h7".into())).await;
    let name = ringmesh_topology::id::Name::new("h7").unwrap();
    assert_eq!(driver.asked().await, Ask::Heard(Event::ForgetHost(name)));
    call.say(Down::Forget("two words".into())).await;
    let gone = driver.asked().await;
    assert!(matches!(&gone, Ask::Gone { why } if why.contains("sound name")), "{gone:?}");
}

#[tokio::test(flavor = "current_thread")]
async fn the_uplink_ends_with_its_driver() {
    let mut cma = Cma::listen("127.0.0.1:0", None).await;
    let mut driver = Driver::start(&cma.address, None, quick());
    let Asked { ask, .. } = within(driver.asks.recv()).await.unwrap();
    assert_eq!(ask, Ask::Hello);
    driver.reply(Reply::Hello(hello()));
    let mut call = cma.call().await;
    call.welcome(0).await;
    drop(driver);
    let end = within(async { while let Ok(Some(_)) = call.from_relay.message().await {} });
    end.await;
    let second = tokio::time::timeout(Duration::from_millis(300), cma.calls.recv()).await;
    assert!(second.is_err(), "it connects for nobody");
}

mod tls {
    use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
    use tonic::transport::{Certificate, Identity, ServerTlsConfig};

    use super::*;

    struct Ca(CertifiedIssuer<'static, KeyPair>);

    impl Ca {
        fn new() -> Self {
            let mut params = CertificateParams::new(Vec::new()).unwrap();
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
        }

        fn pem(&self) -> String {
            self.0.pem()
        }

        fn issue(&self, name: &str) -> (String, String) {
            let key = KeyPair::generate().unwrap();
            let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
            (params.signed_by(&key, &self.0).unwrap().pem(), key.serialize_pem())
        }
    }

    fn client(folder: &std::path::Path, ca: &str, (cert, key): (String, String)) -> Tls {
        let text = "ca = \"ca.pem\"\ncert = \"cert.pem\"\nkey = \"key.pem\"\nserver_name = \"cma.test\"\n";
        for (name, pem) in [("ca.pem", ca), ("cert.pem", &cert), ("key.pem", &key)] {
            std::fs::write(folder.join(name), pem).unwrap();
        }
        Tls::for_test(text, folder)
    }

    fn server(ca: &Ca) -> ServerTlsConfig {
        let (cert, key) = ca.issue("cma.test");
        let client_ca = Certificate::from_pem(ca.pem());
        ServerTlsConfig::new().identity(Identity::from_pem(cert, key)).client_ca_root(client_ca)
    }

    #[tokio::test(flavor = "current_thread")]
    async fn both_ends_prove_who_they_are() {
        let (ours, theirs) = (Ca::new(), Ca::new());
        let mut cma = Cma::listen("127.0.0.1:0", Some(server(&ours))).await;
        let folder = tempfile::tempdir().unwrap();
        let cases = [
            ("a stranger's certificate", client(folder.path(), &ours.pem(), theirs.issue("relay"))),
            ("a CMA of somebody else", client(folder.path(), &theirs.pem(), ours.issue("relay"))),
        ];
        for (case, tls) in cases {
            let mut asked = keeper(&cma.address, Some(&tls), quick(), 0);
            let gone = within(asked.recv()).await;
            assert!(matches!(gone, Some(Ask::Gone { .. })), "{case}: {gone:?}");
            assert!(cma.calls.try_recv().is_err(), "{case} reached the service");
        }
        let mut plain = keeper(&cma.address, None, quick(), 0);
        let gone = within(plain.recv()).await;
        assert!(matches!(gone, Some(Ask::Gone { .. })), "plain text: {gone:?}");

        let tls = client(folder.path(), &ours.pem(), ours.issue("relay"));
        let _asked = keeper(&cma.address, Some(&tls), quick(), 1);
        let mut call = cma.call().await;
        call.welcome(0).await;
        assert_eq!(call.news().await, 1);
    }
}
