//! Carries bytes between the machine and the world, and decides nothing.
//!
//! One task owns the machine. It waits for input or the deadline, delivers what has arrived, then the deadline if
//! that has come, and carries out what is ordered.

mod durable;
mod figures;
mod log;

use std::io;

use ringmesh_proto::machine::Machine;
use ringmesh_proto::message::{BeatHeard, purpose_to_probe, purpose_to_relay};
use ringmesh_proto::news::RelayHello;
use ringmesh_proto::time::{Duration, Time};
use ringmesh_proto::wire::{FromProbe, RelayWire};
use ringmesh_proto::{codec, pb};
use ringmesh_relay_core::{Action, Event, Relay};
use ringmesh_shell::clock::{self, Alarm, Stamps};
use ringmesh_shell::store::Store;
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};

use crate::cmas::Cmas;
use crate::icmp::Icmp;
use crate::secret::random;
use crate::udp::{Arrival, BUFFER, Trouble, Udp};
use crate::uplink::{Ask, Asked, Reply};
use crate::warnings::Warnings;
use durable::Durable;
use figures::Figures;

/// More small datagrams than a receive buffer holds: whatever had arrived when a drain began is delivered by it.
const DRAIN_MAX: usize = 32_768;
/// The clock is read again after so many, for time passes while they are dealt with.
const DRAIN_BATCH: usize = 256;
/// How long the store may take to write the last changes.
const CLOSE_WITHIN: Duration = Duration::from_secs(5);
/// How often the wall clock is read and new interfaces are looked for.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// The machine and all it touches.
pub(crate) struct Driver {
    pub(crate) relay: Relay,
    pub(crate) wire: RelayWire,
    pub(crate) udp: Udp,
    pub(crate) icmp: Icmp,
    pub(crate) cmas: Cmas,
    pub(crate) asks: mpsc::Receiver<Asked>,
    pub(crate) warnings: Warnings,
    pub(crate) store: Store,
    /// What the CMAs are told at the start of each stream; term and birth are the machine's.
    pub(crate) hello: RelayHello,
}

struct Running {
    parts: Driver,
    figures: Figures,
    durable: Durable,
    /// Which CMA asked for what is being answered.
    asking: Option<usize>,
    actions: Vec<Action>,
    datagram: Vec<u8>,
    /// When the sockets were found empty last.
    drained: Time,
}

impl Driver {
    /// Runs until `stop` is done.
    pub(crate) async fn run(self, stop: impl Future<Output = ()>) -> io::Result<()> {
        let (figures, drained) = (Figures::default(), clock::now());
        let durable = Durable::new(&self.store, self.relay.outbox());
        let mut running = Running {
            parts: self,
            figures,
            durable,
            asking: None,
            actions: Vec::new(),
            datagram: Vec::with_capacity(BUFFER),
            drained,
        };
        let ended = running.run(stop).await;
        // The last changes; a disk that hangs must not keep the relay from ending.
        let closed = tokio::time::timeout(CLOSE_WITHIN, running.parts.store.close()).await;
        match closed {
            Ok(Ok(())) => {}
            Ok(Err(unwritten)) => tracing::error!("{unwritten}"),
            Err(_) => tracing::error!("the disk did not take the last changes in time"),
        }
        ended
    }
}

impl Running {
    async fn run(&mut self, stop: impl Future<Output = ()>) -> io::Result<()> {
        let mut alarm = Alarm::new()?;
        // Its first tick comes at once: the machine should know the date before anything happens.
        let mut look = interval(LOOK_EVERY);
        look.tick().await;
        self.look_around();
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        tokio::pin!(stop);
        let mut more = false;
        loop {
            alarm.set(self.parts.relay.next_deadline())?;
            tokio::select! {
                ready = self.parts.udp.ready() => ready?,
                ready = self.parts.icmp.ready() => ready?,
                rung = alarm.rings() => rung?,
                Some(asked) = self.parts.asks.recv() => self.answer(asked),
                _ = look.tick() => self.look_around(),
                () = self.durable.changed() => {}
                () = &mut stop => return Ok(()),
                // A flood: whoever else has something gets a turn, and it goes on.
                () = tokio::task::yield_now(), if more => {}
            }
            more = self.catch_up();
            self.keep();
        }
    }

    /// Delivers what has arrived, and the deadline if it has come. Says whether more may have arrived.
    fn catch_up(&mut self) -> bool {
        let (now, is_drained) = self.drain();
        for trouble in self.parts.udp.troubles() {
            self.apply(
                now,
                match trouble {
                    Trouble::Refused(peer) => Event::Refused { peer },
                    Trouble::Unreachable(peer) => Event::Unreachable { peer },
                },
            );
        }
        while let Some(from) = self.parts.icmp.receive(now) {
            self.apply(now, Event::Echo { from });
        }
        if self.parts.relay.next_deadline() <= now {
            self.apply(now, Event::DeadlineReached);
        }
        let relay = &self.parts.relay;
        self.parts.wire.keep_links(|link| relay.holds(link));
        !is_drained
    }

    fn drain(&mut self) -> (Time, bool) {
        let mut buffer = [0; BUFFER];
        let mut now = clock::now();
        let mut stamps = Stamps::at(now, self.drained);
        for count in 1..=DRAIN_MAX {
            let Some(arrival) = self.parts.udp.receive(now, &mut buffer) else {
                self.drained = now;
                return (now, true);
            };
            self.deliver(now, &stamps, arrival, &mut buffer);
            if count % DRAIN_BATCH == 0 {
                now = clock::now();
                stamps = Stamps::at(now, self.drained);
            }
        }
        (now, false)
    }

    fn deliver(&mut self, now: Time, stamps: &Stamps, arrival: Arrival, buffer: &mut [u8; BUFFER]) {
        let at = arrival.from;
        let octets = buffer.get_mut(..arrival.length).unwrap_or_default();
        let event = match self.parts.wire.open(now, at, octets) {
            Ok(FromProbe::Beat(beat)) => {
                let (hops, arrived) = (arrival.ttl.map(hops), stamps.arrived(arrival.stamp));
                self.figures.heard("Beat");
                Event::Beat(BeatHeard { beat, hops, arrived })
            }
            Ok(FromProbe::MeshBeat(beat)) => {
                let (hops, arrived) = (arrival.ttl.map(hops), stamps.arrived(arrival.stamp));
                self.figures.heard("MeshBeat");
                Event::MeshBeat(BeatHeard { beat, hops, arrived })
            }
            Ok(FromProbe::Knock { from, knock }) => {
                self.figures.heard("Knock");
                Event::Knock { from, at, knock }
            }
            Ok(FromProbe::Message { from, message }) => {
                self.figures.heard(purpose_to_relay(&message));
                Event::Control { from, at, message }
            }
            Ok(FromProbe::Stranger { from }) => return self.apply(now, Event::Stranger { from, at }),
            Err(error) => return tracing::trace!(from = %at, %error, "a datagram that changes nothing"),
        };
        self.parts.udp.proved();
        self.apply(now, event);
    }

    fn apply(&mut self, now: Time, event: Event) {
        let mut actions = std::mem::take(&mut self.actions);
        self.parts.relay.on_event(now, event, &mut actions);
        for action in actions.drain(..) {
            self.carry_out(now, action);
        }
        self.actions = actions;
    }

    fn carry_out(&mut self, now: Time, action: Action) {
        let Driver { wire, udp, icmp, cmas, .. } = &mut self.parts;
        match action {
            Action::Hello { to, sender, knock, hello } => {
                wire.seal_hello(now, to, sender, knock, hello, &mut self.datagram);
                self.figures.sent("Hello");
                udp.send(now, 0, to, &self.datagram);
            }
            Action::Send { to, probe, message } => {
                let purpose = purpose_to_probe(&message);
                if wire.seal(probe, &message, &mut self.datagram) {
                    self.figures.sent(purpose);
                    udp.send(now, 0, to, &self.datagram);
                } else {
                    self.figures.unsealed += 1;
                    tracing::debug!(%to, %probe, purpose, "not sent: no session, or too long");
                }
            }
            Action::Beat { beat, to } => {
                if let Some(sealed) = wire.seal_beat(&beat) {
                    self.figures.sent("Beat");
                    udp.send(now, beat.lane, to, &sealed);
                }
            }
            Action::MeshBeat { beat, to } => {
                if let Some(sealed) = wire.seal_mesh_beat(&beat) {
                    self.figures.sent("MeshBeat");
                    udp.send(now, 0, to, &sealed);
                }
            }
            Action::TakeLink(link) => wire.take_link(&link),
            Action::Keep(change) => self.durable.put(change),
            Action::TellGroups(groups) => {
                let groups = groups.iter().map(|(group, digest)| (group, *digest));
                let digests = pb::from_relay::Body::Groups(codec::group_digests(groups));
                self.asking.into_iter().for_each(|cma| cmas.reply(cma, Reply::Digests(digests.clone())));
            }
            Action::TellThings { sequence, groups } => {
                let digests = pb::from_relay::Body::Things(codec::thing_digests(sequence, &groups));
                self.asking.into_iter().for_each(|cma| cmas.reply(cma, Reply::Digests(digests.clone())));
            }
            Action::Echo { to } => {
                self.figures.sent("Echo");
                icmp.send(now, to);
            }
            // They leave when they are on the disk.
            Action::NewsReady => {}
            Action::AskAuthority => self.ask_authority(),
            Action::Forget(probe) => wire.forget(probe),
            Action::Say(note) => log::say(&note),
        }
    }

    fn answer(&mut self, Asked { cma, ask }: Asked) {
        let parts = &mut self.parts;
        let events = match ask {
            Ask::Hello => {
                let (term, outbox) = (parts.relay.term(), parts.relay.outbox().birth());
                let hello = RelayHello { term, outbox, ..parts.hello.clone() };
                parts.cmas.reply(cma, Reply::Hello(codec::relay_hello(&hello)));
                [None, None]
            }
            Ask::Beat => {
                let beat = self.figures.beat(parts);
                parts.cmas.reply(cma, Reply::Beat(beat));
                [None, None]
            }
            Ask::Pulse => {
                parts.cmas.reply(cma, Reply::Pulse(pulse(&parts.relay)));
                [None, None]
            }
            Ask::News { after } => {
                parts.cmas.wait(cma, after, parts.relay.outbox(), self.durable.up_to(&parts.relay));
                [None, None]
            }
            Ask::Heard(event) => [Some(event), None],
            Ask::Mesh(order, keys) if parts.cmas.cuts_mesh(cma) => {
                parts.wire.take_mesh(keys);
                [Some(Event::Mesh(order)), None]
            }
            Ask::Mesh(..) => [None, None],
            Ask::Connected { taken } if taken > parts.relay.outbox().last() => {
                // It knows more than this outbox ever gave: our disk went back in time.
                parts.cmas.anew();
                [Some(Event::Reborn { outbox: random_or_time() }), None]
            }
            Ask::Connected { taken } => [parts.cmas.turned(cma, None), parts.cmas.holds(cma, taken)],
            Ask::Acknowledged { sequence } => {
                [Some(Event::Cma { connected: true }), parts.cmas.holds(cma, sequence)]
            }
            Ask::Gone { why } => [parts.cmas.turned(cma, Some(why)), None],
        };
        parts.warnings.set("cma-away", parts.cmas.away());
        let now = clock::now();
        self.asking = Some(cma);
        events.into_iter().flatten().for_each(|event| self.apply(now, event));
        self.asking = None;
    }

    /// A pulse to each CMA, out of turn: it answers.
    fn ask_authority(&mut self) {
        let pulse = pulse(&self.parts.relay);
        self.parts.cmas.reply_all(&Reply::Pulse(pulse));
    }

    /// Hands over what changed to the store, and news that are safe to the CMAs.
    fn keep(&mut self) {
        let parts = &mut self.parts;
        self.durable.submit(&parts.store, parts.relay.outbox());
        parts.cmas.feed(parts.relay.outbox(), self.durable.up_to(&parts.relay));
        parts.warnings.set("store-failed", self.durable.warning());
    }

    fn look_around(&mut self) {
        let joined = self.parts.udp.join_groups();
        self.parts.warnings.set("group-not-joined", joined);
        let wall_clock = clock::wall_clock();
        self.apply(wall_clock.at, Event::WallClock(wall_clock));
    }
}

fn pulse(relay: &Relay) -> pb::Pulse {
    let pending = u64::try_from(relay.outbox().pending()).unwrap_or(u64::MAX);
    pb::Pulse { pending, picture: relay.picture() }
}

/// A birth nonce that no earlier outbox of this relay has had.
fn random_or_time() -> u64 {
    random().map_or_else(|_| clock::wall_clock().unix_ms, u64::from_be_bytes).max(1)
}

/// Routers a datagram passed: systems start the count at 64, 128 or 255.
fn hops(ttl: u8) -> u8 {
    let start = [64, 128, 255].into_iter().find(|&start| ttl <= start).unwrap_or(255);
    start - ttl
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hops_count_down_from_where_systems_start() {
        let cases = [(64, 0), (63, 1), (128, 0), (120, 8), (255, 0), (1, 63)];
        cases.iter().for_each(|&(ttl, want)| assert_eq!(hops(ttl), want, "TTL {ttl}"));
    }
}
