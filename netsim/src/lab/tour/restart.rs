//! A step in which the CMA dies and comes back: it must know what it knew, and say nothing.

use std::time::{Duration, Instant};

use super::compare::Known;
use super::record::{self, Record};
use super::{POLL, Walker, millis};
use crate::lab::error::LabError;
use crate::lab::fault::now_ms;
use crate::lab::operator::pages;
use crate::lab::script::{Fault, Step};

/// So long nothing may have changed before a CMA is killed.
const AT_REST: Duration = Duration::from_millis(1_500);

impl Walker<'_> {
    pub(super) fn restart(
        &mut self,
        step: &Step,
        fault: Fault,
        mut record: Record,
    ) -> Result<Record, LabError> {
        let subject = record.subject.clone();
        let before = self.at_rest()?;
        let (known, since_ms) = (self.known()?, now_ms());
        self.progress.doing(&format!("{} {subject}, wait {} s", fault.deed(), step.broken_ms / 1000));
        self.lab.break_it(fault, &subject)?;
        self.stop.sleep(millis(step.broken_ms))?;
        self.progress.doing(&format!("start it again, watch it for {} s", step.patience_ms / 1000));
        self.lab.heal(&subject)?;
        let start = Instant::now();
        let mut changed;
        loop {
            changed = self.changed(&before)?;
            if changed.is_none() && record.seconds < 0.0 {
                record.seconds = start.elapsed().as_secs_f64();
            }
            if start.elapsed() >= millis(step.patience_ms) {
                break;
            }
            self.stop.sleep(POLL)?;
        }
        let problem = late(&record, changed, step.patience_ms / 1000);
        let said = pages(&self.lab.pages_file())?.into_iter().filter(|page| page.at_ms >= since_ms);
        record.problems.extend(said.map(|page| format!("told people: {}", page.text)));
        record.problems.extend(self.lab.casualties());
        let seen = self.see(&known, since_ms).or_else(silent)?;
        Ok(record::judge_calm(record, &seen, problem))
    }

    /// All that an operator can see, once nothing moves any more: what the step before left on its way must not be
    /// blamed on the death. Where something never rests, what it looks like is told when it is compared.
    fn at_rest(&self) -> Result<Known, LabError> {
        let start = Instant::now();
        let mut seen = self.everything()?;
        loop {
            self.stop.sleep(AT_REST)?;
            let again = self.everything()?;
            if seen.difference(&again).is_none() || start.elapsed() >= AT_REST * 10 {
                return Ok(again);
            }
            seen = again;
        }
    }

    /// All that an operator can see.
    fn everything(&self) -> Result<Known, LabError> {
        let tree = self.operator.document(&["tree", "--json"])?;
        Ok(Known { tree, incidents: self.operator.document(&["incidents", "--all", "--json"])? })
    }

    /// What is not as it was; a CMA that does not answer yet is not as it was.
    fn changed(&self, before: &Known) -> Result<Option<String>, LabError> {
        match self.everything() {
            Ok(now) => Ok(before.difference(&now)),
            Err(LabError::Unreachable(why)) => Ok(Some(why)),
            Err(error) => Err(error),
        }
    }
}

/// A CMA that does not answer has told why already.
fn silent(error: LabError) -> Result<record::Seen, LabError> {
    match error {
        LabError::Unreachable(_) => Ok(record::Seen::default()),
        error => Err(error),
    }
}

/// What is wrong about the moment from which everything was as before.
fn late(record: &Record, changed: Option<String>, watched_s: u32) -> Option<String> {
    match changed {
        Some(changed) if record.seconds < 0.0 => {
            Some(format!("not as before after {watched_s} s: {changed}"))
        }
        Some(changed) => {
            Some(format!("as before after {:.2} s, but not after {watched_s} s: {changed}", record.seconds))
        }
        None if record.seconds > record.seconds_max => {
            Some(format!("as before after {:.2} s, at most {:.1} s", record.seconds, record.seconds_max))
        }
        None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_must_be_as_before_in_time_and_stay_so() {
        let said = |seconds, changed: Option<&str>| {
            let record = Record { seconds, seconds_max: 10.0, ..Record::default() };
            late(&record, changed.map(String::from), 15)
        };
        assert_eq!(said(3.0, None), None);
        assert_eq!(said(12.5, None).unwrap(), "as before after 12.50 s, at most 10.0 s");
        assert_eq!(said(-1.0, Some("x")).unwrap(), "not as before after 15 s: x");
        assert_eq!(said(3.0, Some("x")).unwrap(), "as before after 3.00 s, but not after 15 s: x");
    }
}
