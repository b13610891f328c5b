//! What is measured between sites: what a site costs on the WAN at rest, with few hosts and with many, and after a cut.

use std::time::Duration;

use super::args::BenchArgs;
use super::{Run, resync, steady, tried};
use crate::lab::error::LabError;
use crate::lab::running::Options;

/// Measures twice: with one host on each switch, and with as many as asked for.
///
/// # Errors
/// [`LabError::Usage`] where both would be the same, [`LabError::Failed`] if a gate is missed.
pub(super) fn bench(options: &Options, args: &BenchArgs) -> Result<(), LabError> {
    let thin = Options { layout: options.layout.thinned(), ..options.clone() };
    if thin.layout.hosts() == options.layout.hosts() {
        let text = "--hosts: give more than 1, for a site of many hosts is compared with one of few";
        return Err(LabError::Usage(text.into()));
    }
    if !args.only.is_empty() {
        return Err(LabError::Usage("--only: its parts are of one site; leave it out, or --sites".into()));
    }
    let quiet = Duration::from_secs(args.idle_s);
    let mut run = Run::start(&args.result, "ringmesh-netsim lab bench --sites")?;
    let mut few = Vec::new();
    run.lab(&thin, |ground| {
        ground.form()?;
        few = steady::measure(ground, quiet)?;
        Ok(Vec::new())
    })?;
    run.lab(options, |ground| {
        ground.form()?;
        let many = steady::measure(ground, quiet)?;
        let steady = steady::section(&few, &many)?;
        Ok(vec![steady, tried("resync", resync::measure(ground))?])
    })?;
    run.end("Measured between sites", &args.result)
}
