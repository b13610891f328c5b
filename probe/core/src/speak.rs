//! What a probe says, put together at the moment it is sent: every age is true then.

use ringmesh_proto::message::{Announce, Report, Suspicion, ToRelay};
use ringmesh_proto::time::Time;

use crate::links::Link;
use crate::machine::Probe;
use crate::talk::{Pending, Subject};

impl Probe {
    /// Everything about us. The places are those that were looked at last.
    pub(crate) fn announce(&mut self, now: Time, report: Report) -> ToRelay {
        let suspected: Vec<_> = self.links.iter().filter(|link| link.cause().is_some()).cloned().collect();
        let suspicions = suspected.iter().filter_map(|link| {
            let report = self.talk.report_number();
            self.suspicion(now, link, link.cause()?, report)
        });
        let suspicions = suspicions.collect();
        ToRelay::Announce(Box::new(Announce {
            name: self.config.name.clone(),
            host_boot: self.config.host_boot,
            generation: self.highest,
            links: self.links.iter().map(Link::id).collect(),
            places: self.beside.told.clone(),
            suspicions,
            cut_off: self.talk.cut_off_for(now),
            recorder_hash: self.beside.recorder.hash(),
            report,
        }))
    }

    /// A report; `None` if the link it is about is over.
    pub(crate) fn report(&self, now: Time, pending: &Pending) -> Option<ToRelay> {
        let report = pending.report;
        Some(match pending.subject {
            Subject::Suspicion(link, cause) => {
                let link = self.links.get(link)?;
                ToRelay::Suspicion(self.suspicion(now, link, cause, report)?)
            }
            Subject::Refuted(link) => ToRelay::Refuted { report, link },
            Subject::Attachment => ToRelay::Attachment { report, places: self.beside.told.clone() },
            Subject::Evidence => ToRelay::Evidence {
                report,
                carriers: self.beside.ports.carriers(now),
                heard: self.links.ages(now),
            },
            // The silences were told as suspicions, each once, and checked: said again they would stand unchecked.
            Subject::Alone => ToRelay::Evidence { report, carriers: Vec::new(), heard: Vec::new() },
            Subject::Loss(link, seen) => {
                ToRelay::Loss { report, link, lane: seen.lane, of: seen.of, lost: seen.lost }
            }
            Subject::Goodbye => {
                let (reason, back_within) = self.beside.goodbye?;
                ToRelay::Goodbye { report, reason, back_within }
            }
        })
    }

    fn suspicion(
        &self,
        now: Time,
        link: &Link,
        cause: ringmesh_proto::message::Cause,
        report: Report,
    ) -> Option<Suspicion> {
        let starved = self.doubt.is_starved(now);
        let (last_heard, unproven) = (link.last_heard(now), !link.is_proven());
        Some(Suspicion { report, link: link.id(), cause, last_heard, starved, unproven })
    }

    /// The answer to a ping.
    pub(crate) fn pong(&self, now: Time, nonce: u32) -> ToRelay {
        ToRelay::Pong {
            nonce,
            starved: self.doubt.is_starved(now),
            heard: self.links.ages(now),
            carriers: self.beside.ports.carriers(now),
        }
    }
}
