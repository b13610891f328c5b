//! What people read of a finding and of its proof: the incident as news, in plain words.

use ringmesh_proto::news::{Alternative, IncidentNews, RuledOut, StartNews, Subject, SubjectKind};
use ringmesh_topology::id::IncidentId;
use ringmesh_topology::verdict::{Class, Verdict};

use super::{About, Evidence, Finding, Proof};
use crate::calendar::utc;
use crate::relay::RelayKey;

/// A relay as it is named where several sites meet: `fra1/r1`.
pub fn relay_name(relay: &RelayKey) -> String {
    format!("{}/r{}", relay.site, relay.relay.0)
}

/// The incident of a finding, in its first revision.
pub fn opened(id: IncidentId, finding: &Finding, since_ms: u64, at_ms: u64) -> IncidentNews {
    let told = Told::of(finding, since_ms);
    IncidentNews {
        id,
        revision: 1,
        closed: false,
        alternatives: alternatives(&finding.alternatives),
        class: Class::Normal,
        silent: 0,
        behind: Vec::new(),
        witnesses: witnesses(&finding.evidence).iter().map(relay_name).collect(),
        silent_since_ms: since_ms,
        opened_ms: at_ms,
        closed_ms: 0,
        at_ms,
        why: told.why,
        seen: told.seen,
        ruled_out: told.ruled_out,
        would_settle: told.would_settle,
        page_never: false,
    }
}

/// Its next revision: what it was is proved, as far as it ever will be.
pub fn settled(
    news: &IncidentNews,
    verdict: Verdict,
    about: &About,
    proof: Proof,
    at_ms: u64,
) -> IncidentNews {
    let (why, ruled_out) = proved(verdict, about, proof);
    let mut next = IncidentNews {
        revision: news.revision.saturating_add(1),
        alternatives: alternatives(&[(verdict, about.clone())]),
        at_ms,
        why: why.clone(),
        would_settle: Vec::new(),
        ..news.clone()
    };
    next.seen.push(why);
    next.ruled_out.extend(ruled_out);
    next
}

/// Its last revision.
pub fn closed(news: &IncidentNews, why: &str, at_ms: u64) -> IncidentNews {
    let why = why.to_owned();
    let revision = news.revision.saturating_add(1);
    IncidentNews { revision, closed: true, closed_ms: at_ms, at_ms, why, ..news.clone() }
}

/// What a verdict is about, as a subject.
pub fn subject(about: &About) -> Subject {
    let (kind, id, name) = match about {
        About::Relay(key) => (SubjectKind::Relay, key.relay.0.to_string(), relay_name(key)),
        About::Site(site) => (SubjectKind::Site, site.to_string(), site.to_string()),
        About::Cma => (SubjectKind::Set, "cma".to_owned(), "cma".to_owned()),
    };
    Subject { kind, id, name }
}

/// Nothing tells them apart, so they share evenly.
fn alternatives(of: &[(Verdict, About)]) -> Vec<Alternative> {
    let count = u16::try_from(of.len()).unwrap_or(u16::MAX).max(1);
    let share = |at: u16| 1_000 / count + u16::from(at < 1_000 % count);
    let alternative = |(at, (verdict, about)): (u16, &(Verdict, About))| Alternative {
        verdict: *verdict,
        subject: subject(about),
        permille: share(at),
    };
    (0..).zip(of).map(alternative).collect()
}

fn witnesses(evidence: &Evidence) -> &[RelayKey] {
    match evidence {
        Evidence::Refused(by) | Evidence::EndedHeard(by) | Evidence::Silent(by) | Evidence::Heard(by) => by,
        Evidence::Ended
        | Evidence::SiteSpeaks
        | Evidence::NoWitness
        | Evidence::Alone
        | Evidence::AllLost(_) => &[],
    }
}

/// The words of an opening.
struct Told {
    why: String,
    seen: Vec<String>,
    ruled_out: Vec<RuledOut>,
    would_settle: Vec<String>,
}

impl Told {
    fn of(finding: &Finding, since_ms: u64) -> Self {
        let relays = list(finding.takes.iter());
        let witnesses = witnesses(&finding.evidence);
        let by = list(witnesses.iter());
        let many = |one: &'static str, many: &'static str| if witnesses.len() == 1 { one } else { many };
        let (hears, is, speaks) = (many("hears", "hear"), many("is", "are"), many("speaks", "speak"));
        let silent = format!("nothing comes from {relays} since {}", utc(since_ms));
        let ended = format!("the stream of {relays} ended at {}", utc(since_ms));
        let not = |what: &str, by: String| vec![RuledOut { what: what.to_owned(), by }];
        let own_line = || not("CmaCut", format!("{by} {speaks} with this CMA"));
        let (why, seen, ruled_out) = match &finding.evidence {
            Evidence::Refused(_) => {
                let refused = format!("{by} {is} refused at its port: its host lives, and no relay listens");
                (refused.clone(), vec![refused], not("SiteDark", format!("the host answered {by}")))
            }
            Evidence::Ended => {
                let why = "its stream ended and did not come back within 3 s".to_owned();
                (why, vec![ended, "no relay of another site hears it".to_owned()], Vec::new())
            }
            Evidence::EndedHeard(_) => {
                let heard = format!("{by} {hears} it still, 9 s after its stream ended");
                (heard.clone(), vec![ended, heard.clone()], not("RelayDown", heard))
            }
            Evidence::Silent(_) => {
                let why = format!("neither this CMA nor {by} {hears} it");
                (why, vec![silent, format!("{by} {hears} nothing of it either")], own_line())
            }
            Evidence::Heard(_) => {
                let heard = format!("{by} {hears} it still, 11 s after this CMA heard it last");
                let mut ruled_out = own_line();
                ruled_out.extend(not("SiteDark", heard.clone()));
                (heard.clone(), vec![silent, heard], ruled_out)
            }
            Evidence::SiteSpeaks => {
                let why = "another relay of its site speaks with this CMA".to_owned();
                (why.clone(), vec![silent], not("SiteCut, SiteDark", why))
            }
            Evidence::NoWitness => {
                let why = "no relay of another site is its neighbour in the mesh ring".to_owned();
                (why.clone(), vec![silent, why], not("CmaCut", "other relays speak with this CMA".to_owned()))
            }
            Evidence::Alone => {
                let why = "no other relay speaks with this CMA: it may be cut off itself".to_owned();
                (why.clone(), vec![silent, why], Vec::new())
            }
            Evidence::AllLost(count) => {
                let why = format!("all {count} relays were lost within 10 s of each other");
                (why.clone(), vec![silent, why.clone()], not("site verdicts", why))
            }
        };
        Self { why, seen, ruled_out, would_settle: would_settle(&finding.evidence) }
    }
}

fn would_settle(evidence: &Evidence) -> Vec<String> {
    let words: &[&str] = match evidence {
        Evidence::Silent(_) | Evidence::NoWitness => &[
            "a look at the power and at the WAN line of the site",
            "its return: a relay that ran on proves that the site was cut, hosts that booted meanwhile that it was dark",
        ],
        Evidence::Alone => &[
            "a look at the network of this CMA's own host",
            "a relay of another site: if it is heard here, this CMA is not cut off",
            "its return: a relay that ran on proves that the site lived, hosts that booted meanwhile that it was dark",
        ],
        Evidence::Ended | Evidence::SiteSpeaks => &[
            "a look at the relay on its host: does the process run?",
            "its return: a relay that ran on proves that only the way to it was cut",
        ],
        Evidence::Refused(_) | Evidence::EndedHeard(_) | Evidence::Heard(_) | Evidence::AllLost(_) => &[],
    };
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn proved(verdict: Verdict, about: &About, proof: Proof) -> (String, Vec<RuledOut>) {
    let not = |what: &str, by: &str| RuledOut { what: what.to_owned(), by: by.to_owned() };
    match proof {
        Proof::SameRun => {
            let why = "its relay is back as the run it was: it lived and could not be reached".to_owned();
            let ruled_out = vec![not("SiteDark", &why), not("RelayDown", &why)];
            (why, ruled_out)
        }
        Proof::Start(StartNews { kept, rebooted, .. }) => {
            let told = format!("{rebooted} hosts have booted meanwhile, {kept} have not");
            let (why, what) = match verdict {
                Verdict::SiteDark => (format!("its relay started anew, and {told}"), "RelayDown"),
                _ => (format!("its relay started anew, but {told}"), "SiteDark"),
            };
            (why.clone(), vec![not(what, &why)])
        }
        Proof::NoStart => {
            let name = subject(about).name;
            (
                format!("a relay started anew and knows of no host that booted meanwhile: it was {name}"),
                Vec::new(),
            )
        }
    }
}

fn list<'a>(relays: impl Iterator<Item = &'a RelayKey>) -> String {
    relays.map(relay_name).collect::<Vec<_>>().join(" and ")
}
