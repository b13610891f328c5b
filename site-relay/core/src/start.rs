//! The first seconds after a start with known members: each is greeted, and whoever does not answer is checked.
//!
//! A relay that was killed knows whom it expects and not who lives. It greets every member it believed alive or
//! silent, a few thousand a second; a member answers by announcing itself, and joins a ring like any newcomer. Who has
//! not announced itself after the last greeting is suspected by the relay itself, all in one case, so that a switch
//! that died meanwhile is one incident.

use std::collections::BTreeSet;

use ringmesh_proto::machine::Sink;
use ringmesh_proto::message::{Hello, Sender};
use ringmesh_proto::news::{News, StartNews};
use ringmesh_proto::time::{Duration, Time};
use ringmesh_topology::diagnosis::HostIx;
use ringmesh_topology::id::Boot;

use crate::Action;
use crate::relay::Relay;
use crate::roster::Standing;

/// Greetings to each, this far apart ..
const GREET_EVERY: Duration = Duration::from_secs(1);
/// .. and so many.
const GREETINGS: u8 = 3;
/// One greeting each time this passes.
const PACE: Duration = Duration::from_micros(166);
/// After the last round whoever has not answered is checked.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// Who has not answered since the start.
#[derive(Clone, Debug)]
pub(crate) struct Start {
    absent: BTreeSet<HostIx>,
    /// Those of this round that are still to be greeted.
    round: Vec<HostIx>,
    rounds: u8,
    next: Time,
    kept: u32,
    rebooted: u32,
}

impl Start {
    pub(crate) fn next(&self) -> Time {
        self.next
    }
}

impl Relay {
    /// Prepares the greetings of all members that should answer.
    pub(crate) fn greet_all(&mut self, now: Time) {
        let expected =
            |host: &HostIx| matches!(self.roster[*host].standing, Standing::Live | Standing::Silent);
        let absent: BTreeSet<HostIx> = self.roster.hosts().filter(expected).collect();
        if !absent.is_empty() {
            self.start =
                Some(Start { absent, round: Vec::new(), rounds: 0, next: now, kept: 0, rebooted: 0 });
        }
    }

    /// A member that was known before the start has announced itself.
    pub(crate) fn met(&mut self, host: HostIx, rebooted: bool) {
        self.roster[host].met = true;
        let Some(start) = &mut self.start else { return };
        if start.absent.remove(&host) {
            let count = if rebooted { &mut start.rebooted } else { &mut start.kept };
            *count = count.saturating_add(1);
        }
    }

    /// The next greetings; at the end what was found.
    pub(crate) fn greet_due(&mut self, now: Time, out: &mut impl Sink<Action>) {
        let Some(mut start) = self.start.take_if(|start| start.next <= now) else { return };
        while start.next <= now {
            match start.round.pop() {
                Some(host) if start.absent.contains(&host) => {
                    self.greet(host, out);
                    start.next += PACE;
                }
                Some(_) => {}
                None if start.rounds < GREETINGS => {
                    start.round = start.absent.iter().rev().copied().collect();
                    start.next = now;
                    start.rounds += 1;
                    if start.round.is_empty() {
                        start.rounds = GREETINGS;
                    }
                }
                None => return self.start_is_over(now, start, out),
            }
            if start.round.is_empty() {
                start.next = now + if start.rounds < GREETINGS { GREET_EVERY } else { ANSWER_WITHIN };
            }
        }
        self.start = Some(start);
    }

    /// A hello that answers nothing: it has a member that lives knock and announce itself, whichever run of its probe
    /// there is now. The one we know may be of before a restart that we missed.
    pub(crate) fn greet(&self, host: HostIx, out: &mut impl Sink<Action>) {
        let member = &self.roster[host];
        let sender = Sender { probe: member.probe, boot: Boot::ANY };
        let hello =
            Hello { relay: self.config.relay, term: self.term(), wait: Duration::ZERO, answers: false };
        for to in member.addresses() {
            out.put(Action::Hello { to, sender, knock: 0, hello });
        }
    }

    fn start_is_over(&mut self, now: Time, start: Start, out: &mut impl Sink<Action>) {
        let at_ms = self.clock.unix_ms(now);
        let Start { kept, rebooted, absent, .. } = start;
        self.tell(News::Start(StartNews { kept, rebooted, at_ms }));
        let lives = |host: &HostIx| self.roster[*host].standing == Standing::Live;
        let absent: Vec<HostIx> = absent.into_iter().filter(lives).collect();
        self.suspect_absent(now, &absent, out);
    }
}
