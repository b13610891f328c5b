//! The kinds of faults that a file can name.

use std::time::Duration;

use ringmesh_proto::message::GoodbyeReason;
use toml::Spanned;

use super::fault::Fault;
use super::file;
use super::select::{Sort, chosen};
use super::shape::{Shape, permille};
use super::text::{Refusal, Source};

/// A kind of fault.
#[derive(Debug, PartialEq, Eq)]
pub struct Kind {
    /// As files name it.
    pub name: &'static str,
    /// What `on` chooses; `None` where there is one thing only and `on` is not written.
    pub on: Option<Sort>,
    /// Further keys that go with it, and whether they must be there.
    pub keys: &'static [(&'static str, bool)],
}

/// Every kind.
pub const KINDS: [Kind; 17] = [
    Kind { name: "host-power", on: Some(Sort::Host), keys: &[] },
    Kind { name: "probe", on: Some(Sort::Host), keys: &[] },
    Kind { name: "pause", on: Some(Sort::Host), keys: &[] },
    Kind { name: "planned-stop", on: Some(Sort::Host), keys: &[("reason", false), ("back_within", true)] },
    Kind { name: "cable", on: Some(Sort::Host), keys: &[("port", false)] },
    Kind { name: "switch-power", on: Some(Sort::Switch), keys: &[] },
    Kind { name: "uplink", on: Some(Sort::Switch), keys: &[] },
    Kind { name: "lldp-silence", on: Some(Sort::Switch), keys: &[] },
    Kind { name: "site-power", on: Some(Sort::Site), keys: &[] },
    Kind { name: "wan", on: Some(Sort::Site), keys: &[] },
    Kind { name: "wan-quality", on: Some(Sort::Site), keys: &[("delay", true), ("loss_permille", false)] },
    Kind { name: "relay", on: Some(Sort::Site), keys: &[] },
    Kind { name: "relay-disk", on: Some(Sort::Site), keys: &[] },
    Kind { name: "cma", on: None, keys: &[] },
    Kind { name: "cma-wan", on: None, keys: &[] },
    Kind { name: "cma-disk", on: None, keys: &[] },
    Kind { name: "loss", on: None, keys: &[("loss_permille", true)] },
];

/// Why a probe may say that it leaves. A host that leaves for good has no return to wait for.
pub const REASONS: [GoodbyeReason; 3] =
    [GoodbyeReason::HostShutdown, GoodbyeReason::ServiceStop, GoodbyeReason::Upgrade];

/// The kind of that name, and the faults it means here: one for each that is chosen.
pub(super) fn faults(
    source: &Source<'_>,
    file: &Spanned<file::Fault>,
    shape: &Shape,
) -> Result<(&'static Kind, Vec<Fault>), Refusal> {
    let given = file.get_ref();
    let name = given.kind.get_ref();
    let Some(kind) = KINDS.iter().find(|kind| kind.name == name) else {
        let known: Vec<&str> = KINDS.iter().map(|kind| kind.name).collect();
        let what = format!("no kind of fault is called `{name}`: there are {}", known.join(", "));
        return Err(source.refuse(&given.kind.span(), what));
    };
    check_keys(source, file, kind)?;
    let read = Read { source, given, shape, kind };
    let faults = read.targets(file)?.into_iter().map(|target| read.fault(target));
    Ok((kind, faults.collect::<Result<_, Refusal>>()?))
}

fn check_keys(source: &Source<'_>, file: &Spanned<file::Fault>, kind: &Kind) -> Result<(), Refusal> {
    let given = file.get_ref();
    let present = [
        ("port", given.port.as_ref().map(Spanned::span)),
        ("delay", given.delay.as_ref().map(Spanned::span)),
        ("loss_permille", given.loss_permille.as_ref().map(Spanned::span)),
        ("reason", given.reason.as_ref().map(Spanned::span)),
        ("back_within", given.back_within.as_ref().map(Spanned::span)),
    ];
    for (key, place) in present {
        let known = kind.keys.iter().find(|(name, _)| *name == key);
        match (known, place) {
            (None, Some(at)) => {
                return Err(source.refuse(&at, format!("`{key}` does not go with the kind `{}`", kind.name)));
            }
            (Some((_, true)), None) => {
                return Err(source.refuse(&file.span(), format!("the kind `{}` needs `{key}`", kind.name)));
            }
            (Some(_) | None, None) | (Some(_), Some(_)) => {}
        }
    }
    Ok(())
}

struct Read<'a> {
    source: &'a Source<'a>,
    given: &'a file::Fault,
    shape: &'a Shape,
    kind: &'static Kind,
}

impl Read<'_> {
    fn targets(&self, file: &Spanned<file::Fault>) -> Result<Vec<usize>, Refusal> {
        match (self.kind.on, &self.given.on) {
            (Some(sort), Some(on)) => chosen(self.source, &on.span(), on.get_ref(), sort, self.shape),
            (Some(sort), None) => {
                let what = format!("the kind `{}` needs `on`: which {}", self.kind.name, sort.word());
                Err(self.source.refuse(&file.span(), what))
            }
            (None, Some(on)) => {
                let what = format!("the kind `{}` takes no `on`: there is one only", self.kind.name);
                Err(self.source.refuse(&on.span(), what))
            }
            (None, None) => Ok(vec![0]),
        }
    }

    fn fault(&self, one: usize) -> Result<Fault, Refusal> {
        let long = |given: &Option<Spanned<super::text::HowLong>>| {
            given.as_ref().map_or(Duration::ZERO, |long| long.get_ref().0)
        };
        let loss_permille = permille(self.source, self.given.loss_permille.as_ref())?;
        Ok(match self.kind.name {
            "host-power" => Fault::HostPower(one),
            "probe" => Fault::Probe(one),
            "pause" => Fault::Pause(one),
            "planned-stop" => {
                Fault::Leave { host: one, reason: self.reason()?, back_within: long(&self.given.back_within) }
            }
            "cable" => Fault::Cable(one, self.port(one)?),
            "switch-power" => Fault::SwitchPower(one),
            "uplink" => Fault::Uplink(one),
            "lldp-silence" => Fault::LldpSilence(one),
            "site-power" => Fault::SitePower(one),
            "wan" => Fault::Wan(one),
            "wan-quality" => Fault::WanQuality { site: one, delay: long(&self.given.delay), loss_permille },
            "relay" => Fault::Relay(one),
            "relay-disk" => Fault::RelayDisk(one),
            "cma" => Fault::Cma,
            "cma-wan" => Fault::CmaWan,
            "cma-disk" => Fault::CmaDisk,
            "loss" => Fault::Loss(loss_permille),
            other => unreachable!("`{other}` stands in the table of kinds and is not built"),
        })
    }

    fn reason(&self) -> Result<GoodbyeReason, Refusal> {
        let Some(given) = &self.given.reason else { return Ok(GoodbyeReason::ServiceStop) };
        let found = REASONS.into_iter().find(|reason| reason.word() == given.get_ref());
        found.ok_or_else(|| {
            let words = REASONS.map(GoodbyeReason::word).join(", ");
            self.source.refuse(&given.span(), format!("no reason to leave: there are {words}"))
        })
    }

    fn port(&self, host: usize) -> Result<usize, Refusal> {
        let Some(given) = &self.given.port else { return Ok(0) };
        let ports = self.shape.plan.hosts[host].switches.len();
        let found = (0..ports).find(|port| format!("eth{port}") == *given.get_ref());
        found.ok_or_else(|| {
            let what =
                format!("h{} has no port `{}`: it has eth0 to eth{}", host + 1, given.get_ref(), ports - 1);
            self.source.refuse(&given.span(), what)
        })
    }
}
