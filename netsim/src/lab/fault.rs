//! Breaking and healing by name. Only links, processes and frames are touched.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::sys::signal::Signal;

use super::error::LabError;
use super::net;
use super::plan::{Host, Switch};
use super::roles::Role;
use super::running::Lab;
use super::script::Fault;
use super::state::Broken;

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

    /// Heals everything that is broken about a host or a switch.
    ///
    /// # Errors
    /// [`LabError::Usage`] if nothing is.
    pub fn heal(&mut self, name: &str) -> Result<(), LabError> {
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
                net::power_host(&self.host(name)?, false)?;
                self.kill(name, Role::Probe);
            }
            Fault::Probe => self.kill(name, Role::Probe),
            Fault::Pause => self.signal(name, Role::Probe, Signal::SIGSTOP),
            Fault::Stop => self.signal(name, Role::Probe, Signal::SIGTERM),
            Fault::Switch => {
                // The links first: a switch without power takes its ports down before anything else shows.
                net::power_switch(&self.plan, &self.switch(name)?, false, true)?;
                self.kill(name, Role::Announcer);
            }
            Fault::Uplink => {
                let powered = !self.is_broken(name, Fault::Switch);
                net::uplink(&self.plan, &self.switch(name)?, false, powered)?;
            }
            Fault::Loss { permille } => net::lose(&self.plan, name, permille)?,
        }
        Ok(())
    }

    fn repair(&mut self, fault: Fault, name: &str) -> Result<(), LabError> {
        match fault {
            Fault::Host => {
                self.files.new_boot(name)?;
                net::power_host(&self.host(name)?, true)
            }
            // The probe itself is started once, whatever took it away.
            Fault::Probe | Fault::Stop => Ok(()),
            Fault::Pause => {
                self.signal(name, Role::Probe, Signal::SIGCONT);
                Ok(())
            }
            Fault::Switch => {
                let uplink = !self.is_broken(name, Fault::Uplink);
                net::power_switch(&self.plan, &self.switch(name)?, true, uplink)?;
                self.start(name, Role::Announcer)
            }
            Fault::Uplink => net::uplink(&self.plan, &self.switch(name)?, true, true),
            Fault::Loss { .. } => net::lose_no_more(&self.plan, name),
        }
    }

    /// A probe that still says goodbye is waited for; one that will not end is ended.
    fn start_probe_again(&mut self, name: &str) -> Result<(), LabError> {
        let old: Vec<_> = self.recorded(name, Role::Probe).map(|running| running.process).collect();
        if !old.iter().all(|process| process.wait_gone(Duration::from_secs(2))) {
            self.kill(name, Role::Probe);
        }
        self.start(name, Role::Probe)
    }

    fn check_subject(&self, fault: Fault, name: &str) -> Result<(), LabError> {
        let (fits, kind) = match fault {
            Fault::Host | Fault::Probe | Fault::Pause | Fault::Stop => {
                (self.plan.host(name).is_some(), "host")
            }
            Fault::Switch | Fault::Uplink => (self.plan.switch(name).is_some(), "switch"),
            Fault::Loss { permille } if !(1..=1000).contains(&permille) => {
                return Err(LabError::Usage(format!("--permille must be 1 to 1000, not {permille}")));
            }
            Fault::Loss { .. } => {
                (self.plan.host(name).is_some() || self.plan.switch(name).is_some(), "host or switch")
            }
        };
        if fits { Ok(()) } else { Err(self.unknown(name, kind)) }
    }

    fn unknown(&self, name: &str, kind: &str) -> LabError {
        let hosts = self.plan.hosts.iter().map(|host| host.name.as_str());
        let switches = self.plan.switches.iter().map(|switch| switch.name.as_str());
        let all: Vec<&str> = switches.chain(hosts).collect();
        LabError::Usage(format!("{name}: no {kind} of that name here; there are {}", all.join(" ")))
    }

    fn host(&self, name: &str) -> Result<Host, LabError> {
        self.plan.host(name).cloned().ok_or_else(|| self.unknown(name, "host"))
    }

    fn switch(&self, name: &str) -> Result<Switch, LabError> {
        self.plan.switch(name).cloned().ok_or_else(|| self.unknown(name, "switch"))
    }

    fn is_broken(&self, name: &str, fault: Fault) -> bool {
        self.state.broken.iter().any(|broken| broken.name == name && broken.fault == fault.word())
    }

    fn broken_list(&self) -> String {
        let list: Vec<String> = self.state.broken.iter().map(|b| format!("{} {}", b.fault, b.name)).collect();
        if list.is_empty() {
            "nothing is broken in this lab".into()
        } else {
            format!("broken: {}", list.join(", "))
        }
    }
}
