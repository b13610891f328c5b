//! A relay's end: the site secret, the sessions of its members, the keys of its own links.

use std::collections::BTreeMap;

use core::net::{IpAddr, SocketAddr};
use prost::Message as _;
use ringmesh_topology::id::{Boot, ProbeId, RelayId};

use super::{BEAT, HEADER, Header, Kind, TAG, Window, WireCounters, WireError, open_beat, run, seal_beat};
use crate::codec::{self, LinkKeys, Malformed};
use crate::message::{Beat, DATAGRAM_MAX, Hello, LinkId, LinkOrder, Sender, ToProbe, ToRelay};
use crate::pb;
use crate::seal::{Key, SiteSecret, mac, same};
use crate::time::{Duration, Time};

/// How long a cookie opens a session, in its own and the following minute.
const COOKIE_NANOS: u64 = 60_000_000_000;

/// A datagram that a relay opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FromProbe {
    /// A ring neighbour's beat: the relay is a member of its site ring.
    Beat(Beat),
    /// A beat of the relay of another site, in the mesh ring.
    MeshBeat(Beat),
    /// Somebody asks who we are. Nothing is known of it but that it holds the key of that probe.
    Knock {
        /// Who.
        from: Sender,
        /// Comes back in the hello.
        knock: u32,
    },
    /// Somebody has a session that we do not have. Its name is a claim: answer with a hello, keep nothing.
    Stranger {
        /// Who it claims to be.
        from: Sender,
    },
    /// A member's message.
    Message {
        /// Who.
        from: Sender,
        /// What.
        message: ToRelay,
    },
}

/// What is kept of a member. Its keys follow from the site secret whenever they are needed.
#[derive(Debug)]
struct Session {
    boot: Boot,
    /// The run before, of those that had one.
    previous: Option<Box<Previous>>,
    number: u32,
    sent: u32,
    window: Window,
    /// The number of the newest message that said how the member is. An older one that comes late is dropped: believed
    /// last, it would be believed for ever, and what it reports is told again until it is noted.
    newest: u32,
    /// That was a goodbye: nothing older brings its member back.
    gone: bool,
}

impl Session {
    /// Takes a message that was overtaken for what it is still worth.
    fn in_order(&mut self, sequence: u32, message: ToRelay) -> Result<ToRelay, WireError> {
        let overtaken = sequence < self.newest;
        if overtaken && self.gone {
            return Err(WireError::Overtaken);
        }
        match message {
            ToRelay::Announce(_)
            | ToRelay::Attachment { .. }
            | ToRelay::Evidence { .. }
            | ToRelay::Goodbye { .. } => {
                if overtaken {
                    return Err(WireError::Overtaken);
                }
                self.newest = sequence;
                self.gone = matches!(message, ToRelay::Goodbye { .. });
                Ok(message)
            }
            // It answered all the same.
            ToRelay::Pong { nonce, starved, heard, .. } if overtaken => {
                Ok(ToRelay::Pong { nonce, starved, heard, carriers: Vec::new() })
            }
            seen => Ok(seen),
        }
    }
}

/// A run whose session was followed by that of another run of the same probe. It does not come back by a replay; but it
/// does by itself, after some time: a host whose image was copied must not stay out for good when the copy is gone.
#[derive(Debug)]
struct Previous {
    boot: Boot,
    window: Window,
    followed_at: Time,
}

/// A run that was followed by another is not taken back sooner: two that live would take turns all the time. By then no
/// cookie is good any more that it got before: what it could have said then cannot be played now.
const BACK_AFTER: Duration = Duration::from_nanos(2 * COOKIE_NANOS);

/// The keys of one relay process, beside its machine.
#[derive(Debug)]
pub struct RelayWire {
    secret: SiteSecret,
    id: ProbeId,
    boot: Boot,
    cookie_key: Key,
    hellos: u32,
    /// As far as any session that is over had counted: none that comes after uses a number again.
    counted: u32,
    sessions: BTreeMap<ProbeId, Session>,
    links: BTreeMap<LinkId, LinkKeys>,
    /// Links of the mesh ring are numbered by the CMA, on their own.
    mesh: BTreeMap<LinkId, LinkKeys>,
    /// What came in and changed nothing.
    pub counters: WireCounters,
}

impl RelayWire {
    /// A relay in one run. `boot` must never have been used before with this secret.
    pub fn new(relay: RelayId, boot: Boot, secret: SiteSecret) -> Self {
        Self {
            cookie_key: secret.cookie_key(boot),
            id: ProbeId::of_relay(relay),
            secret,
            boot,
            hellos: 0,
            counted: 0,
            sessions: BTreeMap::new(),
            links: BTreeMap::new(),
            mesh: BTreeMap::new(),
            counters: WireCounters::default(),
        }
    }

    /// Opens a datagram that came from `from` at `now`. Its octets are overwritten.
    pub fn open(&mut self, now: Time, from: SocketAddr, datagram: &mut [u8]) -> Result<FromProbe, WireError> {
        let opened = self.try_open(now, from, datagram);
        if let Err(error) = opened {
            self.counters.count(error);
        }
        opened
    }

    fn try_open(&mut self, now: Time, from: SocketAddr, datagram: &mut [u8]) -> Result<FromProbe, WireError> {
        let header = Header::read(datagram)?;
        match header.kind {
            Kind::Beat => {
                let keys = self.links.get(&LinkId(header.id)).ok_or(WireError::Martian)?;
                Ok(FromProbe::Beat(open_beat(&keys.incoming, &header, datagram)?))
            }
            Kind::Knock => {
                let (sender, clear, sealed) = split_sender(datagram)?;
                let key = self.secret.probe_key(sender.probe).knock_key(sender.boot);
                key.open(header.nonce(), clear, sealed).ok_or(WireError::Forged)?;
                Ok(FromProbe::Knock { from: sender, knock: header.sequence })
            }
            Kind::ToRelay => self.open_message(now, from, &header, datagram),
            Kind::MeshBeat => {
                let keys = self.mesh.get(&LinkId(header.id)).ok_or(WireError::Martian)?;
                Ok(FromProbe::MeshBeat(open_beat(&keys.incoming, &header, datagram)?))
            }
            Kind::Hello | Kind::ToProbe => Err(WireError::Foreign),
        }
    }

    fn open_message(
        &mut self,
        now: Time,
        from: SocketAddr,
        header: &Header,
        datagram: &mut [u8],
    ) -> Result<FromProbe, WireError> {
        let (sender, clear, sealed) = split_sender(datagram)?;
        if let Some(session) = self.sessions.get_mut(&sender.probe).filter(|s| s.boot == sender.boot) {
            if session.number != header.id {
                return Ok(FromProbe::Stranger { from: sender });
            }
            let key = self.secret.probe_key(sender.probe).session(sender.boot, self.boot).to_relay();
            let body = key.open(header.nonce(), clear, sealed).ok_or(WireError::Forged)?;
            session.window.take(header.sequence)?;
            let message = pb::ToRelay::decode(&*body).map_err(|_| Malformed::Protobuf)?;
            let (message, _) = codec::read_to_relay(message)?;
            let message = session.in_order(header.sequence, message)?;
            return Ok(FromProbe::Message { from: sender, message });
        }
        let key = self.secret.probe_key(sender.probe);
        let session = key.session(sender.boot, self.boot);
        if session.number() != header.id {
            return Ok(FromProbe::Stranger { from: sender });
        }
        let body = session.to_relay().open(header.nonce(), clear, sealed).ok_or(WireError::Forged)?;
        let message = pb::ToRelay::decode(&*body).map_err(|_| Malformed::Protobuf)?;
        let (message, cookie) = codec::read_to_relay(message)?;
        let Some(cookie) = cookie else { return Ok(FromProbe::Stranger { from: sender }) };
        if !self.is_ours(now, from.ip(), sender, &cookie) {
            // Rightly sealed, but late or by another of its ports: it has to knock again.
            return Ok(FromProbe::Stranger { from: sender });
        }
        self.open_session(now, sender, header.id, header.sequence)?;
        Ok(FromProbe::Message { from: sender, message })
    }

    fn open_session(
        &mut self,
        now: Time,
        sender: Sender,
        number: u32,
        sequence: u32,
    ) -> Result<(), WireError> {
        let before = self.sessions.get(&sender.probe);
        let known = before.and_then(|session| session.previous.as_deref());
        let mut window = match known.filter(|previous| previous.boot == sender.boot) {
            Some(previous) if now.since(previous.followed_at) < BACK_AFTER => {
                return Err(WireError::Martian);
            }
            Some(previous) => previous.window,
            None => Window::default(),
        };
        window.take(sequence)?;
        let previous = self.sessions.remove(&sender.probe).map(|Session { boot, window, sent, .. }| {
            self.counted = self.counted.max(sent);
            Box::new(Previous { boot, window, followed_at: now })
        });
        let session = Session {
            boot: sender.boot,
            previous,
            number,
            sent: self.counted,
            window,
            newest: sequence,
            gone: false,
        };
        self.sessions.insert(sender.probe, session);
        Ok(())
    }

    /// Seals the answer to a knock (or to a stranger: `knock` 0) into `out`.
    pub fn seal_hello(
        &mut self,
        now: Time,
        to: SocketAddr,
        sender: Sender,
        knock: u32,
        hello: Hello,
        out: &mut Vec<u8>,
    ) {
        out.clear();
        self.hellos = self.hellos.saturating_add(1);
        let key = self.secret.probe_key(sender.probe).hello_key(sender.boot, self.boot);
        let header = Header::message(Kind::Hello, run(sender.boot), self.hellos);
        out.extend(header.octets());
        out.extend(self.boot.0);
        let clear = out.clone();
        out.extend(knock.to_be_bytes());
        let cookie = self.cookie(now.nanos() / COOKIE_NANOS, to.ip(), sender);
        let Some(message) = codec::to_probe(&ToProbe::Hello(hello), cookie) else { return };
        out.extend(message.encode_to_vec());
        key.seal(header.nonce(), &clear, out, clear.len());
    }

    /// Seals a message for a member into `out`; `false` if it has no session, or the message is too long.
    #[must_use]
    pub fn seal(&mut self, probe: ProbeId, message: &ToProbe, out: &mut Vec<u8>) -> bool {
        out.clear();
        let Some(session) = self.sessions.get(&probe) else { return false };
        let (boot, number, sequence) = (session.boot, session.number, session.sent.saturating_add(1));
        let body = match message {
            ToProbe::Assignment(order) => Some(codec::assignment(order, |link| self.keys_of(probe, link))),
            ToProbe::Hello(_) => None,
            ToProbe::Noted(_) | ToProbe::Ping { .. } | ToProbe::RecorderAsk => {
                codec::to_probe(message, [0; 16])
            }
        };
        let Some(body) = body.map(|body| body.encode_to_vec()) else { return false };
        if body.len() > DATAGRAM_MAX - HEADER - TAG || sequence == u32::MAX {
            return false;
        }
        let header = Header::message(Kind::ToProbe, number, sequence);
        out.extend(header.octets());
        out.extend(body);
        let key = self.secret.probe_key(probe).session(boot, self.boot).to_probe();
        key.seal(header.nonce(), &header.octets(), out, HEADER);
        if let Some(session) = self.sessions.get_mut(&probe) {
            session.sent = sequence;
        }
        true
    }

    /// The keys of a member's end of a link.
    fn keys_of(&self, end: ProbeId, link: &LinkOrder) -> LinkKeys {
        let key = |sender| self.secret.link_key(self.boot, link.counter, [end, link.peer], sender);
        LinkKeys { outgoing: key(end), incoming: key(link.peer) }
    }

    /// Takes up the relay's own end of a link.
    pub fn take_link(&mut self, link: &LinkOrder) {
        let keys = self.keys_of(self.id, link);
        self.links.insert(link.link, keys);
    }

    /// Forgets the keys of all own links but those the machine holds.
    pub fn keep_links(&mut self, mut holds: impl FnMut(LinkId) -> bool) {
        self.links.retain(|link, _| holds(*link));
    }

    /// Seals one of the relay's own beats; `None` if the link is not one of ours.
    pub fn seal_beat(&self, beat: &Beat) -> Option<[u8; BEAT]> {
        Some(seal_beat(&self.links.get(&beat.link)?.outgoing, Kind::Beat, beat))
    }

    /// Takes up the links of the mesh ring, and forgets those that are not among them.
    pub fn take_mesh(&mut self, links: impl IntoIterator<Item = (LinkId, LinkKeys)>) {
        self.mesh = links.into_iter().collect();
    }

    /// Seals a beat of the mesh ring; `None` if the link is not one of ours.
    pub fn seal_mesh_beat(&self, beat: &Beat) -> Option<[u8; BEAT]> {
        Some(seal_beat(&self.mesh.get(&beat.link)?.outgoing, Kind::MeshBeat, beat))
    }

    /// Forgets a member's session.
    pub fn forget(&mut self, probe: ProbeId) {
        if let Some(session) = self.sessions.remove(&probe) {
            self.counted = self.counted.max(session.sent);
        }
    }

    fn cookie(&self, minute: u64, address: IpAddr, sender: Sender) -> [u8; 16] {
        let address = match address {
            IpAddr::V4(address) => address.to_ipv6_mapped(),
            IpAddr::V6(address) => address,
        };
        let parts: [&[u8]; 4] = [&minute.to_be_bytes(), &address.octets(), &sender.probe.0, &sender.boot.0];
        mac(&self.cookie_key, &parts)
    }

    fn is_ours(&self, now: Time, address: IpAddr, sender: Sender, cookie: &[u8; 16]) -> bool {
        let minute = now.nanos() / COOKIE_NANOS;
        [minute, minute.saturating_sub(1)]
            .iter()
            .any(|&minute| same(cookie, &self.cookie(minute, address, sender)))
    }
}

/// The sender in clear, all that is authenticated in clear, and what is sealed.
fn split_sender(datagram: &mut [u8]) -> Result<(Sender, &[u8], &mut [u8]), WireError> {
    if datagram.len() < HEADER + 32 + TAG {
        return Err(WireError::Truncated);
    }
    let (clear, sealed) = datagram.split_at_mut_checked(HEADER + 32).ok_or(WireError::Truncated)?;
    let probe = clear[HEADER..HEADER + 16].try_into().map_err(|_| WireError::Truncated)?;
    let boot = clear[HEADER + 16..].try_into().map_err(|_| WireError::Truncated)?;
    Ok((Sender { probe: ProbeId(probe), boot: Boot(boot) }, clear, sealed))
}
