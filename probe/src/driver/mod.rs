//! The loop that carries facts to the machine and its orders to the world.
//!
//! It waits for input or for the deadline, reads the clock once, hands over what came (datagrams before the
//! deadline they may change), and carries out what is ordered. It decides nothing.

mod act;
mod facts;
mod input;
mod log;
mod remember;

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use ring::rand::{SecureRandom, SystemRandom};
use ringmesh_probe_core::{Action, AttachmentView, Event, Probe};
use ringmesh_proto::machine::Machine;
use ringmesh_proto::message::{BeatHeard, GoodbyeReason, ToProbe};
use ringmesh_proto::seal::probe_id;
use ringmesh_proto::time::Time;
use ringmesh_proto::wire::{FromRelay, ProbeWire};
use ringmesh_shell::clock::{self, Alarm, Stamps};
use ringmesh_topology::id::{Boot, MacAddress};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use crate::cache;
use crate::capture::{Heard, Listeners};
use crate::config::Config;
use crate::control::shape::{Attachments, PortShape, ProbeStatus};
use crate::control::{self, Asked, Request, Server};
use crate::net::{Arrival, BUFFER, Notice, Sockets};
use crate::netlink::PortNews;
use crate::ports::Port;
use crate::rights;
use input::Input;
use remember::Memory;

/// Inputs that wait for the loop. Whoever brings more waits as well, so nothing is lost and nothing grows.
const QUEUE: usize = 64;
/// What could not be opened is tried again this often.
const RETRY: Duration = Duration::from_secs(10);

/// Runs a probe until it has said goodbye. Errors are those of the start: an operator can mend each.
pub async fn run(config: Config) -> anyhow::Result<()> {
    let socket = config.control_socket();
    let server = Server::open(&socket).with_context(|| {
        let remedy = "set run_dir to a folder this user may write and no other probe uses";
        format!("cannot open the control socket {}; {remedy}", socket.display())
    })?;
    let conversations = server.conversations();
    let (inbox, inputs) = mpsc::channel(QUEUE);
    let mut driver = Driver::new(&config, inbox.clone())?;
    input::spawn_all(&config, server, &inbox);
    driver.deliver(clock::now(), Event::WallClock(clock::wall_clock()));
    driver.drive(inputs).await?;
    conversations.ended().await;
    Ok(())
}

struct Driver {
    probe: Probe,
    wire: ProbeWire,
    sockets: Sockets,
    alarm: Alarm,
    listeners: Listeners<Input>,
    memory: Memory,
    state_dir: PathBuf,
    back_within: Duration,
    /// When the sockets were drained last.
    drained: Time,
    /// The ports as told last, and when to try again what could not be opened for them.
    ports: Vec<Port>,
    own: Vec<MacAddress>,
    retry: Option<Instant>,
    /// The first ports were taken over: from now on nothing of theirs ends the probe.
    started: bool,
    signals: u32,
    done: bool,
    // Kept between uses, so that a beat allocates nothing.
    actions: Vec<Action>,
    datagram: Vec<u8>,
    buffer: Box<[u8; BUFFER]>,
    opened: Vec<Opened>,
}

/// A datagram that was opened, on its way to the machine.
enum Opened {
    Beat(BeatHeard),
    Control { from: SocketAddr, via: u32, message: ToProbe },
}

impl Driver {
    fn new(config: &Config, inbox: mpsc::Sender<Input>) -> anyhow::Result<Self> {
        let probe = probe_id(&config.site, &config.name);
        let boot = Boot(random()?);
        let settings = ringmesh_probe_core::Config {
            name: config.name.clone(),
            probe,
            relays: config.relays.clone(),
            host_boot: config.host_boot,
            seed: u64::from_ne_bytes(random()?),
            cache: cache::load(&config.cache_file()),
        };
        Ok(Self {
            probe: Probe::new(Arc::new(settings), clock::now()),
            wire: ProbeWire::new(probe, boot, config.key.clone()),
            sockets: Sockets::new(config.port),
            alarm: Alarm::new().context("cannot make a timer")?,
            listeners: Listeners::new(inbox),
            memory: Memory::new(config.cache_file()),
            state_dir: config.state_dir.clone(),
            back_within: config.back_within,
            drained: clock::now(),
            ports: Vec::new(),
            own: Vec::new(),
            retry: None,
            started: false,
            signals: 0,
            done: false,
            actions: Vec::with_capacity(16),
            datagram: Vec::with_capacity(BUFFER),
            buffer: Box::new([0; BUFFER]),
            opened: Vec::with_capacity(16),
        })
    }

    async fn drive(&mut self, mut inputs: mpsc::Receiver<Input>) -> anyhow::Result<()> {
        while !self.done {
            self.alarm.set(self.probe.next_deadline()).context("cannot set the timer")?;
            let retry = self.retry;
            let input = tokio::select! {
                biased;
                () = self.sockets.ready() => None,
                input = inputs.recv() => input,
                rung = self.alarm.rings() => { rung.context("the timer failed")?; None }
                () = sleep_until(retry.unwrap_or_else(Instant::now)), if retry.is_some() => { self.open_again(); None }
            };
            let now = clock::now();
            self.take_datagrams(now);
            // All that waits, not only what woke us: a flood of datagrams must not keep carrier news waiting.
            let waiting = std::iter::from_fn(|| inputs.try_recv().ok()).take(QUEUE);
            for input in input.into_iter().chain(waiting) {
                self.take(now, input)?;
            }
            if now >= self.probe.next_deadline() {
                self.deliver(now, Event::DeadlineReached);
            }
            self.take_notices(now);
        }
        Ok(())
    }

    /// Hands one fact to the machine and carries out its orders.
    fn deliver(&mut self, now: Time, event: Event<'_>) {
        let mut actions = std::mem::take(&mut self.actions);
        self.probe.on_event(now, event, &mut actions);
        for action in actions.drain(..) {
            self.act(now, action);
        }
        self.actions = actions;
    }

    /// Takes all datagrams that have arrived, opens them, and hands them over.
    fn take_datagrams(&mut self, now: Time) {
        let stamps = Stamps::at(now, self.drained);
        self.drained = now;
        let (wire, opened) = (&mut self.wire, &mut self.opened);
        self.sockets.drain(now, &stamps, &mut self.buffer, |arrival| opened.extend(open(wire, arrival)));
        let mut opened = std::mem::take(&mut self.opened);
        for datagram in opened.drain(..) {
            match datagram {
                Opened::Beat(heard) => self.deliver(now, Event::Beat(heard)),
                Opened::Control { from, via, message } => {
                    self.deliver(now, Event::Control { from, via, message });
                    let probe = &self.probe;
                    self.wire.keep_links(|link| probe.holds(link));
                }
            }
        }
        self.opened = opened;
    }

    /// Hands over what the network reported about peers, also while carrying out the last orders.
    fn take_notices(&mut self, now: Time) {
        while let Some(notice) = self.sockets.take_notice() {
            match notice {
                Notice::Refused { peer } => self.deliver(now, Event::Refused { peer }),
                Notice::Unreachable { peer } => self.deliver(now, Event::Unreachable { peer }),
            }
        }
    }

    fn take(&mut self, now: Time, input: Input) -> anyhow::Result<()> {
        match input {
            Input::Ports(PortNews::Ports { ports, own }) => return self.take_ports(now, ports, own),
            Input::Ports(PortNews::Gone { ifindex }) => self.listeners.close(ifindex),
            Input::Ports(PortNews::Carrier { ifindex, up }) => {
                self.deliver(now, Event::Carrier { port: ifindex, up })
            }
            Input::Heard(Heard::Frame(frame, counters)) => {
                self.listeners.count(frame.ifindex, counters);
                self.deliver(now, Event::Frame { port: frame.ifindex, octets: &frame.octets });
            }
            Input::Heard(Heard::Lost(ifindex, error)) => {
                self.listeners.lost(ifindex, &error);
                self.retry.get_or_insert(Instant::now() + RETRY);
            }
            Input::Asked(asked) => self.answer(now, asked),
            Input::WallClock(read) => self.deliver(now, Event::WallClock(read)),
            Input::Signal => self.signalled(now),
            Input::Failed(what, error) => return Err(error).context(format!("{what} failed")),
        }
        Ok(())
    }

    /// Sockets and listeners first, so that the machine's answer to the new ports can be sent.
    fn take_ports(&mut self, now: Time, ports: Vec<Port>, own: Vec<MacAddress>) -> anyhow::Result<()> {
        (self.ports, self.own) = (ports, own);
        let errors = self.open();
        let taken = errors.into_iter().find(|error| error.error.kind() == io::ErrorKind::AddrInUse);
        if let Some(error) = taken.filter(|_| !self.started) {
            return Err(error.into());
        }
        if self.ports.is_empty() && !self.started {
            tracing::warn!(
                "this host has no physical Ethernet port; name its interfaces by `ports` in the configuration"
            );
        }
        self.started = true;
        self.tell_ports(now);
        Ok(())
    }

    /// A port whose sockets could not be opened has no address for the machine: nothing could leave by it.
    fn tell_ports(&mut self, now: Time) {
        let facts = facts::of_ports(&self.ports, |ifindex| self.sockets.serve(ifindex));
        let own = std::mem::take(&mut self.own);
        self.deliver(now, Event::Ports { ports: &facts, own: &own });
        self.own = own;
    }

    /// Opens what the ports need. What fails is told and tried again.
    fn open(&mut self) -> Vec<crate::net::OpenError> {
        let errors = self.sockets.sync(&self.ports);
        for error in &errors {
            tracing::warn!(%error, "no beats by this address for now");
        }
        if !self.started {
            self.give_up_rights();
        }
        self.listeners.sync(&self.ports);
        let complete = errors.is_empty() && self.listeners.hears_all(&self.ports);
        self.retry = (!complete).then(|| Instant::now() + RETRY);
        errors
    }

    /// What other rights are good for is done by now: folders are made, files are read, and who holds a port that
    /// is taken was found out.
    fn give_up_rights(&self) {
        // Remembering is a convenience: if the folder cannot be made, the first writing says so.
        let _ = fs::create_dir_all(&self.state_dir);
        if let Err(error) = rights::keep_listening_only() {
            tracing::warn!(%error, "rights beyond CAP_NET_RAW could not be given up");
        }
    }

    fn open_again(&mut self) {
        self.open();
        self.tell_ports(clock::now());
    }

    /// The first signal asks for a goodbye; a second one has no patience.
    fn signalled(&mut self, now: Time) {
        self.signals += 1;
        if self.signals > 1 {
            self.done = true;
            return;
        }
        tracing::info!("asked to stop");
        self.deliver(now, Event::Stop { reason: GoodbyeReason::ServiceStop, back_within: self.back_within });
    }

    fn answer(&mut self, now: Time, asked: Asked) {
        let answer = match asked.request {
            Request::Attachments => self.attachments(now),
            Request::Status => self.status(now),
            Request::Goodbye { reason, back_within_s } => self.goodbye(now, &reason, back_within_s),
        };
        // Who asked may be gone.
        let _ = asked.answer.send(answer);
    }

    fn attachments(&self, now: Time) -> String {
        let views = self.probe.attachments(now);
        let shape = |view: &AttachmentView| {
            let port = self.ports.iter().find(|port| port.ifindex == view.ifindex);
            PortShape::new(view, port, self.listeners.deaf(view.ifindex))
        };
        let ports = views.iter().map(shape).collect();
        control::line(&Attachments { schema: 1, ports })
    }

    fn status(&self, now: Time) -> String {
        let capture = self.listeners.counters();
        control::line(&ProbeStatus::new(
            &self.probe.status(now),
            self.wire.counters,
            self.sockets.counters,
            capture,
        ))
    }

    fn goodbye(&mut self, now: Time, word: &str, back_within_s: Option<u32>) -> String {
        let Some(reason) = control::reason_of(word) else {
            return control::refusal(format!(
                "{word:?} is no reason: host-shutdown, service-stop, upgrade or retire"
            ));
        };
        let back_within =
            back_within_s.map_or(self.back_within, |seconds| Duration::from_secs(seconds.into()));
        self.deliver(now, Event::Stop { reason, back_within });
        control::line(&control::Leaving { leaving: reason.word().into() })
    }
}

/// Opens one datagram. What cannot be opened is counted there and changes nothing.
fn open(wire: &mut ProbeWire, arrival: Arrival<'_>) -> Option<Opened> {
    match wire.open(arrival.from, arrival.octets) {
        Ok(FromRelay::Beat(beat)) => {
            Some(Opened::Beat(BeatHeard { beat, hops: arrival.hops, arrived: arrival.arrived }))
        }
        Ok(FromRelay::Message(message)) => {
            Some(Opened::Control { from: arrival.from, via: arrival.via, message })
        }
        Err(error) => {
            tracing::trace!(from = %arrival.from, %error, "datagram");
            None
        }
    }
}

/// Octets from the operating system: for the number of this run, never drawn by a machine.
fn random<const N: usize>() -> anyhow::Result<[u8; N]> {
    let mut octets = [0; N];
    let filled = SystemRandom::new().fill(&mut octets);
    filled.map_err(|_| anyhow::anyhow!("the operating system gives no random numbers"))?;
    Ok(octets)
}
