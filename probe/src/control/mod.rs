//! The control socket: a running probe answers an operator's questions.
//!
//! A Unix socket, `probe.sock` in the run folder, mode 0660. One line of JSON asks, one line answers. Whoever
//! may open it is an operator: nothing it can be asked for changes another host.

mod server;
pub mod shape;

use serde::{Deserialize, Serialize};

pub use server::{Asked, Conversations, Server, refusal, serve};

/// A question, as one line like `{"command":"attachments"}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "kebab-case")]
pub enum Request {
    /// What each port hangs on, and why.
    Attachments,
    /// How the probe does.
    Status,
    /// Leave: say goodbye to the relay, and end.
    Goodbye {
        /// One of [`reason_of`]'s words.
        reason: String,
        /// Seconds until it will be back; 0 if not at all, absent for the configuration's.
        #[serde(default)]
        back_within_s: Option<u32>,
    },
}

/// The answer to a question that was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// Why, and what to do.
    pub error: String,
}

/// Why a probe leaves, by its word.
pub fn reason_of(word: &str) -> Option<ringmesh_proto::message::GoodbyeReason> {
    use ringmesh_proto::message::GoodbyeReason::{HostShutdown, Retire, ServiceStop, Upgrade};
    [HostShutdown, ServiceStop, Upgrade, Retire].into_iter().find(|reason| reason.word() == word)
}

/// The answer to a [`Request::Goodbye`] that is being carried out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leaving {
    /// The reason given.
    pub leaving: String,
}

/// An answer as one line.
pub fn line(answer: &impl Serialize) -> String {
    // Shapes of plain numbers and texts always have a JSON form.
    serde_json::to_string(answer).unwrap_or_else(|error| refusal(error.to_string()))
}
