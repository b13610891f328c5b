//! What a lab consists of and what is broken in it.

use serde::Serialize;

use super::error::LabError;
use super::net;
use super::running::Lab;
use super::state::{Broken, Running};
use super::text::{Paint, Style, table};

/// A lab as `lab status --json` shows it.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Status {
    /// Of this shape.
    pub schema: u32,
    /// Whether everything that should be there is.
    pub ok: bool,
    /// Before every namespace's name.
    pub prefix: String,
    /// One for each process.
    pub processes: Vec<Process>,
    /// Namespaces that should be there and are not.
    pub missing_namespaces: Vec<String>,
    /// What is broken on purpose.
    pub broken: Vec<BrokenRow>,
}

/// One process.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Process {
    /// Of the host, the switch, `r1` or `cma`.
    pub name: String,
    /// cma, relay, probe or announcer.
    pub role: &'static str,
    /// Where it lives.
    pub netns: String,
    /// Its process id.
    pub pid: i32,
    /// Whether it runs.
    pub alive: bool,
    /// Where its words go.
    pub log: String,
}

/// One broken thing.
#[derive(Clone, Debug, Serialize)]
pub(super) struct BrokenRow {
    /// Whose.
    pub name: String,
    /// How.
    pub fault: String,
    /// Since when, in milliseconds since the epoch.
    pub since_ms: u64,
}

/// Looks at a lab.
///
/// # Errors
/// As of `ip`.
pub(super) fn status(lab: &Lab) -> Result<Status, LabError> {
    let existing = net::existing()?;
    let missing: Vec<String> =
        lab.plan().namespaces().into_iter().filter(|name| !existing.contains(name)).collect();
    let processes: Vec<Process> = lab.state.processes.iter().map(|running| process(lab, running)).collect();
    Ok(Status {
        schema: 1,
        ok: missing.is_empty() && lab.casualties().is_empty(),
        prefix: lab.state.prefix.clone(),
        processes,
        missing_namespaces: missing,
        broken: lab.state.broken.iter().map(broken).collect(),
    })
}

fn process(lab: &Lab, running: &Running) -> Process {
    let place = if running.name == "r1" { "relay" } else { &running.name };
    Process {
        name: running.name.clone(),
        role: running.role.word(),
        netns: lab.plan().netns(place),
        pid: running.process.pid,
        alive: running.process.is_alive(),
        log: running.log.display().to_string(),
    }
}

fn broken(broken: &Broken) -> BrokenRow {
    BrokenRow { name: broken.name.clone(), fault: broken.fault.clone(), since_ms: broken.since_ms }
}

/// The status for people.
pub(super) fn render(status: &Status) -> String {
    let style = Style::of_stdout();
    let is_broken = |name: &str| status.broken.iter().any(|row| row.name == name);
    let rows: Vec<Vec<String>> = status.processes.iter().map(row).collect();
    let text = table(&["name", "role", "namespace", "pid", "state"], &rows);
    let mut lines = text.lines();
    let mut text = style.paint(Paint::Strong, lines.next().unwrap_or_default()) + "\n";
    for (line, process) in lines.zip(&status.processes) {
        text += &match (process.alive, is_broken(&process.name)) {
            (true, false) => line.to_string(),
            (_, true) => style.paint(Paint::Warn, line),
            (false, false) => style.paint(Paint::Bad, line),
        };
        text.push('\n');
    }
    for row in &status.broken {
        text += &style.paint(Paint::Warn, &format!("broken: {} {}", row.fault, row.name));
        text.push('\n');
    }
    for name in &status.missing_namespaces {
        text += &style.paint(Paint::Bad, &format!("missing: the namespace {name}"));
        text.push('\n');
    }
    text
}

fn row(process: &Process) -> Vec<String> {
    let state = if process.alive { "alive" } else { "dead" };
    vec![
        process.name.clone(),
        process.role.into(),
        process.netns.clone(),
        process.pid.to_string(),
        state.into(),
    ]
}
