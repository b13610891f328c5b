//! `shrink`: the smallest scenario that still fails, as a file.

use std::path::Path;
use std::process::ExitCode;

use ringmesh_netsim::REVISION;
use ringmesh_netsim::random::Story;
use ringmesh_netsim::scenario::{Draft, shrink as less};
use ringmesh_netsim::watch::Watches;

use super::files::{Unusable, one};
use super::output::{put, say};
use super::{ShrinkArgs, refused};

/// `shrink`: 0 if something smaller, or nothing smaller, was found; 2 if nothing fails, for then there is nothing to do.
pub(crate) fn shrink(args: &ShrinkArgs) -> ExitCode {
    let draft = match draft(args) {
        Ok(draft) => draft,
        Err(unusable) => return refused(&unusable),
    };
    say(format_args!("from {}", size(&draft)));
    let tell = |draft: &Draft, runs: u64| say(format_args!("{} after {runs} runs", size(draft)));
    let Some(shrunk) = less(&draft, args.runs, Watches::but, tell) else {
        let (what, seed) = (&args.what, draft.seed);
        say(format_args!("ringmesh-netsim: {what} does not fail with seed {seed}: nothing to shrink"));
        return ExitCode::from(2);
    };
    say(format_args!("{} in {} runs", size(&shrunk.draft), shrunk.runs));
    put(shrunk.file(REVISION));
    ExitCode::SUCCESS
}

fn draft(args: &ShrinkArgs) -> Result<Draft, Unusable> {
    if let Ok(seed) = args.what.parse() {
        return Ok(Story::sized(seed, args.extent.extent()).draft().clone());
    }
    let scenario = one(Path::new(&args.what))?;
    Ok(scenario.as_draft(args.seed.unwrap_or(scenario.seed))?)
}

fn size(draft: &Draft) -> String {
    let (sites, hosts, faults) = (draft.sites.len(), draft.hosts(), draft.faults.len());
    format!("{sites} sites, {hosts} hosts, {faults} faults, {} s", draft.duration.as_secs())
}
