//! The one task that owns the machine: waits, reads the clock once, feeds, carries out.
//!
//! Nothing here waits for a peer. What a relay is told is a cell that holds the newest answer, for an
//! acknowledgement covers all before it; lines for people go to a queue that the pager empties.

use std::collections::BTreeMap;

use ringmesh_cma_core::cma::{Action, Cma, Event, Say};
use ringmesh_cma_core::documents::PageLine;
use ringmesh_cma_core::relay::StreamId;
use ringmesh_proto::machine::Machine;
use ringmesh_proto::time::Time;
use ringmesh_topology::id::Name;
use tokio::sync::{mpsc, oneshot, watch};

use crate::clock::{Alarm, wall_clock};

/// What waits for the driver, of all streams together: beyond it, reading from relays waits.
pub(crate) const INPUTS_MAX: usize = 1_024;

/// Inputs taken in one go before the actions are carried out and the deadline is looked at.
const BATCH: usize = 256;

/// What a relay is to be told: always the newest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Answer {
    /// Epoch and sequence, once the relay is known.
    pub(crate) welcome: Option<(u64, u64)>,
    /// News up to this sequence are in the store.
    pub(crate) acknowledged: u64,
}

/// What comes to the driver.
pub(crate) enum Input {
    /// A relay introduced itself on a stream; answers go into the cell.
    Connected(StreamId, Box<ringmesh_proto::news::RelayHello>, watch::Sender<Answer>),
    /// Something else that the machine hears.
    Event(Box<Event>),
    /// An operator asks.
    Ask(Question, oneshot::Sender<Reply>),
}

/// What an operator asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Question {
    Status,
    Tree,
    Incidents { all: bool },
    Explain(String),
    TreeAt(u64),
    Events { after: u64, last: Option<usize> },
    Forget { site: Option<Name>, host: Name },
}

/// A document as JSON, or why there is none.
pub(crate) type Reply = Result<String, Unanswered>;

/// Why a question has no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Unanswered {
    /// There is no such incident.
    Unknown(String),
    /// The store or the encoder failed.
    Failed(String),
}

/// See the module.
pub(crate) struct Driver {
    cma: Cma,
    answers: BTreeMap<StreamId, watch::Sender<Answer>>,
    pager: mpsc::UnboundedSender<PageLine>,
}

impl Driver {
    pub(crate) fn new(cma: Cma, pager: mpsc::UnboundedSender<PageLine>) -> Self {
        Self { cma, answers: BTreeMap::new(), pager }
    }

    /// Runs until nobody can send inputs any more, or it is dropped.
    pub(crate) async fn run(mut self, mut inputs: mpsc::Receiver<Input>) -> std::io::Result<()> {
        let mut alarm = Alarm::new()?;
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            alarm.set(self.cma.next_deadline())?;
            // What has arrived is delivered before a deadline of the same moment.
            tokio::select! {
                biased;
                taken = inputs.recv_many(&mut batch, BATCH) => {
                    if taken == 0 {
                        return Ok(());
                    }
                    self.take_all(&mut batch);
                }
                rung = alarm.rings() => rung?,
            }
            self.look_at_the_deadline();
        }
    }

    fn take_all(&mut self, batch: &mut Vec<Input>) {
        let now = self.read_clock();
        for input in batch.drain(..) {
            match input {
                Input::Connected(stream, hello, answers) => {
                    self.answers.insert(stream, answers);
                    self.feed(now, Event::RelayConnected { stream, hello: *hello });
                }
                Input::Event(event) => {
                    if let Event::RelayGone { stream } = *event {
                        self.answers.remove(&stream);
                    }
                    self.feed(now, *event);
                }
                Input::Ask(question, reply) => {
                    // Whoever asked may be gone by now.
                    let _ = reply.send(self.answer(now, &question));
                }
            }
        }
    }

    fn look_at_the_deadline(&mut self) {
        let now = self.read_clock();
        if self.cma.next_deadline() <= now {
            self.feed(now, Event::DeadlineReached);
        }
    }

    fn read_clock(&mut self) -> Time {
        let wall = wall_clock();
        self.feed(wall.at, Event::WallClock(wall));
        wall.at
    }

    fn feed(&mut self, now: Time, event: Event) {
        let mut actions = Vec::new();
        self.cma.on_event(now, event, &mut actions);
        for action in actions {
            self.carry_out(action);
        }
    }

    fn carry_out(&mut self, action: Action) {
        match action {
            Action::Welcome { stream, epoch, sequence } => {
                self.tell(stream, |answer| {
                    *answer = Answer { welcome: Some((epoch, sequence)), acknowledged: sequence };
                });
            }
            Action::Acknowledge { stream, sequence } => {
                self.tell(stream, |answer| answer.acknowledged = sequence);
            }
            Action::Hangup { stream } => drop(self.answers.remove(&stream)),
            Action::Page(line) => {
                tracing::info!(
                    key = line.key,
                    transition = line.transition,
                    severity = line.severity,
                    "{}",
                    line.text
                );
                // The pager ends after the driver only.
                let _ = self.pager.send(*line);
            }
            Action::Say(say) => log(&say),
        }
    }

    fn tell(&self, stream: StreamId, change: impl FnOnce(&mut Answer)) {
        if let Some(answer) = self.answers.get(&stream) {
            answer.send_modify(change);
        }
    }

    fn answer(&self, now: Time, question: &Question) -> Reply {
        let failed = |error: &dyn std::fmt::Display| Unanswered::Failed(error.to_string());
        let json = match question {
            Question::Status => serde_json::to_string(&self.cma.status(now).map_err(|error| failed(&error))?),
            Question::Tree => serde_json::to_string(&self.cma.tree(now).map_err(|error| failed(&error))?),
            Question::Incidents { all } => serde_json::to_string(&self.cma.incidents(now, *all)),
            Question::Explain(id) => {
                let explained = self.cma.explain(now, id);
                serde_json::to_string(&explained.map_err(|error| Unanswered::Unknown(error.to_string()))?)
            }
            Question::TreeAt(_) | Question::Events { .. } | Question::Forget { .. } => {
                return Err(Unanswered::Failed("this CMA keeps no history".to_owned()));
            }
        };
        json.map_err(|error| failed(&error))
    }
}

/// State changes at INFO; WARN only where someone should look.
fn log(say: &Say) {
    match say {
        Say::RelayConnected { anew: false, .. }
        | Say::RelayGone(_)
        | Say::IncidentOpened { .. }
        | Say::IncidentRevised { .. }
        | Say::IncidentClosed { .. } => tracing::info!("{say}"),
        Say::RelayConnected { anew: true, .. }
        | Say::IncidentForeign { .. }
        | Say::NewsRefused { .. }
        | Say::StoreFailed(_) => tracing::warn!("{say}"),
    }
}
