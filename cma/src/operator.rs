//! What the operator's command asks, over a Unix socket.

use std::path::PathBuf;

use ringmesh_proto::pb;
use ringmesh_proto_grpc::operator_server::Operator;
use ringmesh_topology::id::{Name, RelayId};
use serde::Deserialize;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

use crate::driver::{Input, Question, Unanswered};
use crate::mirror::Mirror;

/// Answers that wait for a slow reader; beyond it, the next is asked for later.
const WAITING: usize = 4;

/// The service.
#[derive(Clone)]
pub(crate) struct OperatorService {
    inputs: mpsc::Sender<Input>,
    /// The number of the newest event.
    rows: watch::Receiver<u64>,
    mirror: Option<Mirror>,
}

impl OperatorService {
    /// `rows` holds the number of the newest event, and changes with it.
    pub(crate) fn new(
        inputs: mpsc::Sender<Input>,
        rows: watch::Receiver<u64>,
        mirror: Option<Mirror>,
    ) -> Self {
        Self { inputs, rows, mirror }
    }

    async fn ask(&self, question: Question) -> Result<Response<pb::Document>, Status> {
        self.answer(question).await.map(|json| Response::new(pb::Document { json }))
    }

    async fn answer(&self, question: Question) -> Result<String, Status> {
        let stopping = || Status::unavailable("this CMA stops");
        let (reply, replied) = oneshot::channel();
        self.inputs.send(Input::Ask(question, reply)).await.map_err(|_| stopping())?;
        match replied.await.map_err(|_| stopping())? {
            Ok(json) => Ok(json),
            Err(Unanswered::Unknown(why)) => Err(Status::not_found(why)),
            Err(Unanswered::Failed(why)) => Err(Status::internal(why)),
        }
    }

    /// Rows that there are and, for as long as anybody listens, those that come.
    async fn tell_events(
        mut self,
        request: pb::EventsRequest,
        told: mpsc::Sender<Result<pb::Document, Status>>,
    ) {
        let mut after = request.after;
        let mut last = usize::try_from(request.last).ok().filter(|last| *last > 0);
        loop {
            // Seen before asking: what comes meanwhile is news again.
            self.rows.mark_unchanged();
            let answer = self.answer(Question::Events { after, last: last.take() }).await;
            match answer.and_then(|json| Ok((newest(&json)?, json))) {
                Ok((None, _)) => {}
                Ok((Some(number), json)) => {
                    after = number;
                    if told.send(Ok(pb::Document { json })).await.is_err() {
                        return;
                    }
                }
                Err(status) => {
                    // Whoever listened may be gone by now.
                    let _ = told.send(Err(status)).await;
                    return;
                }
            }
            if !request.follow {
                return;
            }
            tokio::select! {
                changed = self.rows.changed() => if changed.is_err() { return },
                () = told.closed() => return,
            }
        }
    }
}

/// The number of the last of some rows.
fn newest(json: &str) -> Result<Option<u64>, Status> {
    #[derive(Deserialize)]
    struct Row {
        number: u64,
    }
    let rows: Vec<Row> = serde_json::from_str(json).map_err(|error| Status::internal(error.to_string()))?;
    Ok(rows.last().map(|row| row.number))
}

fn name(what: &str, text: &str) -> Result<Name, Status> {
    Name::new(text).map_err(|error| Status::invalid_argument(format!("{what} {text:?}: {error}")))
}

#[tonic::async_trait]
impl Operator for OperatorService {
    type EventsStream = ReceiverStream<Result<pb::Document, Status>>;

    async fn status(&self, _: Request<pb::StatusRequest>) -> Result<Response<pb::Document>, Status> {
        self.ask(Question::Status).await
    }

    async fn tree(&self, request: Request<pb::TreeRequest>) -> Result<Response<pb::Document>, Status> {
        let question = match request.into_inner().at_ms {
            0 => Question::Tree,
            at_ms => Question::TreeAt(at_ms),
        };
        self.ask(question).await
    }

    async fn incidents(
        &self,
        request: Request<pb::IncidentsRequest>,
    ) -> Result<Response<pb::Document>, Status> {
        self.ask(Question::Incidents { all: request.into_inner().all }).await
    }

    async fn explain(&self, request: Request<pb::ExplainRequest>) -> Result<Response<pb::Document>, Status> {
        self.ask(Question::Explain(request.into_inner().incident)).await
    }

    async fn events(
        &self,
        request: Request<pb::EventsRequest>,
    ) -> Result<Response<Self::EventsStream>, Status> {
        let (told, stream) = mpsc::channel(WAITING);
        tokio::spawn(self.clone().tell_events(request.into_inner(), told));
        Ok(Response::new(ReceiverStream::new(stream)))
    }

    async fn forget(&self, request: Request<pb::ForgetRequest>) -> Result<Response<pb::Document>, Status> {
        let pb::ForgetRequest { site, host, relay } = request.into_inner();
        let site = Some(site).filter(|site| !site.is_empty()).map(|site| name("site", &site)).transpose()?;
        if relay != 0 {
            let relay = u8::try_from(relay).map_err(|_| Status::invalid_argument("relay: at most 255"))?;
            let site =
                site.ok_or_else(|| Status::invalid_argument("site: a relay is named with its site"))?;
            return self.ask(Question::ForgetRelay { site, relay: RelayId(relay) }).await;
        }
        self.ask(Question::Forget { site, host: name("host", &host)? }).await
    }

    async fn backup(&self, request: Request<pb::BackupRequest>) -> Result<Response<pb::Document>, Status> {
        let file = PathBuf::from(request.into_inner().file);
        if !file.is_absolute() {
            return Err(Status::invalid_argument("file: give an absolute path on the CMA's machine"));
        }
        self.ask(Question::Backup(file)).await
    }

    async fn query(&self, request: Request<pb::QueryRequest>) -> Result<Response<pb::Document>, Status> {
        let pb::QueryRequest { name, argument } = request.into_inner();
        self.ask(Question::Query { name, argument }).await
    }

    /// The mirror is asked itself: what it does may take long, and the authority waits for none of it.
    async fn mirror(&self, request: Request<pb::MirrorRequest>) -> Result<Response<pb::Document>, Status> {
        let none = || Status::not_found("no mirror is configured: give [neo4j] uri in cma.toml");
        let mirror = self.mirror.as_ref().ok_or_else(none)?;
        let pb::MirrorRequest { compare, resync } = request.into_inner();
        let json = match (compare, resync) {
            (true, _) => serde_json::to_string(&mirror.compare().await.map_err(Status::failed_precondition)?),
            (_, true) => serde_json::to_string(&mirror.resync().await.map_err(Status::failed_precondition)?),
            (false, false) => serde_json::to_string(&mirror.status()),
        };
        let json = json.map_err(|error| Status::internal(error.to_string()))?;
        Ok(Response::new(pb::Document { json }))
    }
}

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
