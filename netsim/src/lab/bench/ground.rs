//! What every measurement stands on: a running lab, the operator's commands, and calm before each fault.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use ringmesh_proto::draws::{Draws, Purpose};

use super::tap::Seen;
use crate::lab::error::LabError;
use crate::lab::formed::missing_for_switch_rings;
use crate::lab::interrupt::Interrupt;
use crate::lab::operator::{Incident, Operator};
use crate::lab::running::Lab;
use crate::lab::tour::Progress;

/// Between two questions to the CMA while nothing is timed.
const POLL: Duration = Duration::from_millis(250);
/// An incident is closed ten seconds after its host is back; a member that cannot come back is waited for.
const CALM_WITHIN: Duration = Duration::from_secs(120);
/// The relay's name in tables.
pub(super) const RELAY: &str = "r1";

/// A lab under measurement.
pub(super) struct Ground<'a> {
    /// The lab itself.
    pub(super) lab: &'a mut Lab,
    /// Asks its CMA.
    pub(super) operator: Operator,
    /// Ends every wait.
    pub(super) stop: &'a Interrupt,
    /// Tells people.
    pub(super) progress: &'a Progress,
    seed: u64,
    draws: Draws,
}

impl<'a> Ground<'a> {
    /// A lab that was built and not started.
    pub(super) fn new(lab: &'a mut Lab, seed: u64, stop: &'a Interrupt, progress: &'a Progress) -> Self {
        let operator = lab.operator();
        Self { lab, operator, stop, progress, seed, draws: Draws::new(seed, 0) }
    }

    /// Starts everything and waits until every ring is whole and nothing is open.
    ///
    /// # Errors
    /// [`LabError::Failed`] if it does not come to rest, [`LabError::Interrupted`].
    pub(super) fn form(&mut self) -> Result<(), LabError> {
        self.progress.doing("start everything, wait until every ring is whole");
        self.lab.start_roles(self.stop)?;
        self.lab.start_announcers()?;
        self.wait_calm()?;
        // The last orders and their answers, and whatever newcomers still have to say.
        self.stop.sleep(Duration::from_secs(10))
    }

    /// Of every random choice.
    pub(super) fn seed(&self) -> u64 {
        self.seed
    }

    /// The n-th random time below a bound.
    pub(super) fn draw(&self, below: Duration, n: u64) -> Duration {
        let bound = u64::try_from(below.as_micros()).unwrap_or(u64::MAX);
        Duration::from_micros(self.draws.below(bound, Purpose::BeatPhase, n))
    }

    /// Waits until every ring is whole and every incident closed.
    ///
    /// # Errors
    /// [`LabError::Failed`] says what is missing, [`LabError::Interrupted`].
    pub(super) fn wait_calm(&self) -> Result<(), LabError> {
        let start = Instant::now();
        loop {
            let missing = match self.missing() {
                Ok(None) => return Ok(()),
                Ok(Some(missing)) => missing,
                // It has only just been started.
                Err(LabError::Unreachable(why)) => why,
                Err(error) => return Err(error),
            };
            if let Some(casualty) = self.lab.casualties().into_iter().next() {
                return Err(LabError::Failed(casualty));
            }
            if start.elapsed() >= CALM_WITHIN {
                let waited = CALM_WITHIN.as_secs();
                return Err(LabError::Failed(format!("not calm within {waited} s: {missing}")));
            }
            self.stop.sleep(POLL)?;
        }
    }

    /// What keeps it from being calm.
    ///
    /// # Errors
    /// As of the operator's commands.
    pub(super) fn missing(&self) -> Result<Option<String>, LabError> {
        let open = self.operator.incidents()?.into_iter().find(|incident| !incident.is_closed());
        if let Some(open) = open {
            return Ok(Some(format!("{} {} is still open", open.verdict, open.subject.name)));
        }
        Ok(missing_for_switch_rings(self.lab.plan(), &self.operator.tree()?))
    }

    /// Ids of all incidents there are.
    ///
    /// # Errors
    /// As of the operator's commands.
    pub(super) fn known(&self) -> Result<BTreeSet<String>, LabError> {
        Ok(self.operator.incidents()?.into_iter().map(|incident| incident.id).collect())
    }

    /// Incidents that were not there before.
    ///
    /// # Errors
    /// As of the operator's commands.
    pub(super) fn news(&self, known: &BTreeSet<String>) -> Result<Vec<Incident>, LabError> {
        let all = self.operator.incidents()?;
        Ok(all.into_iter().filter(|incident| !known.contains(&incident.id)).collect())
    }

    /// Hosts that speak for their rings in the site's ring, as the operator sees them.
    ///
    /// # Errors
    /// As of the operator's commands.
    pub(super) fn delegates(&self) -> Result<BTreeSet<String>, LabError> {
        let text = self.operator.text(&["tree", "--json"])?;
        let tree: serde_json::Value = serde_json::from_str(&text)
            .map_err(|error| LabError::Failed(format!("`ringmesh tree --json` printed no JSON: {error}")))?;
        let sites = tree["sites"].as_array().into_iter().flatten();
        let switches = sites.flat_map(|site| site["switches"].as_array().into_iter().flatten());
        let rings = switches.flat_map(|switch| switch["rings"].as_array().into_iter().flatten());
        let names = rings.flat_map(|ring| ring["delegates"].as_array().into_iter().flatten());
        Ok(names.filter_map(|name| name.as_str().map(String::from)).collect())
    }

    /// Hosts with one leg: a change of theirs is a change of one ring.
    pub(super) fn single_homed(&self) -> Vec<String> {
        let hosts = self.lab.plan().hosts.iter().filter(|host| !host.is_dual());
        hosts.map(|host| host.name.clone()).collect()
    }

    /// Namespaces of the relay and of every host, in the order of [`Ground::place_names`].
    pub(super) fn places(&self) -> Vec<String> {
        let plan = self.lab.plan();
        let hosts = plan.hosts.iter().map(|host| host.netns.clone());
        std::iter::once(plan.netns(RELAY)).chain(hosts).collect()
    }

    /// Who lives there.
    pub(super) fn place_names(&self) -> Vec<String> {
        let hosts = self.lab.plan().hosts.iter().map(|host| host.name.clone());
        std::iter::once(RELAY.to_string()).chain(hosts).collect()
    }

    /// Whose address it is.
    pub(super) fn name_of(&self, address: std::net::Ipv4Addr) -> String {
        if self.is_relay(address) {
            return RELAY.into();
        }
        let has = |host: &&crate::lab::plan::Host| host.legs.iter().any(|leg| leg.address == address);
        let found = self.lab.plan().hosts.iter().find(has);
        found.map_or_else(|| address.to_string(), |host| host.name.clone())
    }

    /// Whether that is the relay's address.
    pub(super) fn is_relay(&self, address: std::net::Ipv4Addr) -> bool {
        self.lab.plan().sites.iter().any(|site| site.relay.address == address)
    }

    /// A datagram in a few words: kind, ends, octets.
    pub(super) fn words(&self, seen: &Seen) -> String {
        let datagram = &seen.datagram;
        let (from, to) = (self.name_of(datagram.from), self.name_of(datagram.to));
        format!("{} {from}>{to} {}", datagram.kind.word(), datagram.octets)
    }
}
