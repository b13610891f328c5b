//! The power of a whole site: everything in it goes out together, and boots together.

use super::error::LabError;
use super::plan::{Host, Site, Switch};
use super::power;
use super::roles::Role;
use super::running::Lab;
use super::script::Fault;
use super::wan::{self, Cut};

impl Lab {
    /// All links dark, all processes gone.
    ///
    /// # Errors
    /// As of `ip`.
    pub(super) fn black_out(&mut self, site: &Site) -> Result<(), LabError> {
        // The provider first: its router does not answer for a site that does not answer.
        self.swallow_power(site, true)?;
        power::darken_core(&self.plan, site)?;
        let (switches, hosts) = self.inventory(site);
        let announcers = switches.iter().map(|switch| (switch.name.as_str(), Role::Announcer));
        let probes = hosts.iter().map(|host| (host.name.as_str(), Role::Probe));
        let relay = (site.relay.name.as_str(), Role::Relay);
        let everybody: Vec<_> = [relay].into_iter().chain(announcers).chain(probes).collect();
        self.kill(&everybody);
        for switch in &switches {
            power::power_switch(&self.plan, switch, false, true)?;
        }
        hosts.iter().try_for_each(|host| power::power_host(&self.plan, host, false))
    }

    /// New boot ids, links up, everything started again; but a host or switch that somebody broke by itself
    /// stays as it is. What was wrong with a process is over: its machine has booted.
    ///
    /// # Errors
    /// As of `ip` and [`Lab::start`].
    pub(super) fn light_up(&mut self, site: &Site) -> Result<(), LabError> {
        let (switches, hosts) = self.inventory(site);
        self.forget_process_faults(site);
        let is_whole = |switch: &Switch| !self.is_broken(&switch.name, Fault::Uplink);
        power::lighten_core(&self.plan, site, &is_whole)?;
        for switch in switches.iter().filter(|switch| !self.is_broken(&switch.name, Fault::Switch)) {
            power::power_switch(&self.plan, switch, true, is_whole(switch))?;
        }
        self.swallow_power(site, false)?;
        self.start(&site.relay.name, Role::Relay)?;
        for switch in switches {
            if !self.is_broken(&switch.name, Fault::Switch) {
                self.start(&switch.name, Role::Announcer)?;
            }
        }
        for host in hosts {
            self.files.new_boot(&host.name)?;
            if !self.is_broken(&host.name, Fault::Host) {
                power::power_host(&self.plan, &host, true)?;
                self.start(&host.name, Role::Probe)?;
            }
        }
        Ok(())
    }

    fn inventory(&self, site: &Site) -> (Vec<Switch>, Vec<Host>) {
        let switches = self.plan.switches_of(site.number).cloned().collect();
        (switches, self.plan.hosts_of(site.number).cloned().collect())
    }

    fn swallow_power(&self, site: &Site, on: bool) -> Result<(), LabError> {
        let Some(leg) = self.plan.wan_leg(&site.name) else { return Ok(()) };
        wan::swallow(&self.plan, leg, Cut::Power, on)
    }

    fn forget_process_faults(&mut self, site: &Site) {
        let plan = &self.plan;
        let is_here = |name: &str| plan.site_around(name).is_some_and(|around| around.number == site.number);
        self.state
            .broken
            .retain(|broken| !(is_here(&broken.name) && broken.fault().is_some_and(Fault::is_of_a_process)));
    }
}
