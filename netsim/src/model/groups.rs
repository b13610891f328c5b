//! The hosts of one switch run ahead of their site while nothing leaves them but beats that can be foretold.
//!
//! A million hosts do not fit into a cache, the forty of a switch do. So each switch has a queue of its own, and a group
//! of hosts *promises*: until that moment nothing will leave it for anybody outside but these very beats. They are put
//! into the queues of those they go to at once. Then the site goes on without the group, and when it has come to that
//! moment the group is run there in one go. What comes from outside meanwhile lies in its queue. If something comes
//! that may make a host speak, the promise ends there, and what was foretold of later is taken back.
//!
//! It is exact, not approximate: a probe says until when it is quiet and which beats it will send (`Probe::quiet_until`,
//! `Probe::foretell`), and what it then sends is compared with that. A group that cannot promise anything is run event
//! by event in the order of its site. The reference engine knows no groups.
//!
//! # Invariants
//! - A group never runs further than its site, and its site never further than what a group promised.
//! - What was foretold is what is sent; anything else that left a group which runs behind would come too late.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use ringmesh_probe_core as probe;
use ringmesh_proto::machine::Machine as _;
use ringmesh_proto::time::Time;

use super::common::Shard as _;
use super::host::{Datagram, Payload};
use super::key::Key;
use super::network::Place;
use super::queue::{Due, Event, Thing};
use super::site::Site;
use super::trace;

/// A promise for less is not worth its while.
const PROMISE_MIN: Duration = Duration::from_millis(200);
/// So many places are looked at from both ends of a queue.
const NEAR: usize = 4;
/// A queue is made for half as many again as this at least.
const ROOM_MIN: usize = 32;
/// Who could not promise anything is asked again after this.
const ASK_AGAIN: Duration = Duration::from_millis(100);

/// A beat that will be sent to somebody outside.
#[derive(Clone, Copy, Debug)]
struct Foretold {
    sent: Time,
    arrives: Time,
    /// The group it goes to; `None` for what is of no group.
    to: Option<usize>,
    /// Itself, as one number.
    what: u64,
}

/// Some hosts that are run together.
#[derive(Default)]
struct Group {
    hosts: Vec<usize>,
    /// Earliest first. What comes soon is put in near the front, what comes late at the end: hardly anything is moved.
    due: VecDeque<Event>,
    /// Until then nothing leaves it but what is foretold. `None`: each event has its place in the order of the site.
    promise: Option<Time>,
    foretold: BTreeMap<Key, Foretold>,
    /// What the site has to do with it next: the promise, or the first event.
    wake: Option<(Time, u64)>,
    ask_at: Time,
}

/// The groups of a site.
#[derive(Default)]
pub(super) struct Groups {
    all: Vec<Group>,
    /// Of each host; hosts on several switches are of no group.
    of_host: Vec<Option<u32>>,
    wakes: BTreeSet<(Time, u64, usize)>,
    /// In the queue of the site, and not to happen after all. A beat may be foretold again and again, and say something
    /// else each time; so what is taken back is known by what it is.
    taken_back: BTreeMap<(Time, Key), Vec<u64>>,
    /// The one that is being run in one go.
    running: Option<usize>,
    horizon: Time,
    /// Events that were executed ahead of their place.
    pub(super) ahead: u64,
}

/// Nothing that a quiet group would have to tell of.
fn is_beat(due: &Due) -> bool {
    match due {
        Due::Beat(_) | Due::HostDeadline { .. } => true,
        Due::Other(thing) => matches!(
            **thing,
            Thing::Arrive(Datagram { payload: Payload::Beat(_) | Payload::SealedBeat { .. }, .. })
        ),
    }
}

impl Group {
    fn place(&self, at: Time, key: Key) -> usize {
        let before = |held: &Event| (held.at, held.key) < (at, key);
        // A beat comes before nearly all else, the deadline of whoever sent it after: a few looks from both ends find
        // nearly every place, and need no guess as a search in halves does.
        for (steps, held) in self.due.iter().rev().take(NEAR).enumerate() {
            if before(held) {
                return self.due.len() - steps;
            }
        }
        match self.due.iter().take(NEAR).position(|held| !before(held)) {
            Some(place) => place,
            None => self.due.partition_point(before),
        }
    }

    fn insert(&mut self, event: Event) {
        let at = self.place(event.at, event.key);
        self.due.insert(at, event);
    }

    fn remove(&mut self, at: Time, key: Key) {
        let place = self.place(at, key);
        if self.due.get(place).is_some_and(|held| (held.at, held.key) == (at, key)) {
            self.due.remove(place);
        }
    }

    /// What the busiest moment needed is not kept for ever.
    fn shrink(&mut self) {
        let needed = self.due.len().max(ROOM_MIN);
        if self.due.capacity() > needed * 3 {
            self.due.shrink_to(needed * 3 / 2);
        }
    }
}

impl Groups {
    /// What the site has to do with a group next.
    pub(super) fn next(&self) -> Option<(Time, u64)> {
        self.wakes.first().map(|(at, key, _)| (*at, *key))
    }

    fn of(&self, host: usize) -> Option<usize> {
        self.of_host.get(host).copied().flatten().map(|group| group as usize)
    }

    fn wake_anew(&mut self, number: usize) {
        let group = &mut self.all[number];
        let first = group.due.front().map(|event| (event.at, event.key.bits()));
        // No event has the key 0: a promise is kept before anything of its moment happens.
        let wake = group.promise.map(|until| (until, 0)).or(first);
        if wake == group.wake {
            return;
        }
        if let Some((at, key)) = std::mem::replace(&mut group.wake, wake) {
            self.wakes.remove(&(at, key, number));
        }
        self.wakes.extend(wake.map(|(at, key)| (at, key, number)));
    }

    fn put(&mut self, number: usize, event: Event) {
        let (at, ordinary) = (event.at, is_beat(&event.due));
        let group = &mut self.all[number];
        group.insert(event);
        if self.running == Some(number) {
            assert!(ordinary, "a group that runs behind gave itself something to do at {at:?}");
            return;
        }
        if group.promise.is_some_and(|until| at < until && !ordinary) {
            self.end_promise(number, at);
        }
        self.wake_anew(number);
    }

    /// It may speak from then on: what was foretold of later is taken back.
    fn end_promise(&mut self, number: usize, at: Time) {
        let group = &mut self.all[number];
        group.promise = Some(at);
        let later: Vec<_> = group.foretold.iter().filter(|(_, beat)| beat.sent >= at).collect();
        let later: Vec<(Key, Foretold)> = later.into_iter().map(|(key, beat)| (*key, *beat)).collect();
        for (key, beat) in later {
            self.all[number].foretold.remove(&key);
            match beat.to {
                Some(to) => {
                    self.all[to].remove(beat.arrives, key);
                    self.wake_anew(to);
                }
                None => {
                    self.taken_back.entry((beat.arrives, key)).or_default().push(beat.what);
                }
            }
        }
    }
}

impl Site {
    /// Groups are run ahead from now on, or no more.
    pub(super) fn run_ahead(&mut self, ahead: bool) {
        let mut due = self.common.drain();
        due.extend(self.groups.all.iter_mut().flat_map(|group| group.due.drain(..)));
        self.groups = Groups::default();
        if ahead {
            self.groups.all.resize_with(self.network.switches.len(), Group::default);
            let group = |legs: &[super::network::Leg]| match legs {
                [leg] => Some(leg.switch),
                _ => None,
            };
            self.groups.of_host = self.network.legs.iter().map(|legs| group(legs)).collect();
            for (host, group) in self.groups.of_host.iter().enumerate() {
                if let Some(group) = group {
                    self.groups.all[*group as usize].hosts.push(host);
                }
            }
        }
        due.into_iter().for_each(|event| self.put(event));
    }

    /// Something will happen: in its group, or in the site.
    pub(super) fn put(&mut self, event: Event) {
        let group = self.group_of(&event.due);
        if let Some(running) = self.groups.running.filter(|running| group != Some(*running)) {
            let foretold = self.groups.all[running].foretold.remove(&event.key);
            let (now, at) = (self.common.now, event.at);
            let same = foretold.is_some_and(|beat| (beat.sent, beat.arrives) == (now, at));
            assert!(same, "{} was sent at {now:?}, and {foretold:?} was foretold", event.words());
            return;
        }
        match group {
            Some(group) => self.groups.put(group, event),
            None => self.common.receive(event),
        }
    }

    fn group_of(&self, due: &Due) -> Option<usize> {
        if self.groups.all.is_empty() {
            return None;
        }
        let at = |place: Place| match place {
            Place::Leg { host, .. } => self.groups.of(host),
            Place::Core(_) => None,
        };
        match due {
            Due::Beat(beat) => self.groups.of(beat.to().0),
            Due::HostDeadline { host } => self.groups.of(*host as usize),
            Due::Other(thing) => match &**thing {
                Thing::Arrive(datagram) => self.network.owner(datagram.to.ip()).and_then(at),
                Thing::Refused { to, .. } => at(*to),
                Thing::Start { host } | Thing::Turn { host, .. } => self.groups.of(*host),
                Thing::Announce { switch } => Some(*switch),
                _ => None,
            },
        }
    }

    /// Nothing is changed from outside until then.
    pub(super) fn look_ahead(&mut self, end: Time) {
        self.groups.horizon = end;
        (0..self.groups.all.len()).for_each(|group| {
            self.groups.all[group].ask_at = Time::ZERO;
            self.ask(group);
        });
    }

    /// Lets the next thing happen: of the site, of a group in its place, or of a group that has promised until now.
    pub(super) fn step_ahead(&mut self, end: Time) -> bool {
        let main = self.common.next();
        let group = self.groups.wakes.first().copied();
        let first = match (main, group) {
            (Some((at, key)), Some((wake, bits, _))) => (wake, bits) < (at, key.bits()),
            (main, _) => main.is_none(),
        };
        if let Some((at, _, number)) = group.filter(|_| first) {
            if at > end {
                return false;
            }
            self.step_group(number, at);
            return true;
        }
        let Some((at, key)) = main.filter(|(at, _)| *at <= end) else { return false };
        if self.groups.taken_back.contains_key(&(at, key)) && self.drop_if_taken_back(at, key) {
            return true;
        }
        let Some(event) = self.common.take(end) else { return false };
        self.happen(event);
        true
    }

    /// Whether the next thing was taken back.
    fn drop_if_taken_back(&mut self, at: Time, key: Key) -> bool {
        let Some(what) = self.common.what_is_next() else { return false };
        let Some(all) = self.groups.taken_back.get_mut(&(at, key)) else { return false };
        let Some(place) = all.iter().position(|taken| *taken == what) else { return false };
        all.swap_remove(place);
        if all.is_empty() {
            self.groups.taken_back.remove(&(at, key));
        }
        self.common.drop_next();
        true
    }

    fn step_group(&mut self, number: usize, at: Time) {
        if self.groups.all[number].promise.take().is_some() {
            self.catch_up(number, at);
        } else if let Some(event) = self.groups.all[number].due.pop_front() {
            self.common.begin(&event);
            self.happen(event);
        }
        self.ask(number);
    }

    /// Everything of a group that is due before `until`, in one go.
    fn catch_up(&mut self, number: usize, until: Time) {
        self.bring_near(number);
        self.groups.running = Some(number);
        loop {
            let due = &mut self.groups.all[number].due;
            if due.front().is_none_or(|event| event.at >= until) {
                break;
            }
            let Some(event) = due.pop_front() else { break };
            self.common.now = event.at;
            self.common.trace_hash.take(&event);
            self.groups.ahead += 1;
            self.happen(event);
        }
        self.groups.running = None;
        self.groups.all[number].shrink();
        self.common.now = until;
        let left = &self.groups.all[number].foretold;
        assert!(left.is_empty(), "by {until:?} these were foretold and not sent: {left:?}");
    }

    /// Looks at all hosts of a group before they are run. A host alone would wait for memory at each step; one after the
    /// other, what the next ones need is on its way while the first is waited for.
    fn bring_near(&self, number: usize) {
        let now = self.common.now;
        let near = |host: &usize| {
            let process = self.hosts[*host].process.as_ref()?;
            let links: u64 = process.probe.beats_to().map(|to| u64::from(to.port())).sum();
            let probe = process.probe.next_deadline().nanos() ^ process.probe.quiet_until(now).nanos();
            Some(probe ^ process.armed.nanos() ^ links)
        };
        let seen = self.groups.all[number].hosts.iter().filter_map(near).fold(0, |all, one| all ^ one);
        std::hint::black_box(seen);
    }

    /// Whether a group can promise anything, and for how long.
    fn ask(&mut self, number: usize) {
        let now = self.common.now;
        if self.groups.all[number].promise.is_none() && now >= self.groups.all[number].ask_at {
            let until = self.quiet_until(number);
            if until >= now + PROMISE_MIN {
                self.groups.all[number].promise = Some(until);
                self.foretell(number, until);
            } else {
                self.groups.all[number].ask_at = now + ASK_AGAIN;
            }
        }
        self.groups.wake_anew(number);
    }

    fn quiet_until(&self, number: usize) -> Time {
        let (now, group) = (self.common.now, &self.groups.all[number]);
        let disturbed = self.loss_permille > 0 || self.doubled_permille > 0;
        if disturbed || !self.muted.is_empty() || !self.network.troubles.is_empty() {
            return now;
        }
        let speaks = group.due.iter().find(|event| !is_beat(&event.due));
        let mut until = speaks.map_or(self.groups.horizon, |event| event.at.min(self.groups.horizon));
        for host in group.hosts.iter().filter(|host| self.network.power[**host]) {
            let known = &self.hosts[*host];
            let runs = known.may_run() && known.clock.is_none();
            let Some(process) = known.process.as_ref().filter(|_| runs) else { return now };
            until = until.min(process.probe.quiet_until(now));
            if until < now + PROMISE_MIN {
                return now;
            }
        }
        until
    }

    /// Beats to whoever is not of the group go on their way now.
    fn foretell(&mut self, number: usize, until: Time) {
        let mut events = Vec::new();
        for host in &self.groups.all[number].hosts {
            let Some(process) = &self.hosts[*host].process else { continue };
            let of_group = |to: std::net::SocketAddr| match self.network.owner(to.ip()) {
                Some(Place::Leg { host, .. }) => self.groups.of(host) == Some(number),
                Some(Place::Core(_)) => false,
                // Goes nowhere.
                None => true,
            };
            if process.probe.beats_to().all(of_group) {
                continue;
            }
            let told = process.probe.foretell(until).into_iter().enumerate();
            for (others, (sent, action)) in told {
                let probe::Action::Beat { beat, to, via } = action else { continue };
                if of_group(to) {
                    continue;
                }
                let Some(target) = self.network.owner(to.ip()) else { continue };
                let (leg, from) = self.source(*host, via);
                let places = [Place::Leg { host: *host, leg }, target];
                let seals = self.common.wire.seals(beat.link.0, beat.sequence);
                let sealed = if seals { process.wire.seal_beat(&beat) } else { None };
                let stamp = self.hosts[*host].actor.beat_after(others);
                events.extend(
                    self.beat_event(stamp, sent, places, [from, to], beat, sealed).map(|event| (sent, event)),
                );
            }
        }
        for (sent, event) in events {
            let to = self.group_of(&event.due);
            let beat = Foretold { sent, arrives: event.at, to, what: trace::of_due(&event.due) };
            self.groups.all[number].foretold.insert(event.key, beat);
            match to {
                Some(to) => self.groups.put(to, event),
                None => self.common.receive(event),
            }
        }
    }
}
