//! What happens in the sites meanwhile: hosts die and come back, probes are started anew, cables and switches flap.

use super::Dice;
use crate::lab::error::LabError;
use crate::lab::plan::Plan;
use crate::lab::running::Lab;
use crate::lab::script::Fault;

/// So many things are broken at once, at most.
const BROKEN_MAX: usize = 5;

/// What is broken, and what may be.
pub(super) struct Load {
    hosts: Vec<String>,
    switches: Vec<String>,
    broken: Vec<String>,
}

impl Load {
    pub(super) fn new(plan: &Plan) -> Self {
        Self {
            hosts: plan.hosts.iter().map(|host| host.name.clone()).collect(),
            switches: plan.switches.iter().map(|switch| switch.name.clone()).collect(),
            broken: Vec::new(),
        }
    }

    /// Breaks one thing, or heals one.
    ///
    /// # Errors
    /// As of [`Lab::break_it`].
    pub(super) fn step(&mut self, lab: &mut Lab, dice: &mut Dice) -> Result<(), LabError> {
        let heals = self.broken.len() >= BROKEN_MAX || (!self.broken.is_empty() && dice.below(2) == 0);
        if heals {
            let at = usize::try_from(dice.below(self.broken.len() as u64)).unwrap_or(0);
            let name = self.broken.swap_remove(at);
            return lab.heal(&name);
        }
        let (fault, names) = match dice.below(10) {
            0 => (Fault::Switch, &self.switches),
            1 => (Fault::Uplink, &self.switches),
            2 => (Fault::Stop, &self.hosts),
            3..=5 => (Fault::Probe, &self.hosts),
            _ => (Fault::Host, &self.hosts),
        };
        let Some(name) = dice.one_of(names).filter(|name| !self.broken.contains(name)).cloned() else {
            return Ok(());
        };
        lab.break_it(fault, &name)?;
        // A probe that dies is started again by whoever watches over it.
        if fault == Fault::Probe {
            return lab.heal(&name);
        }
        self.broken.push(name);
        Ok(())
    }

    /// Heals all that is broken.
    ///
    /// # Errors
    /// As of [`Lab::heal`].
    pub(super) fn heal_all(&mut self, lab: &mut Lab) -> Result<(), LabError> {
        std::mem::take(&mut self.broken).iter().try_for_each(|name| lab.heal(name))
    }
}
