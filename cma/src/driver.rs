//! The one task that owns the machine: waits, reads the clock once, feeds, carries out.
//!
//! Nothing here waits for a peer, or for the disk. What a relay is told is a cell that holds the newest answer, for an
//! acknowledgement covers all before it; lines for people go to a queue that the pager empties. What the machine
//! orders in a turn leaves when the records of that turn, and of all before, are on the disk.

mod held;

use std::collections::BTreeMap;
use std::path::PathBuf;

use ringmesh_cma_core::cma::{Action, Cma, Event, Say};
use ringmesh_cma_core::documents::{BackedUp, PageLine, SCHEMA};
use ringmesh_cma_core::graph::GraphStore;
use ringmesh_cma_core::query::NoAnswer;
use ringmesh_cma_core::relay::StreamId;
use ringmesh_proto::codec;
use ringmesh_proto::machine::Machine;
use ringmesh_proto::news::{RelayHello, Warning};
use ringmesh_proto::pb::{self, from_authority::Body};
use ringmesh_proto::time::Time;
use ringmesh_proto::wire::MeshKeys;
use ringmesh_shell::clock::{Alarm, wall_clock};
use ringmesh_shell::store::Store;
use ringmesh_topology::id::{Name, RelayId};
use tokio::sync::{mpsc, oneshot, watch};

use crate::mirror::Mirror;
use held::Held;

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
    /// How many pulses wanted an answer.
    pub(crate) pulses: u64,
}

/// Where a stream's reader hands over what the relay is to be told.
pub(crate) struct Outlet {
    /// Always the newest.
    pub(crate) answers: watch::Sender<Answer>,
    /// In order.
    pub(crate) orders: mpsc::Sender<pb::from_authority::Body>,
}

/// A stream, and who is at its other end.
struct Line {
    site: Name,
    relay: RelayId,
    outlet: Outlet,
}

/// What comes to the driver.
pub(crate) enum Input {
    /// A relay introduced itself on a stream; answers go into the cell.
    Connected(StreamId, Box<RelayHello>, Outlet),
    /// What the pager wants somebody to look at; replaces what it said before.
    Warnings(Vec<Warning>),
    /// Something else that the machine hears.
    Event(Box<Event>),
    /// The mirror asks.
    #[cfg(feature = "neo4j")]
    Mirror(ringmesh_mirror::Ask, oneshot::Sender<Result<ringmesh_mirror::source::Answer, String>>),
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
    ForgetRelay { site: Name, relay: RelayId },
    Query { name: String, argument: String },
    Backup(PathBuf),
}

/// A document as JSON, or why there is none.
pub(crate) type Reply = Result<String, Unanswered>;

/// Why a question has no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Unanswered {
    /// There is nothing of that name, or the question is none.
    Unknown(String),
    /// The store or the encoder failed.
    Failed(String),
}

/// See the module.
pub(crate) struct Driver {
    cma: Cma,
    mesh_keys: MeshKeys,
    lines: BTreeMap<StreamId, Line>,
    pager: mpsc::UnboundedSender<(u64, PageLine)>,
    held: Held,
    of_pager: Vec<Warning>,
    of_store: Option<Warning>,
    /// The number of the newest event, for those who follow.
    newest: watch::Sender<u64>,
    /// The newest revision of the graph, for the mirror.
    revision: watch::Sender<u64>,
    mirror: Option<Mirror>,
}

impl Driver {
    pub(crate) fn new(
        cma: Cma,
        store: Store,
        pager: mpsc::UnboundedSender<(u64, PageLine)>,
        newest: watch::Sender<u64>,
    ) -> Self {
        let mesh_keys = MeshKeys::new(cma.identity().mesh_secret);
        let (lines, held) = (BTreeMap::new(), Held::new(store));
        let revision = watch::Sender::new(cma.graph().revision().unwrap_or_default());
        let (of_pager, of_store, mirror) = (Vec::new(), None, None);
        Self { cma, mesh_keys, lines, pager, held, of_pager, of_store, newest, revision, mirror }
    }

    /// The newest revision of the graph, always.
    pub(crate) fn revision(&self) -> watch::Receiver<u64> {
        self.revision.subscribe()
    }

    /// Shows how this mirror does.
    pub(crate) fn show(&mut self, mirror: Mirror) {
        self.mirror = Some(mirror);
    }

    /// Runs until nobody can send inputs any more, or it is dropped.
    pub(crate) async fn run(&mut self, mut inputs: mpsc::Receiver<Input>) -> std::io::Result<()> {
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
                () = self.held.changed() => {}
            }
            self.look_at_the_deadline();
            self.release();
        }
    }

    /// Writes the last records, as long as the disk takes them.
    pub(crate) async fn close(self) {
        self.held.close().await;
    }

    /// Carries out what is safe by now, and tells of a disk that takes nothing.
    fn release(&mut self) {
        while let Some(action) = self.held.next() {
            self.carry_out(action);
        }
        let newest = self.cma.newest_event();
        self.newest.send_if_modified(|told| std::mem::replace(told, newest) != newest);
        let revision = self.cma.graph().revision().unwrap_or_default();
        self.revision.send_if_modified(|told| std::mem::replace(told, revision) != revision);
        if let Some(warning) = self.held.warning_changed() {
            self.of_store = warning;
            self.tell_warnings();
        }
    }

    /// What the pager and the disk want somebody to look at.
    fn tell_warnings(&mut self) {
        let all = self.of_pager.iter().chain(&self.of_store).cloned().collect();
        let now = self.read_clock();
        self.feed(now, Event::OwnWarnings(all));
    }

    fn take_all(&mut self, batch: &mut Vec<Input>) {
        let now = self.read_clock();
        for input in batch.drain(..) {
            match input {
                Input::Connected(stream, hello, outlet) => {
                    let line = Line { site: hello.site.clone(), relay: hello.relay, outlet };
                    self.lines.insert(stream, line);
                    self.feed(now, Event::RelayConnected { stream, hello: *hello });
                }
                Input::Warnings(warnings) => {
                    self.of_pager = warnings;
                    self.tell_warnings();
                }
                Input::Event(event) => {
                    if let Event::RelayGone { stream } = *event {
                        self.lines.remove(&stream);
                    }
                    self.feed(now, *event);
                }
                Input::Ask(Question::Backup(file), reply) => self.back_up(file, reply),
                #[cfg(feature = "neo4j")]
                Input::Mirror(ask, reply) => {
                    let answer = ringmesh_mirror::source::answer(self.cma.graph(), &ask);
                    // The mirror may have ended.
                    let _ = reply.send(answer.map_err(|error| error.to_string()));
                }
                Input::Ask(question, reply) => {
                    // Whoever asked may be gone by now.
                    let _ = reply.send(self.answer(now, &question));
                }
            }
        }
    }

    /// It takes as long as the disk does; meanwhile all goes on.
    fn back_up(&self, file: PathBuf, reply: oneshot::Sender<Reply>) {
        let copied = self.held.backup(&file);
        tokio::spawn(async move {
            let json = match copied.await {
                Ok((records, octets)) => {
                    let file = file.display().to_string();
                    tracing::info!(file, records, octets, "the store was copied");
                    serde_json::to_string(&BackedUp { schema: SCHEMA, file, records, octets })
                        .map_err(|error| Unanswered::Failed(error.to_string()))
                }
                Err(error) => Err(Unanswered::Unknown(error.to_string())),
            };
            // Whoever asked may be gone by now.
            let _ = reply.send(json);
        });
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
        self.held.take(actions);
        while let Some(action) = self.held.next() {
            self.carry_out(action);
        }
    }

    fn carry_out(&mut self, action: Action) {
        match action {
            Action::Welcome { stream, epoch, sequence } => {
                self.answer_relay(stream, |answer| {
                    *answer = Answer { welcome: Some((epoch, sequence)), acknowledged: sequence, pulses: 0 };
                });
            }
            Action::Acknowledge { stream, sequence } => {
                self.answer_relay(stream, |answer| {
                    answer.acknowledged = sequence;
                    answer.pulses += 1;
                });
            }
            Action::Hangup { stream } => drop(self.lines.remove(&stream)),
            Action::Mesh { stream, order } => {
                let Some(line) = self.lines.get(&stream) else { return };
                let keys = |link: &_| self.mesh_keys.of_end(&line.site, line.relay, link);
                self.order(stream, Body::Mesh(codec::mesh_order(&order, keys)));
            }
            Action::Compare { stream } => self.order(stream, Body::Compare(pb::Compare {})),
            Action::CompareGroups { stream, groups } => {
                self.order(stream, Body::CompareGroups(codec::groups(&groups)));
            }
            Action::ForgetHost { stream, host } => self.order(stream, Body::Forget(host.to_string())),
            Action::Want { stream, keys } => self.order(stream, Body::Wanted(codec::keys(&keys))),
            Action::Keep(_) => {}
            Action::Page { number, line } => {
                tracing::info!(
                    key = line.key,
                    transition = line.transition,
                    severity = line.severity,
                    "{}",
                    line.text
                );
                // The pager ends after the driver only.
                let _ = self.pager.send((number, *line));
            }
            Action::Say(say) => log(&say),
        }
    }

    fn answer_relay(&self, stream: StreamId, change: impl FnOnce(&mut Answer)) {
        if let Some(line) = self.lines.get(&stream) {
            line.outlet.answers.send_modify(change);
        }
    }

    /// Says something to a relay, after all that was said before. Who leaves too much unread is hung up on.
    fn order(&mut self, stream: StreamId, body: Body) {
        let Some(line) = self.lines.get(&stream) else { return };
        if line.outlet.orders.try_send(body).is_err() {
            self.lines.remove(&stream);
        }
    }

    fn answer(&mut self, now: Time, question: &Question) -> Reply {
        let failed = |error: &dyn std::fmt::Display| Unanswered::Failed(error.to_string());
        let json = match question {
            Question::Backup(_) => return Err(Unanswered::Failed("a copy is made beside this".to_owned())),
            Question::Status => {
                let mut status = self.cma.status(now).map_err(|error| failed(&error))?;
                if let Some(mirror) = &self.mirror {
                    mirror.tell(&mut status);
                }
                serde_json::to_string(&status)
            }
            Question::Tree => serde_json::to_string(&self.cma.tree(now).map_err(|error| failed(&error))?),
            Question::Incidents { all } => serde_json::to_string(&self.cma.incidents(now, *all)),
            Question::Explain(id) => {
                let explained = self.cma.explain(now, id);
                serde_json::to_string(&explained.map_err(|error| Unanswered::Unknown(error.to_string()))?)
            }
            Question::TreeAt(at_ms) => {
                let tree = self.cma.tree_at(now, *at_ms);
                serde_json::to_string(&tree.map_err(|error| Unanswered::Unknown(error.to_string()))?)
            }
            Question::Events { after, last } => serde_json::to_string(&self.cma.events(*after, *last)),
            Question::Query { name, argument } => {
                let answered = self.cma.query(now, name, argument).map_err(|error| match error {
                    NoAnswer::Store(error) => failed(&error),
                    wrong => Unanswered::Unknown(wrong.to_string()),
                });
                serde_json::to_string(&answered?)
            }
            Question::Forget { site, host } => {
                let mut actions = Vec::new();
                let forgotten = self.cma.forget(now, site.as_ref(), host, &mut actions);
                self.held.take(actions);
                serde_json::to_string(&forgotten.map_err(|error| Unanswered::Unknown(error.to_string()))?)
            }
            Question::ForgetRelay { site, relay } => {
                let mut actions = Vec::new();
                let forgotten = self.cma.forget_relay(now, site, *relay, &mut actions);
                self.held.take(actions);
                serde_json::to_string(&forgotten.map_err(|error| Unanswered::Unknown(error.to_string()))?)
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
        | Say::RelaySilent(_)
        | Say::RelayForgotten(_)
        | Say::IncidentOpened { .. }
        | Say::IncidentRevised { .. }
        | Say::IncidentClosed { .. } => tracing::info!("{say}"),
        Say::RelayConnected { anew: true, .. }
        | Say::IncidentForeign { .. }
        | Say::NewsRefused { .. }
        | Say::StoreFailed(_) => tracing::warn!("{say}"),
    }
}
