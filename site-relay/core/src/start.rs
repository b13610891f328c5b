//! The first seconds after a start with known members: each is greeted, and whoever does not answer is checked.
//!
//! A relay that was killed knows whom it expects and not who lives. It greets every member it believed alive or
//! silent, a few thousand a second; a member answers by announcing itself, and joins a ring like any newcomer. Who has
//! not announced itself after the last greeting is suspected by the relay itself, all in one case, so that a switch
//! that died meanwhile is one incident.
//!
//! Greeting, knock, hello and announcement: where many datagrams are lost, four in a row are lost often. So whoever
//! knocks meanwhile lives, and is greeted again instead of judged, for a limited time. So are all, once, if no two of those who
//! are missing hang on one switch: they may have other addresses by now, and ask for a relay by themselves each 6.25 s.

use std::collections::{BTreeMap, BTreeSet};

use ringmesh_proto::machine::Sink;
use ringmesh_proto::message::{Hello, Sender};
use ringmesh_proto::news::{News, StartNews};
use ringmesh_proto::time::{Duration, Time};
use ringmesh_topology::diagnosis::{HostIx, SwitchIx};
use ringmesh_topology::id::{Boot, ProbeId};

use crate::Action;
use crate::relay::Relay;
use crate::rings::SITE_RING;
use crate::roster::Standing;

/// Greetings to each, this far apart ..
const GREET_EVERY: Duration = Duration::from_secs(1);
/// .. and so many.
const GREETINGS: u8 = 3;
/// One greeting each time this passes.
const PACE: Duration = Duration::from_micros(166);
/// After the last round whoever has not answered is checked.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);
/// Whoever knocks has so long after the first rounds to announce itself. A knock is only a claim, and must not keep a
/// dead member from being missed for ever.
const KNOCKS_HELP: Duration = Duration::from_secs(15);

/// Who has not answered since the start.
#[derive(Clone, Debug)]
pub(crate) struct Start {
    absent: BTreeSet<HostIx>,
    /// Those of them that knocked since they were last missed.
    knocked: BTreeSet<HostIx>,
    /// The first rounds are over and what they found is told; knocks help until then.
    told_until: Option<Time>,
    /// Those of this round that are still to be greeted.
    round: Vec<HostIx>,
    rounds: u8,
    /// When the last of these rounds began: whoever is still absent had answered neither of the greetings before.
    last_round: Time,
    next: Time,
    kept: u32,
    rebooted: u32,
}

impl Start {
    pub(crate) fn next(&self) -> Time {
        self.next
    }

    fn knocks_help(&self, now: Time) -> bool {
        self.told_until.is_none_or(|until| now < until)
    }

    /// Nobody is waited for, and knocks help nobody any more.
    fn is_over(&self, now: Time) -> bool {
        self.absent.is_empty() && !self.knocks_help(now)
    }
}

impl Relay {
    /// Prepares the greetings of all members that should answer.
    pub(crate) fn greet_all(&mut self, now: Time) {
        let expected =
            |host: &HostIx| matches!(self.roster[*host].standing, Standing::Live | Standing::Silent);
        let absent: BTreeSet<HostIx> = self.roster.hosts().filter(expected).collect();
        if !absent.is_empty() {
            self.start = Some(Start {
                absent,
                knocked: BTreeSet::new(),
                told_until: None,
                round: Vec::new(),
                rounds: 0,
                last_round: now,
                next: now,
                kept: 0,
                rebooted: 0,
            });
        }
    }

    /// Somebody asks who we are. If it is a member that has not announced itself since the start, it lives by its own
    /// word: it is not convicted while that word is good, and greeted until it has announced itself.
    pub(crate) fn knocked(&mut self, now: Time, probe: ProbeId) {
        let Some(start) = self.start.as_mut().filter(|start| start.knocks_help(now)) else { return };
        let unmet = |host: &HostIx| !self.roster[*host].met && self.roster[*host].standing == Standing::Live;
        let Some(host) = self.roster.find(probe).filter(unmet) else { return };
        start.knocked.insert(host);
        if start.absent.insert(host) && start.absent.len() == 1 {
            // It was being checked, and nobody else was waited for.
            start.rounds = 0;
            start.next = now + GREET_EVERY;
        }
        self.showed_itself(now, host);
    }

    /// Whether that member is greeted since the start and has not announced itself.
    pub(crate) fn is_awaited(&self, host: HostIx) -> bool {
        self.start.as_ref().is_some_and(|start| start.absent.contains(&host))
    }

    /// Those who are greeted again because they may not have been reached: few, and on switches of their own.
    pub(crate) fn greeted_again(&self) -> impl Iterator<Item = HostIx> + '_ {
        let again = self.start.iter().filter(|start| start.told_until.is_some());
        again.flat_map(|start| start.absent.iter().copied())
    }

    /// A member that was known before the start has announced itself.
    pub(crate) fn met(&mut self, host: HostIx, rebooted: bool) {
        self.roster[host].met = true;
        let Some(start) = &mut self.start else { return };
        start.knocked.remove(&host);
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
                    start.last_round = now;
                    if start.round.is_empty() {
                        start.rounds = GREETINGS;
                    }
                }
                None => self.rounds_are_over(now, &mut start, out),
            }
            if start.is_over(now) {
                return;
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

    /// Whoever has not announced itself is suspected, or greeted once more if it knocked.
    fn rounds_are_over(&mut self, now: Time, start: &mut Start, out: &mut impl Sink<Action>) {
        let knocked = core::mem::take(&mut start.knocked);
        let mut greeted_again = if start.knocks_help(now) { knocked } else { BTreeSet::new() };
        let lives = |host: &HostIx| self.roster[*host].standing == Standing::Live;
        let missed: Vec<HostIx> = start.absent.iter().copied().filter(lives).collect();
        if start.told_until.is_none() {
            start.told_until = Some(now + KNOCKS_HELP);
            let at_ms = self.clock.unix_ms(now);
            self.tell(News::Start(StartNews { kept: start.kept, rebooted: start.rebooted, at_ms }));
            if self.hang_apart(&missed) {
                greeted_again.extend(&missed);
            }
        }
        start.absent.retain(|host| greeted_again.contains(host));
        start.rounds = if start.absent.is_empty() { GREETINGS } else { 0 };
        let unheard: Vec<HostIx> = missed.into_iter().filter(|host| !greeted_again.contains(host)).collect();
        self.look_after(now, SITE_RING, &unheard, start.last_round, out);
    }

    /// Whether no two of them hang on the same switch, and at most one on none that is known.
    fn hang_apart(&self, hosts: &[HostIx]) -> bool {
        let mut first: BTreeMap<Option<SwitchIx>, HostIx> = BTreeMap::new();
        hosts.iter().all(|host| {
            let mut behind: Vec<_> = self.roster.switches_behind(*host).map(Some).collect();
            if behind.is_empty() {
                behind.push(None);
            }
            behind.into_iter().all(|switch| first.entry(switch).or_insert(*host) == host)
        })
    }
}
