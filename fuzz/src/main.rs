//! Runs the targets on mutations, in great number, with any stable compiler.
//!
//! ```text
//! ringmesh-fuzz [--inputs N] [--seconds S] [--seed N] [--report FILE] [--keep FOLDER] [TARGET..]
//! ringmesh-fuzz seeds FOLDER
//! ```

use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use ringmesh_fuzz::{TARGETS, Target, mutate};

mod arguments;
mod report;

use arguments::{Arguments, Command};
use report::Figure;

const PROGRESS_EVERY: u64 = 1 << 12;

fn main() -> ExitCode {
    match arguments::parse(std::env::args().skip(1)) {
        Ok(Command::Run(arguments)) => run(&arguments),
        Ok(Command::Seeds(folder)) => end(write_seeds(Path::new(&folder)), &folder),
        Err(complaint) => {
            eprintln!("ringmesh-fuzz: {complaint}\n{}", arguments::USAGE);
            ExitCode::from(2)
        }
    }
}

fn run(arguments: &Arguments) -> ExitCode {
    let load = report::load();
    let Some(figures) = try_all(arguments) else {
        // What was broken and by which input stands above.
        return ExitCode::FAILURE;
    };
    match &arguments.report {
        Some(path) => end(fs::write(path, report::markdown(arguments.seed, &figures, &load)), path),
        None => ExitCode::SUCCESS,
    }
}

/// All targets side by side; `None` when one of them broke.
fn try_all(arguments: &Arguments) -> Option<Vec<Figure>> {
    std::thread::scope(|scope| {
        let spawn = |target: &&'static Target| {
            let target: &'static Target = target;
            scope.spawn(move || try_out(target, arguments))
        };
        let running: Vec<_> = arguments.targets.iter().map(spawn).collect();
        let ended: Vec<_> = running.into_iter().map(|it| it.join().ok()).collect();
        ended.into_iter().collect()
    })
}

fn end(outcome: std::io::Result<()>, path: &str) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ringmesh-fuzz: {path}: {error}");
            ExitCode::FAILURE
        }
    }
}

/// A law was broken: the other targets stop too.
static BROKEN: AtomicBool = AtomicBool::new(false);

/// The input being tried. Says which it was and keeps it, should a law be broken while it lives.
struct Case<'a> {
    target: &'a str,
    seed: u64,
    n: u64,
    octets: Vec<u8>,
    keep: Option<&'a str>,
}

impl Drop for Case<'_> {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        BROKEN.store(true, Ordering::Relaxed);
        let Self { target, seed, n, octets, keep } = self;
        eprintln!("ringmesh-fuzz: {target} broke a law; again: --seed {seed} --from {n} --inputs 1 {target}");
        if let Some(folder) = keep.map(|keep| Path::new(keep).join(&**target)) {
            let file = folder.join(format!("seed{seed}-input{n}"));
            match fs::create_dir_all(&folder).and_then(|()| fs::write(&file, &**octets)) {
                Ok(()) => eprintln!("ringmesh-fuzz: kept as {}", file.display()),
                Err(error) => eprintln!("ringmesh-fuzz: {} could not be written: {error}", file.display()),
            }
        }
    }
}

fn try_out(target: &Target, arguments: &Arguments) -> Figure {
    let corpus = (target.seeds)();
    let (seed, keep) = (arguments.seed, arguments.keep.as_deref());
    let mut case = Case { target: target.name, seed, n: arguments.from, octets: Vec::new(), keep };
    let start = Instant::now();
    let (mut inputs, mut believed, mut total) = (0_u64, 0_u64, 0_u64);
    while inputs < arguments.inputs && !is_over(arguments.seconds, inputs, start) {
        mutate::input(&corpus, seed, case.n, &mut case.octets);
        believed += u64::from((target.run)(&case.octets));
        total += case.octets.len() as u64;
        (inputs, case.n) = (inputs + 1, case.n + 1);
    }
    let figure = Figure { target: target.name, inputs, believed, octets: total, took: start.elapsed() };
    println!("{figure}");
    figure
}

/// The clock is looked at now and then only: it costs as much as an input.
fn is_over(seconds: Option<u64>, inputs: u64, start: Instant) -> bool {
    let limit = seconds.map(Duration::from_secs);
    let is_late = || limit.is_some_and(|limit| start.elapsed() >= limit);
    inputs.is_multiple_of(PROGRESS_EVERY) && (BROKEN.load(Ordering::Relaxed) || is_late())
}

/// A folder a target, as cargo-fuzz wants them.
fn write_seeds(folder: &Path) -> std::io::Result<()> {
    for target in TARGETS {
        let folder = folder.join(target.name);
        fs::create_dir_all(&folder)?;
        for (at, seed) in (target.seeds)().iter().enumerate() {
            fs::write(folder.join(format!("seed{at}")), seed)?;
        }
    }
    Ok(())
}
