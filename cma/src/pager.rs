//! Hands lines to people: appends them to a file, or runs a command with the line on its standard input.
//!
//! Lines leave in order and at least once: the machine keeps each until it hears that it was handed on. A failure is logged once, shown by `ringmesh status`, and tried again
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

use crate::append;
use crate::config::Notify;
use crate::driver::Input;

/// How long one attempt may take.
const ATTEMPT_MAX: Duration = Duration::from_secs(30);
/// The first pause after a failure; doubled each time ..
const PAUSE_MIN: Duration = Duration::from_secs(1);
/// .. up to this.
const PAUSE_MAX: Duration = Duration::from_secs(60);
type Attempt = Pin<Box<dyn Future<Output = io::Result<()>> + Send>>;

/// See the module.
pub(crate) struct Pager {
    sink: Arc<Notify>,
    /// Lines by their number at the machine, which keeps each until it is handed on.
    waiting: VecDeque<(u64, String)>,
    pause: Duration,
    failing: Option<Warning>,
    inputs: mpsc::Sender<Input>,
}

impl Pager {
    pub(crate) fn new(sink: Notify, inputs: mpsc::Sender<Input>) -> Self {
        let (sink, waiting) = (Arc::new(sink), VecDeque::new());
        Self { sink, waiting, pause: Duration::ZERO, failing: None, inputs }
    }

    /// Runs until no line can come any more and those that wait were taken, or the sink fails once more.
    pub(crate) async fn run(mut self, mut lines: mpsc::UnboundedReceiver<(u64, PageLine)>) {
        let mut open = true;
        let mut current: Option<(u64, String, Attempt)> = None;
        loop {
            if current.is_none() {
                let next = self.waiting.pop_front();
                current = next.map(|(number, line)| (number, line.clone(), self.attempt(line)));
            }
            if !open && (current.is_none() || self.pause > Duration::ZERO) {
                return;
            }
            let attempt = async {
                match &mut current {
                    Some((.., attempt)) => attempt.await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                line = lines.recv(), if open => match line {
                    Some((number, line)) => self.accept(number, &line),
                    None => open = false,
                },
                done = attempt => {
                    let Some((number, line, _)) = current.take() else { continue };
                    self.attempted(number, line, done).await;
                }
            }
        }
    }

    fn accept(&mut self, number: u64, line: &PageLine) {
        match serde_json::to_string(line) {
            Ok(json) => self.waiting.push_back((number, json)),
            Err(error) => tracing::error!("a line could not be written as JSON: {error}"),
        }
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

    async fn attempted(&mut self, number: u64, line: String, done: io::Result<()>) {
        let Err(error) = done else {
            self.pause = Duration::ZERO;
            self.tell(Input::Event(Box::new(Event::HandedOn { page: number }))).await;
            self.warn(None).await;
            return;
        };
        self.waiting.push_front((number, line));
        self.pause = (self.pause * 2).clamp(PAUSE_MIN, PAUSE_MAX);
        let what = format!("{}: {error}; {} lines wait", self.sink.words(), self.waiting.len());
        self.warn(Some(Warning {
            code: "notify-failed".to_owned(),
            text: format!("people are not told reliably: {what}"),
            remedy: "correct [notify] in cma.toml, or what it names".to_owned(),
        }))
        .await;
    }

    /// Shows a warning, or takes it back; logs when that changes.
    async fn warn(&mut self, now: Option<Warning>) {
        if self.failing == now {
            return;
        }
        match &now {
            Some(warning) => tracing::warn!("{}: {}", warning.text, warning.remedy),
            None => tracing::info!("lines are handed on again"),
        }
        self.failing = now;
        self.tell(Input::Warnings(self.failing.iter().cloned().collect())).await;
    }

    /// The driver may have ended.
    async fn tell(&self, input: Input) {
        let _ = self.inputs.send(input).await;
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
            append::blocking(move || append::append(&path, &line)).await
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
