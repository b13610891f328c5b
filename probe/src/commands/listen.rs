//! Who is heard on the ports, live: by this command's own sockets, whether or not a probe runs.

mod show;
mod watch;

use std::io::{self, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use ringmesh_shell::clock::{self, Alarm};
use ringmesh_topology::id::MacAddress;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;

use super::paint::Paint;
use super::{CHECK_FAILED, NO_RIGHT};
use crate::capture::{self, Heard, Listeners};
use crate::hints;
use crate::netlink::{self, Look, PortNews};
use crate::ports::Port;
use crate::rights;
use show::Printer;
use watch::{News, Watch};

/// Inputs that wait for the loop.
const QUEUE: usize = 64;
/// What could not be opened is tried again this often.
const RETRY: Duration = Duration::from_secs(10);

/// Why it ended before it was asked to.
#[derive(Debug, thiserror::Error)]
enum ListenError {
    #[error("no right to listen on any port; {}", hints::RIGHT)]
    NoRight,
    #[error("{what}: {error}")]
    Failed { what: &'static str, error: io::Error },
}

impl ListenError {
    fn of(what: &'static str) -> impl Fn(io::Error) -> Self {
        move |error| Self::Failed { what, error }
    }

    fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::NoRight => NO_RIGHT,
            Self::Failed { .. } => CHECK_FAILED,
        })
    }
}

/// Shows the neighbours of the ports that the globs name (none: all cards) until Ctrl-C.
pub async fn listen(globs: Vec<String>, json: bool) -> ExitCode {
    let printer = if json { Printer::Json } else { Printer::Table(Paint::of_stdout()) };
    match watch_ports(globs, printer).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ringmesh-probe: {error}");
            error.exit_code()
        }
    }
}

enum Input {
    Ports(PortNews),
    Heard(Heard),
}

impl From<PortNews> for Input {
    fn from(news: PortNews) -> Self {
        Self::Ports(news)
    }
}

impl From<Heard> for Input {
    fn from(heard: Heard) -> Self {
        Self::Heard(heard)
    }
}

async fn watch_ports(globs: Vec<String>, printer: Printer) -> Result<(), ListenError> {
    capture::may_listen().map_err(|error| match error.kind() {
        io::ErrorKind::PermissionDenied => ListenError::NoRight,
        _ => ListenError::of("packet sockets")(error),
    })?;
    rights::keep_listening_only().map_err(ListenError::of("giving up rights"))?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(ListenError::of("signals"))?;
    let mut terminate = signal(SignalKind::terminate()).map_err(ListenError::of("signals"))?;
    let mut alarm = Alarm::new().map_err(ListenError::of("timer"))?;
    if let Ok(look) = netlink::look(&globs).await {
        words_about(&look, &globs).iter().for_each(|words| eprintln!("{words}"));
    }
    let (inbox, mut inputs) = mpsc::channel(QUEUE);
    let mut kernel = tokio::spawn(netlink::watch(globs, inbox.clone()));
    let mut listening = Listening::new(inbox);
    eprintln!("a switch announces itself every 30 s or so (CDP: 60 s); Ctrl-C ends this");
    if print_all(printer.head())? == Reader::HasGone {
        return Ok(());
    }
    let mut retry = tokio::time::interval(RETRY);
    retry.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        alarm.set(listening.watch.next_deadline()).map_err(ListenError::of("timer"))?;
        let news = tokio::select! {
            biased;
            _ = interrupt.recv() => return Ok(()),
            _ = terminate.recv() => return Ok(()),
            Some(input) = inputs.recv() => listening.take(input),
            rung = alarm.rings() => {
                rung.map_err(ListenError::of("timer"))?;
                listening.watch.on_deadline(clock::now())
            }
            _ = retry.tick(), if listening.is_incomplete() => listening.open_again(),
            ended = &mut kernel => {
                let error = ended.map_err(io::Error::other).and_then(|result| result);
                let error = error.err().unwrap_or_else(|| io::Error::other("the kernel says no more"));
                return Err(ListenError::Failed { what: "news about interfaces", error });
            }
        };
        let at = clock::wall_clock().unix_ms;
        if print_all(news.iter().map(|news| printer.line(at, news)))? == Reader::HasGone {
            return Ok(());
        }
    }
}

/// Who reads the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reader {
    IsThere,
    HasGone,
}

/// To standard output. A reader that has gone (`| head`) is no failure, a full disk is one.
fn print_all(lines: impl IntoIterator<Item = String>) -> Result<Reader, ListenError> {
    let mut out = io::stdout().lock();
    match lines.into_iter().try_for_each(|line| writeln!(out, "{line}")).and_then(|()| out.flush()) {
        Ok(()) => Ok(Reader::IsThere),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Reader::HasGone),
        Err(error) => Err(ListenError::of("standard output")(error)),
    }
}

/// What is to be said of the ports before any is listened on: what was asked for in vain, and where there are none,
/// which would have to be asked for.
fn words_about(look: &Look, globs: &[String]) -> Vec<String> {
    let mut words: Vec<String> = look
        .unknown
        .iter()
        .map(|glob| format!("no port has the name {glob}; it is waited for (`ip link` shows all names)"))
        .collect();
    if look.ports.is_empty() || !globs.is_empty() {
        words.extend(look.passed_over.iter().map(|passed| format!("not {}: {}", passed.ifname, passed.why)));
    }
    if look.ports.is_empty() {
        words.push("no port to listen on yet; `ringmesh-probe doctor` says more".into());
    }
    words
}

struct Listening {
    listeners: Listeners<Input>,
    watch: Watch,
    ports: Vec<Port>,
    own: Vec<MacAddress>,
}

impl Listening {
    fn new(inbox: mpsc::Sender<Input>) -> Self {
        Self { listeners: Listeners::new(inbox), watch: Watch::new(), ports: Vec::new(), own: Vec::new() }
    }

    fn take(&mut self, input: Input) -> Vec<News> {
        let now = clock::now();
        match input {
            Input::Ports(PortNews::Ports { ports, own }) => {
                (self.ports, self.own) = (ports, own);
                self.open_again()
            }
            Input::Ports(PortNews::Gone { ifindex }) => {
                self.listeners.close(ifindex);
                self.ports.retain(|port| port.ifindex != ifindex);
                self.watch.forget(ifindex).into_iter().collect()
            }
            Input::Ports(PortNews::Carrier { ifindex, up }) => {
                let known = self.ports.iter_mut().find(|port| port.ifindex == ifindex);
                known.into_iter().for_each(|port| port.carrier = up);
                self.watch.carrier(now, ifindex, up)
            }
            Input::Heard(Heard::Frame(frame, _)) => self.watch.frame(now, frame.ifindex, &frame.octets),
            Input::Heard(Heard::Lost(ifindex, error)) => {
                self.listeners.lost(ifindex, &error);
                self.look_at_all()
            }
        }
    }

    fn open_again(&mut self) -> Vec<News> {
        self.listeners.sync(&self.ports);
        self.look_at_all()
    }

    fn look_at_all(&mut self) -> Vec<News> {
        let deaf = |ifindex| self.listeners.deaf(ifindex).cloned();
        self.watch.set_ports(clock::now(), &self.ports, &self.own, deaf)
    }

    fn is_incomplete(&self) -> bool {
        !self.listeners.hears_all(&self.ports)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::PassedOver;

    #[test]
    fn what_was_asked_for_in_vain_is_told_with_its_reason() {
        let passed = |name: &str| PassedOver { ifname: name.into(), why: "a bond: name eth0".into() };
        let none =
            Look { ports: Vec::new(), passed_over: vec![passed("bond0")], unknown: vec!["eth7".into()] };
        let told = words_about(&none, &["bond0".into(), "eth7".into()]).join("\n");
        for part in ["no port has the name eth7", "not bond0: a bond: name eth0", "no port to listen on yet"]
        {
            assert!(told.contains(part), "{part}: {told}");
        }
        let nothing = Look { ports: Vec::new(), passed_over: Vec::new(), unknown: Vec::new() };
        assert_eq!(words_about(&nothing, &[]).len(), 1);
    }
}
