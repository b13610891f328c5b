//! What the operator's command asks, over a Unix socket.

use ringmesh_proto::pb;
use ringmesh_proto_grpc::operator_server::Operator;
use tokio::sync::{mpsc, oneshot};
use tonic::{Request, Response, Status};

use crate::driver::{Input, Question, Unanswered};

/// The service.
pub(crate) struct OperatorService {
    inputs: mpsc::Sender<Input>,
}

impl OperatorService {
    pub(crate) fn new(inputs: mpsc::Sender<Input>) -> Self {
        Self { inputs }
    }

    async fn ask(&self, question: Question) -> Result<Response<pb::Document>, Status> {
        let stopping = || Status::unavailable("this CMA stops");
        let (reply, replied) = oneshot::channel();
        self.inputs.send(Input::Ask(question, reply)).await.map_err(|_| stopping())?;
        match replied.await.map_err(|_| stopping())? {
            Ok(json) => Ok(Response::new(pb::Document { json })),
            Err(Unanswered::Unknown(why)) => Err(Status::not_found(why)),
            Err(Unanswered::Failed(why)) => Err(Status::internal(why)),
        }
    }
}

#[tonic::async_trait]
impl Operator for OperatorService {
    async fn status(&self, _: Request<pb::StatusRequest>) -> Result<Response<pb::Document>, Status> {
        self.ask(Question::Status).await
    }

    async fn tree(&self, _: Request<pb::TreeRequest>) -> Result<Response<pb::Document>, Status> {
        self.ask(Question::Tree).await
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
}
