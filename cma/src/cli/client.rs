//! Asking a CMA over its Unix socket.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ringmesh_proto::pb;
use ringmesh_proto_grpc::operator_client::OperatorClient;
use ringmesh_shell::failure::{Failure, Kind};
use tokio::net::UnixStream;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status, Streaming};

/// A CMA that does not answer within this is not well.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// Comparing a large graph with its mirror takes the server its time.
const COMPARED_WITHIN: Duration = Duration::from_secs(600);
/// The tree of a large site is a large document.
const DOCUMENT_MAX: usize = 1 << 30;

/// What can be asked.
pub(crate) enum Question {
    Status,
    /// As it is, or as it was.
    Tree {
        at_ms: Option<u64>,
    },
    Incidents {
        all: bool,
    },
    Explain(String),
    Forget {
        site: Option<String>,
        host: String,
    },
    ForgetRelay {
        site: String,
        relay: u8,
    },
    Query {
        name: String,
        argument: String,
    },
    Backup(PathBuf),
    Mirror {
        compare: bool,
        resync: bool,
    },
}

/// A connection to a CMA.
pub(crate) struct Client {
    operator: OperatorClient<Channel>,
    socket: String,
}

impl Client {
    /// Connects, with one clear error where that is not possible.
    pub(crate) async fn connect(socket: &Path) -> Result<Self, Failure> {
        Self::connect_within(socket, ANSWER_WITHIN).await
    }

    /// For a question, with the time its answer may take.
    pub(crate) async fn connect_for(socket: &Path, question: &Question) -> Result<Self, Failure> {
        let patient = matches!(question, Question::Mirror { compare: true, .. });
        Self::connect_within(socket, if patient { COMPARED_WITHIN } else { ANSWER_WITHIN }).await
    }

    /// The same, where the answer may take a while.
    pub(crate) async fn connect_within(socket: &Path, within: Duration) -> Result<Self, Failure> {
        let shown = socket.display().to_string();
        // A transport error does not say why; a plain connect does.
        drop(UnixStream::connect(socket).await.map_err(|error| no_socket(&shown, &error))?);
        // The limit is for the answer's beginning: a stream of events may last.
        let endpoint = Endpoint::from_shared(format!("unix://{shown}"));
        let channel = match endpoint {
            Ok(endpoint) => endpoint.timeout(within).connect().await,
            Err(error) => Err(error),
        };
        let channel = channel.map_err(|error| unreachable(&shown, &error.to_string()))?;
        let operator = OperatorClient::new(channel).max_decoding_message_size(DOCUMENT_MAX);
        Ok(Self { operator, socket: shown })
    }

    /// Asks, and returns the document as JSON.
    pub(crate) async fn ask(&mut self, question: Question) -> Result<String, Failure> {
        let operator = &mut self.operator;
        // Who asks for what is not there wrote a wrong name; who wants it gone may want to know that it is.
        let forgets = matches!(question, Question::Forget { .. } | Question::ForgetRelay { .. });
        let unknown = if forgets { Kind::Check } else { Kind::Usage };
        let answer = match question {
            Question::Status => operator.status(pb::StatusRequest {}).await,
            Question::Tree { at_ms } => {
                operator.tree(pb::TreeRequest { at_ms: at_ms.unwrap_or_default() }).await
            }
            Question::Incidents { all } => operator.incidents(pb::IncidentsRequest { all }).await,
            Question::Explain(incident) => operator.explain(pb::ExplainRequest { incident }).await,
            Question::Forget { site, host } => {
                let site = site.unwrap_or_default();
                operator.forget(pb::ForgetRequest { site, host, relay: 0 }).await
            }
            Question::ForgetRelay { site, relay } => {
                let relay = u32::from(relay);
                operator.forget(pb::ForgetRequest { site, host: String::new(), relay }).await
            }
            Question::Backup(file) => {
                let file = file.to_string_lossy().into_owned();
                operator.backup(pb::BackupRequest { file }).await
            }
            Question::Query { name, argument } => operator.query(pb::QueryRequest { name, argument }).await,
            Question::Mirror { compare, resync } => {
                operator.mirror(pb::MirrorRequest { compare, resync }).await
            }
        };
        answer
            .map(|answer| answer.into_inner().json)
            .map_err(|status| refused(&self.socket, unknown, &status))
    }

    /// Rows after a number, or so many of the newest; with `follow`, those to come too.
    pub(crate) async fn events(
        &mut self,
        request: pb::EventsRequest,
    ) -> Result<Streaming<pb::Document>, Status> {
        Ok(self.operator.events(request).await?.into_inner())
    }

    /// What a refusal means.
    pub(crate) fn refused(&self, status: &Status) -> Failure {
        refused(&self.socket, Kind::Usage, status)
    }
}

fn no_socket(socket: &str, error: &io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::PermissionDenied => Failure::new(
            Kind::Right,
            format!("you have no right to use {socket}"),
            "join the group that owns it (usermod -aG ringmesh USER, then log in again), or use sudo",
        ),
        io::ErrorKind::NotFound => unreachable(socket, "there is no such socket"),
        io::ErrorKind::ConnectionRefused => unreachable(socket, "nobody answers on it"),
        _ => unreachable(socket, &error.to_string()),
    }
}

fn unreachable(socket: &str, why: &str) -> Failure {
    let problem = format!("no CMA at {socket}: {why}");
    let remedy = "start ringmesh-cma on this host, or name its socket with --socket PATH or RINGMESH_SOCKET";
    Failure::new(Kind::OutOfReach, problem, remedy)
}

fn refused(socket: &str, unknown: Kind, status: &Status) -> Failure {
    match status.code() {
        // The CMA says itself what to do about it.
        Code::NotFound => Failure::new(unknown, status.message(), "nothing was changed"),
        Code::FailedPrecondition => {
            Failure::new(Kind::Check, status.message(), "`ringmesh mirror` tells how it does")
        }
        Code::InvalidArgument => Failure::usage(status.message(), "nothing was changed"),
        _ => {
            let problem = format!("the CMA at {socket} gave no answer: {}", status.message());
            Failure::new(Kind::OutOfReach, problem, "look at its log")
        }
    }
}
