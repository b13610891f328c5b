//! A program with a mirror.

use std::time::Duration;

use ringmesh_cma_core::documents::{
    MirrorCompared, MirrorOrdered, MirrorRows, MirrorStatus, SCHEMA, Status, WarningDoc,
};
use ringmesh_mirror::settings::{BATCH_MAX, Uri, UriError};
use ringmesh_mirror::source::Answer;
use ringmesh_mirror::state::{Compared, Phase, Problem};
use ringmesh_mirror::{Ask, Mirror as Worker, Order, Settings, Source, State, Trouble};
use ringmesh_shell::failure::{Failure, Kind};
use tokio::sync::{mpsc, oneshot, watch};

use super::{Asked, Refused};
use crate::driver::Input;

/// How long one call to the server may take.
const CALL_WITHIN: Duration = Duration::from_secs(30);

/// Where the graph is mirrored to; sound.
#[derive(Debug)]
pub struct Target(Settings);

impl Target {
    pub(crate) fn new(asked: Asked) -> Result<Self, Refused> {
        let Asked { uri, user, password, ca_file, database, batch } = asked;
        let uri = Uri::parse(&uri).map_err(|error| {
            let remedy = match &error {
                UriError::Unchecked(_) => "write bolt+s:// and give the server's certificate as ca_file",
                UriError::Scheme(_) | UriError::Address(_) => {
                    "write for example uri = \"bolt://127.0.0.1:7687\", or bolt+s:// for TLS"
                }
            };
            ("neo4j.uri", error.to_string(), remedy)
        })?;
        if ca_file.is_some() && !uri.is_tls() {
            let what = "is given, and nothing is encrypted".to_owned();
            return Err(("neo4j.ca_file", what, "write bolt+s:// in neo4j.uri, or take it out"));
        }
        if !(1..=BATCH_MAX).contains(&batch) {
            return Err(("neo4j.batch", format!("{batch} is not within 1 and {BATCH_MAX}"), "take it out"));
        }
        let (installation, run) = (String::new(), String::new());
        let within = CALL_WITHIN;
        Ok(Self(Settings { uri, user, password, ca_file, database, batch, installation, run, within }))
    }
}

/// A mirror at work: how it does, and where it takes orders.
#[derive(Clone)]
pub(crate) struct Mirror {
    uri: Uri,
    state: watch::Receiver<State>,
    revision: watch::Receiver<u64>,
    orders: mpsc::Sender<Order>,
}

impl Mirror {
    /// Starts it in a thread, which ends with the driver.
    pub(crate) fn start(
        target: &Target,
        installation: &str,
        run: String,
        revision: watch::Receiver<u64>,
        inputs: mpsc::Sender<Input>,
    ) -> Result<Self, Failure> {
        let settings = Settings { installation: installation.to_owned(), run, ..target.0.clone() };
        let uri = settings.uri.clone();
        let (worker, state, orders) = Worker::new(settings);
        let source = Driven { revision: revision.clone(), inputs: inputs.downgrade() };
        let refused = |error: std::io::Error| {
            let problem = format!("the system refuses: {error}");
            Failure::new(Kind::OutOfReach, problem, "check limits of open files and processes")
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(refused)?;
        let named = std::thread::Builder::new().name("neo4j".into());
        named.spawn(move || runtime.block_on(worker.run(source))).map_err(refused)?;
        Ok(Self { uri, state, revision, orders })
    }

    /// How it does.
    pub(crate) fn status(&self) -> MirrorStatus {
        let ended = self.state.has_changed().is_err();
        let state = self.state.borrow().clone();
        let lag_changes = state.revision.map(|there| self.revision.borrow().saturating_sub(there));
        let in_step = state.phase == Phase::InStep && lag_changes == Some(0);
        let trouble = state.trouble;
        let trouble = if ended { Some(panicked()) } else { trouble };
        let said = |of: &dyn Fn(&Problem) -> String| trouble.as_ref().map_or_else(String::new, of);
        MirrorStatus {
            schema: SCHEMA,
            uri: self.uri.as_str().to_owned(),
            exposed: self.uri.is_exposed(),
            state: if ended { "ended".to_owned() } else { state.phase.word().to_owned() },
            lag_changes,
            lag_s: if in_step { 0 } else { state.in_step_at.elapsed().as_secs() },
            rows_written: state.written,
            comparisons: state.compared,
            error: said(&|problem| problem.text.clone()),
            error_ms: trouble.as_ref().map_or(0, |problem| problem.at_ms),
            remedy: said(&|problem| problem.remedy.to_owned()),
        }
    }

    /// Adds to `ringmesh status` how it does. Monitoring itself does not depend on it, so it stays `ok`.
    pub(crate) fn tell(&self, status: &mut Status) {
        let mirror = self.status();
        if mirror.exposed {
            status.warnings.push(WarningDoc {
                code: "mirror-plain".to_owned(),
                text: format!("the mirror at {} is spoken to in plain text, password included", mirror.uri),
                remedy: "let Neo4j speak TLS and write bolt+s:// in neo4j.uri".to_owned(),
            });
        }
        if !mirror.error.is_empty() {
            let late = ringmesh_cma_core::calendar::span(mirror.lag_s);
            status.warnings.push(WarningDoc {
                code: "mirror-behind".to_owned(),
                text: format!("the mirror at {} is {late} behind: {}", mirror.uri, mirror.error),
                remedy: mirror.remedy.clone(),
            });
        }
        status.mirror = Some(mirror);
    }

    /// Compares both sides, row by row.
    pub(crate) async fn compare(&self) -> Result<MirrorCompared, String> {
        let (reply, replied) = oneshot::channel();
        self.order(Order::Compare(reply))?;
        let found = replied.await.map_err(|_| ended())??;
        let same = found.is_same();
        let rows = found.rows.into_iter().map(|row| {
            let Compared { of, here, there, same } = row;
            MirrorRows { of, here, there, same }
        });
        Ok(MirrorCompared { schema: SCHEMA, uri: self.uri.as_str().to_owned(), same, rows: rows.collect() })
    }

    /// Has every row written again.
    pub(crate) async fn resync(&self) -> Result<MirrorOrdered, String> {
        let (reply, replied) = oneshot::channel();
        self.order(Order::Resync(reply))?;
        // A mirror in the middle of a comparison hears it after that.
        drop(tokio::time::timeout(Duration::from_secs(2), replied).await);
        Ok(MirrorOrdered { schema: SCHEMA, uri: self.uri.as_str().to_owned() })
    }

    fn order(&self, order: Order) -> Result<(), String> {
        self.orders.try_send(order).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => "the mirror is busy: ask again later".to_owned(),
            mpsc::error::TrySendError::Closed(_) => ended(),
        })
    }
}

/// Nothing ends it before the driver ends but an error of its own.
fn panicked() -> Problem {
    Problem { at_ms: 0, text: ended(), remedy: "restart the CMA, and tell us" }
}

fn ended() -> String {
    "the mirror has ended; see the log of the CMA".to_owned()
}

/// The driver, as the mirror sees it. It keeps no driver alive.
struct Driven {
    revision: watch::Receiver<u64>,
    inputs: mpsc::WeakSender<Input>,
}

impl Source for Driven {
    async fn ask(&mut self, ask: Ask) -> Result<Answer, Trouble> {
        let (reply, replied) = oneshot::channel();
        let inputs = self.inputs.upgrade().ok_or(Trouble::Ended)?;
        inputs.send(Input::Mirror(ask, reply)).await.map_err(|_| Trouble::Ended)?;
        drop(inputs);
        replied.await.map_err(|_| Trouble::Ended)?.map_err(Trouble::Graph)
    }

    fn revision(&self) -> u64 {
        *self.revision.borrow()
    }

    async fn moved(&mut self) -> Result<(), Trouble> {
        self.revision.changed().await.map_err(|_| Trouble::Ended)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mirror_that_cannot_be_is_refused_with_key_and_remedy() {
        let asked = |uri: &str, batch, ca: Option<&str>| Asked {
            uri: uri.to_owned(),
            user: "neo4j".into(),
            password: "hunter2".into(),
            ca_file: ca.map(Into::into),
            database: String::new(),
            batch,
        };
        let cases = [
            ("http://h", 1, None, "neo4j.uri"),
            ("bolt+ssc://h", 1, None, "neo4j.uri"),
            ("bolt://h", 1, Some("ca.pem"), "neo4j.ca_file"),
            ("bolt://h", 0, None, "neo4j.batch"),
            ("bolt://h", 10_001, None, "neo4j.batch"),
        ];
        for (uri, batch, ca, want) in cases {
            let (key, _, _) = Target::new(asked(uri, batch, ca)).unwrap_err();
            assert_eq!(key, want, "{uri} {batch}");
        }
        let sound = Target::new(asked("bolt+s://h", 2_000, Some("ca.pem"))).unwrap();
        assert!(!format!("{sound:?}").contains("hunter2"));
    }
}
