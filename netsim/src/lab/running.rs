//! One lab: built, started, broken, healed and taken away.
//!
//! # Invariants
//! - What exists is in the state file before it exists, so that a killed run leaves nothing unknown.
//! - Only processes that this lab started are signalled, and only namespaces it made are removed.
//! - A `Lab` that is dropped without [`Lab::release`] takes everything away: panics and signals too.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use super::announcer;
use super::cleanup::sweep;
use super::error::{LabError, at};
use super::files::Files;
use super::furnish::{check, fresh_state, refuse_occupied, refuse_strangers};
use super::interrupt::Interrupt;
use super::layout::Layout;
use super::operator::Operator;
use super::pipe;
use super::plan::{CMA, Plan};
use super::process::in_sessions_of;
use super::roles::{Launch, Role};
use super::state::{Announcer, Lock, Profile, Running, State};
use super::wan::{self, Quality};

/// How long the CMA may take to answer its first question.
const READY_WITHIN: Duration = Duration::from_secs(20);

/// What to build.
#[derive(Clone, Debug)]
pub struct Options {
    /// The network.
    pub layout: Layout,
    /// Who announces the switches.
    pub announcer: Announcer,
    /// Relay timing.
    pub profile: Profile,
    /// Before every namespace's name.
    pub prefix: String,
    /// Where its files go: a folder that does not exist yet, or is empty.
    pub dir: PathBuf,
    /// The folder of our programs.
    pub bin_dir: PathBuf,
    /// Seconds between two announcements of a port.
    pub tx_interval_s: u16,
    /// Of the legs between sites.
    pub wan: Quality,
    /// The Unix socket of a Neo4j, for the CMA's mirror.
    pub neo4j: Option<PathBuf>,
}

/// A lab in hand.
#[derive(Debug)]
pub struct Lab {
    pub(super) files: Files,
    pub(super) plan: Plan,
    pub(super) state: State,
    pub(super) released: bool,
    _lock: Lock,
}

impl Lab {
    /// Builds network and files, and starts nothing in it.
    ///
    /// Leftovers of dead labs beside it are removed first.
    ///
    /// # Errors
    /// [`LabError`]; nothing is left behind.
    pub fn build(options: &Options) -> Result<Self, LabError> {
        check(options)?;
        let files = Files::new(&options.dir);
        sweep(files.dir().parent().unwrap_or(Path::new("/")));
        let plan = Plan::new(&options.prefix, &options.layout);
        refuse_occupied(files.dir())?;
        refuse_strangers(&plan)?;
        fs::create_dir_all(files.dir()).map_err(at(files.dir(), "create"))?;
        let lock = Lock::take(files.dir())?;
        let mut lab = Self { files, plan, state: fresh_state(options), released: false, _lock: lock };
        lab.save()?;
        lab.furnish()?;
        Ok(lab)
    }

    /// Builds it and starts everything; returns when the CMA answers.
    ///
    /// # Errors
    /// [`LabError`]; nothing is left behind.
    pub fn up(options: &Options, stop: &Interrupt) -> Result<Self, LabError> {
        let mut lab = Self::build(options)?;
        lab.start_roles(stop)?;
        lab.start_announcers()?;
        Ok(lab)
    }

    /// Takes an existing lab in hand.
    ///
    /// # Errors
    /// [`LabError::Usage`] if there is none, or another command holds it.
    pub fn open(dir: &Path) -> Result<Self, LabError> {
        let nothing =
            || LabError::Usage(format!("{}: no lab here; `ringmesh-netsim lab up` makes one", dir.display()));
        let state = State::load(dir)?.ok_or_else(nothing)?;
        let lock = Lock::take(dir)?;
        let plan = Plan::new(&state.prefix, &state.layout);
        Ok(Self { files: Files::new(dir), plan, state, released: true, _lock: lock })
    }

    /// Lets it live on by itself.
    ///
    /// # Errors
    /// [`LabError::File`] if that cannot be written down; it is taken away then.
    pub fn release(mut self) -> Result<(), LabError> {
        self.state.owner = None;
        self.save()?;
        self.released = true;
        Ok(())
    }

    /// Takes everything away: processes, namespaces, files.
    ///
    /// # Errors
    /// The first thing that could not be removed; the rest is removed all the same.
    pub fn down(mut self) -> Result<(), LabError> {
        self.released = true;
        self.clear()
    }

    /// The network's plan.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The operator's commands for its CMA.
    pub fn operator(&self) -> Operator {
        Operator::new(&self.state.bin_dir, &self.files.operator_socket())
    }

    /// What a host's probe says its ports hang on, by the probe's own command.
    ///
    /// # Errors
    /// [`LabError::Failed`] with the command's words.
    pub fn attachments(&self, host: &str) -> Result<serde_json::Value, LabError> {
        super::operator::attachments(&self.state.bin_dir, &self.files.probe(host))
    }

    /// A file of one place: `h1`, `r1`, `cma`.
    pub fn file_of(&self, place: &str, name: &str) -> PathBuf {
        self.files.of(place).join(name)
    }

    /// What a role finds again after it was killed.
    pub(super) fn store_file(&self, name: &str, role: Role) -> PathBuf {
        self.files.store(name, role.word())
    }

    /// Where the notifier writes.
    pub fn pages_file(&self) -> PathBuf {
        self.files.pages()
    }

    /// Starts CMA, relays and probes, and waits until the CMA answers.
    ///
    /// # Errors
    /// [`LabError::Failed`] with the last words of a process that ended, [`LabError::Interrupted`].
    pub fn start_roles(&mut self, stop: &Interrupt) -> Result<(), LabError> {
        self.start(CMA, Role::Pipe)?;
        self.start(CMA, Role::Cma)?;
        let relays: Vec<String> = self.plan.sites.iter().map(|site| site.relay.name.clone()).collect();
        relays.iter().try_for_each(|relay| self.start(relay, Role::Relay))?;
        self.wait_ready(stop)?;
        self.start_probes()
    }

    /// Starts the probe of every host.
    ///
    /// # Errors
    /// As [`Lab::start_roles`].
    pub fn start_probes(&mut self) -> Result<(), LabError> {
        let hosts: Vec<String> = self.plan.hosts.iter().map(|host| host.name.clone()).collect();
        hosts.iter().try_for_each(|host| self.start(host, Role::Probe))
    }

    /// Lets every switch announce itself from now on.
    ///
    /// # Errors
    /// As [`Lab::start_roles`].
    pub fn start_announcers(&mut self) -> Result<(), LabError> {
        let switches: Vec<String> = self.plan.switches.iter().map(|switch| switch.name.clone()).collect();
        switches.iter().try_for_each(|switch| self.start(switch, Role::Announcer))
    }

    /// Lets switches announce themselves by another announcer than the lab was built with.
    pub fn choose_announcer(&mut self, announcer: Announcer) {
        self.state.announcer = announcer;
    }

    /// Takes a switch's voice away, and nothing else: its announcer takes its leave by a TTL of 0, or is killed.
    pub fn silence(&mut self, switch: &str, with_leave: bool) {
        if with_leave {
            self.signal(switch, Role::Announcer, Signal::SIGTERM);
        } else {
            self.kill(&[(switch, Role::Announcer)]);
        }
    }

    pub(super) fn save(&self) -> Result<(), LabError> {
        self.state.save(self.files.dir())
    }

    /// Starts one role by name and remembers it in the place of its forerunner.
    pub(super) fn start(&mut self, name: &str, role: Role) -> Result<(), LabError> {
        let Some(launch) = self.launch(name, role)? else { return Ok(()) };
        let running = launch.start(self.files.dir())?;
        self.state.processes.retain(|other| (other.name.as_str(), other.role) != (name, role));
        self.state.processes.push(running);
        self.save()
    }

    fn launch(&self, name: &str, role: Role) -> Result<Option<Launch>, LabError> {
        let (program, config) = match role {
            Role::Announcer => return announcer::launch(self, name),
            Role::Wan => return Ok(wan::launch(self, name)),
            Role::Pipe => return Ok(pipe::launch(self)),
            Role::Cma => ("ringmesh-cma", self.files.cma()),
            Role::Relay => ("ringmesh-relay", self.files.relay(name)),
            Role::Probe => ("ringmesh-probe", self.files.probe(name)),
        };
        let subcommand = (role == Role::Relay).then_some("run".into());
        let args = subcommand.into_iter().chain(["--config".into(), config.into()]).collect();
        let log = self.files.log(name, role.word());
        let (netns, program) = (self.plan.netns(name), self.state.bin_dir.join(program));
        Ok(Some(Launch { name: name.into(), role, netns, program, args, log }))
    }

    /// Kills processes, all in one instant, with everything they started.
    pub(super) fn kill(&mut self, whom: &[(&str, Role)]) {
        let recorded = whom.iter().flat_map(|(name, role)| self.recorded(name, *role));
        let victims: Vec<_> = recorded.map(|running| running.process).collect();
        victims.iter().for_each(|process| process.signal(Signal::SIGKILL));
        in_sessions_of(&victims).into_iter().for_each(|child| child.signal(Signal::SIGKILL));
        for victim in victims {
            victim.wait_gone(Duration::from_secs(2));
        }
    }

    /// Sends a role a signal.
    pub(super) fn signal(&self, name: &str, role: Role, signal: Signal) {
        self.recorded(name, role).for_each(|running| running.process.signal(signal));
    }

    pub(super) fn recorded(&self, name: &str, role: Role) -> impl Iterator<Item = &Running> {
        self.state.processes.iter().filter(move |running| running.name == name && running.role == role)
    }

    pub(super) fn mark(&self) -> String {
        self.files.dir().display().to_string()
    }

    fn wait_ready(&self, stop: &Interrupt) -> Result<(), LabError> {
        let start = Instant::now();
        loop {
            let answer = self.operator().reach();
            if let Some(casualty) = self.casualties().first() {
                return Err(LabError::Failed(casualty.clone()));
            }
            match answer {
                Ok(()) => return Ok(()),
                Err(error) if start.elapsed() > READY_WITHIN => {
                    let words = self.last_words(&self.judges(), 15);
                    return Err(LabError::Unreachable(format!("the CMA does not answer: {error}\n{words}")));
                }
                Err(_) => stop.sleep(Duration::from_millis(50))?,
            }
        }
    }
}
