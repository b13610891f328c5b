//! `ringmesh forget`: a host, or a relay, that is not expected any more.

use std::io::{self, BufRead, IsTerminal, Write};
use std::path::Path;

use ringmesh_cma_core::documents::{Forgotten, ForgottenRelay};

use super::client::{Client, Question};
use super::paint::{harmless, wrapped};
use ringmesh_shell::failure::{Failure, Kind};

/// A host, perhaps with its site: `lab/h5`, or `h5` where one site only has such a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    site: Option<String>,
    host: String,
}

impl Target {
    /// What an option names.
    pub(crate) fn option(text: &str) -> Result<Self, String> {
        let (site, host) = match text.split_once('/') {
            Some((site, host)) => (Some(site.to_owned()), host),
            None => (None, text),
        };
        if host.is_empty() || host.contains('/') || site.as_ref().is_some_and(String::is_empty) {
            return Err("give HOST or SITE/HOST, as ringmesh tree shows them".to_owned());
        }
        Ok(Self { site, host: host.to_owned() })
    }

    fn words(&self) -> String {
        let of = self.site.as_ref().map_or_else(String::new, |site| format!(" of site {site}"));
        harmless(&format!("{}{of}", self.host))
    }
}

/// A relay with its site, as it is named everywhere: `lab/r1`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LostRelay {
    site: String,
    relay: u8,
}

impl LostRelay {
    /// What an option names.
    pub(crate) fn option(text: &str) -> Result<Self, String> {
        let parts = text.split_once('/').filter(|(site, _)| !site.is_empty());
        let number = |relay: &str| relay.strip_prefix('r').unwrap_or(relay).parse().ok();
        let named = parts.and_then(|(site, relay)| Some((site, number(relay).filter(|relay| *relay != 0)?)));
        let (site, relay) = named.ok_or("give SITE/RELAY, as lab/r1")?;
        Ok(Self { site: site.to_owned(), relay })
    }
}

/// What is to be forgotten.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum What {
    Host(Target),
    Relay(LostRelay),
}

impl What {
    /// What the arguments say; the parser of arguments lets one of them through.
    pub(crate) fn of(host: Option<Target>, relay: Option<LostRelay>) -> Result<Self, Failure> {
        let relay = relay.map(Self::Relay);
        relay
            .or(host.map(Self::Host))
            .ok_or_else(|| Failure::usage("nothing is named", "give a host or --relay"))
    }

    /// What a person is told before it is done.
    fn consequence(&self) -> String {
        match self {
            Self::Host(target) => format!(
                "{} will not be expected any more, and what is known of it is dropped. If its probe runs, it joins \
                 again.",
                target.words(),
            ),
            Self::Relay(LostRelay { site, relay }) => format!(
                "Relay {relay} of site {} will not be expected any more. What it told is dropped, with the site if it \
                 has no other relay, and its open incidents end. If it runs, it is known again when it connects.",
                harmless(site),
            ),
        }
    }

    fn question(self) -> Question {
        match self {
            Self::Host(Target { site, host }) => Question::Forget { site, host },
            Self::Relay(LostRelay { site, relay }) => Question::ForgetRelay { site, relay },
        }
    }
}

/// Has the CMA forget it; a person at a terminal is asked first, unless he said `yes` already.
pub(crate) async fn run(socket: &Path, what: What, yes: bool) -> Result<String, Failure> {
    let mut client = Client::connect(socket).await?;
    if !yes && io::stdin().is_terminal() && io::stderr().is_terminal() {
        confirm(&what, &mut io::stdin().lock(), &mut io::stderr())?;
    }
    client.ask(what.question()).await
}

fn confirm(what: &What, answers: &mut impl BufRead, asked: &mut impl Write) -> Result<(), Failure> {
    let broken = |error: io::Error| Failure::usage(format!("nobody answers: {error}"), "give --yes");
    let about = what.consequence();
    write!(asked, "{}forget it? [y/N] ", wrapped("", &about)).and_then(|()| asked.flush()).map_err(broken)?;
    let mut answer = String::new();
    answers.read_line(&mut answer).map_err(broken)?;
    if matches!(answer.trim(), "y" | "Y" | "yes" | "Yes") {
        return Ok(());
    }
    Err(Failure::new(Kind::Check, "not confirmed", "nothing was changed"))
}

/// What was done.
pub(crate) fn text(forgotten: &Forgotten) -> String {
    let when = if forgotten.told { "was told" } else { "is told when it connects" };
    harmless(&format!("{} of site {} is forgotten; its relay {when}", forgotten.host, forgotten.site)) + "\n"
}

/// What was done to a relay.
pub(crate) fn relay_text(forgotten: &ForgottenRelay) -> String {
    let ForgottenRelay { site, relay, with_site, incidents, .. } = forgotten;
    let site_too = if *with_site { ", and the site with it" } else { "" };
    let ended = match incidents {
        0 => String::new(),
        1 => "; 1 incident ended".to_owned(),
        count => format!("; {count} incidents ended"),
    };
    harmless(&format!("relay {relay} of site {site} is forgotten{site_too}{ended}")) + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_may_be_named_with_its_site() {
        let target = |site: Option<&str>, host: &str| {
            Ok(Target { site: site.map(str::to_owned), host: host.to_owned() })
        };
        assert_eq!(Target::option("h5"), target(None, "h5"));
        assert_eq!(Target::option("lab/h5"), target(Some("lab"), "h5"));
        for wrong in ["", "/", "lab/", "/h5", "lab/h5/p1"] {
            assert!(Target::option(wrong).unwrap_err().contains("SITE/HOST"), "{wrong}");
        }
    }

    #[test]
    fn a_relay_is_named_with_its_site_and_what_was_done_is_said() {
        for named in ["lab/r2", "lab/2"] {
            assert_eq!(LostRelay::option(named), Ok(LostRelay { site: "lab".into(), relay: 2 }));
        }
        for wrong in ["", "r1", "/r1", "lab/", "lab/r0", "lab/r256", "lab/h1"] {
            assert!(LostRelay::option(wrong).unwrap_err().contains("SITE/RELAY"), "{wrong}");
        }
        let forgotten =
            ForgottenRelay { schema: 1, site: "lab".into(), relay: 2, with_site: true, incidents: 1 };
        let said = "relay 2 of site lab is forgotten, and the site with it; 1 incident ended\n";
        assert_eq!(relay_text(&forgotten), said);
    }

    #[test]
    fn only_a_clear_yes_is_one() {
        let target = What::Host(Target::option("lab/h\u{1b}5").unwrap());
        for (answer, want) in [("y\n", true), (" yes \n", true), ("n\n", false), ("\n", false), ("", false)] {
            let mut asked = Vec::new();
            let confirmed = confirm(&target, &mut answer.as_bytes(), &mut asked);
            assert_eq!(confirmed.is_ok(), want, "{answer:?}");
            let asked = String::from_utf8(asked).unwrap();
            assert!(asked.starts_with("h\u{fffd}5 of site lab will not be expected"), "{asked}");
            assert!(asked.lines().all(|line| line.chars().count() <= super::super::paint::WIDTH), "{asked}");
            if let Err(refused) = confirmed {
                assert!(refused.exit_code() == 1 && refused.to_string().contains("nothing was changed"));
            }
        }
    }
}
