//! Breaking and healing by name. Only links, processes and frames are touched.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::sys::signal::Signal;

use super::error::LabError;
use super::net;
use super::plan::{CMA, Host, Site, Switch, WanLeg};
use super::power;
use super::roles::Role;
use super::running::Lab;
use super::script::Fault;
use super::state::Broken;
use super::wan::{self, Cut};

/// Milliseconds since the epoch: the clock that incidents are stamped with on this machine.
pub(super) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

impl Lab {
    /// Breaks something and returns when, in milliseconds since the epoch, just before it was done.
    ///
    /// # Errors
    /// [`LabError::Usage`] for a name that does not fit the fault, or one broken like that already.
    pub fn break_it(&mut self, fault: Fault, name: &str) -> Result<u64, LabError> {
        self.check_subject(fault, name)?;
        self.refuse_dark(name)?;
        let broken = self.state.broken.iter().any(|other| other.name == name && other.fault == fault.word());
        if broken {
            return Err(LabError::Usage(format!(
                "{name}: broken by `{}` already; heal it first",
                fault.word()
            )));
        }
        let permille = if let Fault::Loss { permille } = fault { permille } else { 0 };
        let since_ms = now_ms();
        self.state.broken.push(Broken { name: name.into(), fault: fault.word().into(), permille, since_ms });
        self.save()?;
        let broken_at = now_ms();
        self.inflict(fault, name)?;
        Ok(broken_at)
    }

    /// Has a probe say goodbye, as an operator would, and returns when, in milliseconds since the epoch. It is healed
    /// like one that was stopped.
    ///
    /// # Errors
    /// As [`Lab::break_it`].
    pub fn leave(&mut self, host: &str, reason: &str, back_within: Duration) -> Result<u64, LabError> {
        self.check_subject(Fault::Stop, host)?;
        self.refuse_dark(host)?;
        let since_ms = now_ms();
        let fault = Fault::Stop.word().into();
        self.state.broken.push(Broken { name: host.into(), fault, permille: 0, since_ms });
        self.save()?;
        let broken_at = now_ms();
        super::operator::goodbye(&self.state.bin_dir, &self.files.probe(host), reason, back_within)?;
        Ok(broken_at)
    }

    /// Heals everything that is broken about a host, a switch, a relay, a site or the CMA.
    ///
    /// # Errors
    /// [`LabError::Usage`] if nothing is, or its site has no power.
    pub fn heal(&mut self, name: &str) -> Result<(), LabError> {
        self.refuse_dark(name)?;
        let mine = |broken: &Broken| broken.name == name;
        let faults: Vec<Fault> =
            self.state.broken.iter().filter(|b| mine(b)).filter_map(Broken::fault).collect();
        if faults.is_empty() {
            return Err(LabError::Usage(format!(
                "{name}: nothing is broken about it ({})",
                self.broken_list()
            )));
        }
        self.state.broken.retain(|broken| !mine(broken));
        faults.iter().try_for_each(|fault| self.repair(*fault, name))?;
        if faults.iter().any(|fault| matches!(fault, Fault::Host | Fault::Probe | Fault::Stop)) {
            self.start_probe_again(name)?;
        }
        self.save()
    }

    fn inflict(&mut self, fault: Fault, name: &str) -> Result<(), LabError> {
        match fault {
            Fault::Host => {
                power::power_host(&self.plan, &self.host(name)?, false)?;
                self.kill(&[(name, Role::Probe)]);
            }
            Fault::Probe => self.kill(&[(name, Role::Probe)]),
            Fault::Relay => self.kill(&[(name, Role::Relay)]),
            Fault::Cma => self.kill(&[(name, Role::Cma)]),
            Fault::Pause => self.signal(name, Role::Probe, Signal::SIGSTOP),
            Fault::Stop => self.signal(name, Role::Probe, Signal::SIGTERM),
            Fault::Switch => {
                // The links first: a switch without power takes its ports down before anything else shows.
                power::power_switch(&self.plan, &self.switch(name)?, false, true)?;
                self.kill(&[(name, Role::Announcer)]);
            }
            Fault::Wan => wan::swallow(&self.plan, &self.wan_leg(name)?, Cut::Wan, true)?,
            Fault::Site => self.black_out(&self.site(name)?)?,
            Fault::Uplink => {
                let powered = !self.is_broken(name, Fault::Switch);
                power::uplink(&self.plan, &self.switch(name)?, false, powered)?;
            }
            Fault::Loss { permille } => net::lose(&self.plan, name, permille)?,
        }
        Ok(())
    }

    fn repair(&mut self, fault: Fault, name: &str) -> Result<(), LabError> {
        match fault {
            Fault::Host => {
                self.files.new_boot(name)?;
                power::power_host(&self.plan, &self.host(name)?, true)
            }
            Fault::Relay => self.start(name, Role::Relay),
            Fault::Cma => self.start(name, Role::Cma),
            Fault::Wan => wan::swallow(&self.plan, &self.wan_leg(name)?, Cut::Wan, false),
            Fault::Site => self.light_up(&self.site(name)?),
            // The probe itself is started once, whatever took it away.
            Fault::Probe | Fault::Stop => Ok(()),
            Fault::Pause => {
                self.signal(name, Role::Probe, Signal::SIGCONT);
                Ok(())
            }
            Fault::Switch => {
                let uplink = !self.is_broken(name, Fault::Uplink);
                power::power_switch(&self.plan, &self.switch(name)?, true, uplink)?;
                self.start(name, Role::Announcer)
            }
            Fault::Uplink => power::uplink(&self.plan, &self.switch(name)?, true, true),
            Fault::Loss { .. } => net::lose_no_more(&self.plan, name),
        }
    }

    /// A probe that still says goodbye is waited for; one that will not end is ended.
    fn start_probe_again(&mut self, name: &str) -> Result<(), LabError> {
        let old: Vec<_> = self.recorded(name, Role::Probe).map(|running| running.process).collect();
        if !old.iter().all(|process| process.wait_gone(Duration::from_secs(2))) {
            self.kill(&[(name, Role::Probe)]);
        }
        self.start(name, Role::Probe)
    }

    fn check_subject(&self, fault: Fault, name: &str) -> Result<(), LabError> {
        if let Fault::Loss { permille } = fault
            && !(1..=1000).contains(&permille)
        {
            return Err(LabError::Usage(format!("--permille must be 1 to 1000, not {permille}")));
        }
        let (kind, fitting) = self.fitting(fault);
        if fitting.contains(&name) { Ok(()) } else { Err(unknown(name, kind, &fitting)) }
    }

    /// What a fault may be about: the word for it, and the names there are.
    pub(super) fn fitting(&self, fault: Fault) -> (&'static str, Vec<&str>) {
        let plan = &self.plan;
        let hosts = || plan.hosts.iter().map(|host| host.name.as_str());
        let switches = || plan.switches.iter().map(|switch| switch.name.as_str());
        match fault {
            Fault::Host | Fault::Probe | Fault::Pause | Fault::Stop => ("host", hosts().collect()),
            Fault::Switch | Fault::Uplink => ("switch", switches().collect()),
            Fault::Loss { .. } => ("host or switch", switches().chain(hosts()).collect()),
            Fault::Relay => ("relay", plan.sites.iter().map(|site| site.relay.name.as_str()).collect()),
            Fault::Site => ("site", plan.sites.iter().map(|site| site.name.as_str()).collect()),
            Fault::Wan => ("WAN leg", plan.wan.iter().map(|leg| leg.name.as_str()).collect()),
            Fault::Cma => ("CMA", vec![CMA]),
        }
    }

    /// In a site without power nothing can be broken that is not, and nothing healed.
    fn refuse_dark(&self, name: &str) -> Result<(), LabError> {
        match self.plan.site_around(name) {
            Some(site) if self.is_dark(site) => Err(LabError::Usage(format!(
                "{name}: its site {site} has no power; heal {site} first",
                site = site.name
            ))),
            Some(_) | None => Ok(()),
        }
    }

    fn host(&self, name: &str) -> Result<Host, LabError> {
        self.plan.host(name).cloned().ok_or_else(|| self.no_such(Fault::Host, name))
    }

    fn switch(&self, name: &str) -> Result<Switch, LabError> {
        self.plan.switch(name).cloned().ok_or_else(|| self.no_such(Fault::Switch, name))
    }

    fn site(&self, name: &str) -> Result<Site, LabError> {
        self.plan.site(name).cloned().ok_or_else(|| self.no_such(Fault::Site, name))
    }

    fn wan_leg(&self, name: &str) -> Result<WanLeg, LabError> {
        self.plan.wan_leg(name).cloned().ok_or_else(|| self.no_such(Fault::Wan, name))
    }

    fn no_such(&self, fault: Fault, name: &str) -> LabError {
        let (kind, fitting) = self.fitting(fault);
        unknown(name, kind, &fitting)
    }

    /// Whether a site has no power.
    pub(super) fn is_dark(&self, site: &Site) -> bool {
        self.is_broken(&site.name, Fault::Site)
    }

    pub(super) fn is_broken(&self, name: &str, fault: Fault) -> bool {
        self.state.broken.iter().any(|broken| broken.name == name && broken.fault == fault.word())
    }

    fn broken_list(&self) -> String {
        let list: Vec<String> =
            self.state.broken.iter().map(|broken| broken_words(&broken.fault, &broken.name)).collect();
        if list.is_empty() {
            "nothing is broken in this lab".into()
        } else {
            format!("broken: {}", list.join(", "))
        }
    }
}

fn unknown(name: &str, kind: &str, fitting: &[&str]) -> LabError {
    LabError::Usage(format!("{name}: no {kind} of that name here; there are {}", fitting.join(" ")))
}

/// A fault and its subject, once where they are the same word.
pub(super) fn broken_words(fault: &str, name: &str) -> String {
    if fault == name { name.into() } else { format!("{fault} {name}") }
}
