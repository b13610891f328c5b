//! A CMA with events and nothing else, for tests of both ends of its socket.

use std::path::Path;
use std::sync::{Arc, Mutex};

use ringmesh_cma_core::documents::{EventLine, Forgotten, SCHEMA};
use ringmesh_proto_grpc::operator_server::OperatorServer;
use tokio::net::UnixListener;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_stream::wrappers::UnixListenerStream;
use tonic::transport::Server;

use super::OperatorService;
use crate::driver::{Input, Question, Reply, Unanswered};

/// A row that says its own number.
pub(crate) fn row(number: u64) -> EventLine {
    EventLine {
        schema: SCHEMA,
        number,
        at_ms: 1_700_000_000_000 + number * 1_000,
        site: "lab".into(),
        kind: "host-silent".into(),
        subject: format!("h{number}"),
        text: format!("row {number}"),
    }
}

/// Rows that a driver would have.
#[derive(Clone)]
pub(crate) struct Log {
    rows: Arc<Mutex<Vec<EventLine>>>,
    newest: watch::Sender<u64>,
}

impl Log {
    pub(crate) fn new(numbers: impl IntoIterator<Item = u64>) -> Self {
        let rows: Vec<EventLine> = numbers.into_iter().map(row).collect();
        let newest = watch::channel(rows.last().map_or(0, |row| row.number)).0;
        Self { rows: Arc::new(Mutex::new(rows)), newest }
    }

    pub(crate) fn push(&self, number: u64) {
        self.rows.lock().unwrap().push(row(number));
        self.newest.send_replace(number);
    }

    /// A service over it. Its driver ends with the runtime.
    pub(crate) fn service(&self) -> (OperatorService, tokio::task::JoinHandle<()>) {
        let (inputs, mut incoming) = mpsc::channel(16);
        let log = self.clone();
        let driver = tokio::spawn(async move {
            while let Some(input) = incoming.recv().await {
                if let Input::Ask(question, reply) = input {
                    let _ = reply.send(log.answer(&question));
                }
            }
        });
        (OperatorService::new(inputs, self.newest.subscribe(), None), driver)
    }

    fn answer(&self, question: &Question) -> Reply {
        let json = match question {
            Question::Events { after, last } => {
                let rows = self.rows.lock().unwrap();
                let rows: Vec<&EventLine> = rows.iter().filter(|row| row.number > *after).collect();
                let skipped = last.map_or(0, |last| rows.len().saturating_sub(last));
                serde_json::to_string(&rows[skipped..])
            }
            Question::Forget { site, host } if host.as_str() == "h5" => {
                let site = site.as_ref().map_or("lab".to_owned(), ToString::to_string);
                serde_json::to_string(&Forgotten { schema: SCHEMA, site, host: host.to_string(), told: true })
            }
            Question::Forget { host, .. } => {
                return Err(Unanswered::Unknown(format!("no host is called {host}")));
            }
            other => return Ok(format!("\"{other:?}\"")),
        };
        json.map_err(|error| Unanswered::Failed(error.to_string()))
    }
}

/// One that listens; dropped, it is gone as a killed one is: without a word.
pub(crate) struct Listening {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Listening {
    pub(crate) fn start(socket: &Path, log: &Log) -> Self {
        let _ = std::fs::remove_file(socket);
        let listener = std::os::unix::net::UnixListener::bind(socket).unwrap();
        listener.set_nonblocking(true).unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let log = log.clone();
        // With its runtime end its connections, as they do with a process.
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let incoming = UnixListenerStream::new(UnixListener::from_std(listener).unwrap());
                let (service, _driver) = log.service();
                let server = Server::builder().add_service(OperatorServer::new(service));
                tokio::select! {
                    served = server.serve_with_incoming(incoming) => served.unwrap(),
                    _ = stopped => {}
                }
            });
        });
        Self { stop: Some(stop), thread: Some(thread) }
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
