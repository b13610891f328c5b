//! Whether a lab can be built here, and everything that lies ready in it before its processes start.

use std::fs;
use std::path::Path;

use super::announcer;
use super::command::{require, run, system};
use super::error::LabError;
use super::net;
use super::plan::{Plan, Site, check_prefix};
use super::process::ProcessId;
use super::roles::{Role, start_keeper};
use super::running::{Lab, Options};
use super::state::{Announcer, State};
use super::wan::require_tap;

const OUR_PROGRAMS: [&str; 5] =
    ["ringmesh-probe", "ringmesh-relay", "ringmesh-cma", "ringmesh", "ringmesh-netsim"];

impl Lab {
    /// The network, what carries its slow legs, and the configuration of everything in it.
    ///
    /// # Errors
    /// [`LabError`]; the lab is taken away by its owner.
    pub(super) fn furnish(&mut self) -> Result<(), LabError> {
        if self.state.rootless {
            self.state.keeper = Some(start_keeper(self.files.dir())?);
            self.save()?;
        }
        net::build(&self.plan, self.state.wan)?;
        self.files.create(&self.plan)?;
        let carriers: Vec<String> = self.plan.wan.iter().map(|leg| leg.process_name()).collect();
        carriers.iter().try_for_each(|name| self.start(name, Role::Wan))?;
        self.files.write_cma(self.state.neo4j.is_some())?;
        for site in &self.plan.sites {
            self.files.write_relay(&self.plan, site, &self.state)?;
            self.hand_out_keys(site)?;
        }
        net::wait_for_carriers(&self.plan)
    }

    /// As an operator would: the relay's command makes the site's secret and prints each probe's key.
    fn hand_out_keys(&self, site: &Site) -> Result<(), LabError> {
        let relay = self.state.bin_dir.join("ringmesh-relay");
        let secret = self.files.secret(&site.relay.name);
        let command = |words: &[&str]| {
            let mut command = system("timeout");
            command.args(["-s", "KILL", "20"]).arg(&relay).args(words);
            command.args(["--site", &site.name, "--secret"]).arg(&secret);
            command
        };
        run(&mut command(&["init"]), "")?;
        for host in self.plan.hosts_of(site.number) {
            let printed = run(&mut command(&["key", &host.name]), "")?;
            let key = printed.trim();
            if key.len() != 64 || !key.bytes().all(|octet| octet.is_ascii_hexdigit()) {
                return Err(LabError::Failed(format!(
                    "`ringmesh-relay key {}` printed no key: {key:?}",
                    host.name
                )));
            }
            self.files.new_boot(&host.name)?;
            self.files.write_probe(site, &host.name, key)?;
        }
        Ok(())
    }
}

/// Whether this machine has everything that is asked for.
///
/// # Errors
/// [`LabError`] names what is missing and how to get it. Nothing was changed.
pub(super) fn check(options: &Options) -> Result<(), LabError> {
    check_prefix(&options.prefix)?;
    for program in OUR_PROGRAMS {
        let path = options.bin_dir.join(program);
        if !path.is_file() {
            return Err(LabError::MissingBinary(path));
        }
    }
    ["ip", "setsid", "timeout", "sh"].into_iter().try_for_each(require)?;
    if !options.wan.is_perfect() {
        require_tap()?;
    }
    match options.announcer {
        Announcer::Lldpd => announcer::check_lldpd(),
        Announcer::Own | Announcer::None => Ok(()),
    }
}

/// The folder must not exist, or hold nothing that `down` would remove.
///
/// # Errors
/// [`LabError::Usage`].
pub(super) fn refuse_occupied(dir: &Path) -> Result<(), LabError> {
    let refuse = |why: &str| Err(LabError::Usage(format!("{}: {why}", dir.display())));
    if State::load(dir)?.is_some() {
        return refuse("a lab is up here; `ringmesh-netsim lab down` ends it");
    }
    let mut entries = fs::read_dir(dir).into_iter().flatten().flatten();
    if entries.any(|entry| entry.file_name() != "lock") {
        return refuse("not empty; name a new folder with --dir");
    }
    Ok(())
}

/// Namespaces of these names that we did not make are somebody else's.
///
/// # Errors
/// [`LabError::Usage`].
pub(super) fn refuse_strangers(plan: &Plan) -> Result<(), LabError> {
    let existing = net::existing()?;
    match plan.namespaces().into_iter().find(|name| existing.contains(name)) {
        Some(name) => Err(LabError::Usage(format!(
            "the namespace {name} exists already; choose another --prefix than {:?}",
            plan.prefix
        ))),
        None => Ok(()),
    }
}

/// What is remembered of a lab before anything of it exists.
pub(super) fn fresh_state(options: &Options) -> State {
    State {
        schema: 2,
        prefix: options.prefix.clone(),
        layout: options.layout.clone(),
        announcer: options.announcer,
        profile: options.profile,
        wan: options.wan,
        neo4j: options.neo4j.clone(),
        tx_interval_s: options.tx_interval_s,
        bin_dir: options.bin_dir.clone(),
        rootless: super::permit::is_inside(),
        owner: ProcessId::own(),
        keeper: None,
        processes: Vec::new(),
        broken: Vec::new(),
    }
}
