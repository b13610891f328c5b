//! A probe's end: its key, its sessions with relays, the keys of its links.

use core::net::SocketAddr;

use prost::Message as _;
use ringmesh_topology::id::{Boot, ProbeId};

use super::{BEAT, HEADER, Header, Kind, TAG, Window, WireCounters, WireError, open_beat, run, seal_beat};
use crate::codec::{self, Beside, LinkKeys, Malformed};
use crate::message::{Beat, DATAGRAM_MAX, LinkId, ToProbe, ToRelay};
use crate::pb;
use crate::seal::ProbeKey;

/// Relays a probe keeps sessions with at once.
const SESSIONS_MAX: usize = 4;
/// A knock is at least as long as the hello it asks for, so that nobody is amplified by it.
const KNOCK_BODY: usize = 48;

/// A datagram that a probe opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FromRelay {
    /// A neighbour's beat.
    Beat(Beat),
    /// A relay's message.
    Message(ToProbe),
}

/// What is kept of a relay. The keys follow from the probe's own whenever they are needed.
#[derive(Debug)]
struct Session {
    relay: SocketAddr,
    boot_r: Boot,
    number: u32,
    cookie: [u8; 16],
    sent: u32,
    window: Window,
}

/// The keys of one probe, beside its machine.
#[derive(Debug)]
pub struct ProbeWire {
    probe: ProbeId,
    boot: Boot,
    key: ProbeKey,
    knocks: u32,
    sessions: Vec<Session>,
    links: Vec<(LinkId, LinkKeys)>,
    /// What came in and changed nothing.
    pub counters: WireCounters,
}

impl ProbeWire {
    /// A probe in one run. `boot` must never have been used before with this key.
    pub fn new(probe: ProbeId, boot: Boot, key: ProbeKey) -> Self {
        Self {
            probe,
            boot,
            key,
            knocks: 0,
            sessions: Vec::new(),
            links: Vec::new(),
            counters: WireCounters::default(),
        }
    }

    /// Seals a beat; `None` if the link is not one of ours.
    pub fn seal_beat(&self, beat: &Beat) -> Option<[u8; BEAT]> {
        Some(seal_beat(&self.link(beat.link)?.outgoing, Kind::Beat, beat))
    }

    /// Seals a message for the relay at that address into `out`.
    ///
    /// `false` if it cannot be sent: no session with that relay yet (a Knock needs none), or it is too long.
    #[must_use]
    pub fn seal(&mut self, relay: SocketAddr, message: &ToRelay, out: &mut Vec<u8>) -> bool {
        out.clear();
        let (header, key, body) = if matches!(message, ToRelay::Knock) {
            // 4 billion knocks are more than a run can send.
            self.knocks = self.knocks.saturating_add(1);
            let header = Header::message(Kind::Knock, run(self.boot), self.knocks);
            (header, self.key.knock_key(self.boot), vec![0; KNOCK_BODY])
        } else {
            let Some(session) = self.sessions.iter_mut().find(|session| session.relay == relay) else {
                return false;
            };
            let Some(body) = codec::to_relay(message, session.cookie) else { return false };
            let body = body.encode_to_vec();
            if body.len() > DATAGRAM_MAX - HEADER - 32 - TAG || session.sent == u32::MAX {
                return false;
            }
            session.sent += 1;
            let header = Header::message(Kind::ToRelay, session.number, session.sent);
            (header, self.key.session(self.boot, session.boot_r).to_relay(), body)
        };
        out.extend(header.octets());
        out.extend(self.probe.0);
        out.extend(self.boot.0);
        let clear = out.clone();
        out.extend(body);
        key.seal(header.nonce(), &clear, out, clear.len());
        true
    }

    /// Opens a datagram that came from `from`. Its octets are overwritten.
    pub fn open(&mut self, from: SocketAddr, datagram: &mut [u8]) -> Result<FromRelay, WireError> {
        let opened = self.try_open(from, datagram);
        if let Err(error) = opened {
            self.counters.count(error);
        }
        opened
    }

    fn try_open(&mut self, from: SocketAddr, datagram: &mut [u8]) -> Result<FromRelay, WireError> {
        let header = Header::read(datagram)?;
        match header.kind {
            Kind::Beat => {
                let keys = self.link(LinkId(header.id)).ok_or(WireError::Martian)?;
                Ok(FromRelay::Beat(open_beat(&keys.incoming, &header, datagram)?))
            }
            Kind::Hello => self.open_hello(from, &header, datagram).map(FromRelay::Message),
            Kind::ToProbe => self.open_message(&header, datagram).map(FromRelay::Message),
            Kind::Knock | Kind::ToRelay | Kind::MeshBeat => Err(WireError::Foreign),
        }
    }

    /// A hello answers one of our knocks, whose number it gives back: an old one cannot bring back an old session. One
    /// to whichever run there is greets, and answers nothing.
    fn open_hello(
        &mut self,
        from: SocketAddr,
        header: &Header,
        datagram: &mut [u8],
    ) -> Result<ToProbe, WireError> {
        let named = [self.boot, Boot::ANY].into_iter().find(|boot| header.id == run(*boot));
        let named = named.ok_or(WireError::Martian)?;
        let (clear, sealed) = datagram.split_at_mut_checked(HEADER + 16).ok_or(WireError::Truncated)?;
        let boot_r = Boot(clear[HEADER..].try_into().map_err(|_| WireError::Truncated)?);
        let key = self.key.hello_key(named, boot_r);
        let body = key.open(header.nonce(), clear, sealed).ok_or(WireError::Forged)?;
        let (knock, body) = body.split_at_checked(4).ok_or(WireError::Truncated)?;
        let answered = knock.try_into().map_or(0, u32::from_be_bytes);
        let message = pb::ToProbe::decode(body).map_err(|_| Malformed::Protobuf)?;
        let (mut message, beside) = codec::read_to_probe(message)?;
        let Beside::Cookie(cookie) = beside else { return Err(Malformed::Empty.into()) };
        if let ToProbe::Hello(hello) = &mut message {
            hello.answers = answered != 0;
        }
        // A hello to nothing (0) says that a relay has lost our session: the machine knocks, no key changes.
        if answered != 0 {
            if answered != self.knocks || named != self.boot {
                return Err(WireError::Replayed);
            }
            self.open_session(from, boot_r, cookie);
        }
        Ok(message)
    }

    fn open_session(&mut self, relay: SocketAddr, boot_r: Boot, cookie: [u8; 16]) {
        if let Some(session) = self.sessions.iter_mut().find(|session| session.boot_r == boot_r) {
            // The same two runs have the same keys: sequence and window must go on.
            session.relay = relay;
            session.cookie = cookie;
            return;
        }
        self.sessions.retain(|session| session.relay != relay);
        if self.sessions.len() == SESSIONS_MAX {
            self.sessions.remove(0);
        }
        let number = self.key.session(self.boot, boot_r).number();
        self.sessions.reserve_exact(1);
        self.sessions.push(Session { relay, boot_r, number, cookie, sent: 0, window: Window::default() });
    }

    fn open_message(&mut self, header: &Header, datagram: &mut [u8]) -> Result<ToProbe, WireError> {
        let session = self.sessions.iter_mut().find(|session| session.number == header.id);
        let session = session.ok_or(WireError::Martian)?;
        let (clear, sealed) = datagram.split_at_mut_checked(HEADER).ok_or(WireError::Truncated)?;
        let key = self.key.session(self.boot, session.boot_r).to_probe();
        let body = key.open(header.nonce(), clear, sealed).ok_or(WireError::Forged)?;
        session.window.take(header.sequence)?;
        let message = pb::ToProbe::decode(&*body).map_err(|_| Malformed::Protobuf)?;
        let (message, beside) = codec::read_to_probe(message)?;
        if let Beside::Keys(keys) = beside {
            self.links.retain(|(held, _)| keys.iter().all(|(link, _)| link != held));
            self.links.reserve_exact(keys.len());
            self.links.extend(keys);
        }
        Ok(message)
    }

    /// Forgets the keys of all links but those the machine holds. Called after each message.
    pub fn keep_links(&mut self, mut holds: impl FnMut(LinkId) -> bool) {
        self.links.retain(|(link, _)| holds(*link));
        self.links.shrink_to_fit();
    }

    fn link(&self, link: LinkId) -> Option<&LinkKeys> {
        self.links.iter().find(|(held, _)| *held == link).map(|(_, keys)| keys)
    }
}
