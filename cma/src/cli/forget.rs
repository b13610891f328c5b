//! `ringmesh forget`: a host that is not expected any more.

use std::io::{self, BufRead, IsTerminal, Write};
use std::path::Path;

use ringmesh_cma_core::documents::Forgotten;

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

/// Has the CMA forget a host; a person at a terminal is asked first, unless he said `yes` already.
pub(crate) async fn run(socket: &Path, target: Target, yes: bool) -> Result<String, Failure> {
    let mut client = Client::connect(socket).await?;
    if !yes && io::stdin().is_terminal() && io::stderr().is_terminal() {
        confirm(&target, &mut io::stdin().lock(), &mut io::stderr())?;
    }
    client.ask(Question::Forget { site: target.site, host: target.host }).await
}

fn confirm(target: &Target, answers: &mut impl BufRead, asked: &mut impl Write) -> Result<(), Failure> {
    let broken = |error: io::Error| Failure::usage(format!("nobody answers: {error}"), "give --yes");
    let about = format!(
        "{} will not be expected any more, and what is known of it is dropped. If its probe runs, it joins again.",
        target.words(),
    );
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
    fn only_a_clear_yes_is_one() {
        let target = Target::option("lab/h\u{1b}5").unwrap();
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
