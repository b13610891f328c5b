//! The mirror: connects, follows, and begins again after any trouble.

use std::convert::Infallible;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use ringmesh_cma_core::graph::{Change, Changes};
use tokio::sync::{mpsc, oneshot, watch};

use crate::batch::Batch;
use crate::bolt::Bolt;
use crate::cursor::Cursor;
use crate::difference::{Difference, compare};
use crate::settings::Settings;
use crate::source::{Asker, Source};
use crate::state::{Comparison, Phase, Problem, State};
use crate::trouble::Trouble;
use crate::write::write;

/// How long it waits before it tries again, at first ..
const PAUSE_MIN: Duration = Duration::from_millis(500);
/// .. and at most, where that could help soon ..
const PAUSE_MAX: Duration = Duration::from_secs(10);
/// .. and where somebody has to do something first.
const PAUSE_LONG: Duration = Duration::from_secs(20);
/// Changes come in bursts: so long a burst is gathered.
const GATHER: Duration = Duration::from_millis(100);
/// An idle server is looked at so often: is it there, and where we left it?
const LOOK_EVERY: Duration = Duration::from_secs(10);
/// Fewer rows of a transaction make no slow server quicker.
const BATCH_MIN: usize = 50;
/// How often a comparison is tried while the graph moves on.
const COMPARE_TRIES: usize = 5;

/// What an operator orders.
pub enum Order {
    /// Write every row again, whatever the server says it has. Answered when it is noted.
    Resync(oneshot::Sender<()>),
    /// Compare both sides.
    Compare(oneshot::Sender<Result<Comparison, String>>),
}

/// A mirror. See the crate.
pub struct Mirror {
    settings: Settings,
    state: watch::Sender<State>,
    orders: mpsc::Receiver<Order>,
    /// Rows of a transaction, for now.
    batch: usize,
    /// Write every row again.
    rewrite: bool,
}

impl Mirror {
    /// A mirror, how it does, and where it takes orders.
    pub fn new(settings: Settings) -> (Self, watch::Receiver<State>, mpsc::Sender<Order>) {
        let (state, shown) = watch::channel(State::new());
        let (order, orders) = mpsc::channel(4);
        let batch = settings.batch;
        (Self { settings, state, orders, batch, rewrite: false }, shown, order)
    }

    /// Runs until whoever answers ends.
    pub async fn run<S: Source>(mut self, mut source: S) {
        let mut pause = PAUSE_MIN;
        loop {
            let begun = self.state.borrow().written;
            let Err(trouble) = self.session(&mut source).await;
            if trouble == Trouble::Ended {
                return;
            }
            if self.state.borrow().written != begun {
                pause = PAUSE_MIN;
            }
            self.note(&trouble);
            let rest = if trouble.lasts() { PAUSE_LONG } else { pause };
            pause = (pause * 2).min(PAUSE_MAX);
            if self.rest(rest, &mut source, &trouble).await.is_err() {
                return;
            }
        }
    }

    /// One connection, until something is in the way.
    async fn session<S: Source>(&mut self, source: &mut S) -> Result<Infallible, Trouble> {
        let bolt = Bolt::new(&self.settings)?;
        let mut cursor = Cursor::open(&bolt, &self.settings).await?;
        let mut differs = !cursor.is_of(&self.settings);
        loop {
            if differs || self.rewrite {
                cursor = self.compare_and_write(&bolt, source, &cursor).await?;
                differs = false;
            }
            let asked = Instant::now();
            match Asker(source).changes(cursor.revision(), self.batch).await? {
                Changes::Forgotten => differs = true,
                Changes::Since { changes, .. } if changes.is_empty() => {
                    self.in_step(asked, &cursor);
                    self.idle(&bolt, source, &cursor).await?;
                }
                Changes::Since { changes, more } => {
                    cursor = self.write_changes(&bolt, &cursor, changes).await?;
                    self.state.send_modify(|state| state.revision = Some(cursor.revision()));
                    if !more {
                        self.in_step(asked, &cursor);
                    }
                }
            }
        }
    }

    async fn compare_and_write<S: Source>(
        &mut self,
        bolt: &Bolt,
        source: &mut S,
        cursor: &Cursor,
    ) -> Result<Cursor, Trouble> {
        tracing::info!(rewrite = self.rewrite, "neo4j: comparing both sides");
        self.state.send_modify(|state| {
            (state.phase, state.revision) = (Phase::Comparing, None);
        });
        let before = self.state.borrow().written;
        let (settings, batch, rewrite, state) = (&self.settings, self.batch, self.rewrite, &self.state);
        let done = Difference { bolt, source, settings, cursor, batch, rewrite, state }.run().await?;
        let written = self.state.borrow().written - before;
        tracing::info!(written, "neo4j: both sides hold the same");
        self.rewrite = false;
        self.state.send_modify(|state| {
            (state.phase, state.revision) = (Phase::CatchingUp, Some(done.revision()));
            state.compared += 1;
        });
        Ok(done)
    }

    async fn write_changes(
        &mut self,
        bolt: &Bolt,
        cursor: &Cursor,
        changes: Vec<(u64, Change)>,
    ) -> Result<Cursor, Trouble> {
        let Some(last) = changes.last().map(|(revision, _)| *revision) else { return Ok(cursor.clone()) };
        if self.state.borrow().phase != Phase::InStep {
            self.enter(Phase::CatchingUp);
        }
        let batch: Batch = changes.into_iter().map(|(_, change)| change).collect();
        let to = cursor.at(last);
        let mut turn = bolt.turn().await?;
        cursor.take(&mut turn, &self.settings, &to).await?;
        write(&mut turn, &batch).await?;
        turn.commit().await?;
        self.state.send_modify(|state| state.written += batch.len() as u64);
        self.batch = (self.batch + self.batch / 4 + 1).min(self.settings.batch);
        Ok(to)
    }

    /// All that was known at that moment is there.
    fn in_step(&self, asked: Instant, cursor: &Cursor) {
        if self.state.borrow().phase != Phase::InStep {
            tracing::info!(revision = cursor.revision(), "neo4j: in step");
        }
        self.state.send_modify(|state| {
            (state.phase, state.revision, state.in_step_at) = (Phase::InStep, Some(cursor.revision()), asked);
            state.trouble = None;
        });
    }

    fn enter(&self, phase: Phase) {
        self.state.send_modify(|state| state.phase = phase);
    }

    /// Returns when there is something to write.
    async fn idle<S: Source>(&mut self, bolt: &Bolt, source: &mut S, cursor: &Cursor) -> Result<(), Trouble> {
        let look = tokio::time::sleep(LOOK_EVERY);
        tokio::pin!(look);
        while !self.rewrite {
            if source.revision() > cursor.revision() {
                tokio::time::sleep(GATHER).await;
                return Ok(());
            }
            self.state.send_modify(|state| state.in_step_at = Instant::now());
            tokio::select! {
                moved = source.moved() => moved?,
                order = self.orders.recv() => match order {
                    None => return Err(Trouble::Ended),
                    Some(Order::Resync(noted)) => self.note_resync(noted),
                    Some(Order::Compare(reply)) => {
                        let compared = self.compare(bolt, source, cursor).await;
                        // Whoever asked may be gone.
                        let said = compared.as_ref().map_err(ToString::to_string);
                        let _ = reply.send(said.cloned().and_then(|found| {
                            found.ok_or_else(|| "the graph moves on too quickly: try again".to_owned())
                        }));
                        if compared?.is_none() {
                            return Ok(());
                        }
                    }
                },
                () = tokio::time::sleep(Duration::from_secs(1)) => {}
                () = &mut look => {
                    if Cursor::read(bolt).await?.as_ref() != Some(cursor) {
                        return Err(Trouble::Moved);
                    }
                    look.as_mut().reset(tokio::time::Instant::now() + LOOK_EVERY);
                }
            }
        }
        Ok(())
    }

    /// `None` if the graph moved on meanwhile.
    async fn compare<S: Source>(
        &self,
        bolt: &Bolt,
        source: &mut S,
        cursor: &Cursor,
    ) -> Result<Option<Comparison>, Trouble> {
        for _ in 0..COMPARE_TRIES {
            if source.revision() > cursor.revision() {
                return Ok(None);
            }
            if let Some(found) = compare(bolt, source, cursor).await? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    fn note_resync(&mut self, noted: oneshot::Sender<()>) {
        self.rewrite = true;
        // Whoever asked may be gone.
        let _ = noted.send(());
    }

    fn note(&mut self, trouble: &Trouble) {
        if matches!(trouble, Trouble::Slow(_)) {
            self.batch = (self.batch / 2).max(BATCH_MIN);
        }
        let text = trouble.to_string();
        let known = self.state.borrow().trouble.as_ref().is_some_and(|before| before.text == text);
        if !known {
            tracing::warn!("neo4j: {text}; {}", trouble.remedy());
        }
        let at_ms = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let at_ms = u64::try_from(at_ms).unwrap_or(u64::MAX);
        self.state.send_modify(|state| {
            state.phase = Phase::Waiting;
            state.trouble = Some(Problem { at_ms, text, remedy: trouble.remedy() });
        });
    }

    /// Waits before it tries again; an operator's word ends the wait.
    async fn rest<S: Source>(
        &mut self,
        pause: Duration,
        source: &mut S,
        trouble: &Trouble,
    ) -> Result<(), Trouble> {
        let over = tokio::time::sleep(pause);
        tokio::pin!(over);
        loop {
            tokio::select! {
                () = &mut over => return Ok(()),
                moved = source.moved() => moved?,
                order = self.orders.recv() => match order {
                    None => return Err(Trouble::Ended),
                    Some(Order::Resync(noted)) => {
                        self.note_resync(noted);
                        return Ok(());
                    }
                    Some(Order::Compare(reply)) => drop(reply.send(Err(trouble.to_string()))),
                },
            }
        }
    }
}
