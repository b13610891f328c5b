//! The kinds of faults that a file can name.

use std::time::Duration;

use ringmesh_proto::message::GoodbyeReason;
use toml::Spanned;

use super::fault::Fault;
use super::file;
use super::select::{Sort, chosen};
use super::shape::{Shape, permille, word};
use super::text::{HowLong, Refusal, Source};
use super::wear::Wear;
use crate::model::{Trouble, Way};

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
pub const KINDS: [Kind; 40] = [
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
    Kind {
        name: "wan-quality",
        on: Some(Sort::Site),
        keys: &[
            ("delay", true),
            ("loss_permille", false),
            ("way", false),
            ("udp_port", false),
            ("larger_than", false),
        ],
    },
    Kind { name: "relay", on: Some(Sort::Site), keys: &[] },
    Kind { name: "relay-disk", on: Some(Sort::Site), keys: &[] },
    Kind { name: "cma", on: None, keys: &[] },
    Kind { name: "cma-wan", on: None, keys: &[] },
    Kind { name: "cma-disk", on: None, keys: &[] },
    Kind { name: "loss", on: None, keys: &[("loss_permille", true)] },
    Kind { name: "spine-power", on: Some(Sort::Site), keys: &[("spine", true)] },
    Kind { name: "spine-link", on: Some(Sort::Switch), keys: &[("spine", true)] },
    Kind { name: "line-card", on: Some(Sort::Switch), keys: &[("card", true)] },
    Kind { name: "peer-link", on: Some(Sort::Switch), keys: &[] },
    Kind { name: "feed", on: Some(Sort::Site), keys: &[("feed", true)] },
    Kind {
        name: "cable-quality",
        on: Some(Sort::Host),
        keys: &[
            ("port", false),
            ("loss_permille", false),
            ("delay", false),
            ("way", false),
            ("udp_port", false),
            ("larger_than", false),
            ("domain", false),
        ],
    },
    Kind {
        name: "uplink-quality",
        on: Some(Sort::Switch),
        keys: &[
            ("spine", false),
            ("loss_permille", false),
            ("delay", false),
            ("way", false),
            ("udp_port", false),
            ("larger_than", false),
            ("domain", false),
        ],
    },
    Kind {
        name: "lan",
        on: Some(Sort::Site),
        keys: &[
            ("loss_permille", false),
            ("delay", false),
            ("udp_port", false),
            ("larger_than", false),
            ("domain", false),
        ],
    },
    Kind {
        name: "gateway",
        on: Some(Sort::Site),
        keys: &[
            ("domain", true),
            ("loss_permille", false),
            ("delay", false),
            ("way", false),
            ("udp_port", false),
            ("larger_than", false),
        ],
    },
    Kind { name: "lldp-pose", on: Some(Sort::Switch), keys: &[("poses_as", true)] },
    Kind { name: "lldp-reflect", on: Some(Sort::Switch), keys: &[] },
    Kind { name: "suspend", on: Some(Sort::Host), keys: &[] },
    Kind { name: "recable", on: Some(Sort::Host), keys: &[("to", true), ("port", false)] },
    Kind { name: "clock-drift", on: Some(Sort::Host), keys: &[("ppm", true)] },
    Kind { name: "clock-jump", on: Some(Sort::Host), keys: &[("ahead", false), ("behind", false)] },
    Kind { name: "duplication", on: None, keys: &[("permille", true)] },
    Kind { name: "reordering", on: None, keys: &[("delay", true)] },
    Kind { name: "readdress", on: Some(Sort::Host), keys: &[] },
    Kind { name: "clone", on: Some(Sort::Host), keys: &[("of", true)] },
    Kind { name: "relay-overload", on: Some(Sort::Site), keys: &[("each", true)] },
    Kind { name: "cma-overload", on: None, keys: &[("each", true)] },
    Kind { name: "probe-overload", on: Some(Sort::Host), keys: &[("each", true)] },
    Kind { name: "wan-line", on: Some(Sort::Site), keys: &[("to", true)] },
];

/// The directions a bad way may have, seen from the host of a cable, the switch of an uplink or the site of a WAN.
pub const WAYS: [&str; 2] = ["out", "in"];

/// Whoever takes longer for one thing stands still.
const EACH_MAX: Duration = Duration::from_secs(1);
/// A clock that runs worse than this is broken in another way.
const PPM_MAX: i32 = 10_000;

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
        ("spine", given.spine.as_ref().map(Spanned::span)),
        ("card", given.card.as_ref().map(Spanned::span)),
        ("feed", given.feed.as_ref().map(Spanned::span)),
        ("way", given.way.as_ref().map(Spanned::span)),
        ("udp_port", given.udp_port.as_ref().map(Spanned::span)),
        ("larger_than", given.larger_than.as_ref().map(Spanned::span)),
        ("domain", given.domain.as_ref().map(Spanned::span)),
        ("poses_as", given.poses_as.as_ref().map(Spanned::span)),
        ("to", given.to.as_ref().map(Spanned::span)),
        ("ppm", given.ppm.as_ref().map(Spanned::span)),
        ("ahead", given.ahead.as_ref().map(Spanned::span)),
        ("behind", given.behind.as_ref().map(Spanned::span)),
        ("permille", given.permille.as_ref().map(Spanned::span)),
        ("of", given.of.as_ref().map(Spanned::span)),
        ("each", given.each.as_ref().map(Spanned::span)),
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
        let long =
            |given: &Option<Spanned<HowLong>>| given.as_ref().map_or(Duration::ZERO, |long| long.get_ref().0);
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
            "wan-quality" => match self.any_trouble(one)? {
                some @ (Trouble { way: Some(_), .. }
                | Trouble { udp_port: Some(_), .. }
                | Trouble { larger_than: Some(_), .. }) => Fault::Wear(Wear::BadWan(one, some)),
                all => Fault::WanQuality { site: one, delay: all.delay, loss_permille },
            },
            "relay" => Fault::Relay(one),
            "relay-disk" => Fault::RelayDisk(one),
            "cma" => Fault::Cma,
            "cma-wan" => Fault::CmaWan,
            "cma-disk" => Fault::CmaDisk,
            "loss" => Fault::Loss(loss_permille),
            "spine-power" => Fault::Wear(Wear::Spine(one, self.spine(one)?)),
            "spine-link" => Fault::Wear(Wear::SpineLink(one, self.spine(self.site_of(one))?)),
            "line-card" => {
                let cards = self.shape.plan.sites[self.site_of(one)].modules;
                Fault::Wear(Wear::Card(
                    one,
                    self.counted(&self.given.card, cards, "line card", "line_cards")?,
                ))
            }
            "peer-link" => Fault::Wear(Wear::PeerLink(self.paired(one)?)),
            "feed" => {
                let feeds = self.shape.plan.sites[one].feeds;
                Fault::Wear(Wear::Feed(one, self.counted(&self.given.feed, feeds, "feed", "feeds")?))
            }
            "cable-quality" => {
                let site = self.shape.site_of_host(one);
                Fault::Wear(Wear::BadCable(one, self.port(one)?, self.trouble(site)?))
            }
            "uplink-quality" => {
                let site = self.site_of(one);
                let spine = self.given.spine.as_ref().map(|_| self.spine(site)).transpose()?;
                Fault::Wear(Wear::BadUplink(one, spine, self.trouble(site)?))
            }
            "lan" => Fault::Wear(Wear::BadLan(one, self.trouble_or_all(one)?)),
            "gateway" => {
                let trouble = self.trouble_or_all(one)?;
                // The domain says whose gateway it is; all that passes that is of this domain.
                let domain = trouble.domain.unwrap_or(0);
                Fault::Wear(Wear::BadGateway(one, domain, Trouble { domain: None, ..trouble }))
            }
            "lldp-pose" => Fault::Wear(Wear::Pose(one, self.posed_as(one)?)),
            "lldp-reflect" => Fault::Wear(Wear::Reflect(one)),
            "suspend" => Fault::Wear(Wear::Suspend(one)),
            "recable" => {
                let (host, port) = (one, self.port(one)?);
                let from = self.shape.plan.hosts[host].switches[port];
                Fault::Wear(Wear::Recable { host, port, from, to: self.recabled(host, port, from)? })
            }
            "clock-drift" => Fault::Wear(Wear::Drift(one, self.ppm()?)),
            "clock-jump" => Fault::Wear(self.jump(one)?),
            "duplication" => Fault::Wear(Wear::Doubled(self.doubled()?)),
            "reordering" => Fault::Wear(Wear::Disorder(self.some_time(&self.given.delay)?)),
            "readdress" => Fault::Wear(Wear::Readdress(one)),
            "clone" => Fault::Wear(Wear::Clone { host: one, of: self.original(one)? }),
            "relay-overload" => Fault::Wear(Wear::Overload(one, self.each()?)),
            "cma-overload" => Fault::Wear(Wear::OverloadCma(self.each()?)),
            "probe-overload" => Fault::Wear(Wear::OverloadProbe(one, self.each()?)),
            "wan-line" => Fault::Wear(Wear::Line(one, self.line(one)?)),
            other => unreachable!("`{other}` stands in the table of kinds and is not built"),
        })
    }

    fn site_of(&self, switch: usize) -> usize {
        self.shape.site_of_switch(switch)
    }

    fn spine(&self, site: usize) -> Result<usize, Refusal> {
        self.counted(&self.given.spine, self.shape.plan.sites[site].spines, "spine", "spines")
    }

    /// A number from 1 to as many as there are.
    fn counted(
        &self,
        given: &Option<Spanned<u64>>,
        there: usize,
        what: &str,
        key: &str,
    ) -> Result<usize, Refusal> {
        let Some(given) = given else { return Ok(0) };
        let found = usize::try_from(*given.get_ref()).ok().and_then(|number| number.checked_sub(1));
        found.filter(|at| *at < there).ok_or_else(|| {
            let there = if there == 0 { "none".to_owned() } else { format!("1 to {there}") };
            let what = format!(
                "no such {what}: there is {there}; `{key}` says how many a site has that is no branch"
            );
            self.source.refuse(&given.span(), what)
        })
    }

    fn paired(&self, switch: usize) -> Result<usize, Refusal> {
        let site = &self.shape.plan.sites[self.site_of(switch)];
        let number = self.shape.switch_in_site(switch) - 1;
        if site.pairs && number ^ 1 < site.switches {
            return Ok(switch);
        }
        let what = format!("sw{} is no half of a pair: say `pairs = true`, and give it a mate", switch + 1);
        Err(self.source.refuse(&self.given.kind.span(), what))
    }

    fn switch(&self, given: &Option<Spanned<String>>, site: Option<usize>) -> Result<usize, Refusal> {
        let Some(given) = given else { return Ok(0) };
        let named = self.shape.switch_names().iter().position(|name| name == given.get_ref());
        let here = named.filter(|switch| site.is_none_or(|site| self.site_of(*switch) == site));
        here.ok_or_else(|| {
            let where_ = if site.is_some() { " in the site of that host" } else { "" };
            self.source.refuse(&given.span(), format!("no switch is called `{}`{where_}", given.get_ref()))
        })
    }

    /// Another switch than the one that poses.
    fn posed_as(&self, switch: usize) -> Result<usize, Refusal> {
        let other = self.switch(&self.given.poses_as, None)?;
        let Some(given) = self.given.poses_as.as_ref().filter(|_| other == switch) else { return Ok(other) };
        let what = format!("sw{} is itself already: name another switch", switch + 1);
        Err(self.source.refuse(&given.span(), what))
    }

    /// Another switch of the site than the one that the port hangs on.
    fn recabled(&self, host: usize, port: usize, from: usize) -> Result<usize, Refusal> {
        let to = self.switch(&self.given.to, Some(self.shape.site_of_host(host)))?;
        let Some(given) = self.given.to.as_ref().filter(|_| to == from) else { return Ok(to) };
        let (host, switch) = (host + 1, from + 1);
        let what =
            format!("eth{port} of h{host} hangs on sw{switch} already: name another switch of its site");
        Err(self.source.refuse(&given.span(), what))
    }

    /// Whose image a host gets.
    fn original(&self, host: usize) -> Result<usize, Refusal> {
        let Some(given) = &self.given.of else { return Ok(0) };
        let named = self.shape.host_names().iter().position(|name| name == given.get_ref());
        let site = |host: usize| self.shape.site_of_host(host);
        named.filter(|of| *of != host && site(*of) == site(host)).ok_or_else(|| {
            let (of, host) = (given.get_ref(), host + 1);
            let what =
                format!("`{of}` is no other host in the site of h{host}: name one whose image it gets");
            self.source.refuse(&given.span(), what)
        })
    }

    /// What would change nothing if it were nothing.
    fn some_time(&self, given: &Option<Spanned<HowLong>>) -> Result<Duration, Refusal> {
        let Some(given) = given else { return Ok(Duration::ZERO) };
        let long = given.get_ref().0;
        let what = "must be longer than nothing, which changes nothing";
        if long.is_zero() { Err(self.source.refuse(&given.span(), what)) } else { Ok(long) }
    }

    fn doubled(&self) -> Result<u64, Refusal> {
        let doubled = permille(self.source, self.given.permille.as_ref())?;
        let Some(given) = self.given.permille.as_ref().filter(|_| doubled == 0) else { return Ok(doubled) };
        Err(self.source.refuse(&given.span(), "must be 1 to 1000 of a thousand: 0 doubles nothing"))
    }

    /// How long each datagram or message takes, or how long a probe waits for its turn.
    fn each(&self) -> Result<Duration, Refusal> {
        let Some(given) = &self.given.each else { return Ok(Duration::ZERO) };
        let each = given.get_ref().0;
        if each.is_zero() || each > EACH_MAX {
            let what = format!("must be more than 0 and at most {} s", EACH_MAX.as_secs());
            return Err(self.source.refuse(&given.span(), what));
        }
        Ok(each)
    }

    /// The other end of a line that there is.
    fn line(&self, site: usize) -> Result<usize, Refusal> {
        let Some(given) = &self.given.to else { return Ok(0) };
        let plan = &self.shape.plan;
        let named = self.shape.site_names().iter().position(|name| name == given.get_ref());
        let line = |other: &usize| plan.lines().contains(&(site.min(*other), site.max(*other)));
        named.filter(line).ok_or_else(|| {
            let what = format!(
                "there is no line from {} to `{}`: `wan` in [topology] says which there are",
                plan.site_name(site),
                given.get_ref()
            );
            self.source.refuse(&given.span(), what)
        })
    }

    /// What is wrong with a way: of what it is about something must be lost or late.
    fn trouble(&self, site: usize) -> Result<Trouble, Refusal> {
        let trouble = self.any_trouble(site)?;
        if trouble.delay.is_zero() && trouble.loss_permille == 0 {
            let what = format!("the kind `{}` needs `loss_permille`, `delay` or both", self.kind.name);
            return Err(self.source.refuse(&self.given.kind.span(), what));
        }
        Ok(trouble)
    }

    /// The same of what lets nothing pass if a file does not say how bad it is.
    fn trouble_or_all(&self, site: usize) -> Result<Trouble, Refusal> {
        if self.given.delay.is_some() || self.given.loss_permille.is_some() {
            return self.trouble(site);
        }
        Ok(Trouble { loss_permille: 1_000, ..self.any_trouble(site)? })
    }

    fn any_trouble(&self, site: usize) -> Result<Trouble, Refusal> {
        let delay = self.given.delay.as_ref().map_or(Duration::ZERO, |delay| delay.get_ref().0);
        let loss = permille(self.source, self.given.loss_permille.as_ref())?;
        let domains = self.shape.plan.sites[site].domains.max(1);
        let domain = self.given.domain.as_ref();
        let domain =
            domain.map(|_| self.counted(&self.given.domain, domains, "domain", "domains")).transpose()?;
        Ok(Trouble {
            loss_permille: u16::try_from(loss).unwrap_or(1_000),
            delay,
            way: self.way()?,
            udp_port: self.udp_port()?,
            larger_than: self.given.larger_than.as_ref().map(|octets| *octets.get_ref()),
            domain: domain.and_then(|domain| u8::try_from(domain).ok()),
        })
    }

    fn way(&self) -> Result<Option<Way>, Refusal> {
        let which = word(self.source, &self.given.way, &WAYS)?;
        Ok(which.map(|which| if which == 0 { Way::Out } else { Way::In }))
    }

    fn udp_port(&self) -> Result<Option<u16>, Refusal> {
        let Some(given) = &self.given.udp_port else { return Ok(None) };
        let what = "nothing goes to port 0: write 1 to 65535, or leave it out, and all ports are meant";
        if *given.get_ref() == 0 {
            Err(self.source.refuse(&given.span(), what))
        } else {
            Ok(Some(*given.get_ref()))
        }
    }

    /// A clock is set one way or the other.
    fn jump(&self, host: usize) -> Result<Wear, Refusal> {
        match (&self.given.ahead, &self.given.behind) {
            (Some(_), None) => Ok(Wear::Ahead(host, self.some_time(&self.given.ahead)?)),
            (None, Some(_)) => Ok(Wear::Behind(host, self.some_time(&self.given.behind)?)),
            (Some(_), Some(behind)) => Err(self.source.refuse(&behind.span(), "either `ahead` or `behind`")),
            (None, None) => {
                let what = "the kind `clock-jump` needs `ahead` or `behind`";
                Err(self.source.refuse(&self.given.kind.span(), what))
            }
        }
    }

    fn ppm(&self) -> Result<i32, Refusal> {
        let Some(given) = &self.given.ppm else { return Ok(0) };
        let sound = *given.get_ref() != 0 && (-PPM_MAX..=PPM_MAX).contains(given.get_ref());
        let what = || {
            let what = format!("must be -{PPM_MAX} to {PPM_MAX}, and not 0, at which a clock is right");
            self.source.refuse(&given.span(), what)
        };
        if sound { Ok(*given.get_ref()) } else { Err(what()) }
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
