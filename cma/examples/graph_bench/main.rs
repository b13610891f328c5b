//! What the graph costs at size: loading, memory, questions, changes in memory and on the disk, restart.
//!
//! ```text
//! cargo build --release -p ringmesh-cma --example graph_bench
//! target/release/examples/graph_bench --out docs/measured/graph.md --json target/bench/graph.json
//! ```
//!
//! Each size is built by a process of its own, which is then closed; another one starts from the file that it left,
//! as a CMA does, and answers the questions. Exit code 0: every promise held at the largest size; 1: one did not.

mod build;
mod figures;
mod restart;
mod world;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use clap::Parser;
use figures::Figures;
use ringmesh_cma_core::RECORDS_VERSION;
use ringmesh_shell::store::Header;
use world::World;

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Measures the graph store.
#[derive(Parser)]
struct Arguments {
    /// How many hosts; may be given several times.
    #[arg(long, value_name = "N", default_values_t = [10_000, 100_000, 1_000_000])]
    hosts: Vec<u32>,
    /// For how long durable changes are measured, twice.
    #[arg(long, value_name = "S", default_value_t = 20)]
    seconds: u64,
    /// Where the file is made, and removed again; the disk that is measured.
    #[arg(long, value_name = "FOLDER", default_value_os_t = std::env::temp_dir())]
    folder: PathBuf,
    /// Also write the report, in Markdown.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Also write the figures.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// One half of one size, in this process: figures as JSON on standard output.
    #[arg(long, value_name = "FILE", hide = true, value_parser = ["build", "restart"])]
    half: Option<String>,
}

fn main() -> Outcome<ExitCode> {
    let arguments = Arguments::parse();
    if let Some(half) = &arguments.half {
        let world = World { hosts: arguments.hosts.first().copied().unwrap_or_default() };
        let figures = match half.as_str() {
            "build" => build::measure(world, &file(&arguments), arguments.seconds)?,
            _ => restart::measure(world, &file(&arguments))?,
        };
        println!("{}", serde_json::to_string(&figures)?);
        return Ok(ExitCode::SUCCESS);
    }
    let load_before = figures::load();
    let mut all = Vec::new();
    for &hosts in &arguments.hosts {
        all.push((hosts, size(&arguments, hosts)?));
    }
    let (report, held) = figures::report(&load_before, &all);
    print!("{report}");
    write(arguments.out.as_deref(), &report)?;
    write(arguments.json.as_deref(), &serde_json::to_string_pretty(&figures::json(&all))?)?;
    Ok(ExitCode::from(u8::from(!held)))
}

/// Both halves of one size.
fn size(arguments: &Arguments, hosts: u32) -> Outcome<Figures> {
    let file = file(arguments);
    let half = |half: &str| -> Outcome<Figures> {
        eprintln!("{hosts} hosts: {half}");
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["--half", half, "--hosts", &hosts.to_string()]);
        command.args(["--seconds", &arguments.seconds.to_string(), "--folder"]).arg(&arguments.folder);
        let done = command.stderr(Stdio::inherit()).output()?;
        if !done.status.success() {
            return Err(format!("{half} of {hosts} hosts: {}", done.status).into());
        }
        Ok(serde_json::from_slice(&done.stdout)?)
    };
    let figures = half("build").and_then(|mut figures| {
        figures.extend(half("restart")?);
        Ok(figures)
    });
    std::fs::remove_file(file)?;
    figures
}

fn file(arguments: &Arguments) -> PathBuf {
    arguments.folder.join("ringmesh-graph-bench.redb")
}

fn header() -> Header {
    Header { kind: "cma", version: RECORDS_VERSION, owner: "CMA bench".into() }
}

fn write(path: Option<&Path>, text: &str) -> Outcome<()> {
    let Some(path) = path else { return Ok(()) };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(path, text).map_err(|error| format!("cannot write {}: {error}", path.display()).into())
}
