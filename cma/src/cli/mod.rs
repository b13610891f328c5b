//! The `ringmesh` command: asks a running CMA over its Unix socket and prints the answer for people or programs.

mod arguments;
mod client;
mod cypher;
mod diff;
mod events;
mod export;
mod forget;
mod gloss;
mod incidents;
mod mirror;
mod moment;
mod paint;
mod papers;
mod picture;
mod query;
mod status;
mod store;
mod tree;

use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Parser;
use ringmesh_cma_core::documents::{
    Explain, Forgotten, ForgottenRelay, Incidents, MirrorCompared, MirrorOrdered, MirrorStatus, Status, Tree,
};
use ringmesh_cma_core::query::Answer;
use ringmesh_shell::failure::{Failure, Kind};
use serde::de::DeserializeOwned;

use arguments::{Arguments, Command, MirrorCommand};
use client::{Client, Question};
use paint::Paint;

/// Runs the command of this process's arguments.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let mut printed = String::new();
    let done = start(&arguments, &mut printed);
    // A reader that has seen enough (`ringmesh tree | head`) is no error.
    let written = io::stdout().write_all(printed.as_bytes());
    if let Some(error) = written.err().filter(|error| error.kind() != io::ErrorKind::BrokenPipe) {
        eprintln!("ringmesh: standard output: {error}");
    }
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(Ended::Check) => ExitCode::from(1),
        Err(Ended::Failure(failure)) => {
            eprintln!("ringmesh: {failure}");
            ExitCode::from(failure.exit_code())
        }
    }
}

/// Why the command does not end with 0.
enum Ended {
    /// What it printed says why.
    Check,
    /// Nothing was printed.
    Failure(Failure),
}

impl From<Failure> for Ended {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

fn start(arguments: &Arguments, out: &mut String) -> Result<(), Ended> {
    match &arguments.command {
        Command::Completions { shell } => out.push_str(&papers::completions(*shell)?),
        Command::Man { out: None } => out.push_str(&papers::page()?),
        Command::Man { out: Some(folder) } => papers::pages(folder)?,
        Command::Tree { svg: Some(file), at } => {
            runtime()?.block_on(draw(&arguments.socket, file, *at, out))?;
        }
        Command::Tree { svg: None, at } => ask(arguments, Question::Tree { at_ms: *at }, out)?,
        Command::Status => ask(arguments, Question::Status, out)?,
        Command::Incidents { all } => ask(arguments, Question::Incidents { all: *all }, out)?,
        Command::Explain { incident } => ask(arguments, Question::Explain(incident.clone()), out)?,
        Command::Events { follow, last } => tell_events(arguments, *follow, *last)?,
        Command::Query { name: None, .. } => out.push_str(&query::list(arguments.json)),
        Command::Query { name: Some(name), cypher: true, .. } => out.push_str(query::cypher(name)?),
        Command::Query { name: Some(name), argument, cypher: false } => {
            ask(arguments, query::question(name, argument.as_deref())?, out)?;
        }
        Command::Mirror { what } => {
            let compare = *what == Some(MirrorCommand::Compare);
            let resync = *what == Some(MirrorCommand::Resync);
            ask(arguments, Question::Mirror { compare, resync }, out)?;
        }
        Command::Export { format, out: path, at } => {
            let tree = runtime()?.block_on(tree_of(&arguments.socket, *at))?;
            out.push_str(&export::write(&tree, *format, path.as_deref(), &mut io::stderr())?);
        }
        Command::Store { what } => {
            let (json, text) = runtime()?.block_on(store::run(&arguments.socket, what))?;
            out.push_str(&if arguments.json { pretty(&json)? } else { text });
        }
        Command::Diff { inventory, file } => differ(arguments, *inventory, file, out)?,
        Command::Forget { host, relay, yes } => {
            let what = forget::What::of(host.clone(), relay.clone())?;
            let json = runtime()?.block_on(forget::run(&arguments.socket, what, *yes))?;
            answer(arguments, &json, out)?;
        }
    }
    Ok(())
}

fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| {
        let problem = format!("the system refuses: {error}");
        Failure::new(Kind::OutOfReach, problem, "check the limit of open files")
    })
}

/// Asks one question and shows the answer.
fn ask(arguments: &Arguments, question: Question, out: &mut String) -> Result<(), Ended> {
    let asked = async { Client::connect_for(&arguments.socket, &question).await?.ask(question).await };
    let json = runtime()?.block_on(asked)?;
    answer(arguments, &json, out)
}

fn answer(arguments: &Arguments, json: &str, out: &mut String) -> Result<(), Ended> {
    if arguments.json {
        out.push_str(&pretty(json)?);
    }
    show(arguments, json, out)
}

/// What is cabled against what is seen: a difference is a check that failed.
fn differ(
    arguments: &Arguments,
    inventory: diff::Inventory,
    file: &Path,
    out: &mut String,
) -> Result<(), Ended> {
    let cables = diff::read(file)?;
    let tree = runtime()?.block_on(tree_of(&arguments.socket, None))?;
    let answer = diff::compare(&tree, inventory, file, &cables)?;
    if arguments.json {
        out.push_str(&pretty(&serde_json::to_string(&answer).map_err(|error| not_understood(&error))?)?);
    } else {
        out.push_str(&query::text(&Paint { color: wants_color(), now_ms: now_ms() }, &answer));
    }
    if answer.rows.is_empty() { Ok(()) } else { Err(Ended::Check) }
}

/// Events go out as they come.
fn tell_events(arguments: &Arguments, follow: bool, last: u32) -> Result<(), Failure> {
    let wrap = io::stdout().is_terminal();
    let options = events::Options { follow, last, json: arguments.json, wrap };
    let paint = Paint { color: wants_color(), now_ms: now_ms() };
    let (mut out, mut said) = (io::stdout().lock(), io::stderr());
    runtime()?.block_on(events::run(&arguments.socket, options, &paint, &mut out, &mut said))
}

async fn tree_of(socket: &Path, at: Option<u64>) -> Result<Tree, Failure> {
    let mut client = Client::connect(socket).await?;
    read(&client.ask(Question::Tree { at_ms: at }).await?)
}

/// A picture of the tree and of what is open, or of what was, into a file.
async fn draw(socket: &Path, file: &Path, at: Option<u64>, out: &mut String) -> Result<(), Failure> {
    let mut client = Client::connect(socket).await?;
    let tree: Tree = read(&client.ask(Question::Tree { at_ms: at }).await?)?;
    let all: Incidents = read(&client.ask(Question::Incidents { all: at.is_some() }).await?)?;
    let incidents = at.map_or_else(|| all.clone(), |at| incidents::open_at(&all, at));
    let svg = picture::svg(&tree, &incidents, at.map(tree::as_of).as_deref());
    if file == Path::new("-") {
        out.push_str(&svg);
        return Ok(());
    }
    let remedy = "give a file in a folder that you may write";
    std::fs::write(file, svg).map_err(|error| Failure::file("--svg", file, &error, remedy))
}

fn show(arguments: &Arguments, json: &str, out: &mut String) -> Result<(), Ended> {
    let paint = Paint { color: wants_color(), now_ms: now_ms() };
    let (text, ok) = match &arguments.command {
        Command::Status => {
            let status: Status = read(json)?;
            (status::text(&paint, &status), status.ok)
        }
        Command::Tree { at: None, .. } => (tree::text(&paint, &read::<Tree>(json)?), true),
        Command::Tree { at: Some(at), .. } => (tree::past(&paint, &read::<Tree>(json)?, *at), true),
        Command::Incidents { all } => (incidents::list(&paint, &read::<Incidents>(json)?, *all), true),
        Command::Explain { .. } => (incidents::explain(&paint, &read::<Explain>(json)?), true),
        Command::Query { .. } => (query::text(&paint, &read::<Answer>(json)?), true),
        Command::Mirror { what: None } => {
            let mirror: MirrorStatus = read(json)?;
            (mirror::text(&paint, &mirror), mirror.error.is_empty())
        }
        Command::Mirror { what: Some(MirrorCommand::Compare) } => {
            let compared: MirrorCompared = read(json)?;
            (mirror::compared(&compared), compared.same)
        }
        Command::Mirror { what: Some(MirrorCommand::Resync) } => {
            (mirror::ordered(&read::<MirrorOrdered>(json)?), true)
        }
        Command::Forget { relay: Some(_), .. } => (forget::relay_text(&read::<ForgottenRelay>(json)?), true),
        Command::Forget { .. } => (forget::text(&read::<Forgotten>(json)?), true),
        Command::Export { .. }
        | Command::Diff { .. }
        | Command::Store { .. }
        | Command::Events { .. }
        | Command::Completions { .. }
        | Command::Man { .. } => (String::new(), true),
    };
    if !arguments.json {
        out.push_str(&text);
    }
    if ok { Ok(()) } else { Err(Ended::Check) }
}

fn read<T: DeserializeOwned>(json: &str) -> Result<T, Failure> {
    serde_json::from_str(json).map_err(|error| not_understood(&error))
}

/// The document as it came, readable.
fn pretty(json: &str) -> Result<String, Failure> {
    let value: serde_json::Value = read(json)?;
    let text = serde_json::to_string_pretty(&value).map_err(|error| not_understood(&error))?;
    Ok(text + "\n")
}

fn not_understood(error: &serde_json::Error) -> Failure {
    let problem = format!("the CMA answered what this command does not understand: {error}");
    Failure::new(Kind::OutOfReach, problem, "use the ringmesh command of the CMA's version")
}

/// Colour for people at a terminal who did not ask for none (<https://no-color.org>).
fn wants_color() -> bool {
    let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    io::stdout().is_terminal() && !set("NO_COLOR") && !dumb
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
