//! Hands lines to people: appends them to a file, or runs a command with the line on its standard input.
//!
//! Lines leave in order and at least once. A failure is logged once, shown by `ringmesh status`, and tried again
//! with growing pauses; the machine never waits for it.

use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use ringmesh_cma_core::cma::Event;
use ringmesh_cma_core::documents::PageLine;
use ringmesh_proto::news::Warning;
use tokio::io::AsyncWriteExt;
use tokio::sync::mpsc;

use crate::config::Notify;
use crate::driver::Input;
use crate::spool::{self, Spool};

/// How long one attempt may take.
const ATTEMPT_MAX: Duration = Duration::from_secs(30);
/// The first pause after a failure; doubled each time ..
const PAUSE_MIN: Duration = Duration::from_secs(1);
/// .. up to this.
const PAUSE_MAX: Duration = Duration::from_secs(60);
/// Lines that wait at most; beyond it the oldest is given up.
const WAITING_MAX: usize = 100_000;

type Attempt = Pin<Box<dyn Future<Output = io::Result<()>> + Send>>;

/// See the module.
pub(crate) struct Pager {
    sink: Arc<Notify>,
    spool: Spool,
    waiting: VecDeque<String>,
    pause: Duration,
    given_up: u64,
    /// What is shown by `status`: of the sink, of the spool.
    warnings: [Option<Warning>; 2],
    inputs: mpsc::Sender<Input>,
}

impl Pager {
    pub(crate) fn new(
        sink: Notify,
        (spool, waiting): (Spool, Vec<String>),
        inputs: mpsc::Sender<Input>,
    ) -> Self {
        let sink = Arc::new(sink);
        let (pause, given_up, warnings) = (Duration::ZERO, 0, [None, None]);
        Self { sink, spool, waiting: waiting.into(), pause, given_up, warnings, inputs }
    }

    /// Runs until no line can come any more and those that wait were taken, or the sink fails once more.
    pub(crate) async fn run(mut self, mut lines: mpsc::UnboundedReceiver<PageLine>) {
        let mut open = true;
        let mut current: Option<(String, Attempt)> = None;
        loop {
            if current.is_none() {
                current = self.waiting.pop_front().map(|line| (line.clone(), self.attempt(line)));
            }
            if !open && (current.is_none() || self.pause > Duration::ZERO) {
                return;
            }
            let attempt = async {
                match &mut current {
                    Some((_, attempt)) => attempt.await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                line = lines.recv(), if open => match line {
                    Some(line) => self.accept(&line).await,
                    None => open = false,
                },
                done = attempt => {
                    let Some((line, _)) = current.take() else { continue };
                    self.attempted(line, done).await;
                }
            }
        }
    }

    async fn accept(&mut self, line: &PageLine) {
        let json = match serde_json::to_string(line) {
            Ok(json) => json,
            Err(error) => return tracing::error!("a line could not be written as JSON: {error}"),
        };
        let kept = self.spool.keep(&json).await;
        self.warn(
            1,
            kept.err().map(|error| {
                warning(
                    "spool-failed",
                    &error,
                    "make room in state_dir: a line may be lost if the CMA is killed",
                )
            }),
        )
        .await;
        if self.waiting.len() == WAITING_MAX {
            self.waiting.pop_front();
            self.given_up += 1;
            tracing::error!(
                given_up = self.given_up,
                "too many lines wait for the pager: the oldest was given up"
            );
        }
        self.waiting.push_back(json);
    }

    fn attempt(&self, line: String) -> Attempt {
        let (sink, pause) = (Arc::clone(&self.sink), self.pause);
        Box::pin(async move {
            tokio::time::sleep(pause).await;
            match tokio::time::timeout(ATTEMPT_MAX, hand_on(&sink, line)).await {
                Ok(done) => done,
                Err(_) => Err(io::Error::other(format!("it took more than {} s", ATTEMPT_MAX.as_secs()))),
            }
        })
    }

    async fn attempted(&mut self, line: String, done: io::Result<()>) {
        let Err(error) = done else {
            self.pause = Duration::ZERO;
            self.warn(0, None).await;
            if self.waiting.is_empty() {
                let cleared = self.spool.clear().await;
                self.warn(
                    1,
                    cleared.err().map(|error| {
                        warning(
                            "spool-failed",
                            &error,
                            "make state_dir writable: lines may be handed on twice",
                        )
                    }),
                )
                .await;
            }
            return;
        };
        self.waiting.push_front(line);
        self.pause = (self.pause * 2).clamp(PAUSE_MIN, PAUSE_MAX);
        let what = format!("{}: {error}; {} lines wait", self.sink.words(), self.waiting.len());
        self.warn(0, Some(warning("notify-failed", &what, "correct [notify] in cma.toml, or what it names")))
            .await;
    }

    /// Shows a warning, or takes it back; logs when that changes.
    async fn warn(&mut self, slot: usize, now: Option<Warning>) {
        let before = std::mem::replace(&mut self.warnings[slot], now);
        let now = &self.warnings[slot];
        if before == *now {
            return;
        }
        match now {
            Some(warning) => tracing::warn!("{}: {}", warning.text, warning.remedy),
            None => tracing::info!("lines are handed on again"),
        }
        let all = self.warnings.iter().flatten().cloned().collect();
        // The driver may have ended.
        let _ = self.inputs.send(Input::Event(Box::new(Event::OwnWarnings(all)))).await;
    }
}

fn warning(code: &str, what: &dyn std::fmt::Display, remedy: &str) -> Warning {
    Warning {
        code: code.to_owned(),
        text: format!("people are not told reliably: {what}"),
        remedy: remedy.to_owned(),
    }
}

impl Notify {
    fn words(&self) -> String {
        match self {
            Self::File(path) => format!("file {}", path.display()),
            Self::Command(command) => format!("command {}", command.join(" ")),
        }
    }
}

async fn hand_on(sink: &Notify, line: String) -> io::Result<()> {
    match sink {
        Notify::File(path) => {
            let path = path.clone();
            spool::blocking(move || spool::append(&path, &line)).await
        }
        Notify::Command(command) => run(command, &line).await,
    }
}

async fn run(command: &[String], line: &str) -> io::Result<()> {
    let Some((program, arguments)) = command.split_first() else {
        return Err(io::Error::other("no command is given"));
    };
    let mut command = tokio::process::Command::new(program);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::null()).kill_on_drop(true);
    let mut child = command.spawn()?;
    if let Some(mut input) = child.stdin.take() {
        match input.write_all(format!("{line}\n").as_bytes()).await {
            // A command that does not read may still have done its work: its exit code tells.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
            written => written?,
        }
    }
    let status = child.wait().await?;
    if status.success() { Ok(()) } else { Err(io::Error::other(format!("it ended with {status}"))) }
}

#[cfg(test)]
mod tests;
