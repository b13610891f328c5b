//! What is heard, as news for people: pure, the command around it waits and prints.

use std::collections::BTreeMap;
use std::time::Duration;

use lldp_rs::{
    Field, Ignored, Key, Lacp, Limits, Mac, Neighbour, NeighbourTable, Outcome, Reject, Stp, TableEvent,
};
use ringmesh_proto::time::Time;
use ringmesh_topology::id::MacAddress;

use crate::capture::Deaf;
use crate::hints;
use crate::ports::Port;

/// Two intervals of LLDP as shipped, and some: who has said nothing by then will not.
const SILENCE: Duration = Duration::from_secs(65);

/// A neighbour as it was known last: the table forgets whoever is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Who {
    /// Who it is.
    pub(super) key: Key,
    /// The name it gave itself.
    pub(super) name: String,
    /// Seconds to believe its last announcement.
    pub(super) ttl_s: u64,
}

/// Something that happened on a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct News {
    /// The port's number.
    pub(super) ifindex: u32,
    /// The port's name.
    pub(super) ifname: String,
    /// What happened.
    pub(super) what: What,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// From now on the port is listened on.
    Listening { carrier: bool, driver: String },
    /// It cannot be listened on.
    Deaf(Deaf),
    /// It is no port of this host any more.
    Gone,
    /// It lost its carrier.
    CarrierLost,
    /// It has its carrier again.
    CarrierBack,
    /// Heard for the first time.
    Appeared(Who),
    /// It says something else about itself.
    Changed(Who, Vec<Field>),
    /// It took the place of another, or came from another port.
    Moved { from: Who, from_port: String, to: Who },
    /// It has another identity.
    Renamed { from: Who, to: Who },
    /// It took its leave.
    Shutdown(Who),
    /// It should have spoken.
    Late(Who),
    /// Late or suspect, and heard again.
    Back(Who),
    /// Its time to live is over.
    Expired(Who),
    /// It made room for a newcomer.
    Displaced(Who),
    /// Several could be the port's switch.
    Ambiguous(Vec<Who>),
    /// Nobody spoke although somebody should have: why that may be, and what to do.
    Silent { why: String, remedy: String },
}

/// What came where no neighbour could be learnt. A later variant tells more than an earlier one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Sign {
    /// What this host sent itself, by this port or another.
    OwnFrames,
    /// A switch that says other things than its name.
    Protocol(&'static str),
    /// Somebody who was not known took its leave.
    Farewell,
    /// More senders than are kept.
    TooMany,
    /// An announcement that was refused.
    Unreadable(Reject),
}

struct Watched {
    port: Port,
    /// Why it is not listened on, if so.
    deaf: Option<Deaf>,
    /// Since when somebody could have been heard; never while there is no carrier or no listener, or once it was told.
    waiting_since: Option<Time>,
    /// What came instead of announcements, the most telling of it.
    sign: Option<Sign>,
    /// The last who took its leave: it may come back under another name.
    departed: Option<Who>,
}

/// All ports and who is heard on them.
pub(super) struct Watch {
    table: NeighbourTable,
    ports: BTreeMap<u32, Watched>,
    known: BTreeMap<Key, Who>,
    events: Vec<TableEvent>,
}

impl Watch {
    pub(super) fn new() -> Self {
        Self {
            table: NeighbourTable::new(Limits::default()),
            ports: BTreeMap::new(),
            known: BTreeMap::new(),
            events: Vec::new(),
        }
    }

    /// Takes the ports as they are now. `deaf` says of each whether it cannot be listened on.
    pub(super) fn set_ports(
        &mut self,
        now: Time,
        ports: &[Port],
        own: &[MacAddress],
        deaf: impl Fn(u32) -> Option<Deaf>,
    ) -> Vec<News> {
        let gone: Vec<u32> =
            self.ports.keys().copied().filter(|n| !ports.iter().any(|port| port.ifindex == *n)).collect();
        let mut news: Vec<News> = gone.into_iter().filter_map(|ifindex| self.forget(ifindex)).collect();
        for port in ports {
            if self.ports.contains_key(&port.ifindex) {
                news.extend(self.update(now, port, deaf(port.ifindex)));
            } else {
                news.push(self.add(now, port, deaf(port.ifindex)));
            }
            let own: Vec<Mac> = own.iter().map(|mac| Mac(mac.0)).collect();
            self.table.set_own_macs(port.ifindex, &own);
        }
        news
    }

    fn add(&mut self, now: Time, port: &Port, deaf: Option<Deaf>) -> News {
        let watched = Watched {
            port: port.clone(),
            deaf: deaf.clone(),
            waiting_since: (port.carrier && deaf.is_none()).then_some(now),
            sign: None,
            departed: None,
        };
        self.ports.insert(port.ifindex, watched);
        self.table.carrier(port.ifindex, port.carrier, now.nanos(), &mut self.events);
        self.events.clear();
        self.news(port.ifindex, hearing(port, deaf))
    }

    /// Takes what has become of a known port: its name, its carrier, whether it is listened on.
    fn update(&mut self, now: Time, port: &Port, deaf: Option<Deaf>) -> Vec<News> {
        let Some(watched) = self.ports.get_mut(&port.ifindex) else { return Vec::new() };
        // The carrier is news by itself.
        watched.port = Port { carrier: watched.port.carrier, ..port.clone() };
        let is_new = watched.deaf != deaf;
        if is_new {
            watched.deaf.clone_from(&deaf);
            watched.waiting_since = (watched.port.carrier && deaf.is_none()).then_some(now);
            watched.sign = None;
        }
        let mut news = self.carrier(now, port.ifindex, port.carrier);
        if is_new {
            news.push(self.news(port.ifindex, hearing(port, deaf)));
        }
        news
    }

    /// Drops everything about a port that is gone; `None` if it never was one.
    pub(super) fn forget(&mut self, ifindex: u32) -> Option<News> {
        let news = self.news(ifindex, What::Gone);
        self.ports.remove(&ifindex)?;
        self.table.forget_port(ifindex);
        self.known.retain(|key, _| key.ifindex != ifindex);
        Some(news)
    }

    /// Takes the carrier of a port.
    pub(super) fn carrier(&mut self, now: Time, ifindex: u32, up: bool) -> Vec<News> {
        let Some(watched) = self.ports.get_mut(&ifindex).filter(|watched| watched.port.carrier != up) else {
            return Vec::new();
        };
        watched.port.carrier = up;
        watched.waiting_since = (up && watched.deaf.is_none()).then_some(now);
        watched.sign = None;
        self.table.carrier(ifindex, up, now.nanos(), &mut self.events);
        self.take_events()
    }

    /// Takes a frame.
    pub(super) fn frame(&mut self, now: Time, ifindex: u32, octets: &[u8]) -> Vec<News> {
        let Some(port) = self.ports.get_mut(&ifindex) else { return Vec::new() };
        let sign = match lldp_rs::decode(octets) {
            Ok(heard) => sign_of(self.table.heard(ifindex, &heard, now.nanos(), &mut self.events)),
            Err(_) if Stp::decode(octets).is_ok() => Some(Sign::Protocol("spanning tree")),
            Err(_) if Lacp::decode(octets).is_ok() => Some(Sign::Protocol("LACP")),
            // Nothing that the kernel's filter lets through; it says nothing of a switch either.
            Err(Reject::Foreign) => return Vec::new(),
            Err(refused) => Some(Sign::Unreadable(refused)),
        };
        match sign {
            Some(sign) => port.sign = port.sign.max(Some(sign)),
            None => port.waiting_since = None,
        }
        self.take_events()
    }

    /// When to come back.
    pub(super) fn next_deadline(&self) -> Time {
        let table = self.table.next_deadline().map_or(Time::NEVER, Time::from_nanos);
        let waiting = self.ports.values().filter_map(|port| Some(port.waiting_since? + SILENCE));
        waiting.fold(table, Time::min)
    }

    /// Tells who is late or over, and which ports are silent.
    pub(super) fn on_deadline(&mut self, now: Time) -> Vec<News> {
        self.table.on_deadline(now.nanos(), &mut self.events);
        let mut news = self.take_events();
        let silent = |port: &Watched| port.waiting_since.is_some_and(|since| since + SILENCE <= now);
        let due: Vec<u32> = self.ports.iter().filter(|(_, port)| silent(port)).map(|(n, _)| *n).collect();
        for ifindex in due {
            if let Some(port) = self.ports.get_mut(&ifindex) {
                port.waiting_since = None;
                let (why, remedy) = silence(port);
                news.push(self.news(ifindex, What::Silent { why, remedy }));
            }
        }
        news
    }

    fn news(&self, ifindex: u32, what: What) -> News {
        let ifname = self.ports.get(&ifindex).map(|watched| watched.port.ifname.clone());
        News { ifindex, ifname: ifname.unwrap_or_else(|| format!("#{ifindex}")), what }
    }

    /// From the table's words to ours. What one frame changed of a neighbour is one news.
    fn take_events(&mut self) -> Vec<News> {
        let mut all: Vec<News> = Vec::new();
        for event in std::mem::take(&mut self.events) {
            let (ifindex, what) = match event {
                TableEvent::Changed { key, field } => {
                    if let Some(News { what: What::Changed(who, fields), .. }) = all.last_mut()
                        && who.key == key
                    {
                        fields.push(field);
                        continue;
                    }
                    (key.ifindex, What::Changed(self.see(&key), vec![field]))
                }
                TableEvent::Appeared { key } => (key.ifindex, What::Appeared(self.see(&key))),
                TableEvent::Recovered { key } => (key.ifindex, What::Back(self.see(&key))),
                TableEvent::Late { key } => (key.ifindex, What::Late(self.see(&key))),
                TableEvent::Shutdown { key } => {
                    let who = self.part(&key);
                    if let Some(watched) = self.ports.get_mut(&key.ifindex) {
                        watched.departed = Some(who.clone());
                    }
                    (key.ifindex, What::Shutdown(who))
                }
                TableEvent::Expired { key } => (key.ifindex, What::Expired(self.part(&key))),
                TableEvent::Displaced { key } => (key.ifindex, What::Displaced(self.part(&key))),
                TableEvent::Moved { from, to } => {
                    let from_port = self.news(from.ifindex, What::Gone).ifname;
                    let moved = What::Moved { from: self.part(&from), from_port, to: self.see(&to) };
                    (to.ifindex, moved)
                }
                TableEvent::Renamed { from, to } => {
                    (to.ifindex, What::Renamed { from: self.part(&from), to: self.see(&to) })
                }
                TableEvent::CarrierLost { ifindex } => (ifindex, What::CarrierLost),
                TableEvent::CarrierBack { ifindex } => (ifindex, What::CarrierBack),
                TableEvent::Ambiguous { ifindex } => {
                    let heard: Vec<Key> =
                        self.table.neighbours(ifindex).iter().map(|n| n.key.clone()).collect();
                    (ifindex, What::Ambiguous(heard.iter().map(|key| self.see(key)).collect()))
                }
            };
            all.push(self.news(ifindex, what));
        }
        all
    }

    /// A neighbour that is there, and is remembered for when it is not.
    fn see(&mut self, key: &Key) -> Who {
        let heard = self.table.neighbours(key.ifindex).iter().find(|neighbour| neighbour.key == *key);
        let who = heard.map_or_else(|| self.remembered(key), who);
        self.known.insert(key.clone(), who.clone());
        who
    }

    /// A neighbour that is gone.
    fn part(&mut self, key: &Key) -> Who {
        let who = self.remembered(key);
        self.known.remove(key);
        who
    }

    fn remembered(&self, key: &Key) -> Who {
        let departed = || self.ports.get(&key.ifindex)?.departed.as_ref().filter(|who| who.key == *key);
        let unknown = || Who { key: key.clone(), name: String::new(), ttl_s: 0 };
        self.known.get(key).or_else(departed).cloned().unwrap_or_else(unknown)
    }
}

fn who(neighbour: &Neighbour) -> Who {
    Who {
        key: neighbour.key.clone(),
        name: neighbour.facts.system_name.as_ref().map(|name| name.safe()).unwrap_or_default(),
        ttl_s: neighbour.expires.saturating_sub(neighbour.last_seen) / 1_000_000_000,
    }
}

fn hearing(port: &Port, deaf: Option<Deaf>) -> What {
    let listening = || What::Listening { carrier: port.carrier, driver: port.driver.clone() };
    deaf.map_or_else(listening, What::Deaf)
}

/// What a frame that taught nothing is a sign of; `None` if it named a neighbour.
fn sign_of(outcome: Outcome) -> Option<Sign> {
    match outcome {
        Outcome::Learnt | Outcome::Refreshed | Outcome::Departed => None,
        Outcome::Ignored(Ignored::OwnFrame) => Some(Sign::OwnFrames),
        Outcome::Ignored(Ignored::UnknownDeparture) => Some(Sign::Farewell),
        Outcome::Ignored(Ignored::TableFull | Ignored::NewcomerFlood) => Some(Sign::TooMany),
        Outcome::Ignored(Ignored::NoIdentity) => Some(Sign::Unreadable(Reject::NoIdentity)),
    }
}

fn silence(watched: &Watched) -> (String, String) {
    let (seconds, ifname) = (SILENCE.as_secs(), &watched.port.ifname);
    match watched.sign {
        Some(Sign::OwnFrames) => (
            format!("own frames only for {seconds} s: what this host says comes back to it"),
            format!("see where the cable of {ifname} ends: in a loop, or in another port of this host"),
        ),
        Some(Sign::Protocol(name)) => (
            format!("no announcement for {seconds} s, but {name} arrives: a switch is there"),
            format!("turn LLDP on for the switch's port behind {ifname}"),
        ),
        Some(Sign::Farewell) => (
            format!("no announcement for {seconds} s, but somebody took its leave"),
            format!("turn LLDP on again for the switch's port behind {ifname}"),
        ),
        Some(Sign::TooMany) => (
            format!("announcements of more senders than are kept for {seconds} s"),
            format!("find out who sends them: `tcpdump -eni {ifname} ether proto 0x88cc`"),
        ),
        Some(Sign::Unreadable(refused)) => (
            format!("announcements that cannot be read ({}): {refused}", refused.name()),
            format!(
                "keep some by `tcpdump -ni {ifname} -w FILE ether multicast`; \
                 `ringmesh-probe decode FILE` shows what is wrong with each"
            ),
        ),
        None => (format!("no announcement for {seconds} s"), hints::of_silence(&watched.port)),
    }
}

#[cfg(test)]
mod tests;
