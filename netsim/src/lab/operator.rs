//! The operator's commands, as a person at the keyboard would use them: the lab's only way to ask.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::command::{finish, run, system};
use super::error::LabError;

/// A command that answers later than this does not answer.
const ANSWER_S: &str = "10";
/// Its end is not left to it: the signals one could ask with may be blocked in our children.
const KILL: [&str; 2] = ["-s", "KILL"];

/// Asks one CMA through `ringmesh`.
#[derive(Clone, Debug)]
pub struct Operator {
    ringmesh: PathBuf,
    socket: PathBuf,
}

/// What `ringmesh tree --json` shows, as far as the lab looks.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Tree {
    /// Sites of this CMA.
    pub sites: Vec<SiteTree>,
}

/// One site.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct SiteTree {
    /// Its name.
    pub id: String,
    /// `up` while its relay is connected.
    pub state: String,
    /// Switches heard of.
    pub switches: Vec<SwitchTree>,
    /// Rings of members whose switch is not known.
    pub fallback_rings: Vec<FallbackRing>,
}

/// One switch.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct SwitchTree {
    /// Its LLDP system name.
    pub name: String,
    /// What hangs on it.
    pub ports: Vec<PortTree>,
    /// Rings of its members, one for each layer-2 domain.
    pub rings: Vec<RingTree>,
}

/// One port of a switch.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct PortTree {
    /// Its LLDP port id.
    pub port: String,
    /// The host on it.
    pub host: String,
    /// How that is known: lldp, cdp, cache or fallback.
    pub evidence: String,
}

/// One ring of a switch.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct RingTree {
    /// Host names in ring order.
    pub members: Vec<String>,
}

/// One fallback ring.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct FallbackRing {
    /// Why its members are in no switch ring.
    pub reason: String,
    /// Host names in ring order.
    pub members: Vec<String>,
}

/// One incident of `ringmesh incidents --all --json`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Incident {
    /// For `ringmesh explain`.
    pub id: String,
    /// One name, or several joined by `|`.
    pub verdict: String,
    /// `open` or `closed`.
    pub state: String,
    /// `page`, `ticket` or `log`.
    pub severity: String,
    /// What it is about.
    pub subject: Named,
    /// When it was opened, in milliseconds since the epoch.
    pub opened_ms: u64,
    /// When it was closed; absent or 0 while open.
    pub closed_ms: Option<u64>,
    /// Every verdict it had, oldest first.
    pub revisions: Vec<Revision>,
    /// Hosts that are silent because of it.
    pub behind: Vec<String>,
    /// Who saw it: hosts, relays or sites.
    pub witnesses: Vec<String>,
    /// Sites that the news of it came through, its own first.
    pub path: Vec<String>,
    /// The whole record as it came, for failure reports.
    #[serde(skip)]
    pub raw: Value,
}

/// A thing in the operator's language.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Named {
    /// host, switch, uplink, ..
    pub kind: String,
    /// Stable.
    pub id: String,
    /// For people.
    pub name: String,
}

impl Named {
    /// Whether this is the thing of that name, by name, id, or as a word of either (`uplink of sw1`).
    pub fn is(&self, name: &str) -> bool {
        has_word(&self.name, name) || has_word(&self.id, name)
    }
}

/// Whether a text has this word, not as a part of another.
fn has_word(text: &str, word: &str) -> bool {
    text.split(|c: char| !c.is_alphanumeric()).any(|candidate| candidate == word)
}

/// One verdict in an incident's history.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Revision {
    /// When, in milliseconds since the epoch.
    pub at_ms: u64,
    /// What it was called from then on.
    pub verdict: String,
    /// Because of what.
    pub why: String,
}

impl Incident {
    /// Whether it is over.
    pub fn is_closed(&self) -> bool {
        self.state == "closed"
    }

    /// Whether it names this thing: as its subject, or as the site that it is in.
    pub fn names(&self, name: &str) -> bool {
        self.subject.is(name) || self.path.iter().any(|site| site == name)
    }

    /// Whether a witness is this thing, or a part of it (`s3`, `s3/1`, `relay 1 of s3`).
    pub fn is_witnessed_by(&self, name: &str) -> bool {
        self.witnesses.iter().any(|witness| has_word(witness, name))
    }
}

/// One line that the notifier handed on.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct PageLine {
    /// When.
    pub at_ms: u64,
    /// By which lines of one matter are known to belong together.
    pub key: String,
    /// Whose.
    pub incident: String,
    /// What broke.
    pub subject: Named,
    /// Where.
    pub site: String,
    /// `opened` or `closed`.
    pub transition: String,
    /// `page`, `ticket` or `log`.
    pub severity: String,
    /// What it said.
    pub text: String,
}

impl Operator {
    /// For the CMA with that socket; `bin_dir` holds `ringmesh`.
    pub fn new(bin_dir: &Path, socket: &Path) -> Self {
        Self { ringmesh: bin_dir.join("ringmesh"), socket: socket.into() }
    }

    /// The command, ready to be run or shown.
    fn command(&self, words: &[&str]) -> Command {
        let mut command = system("timeout");
        command.args(KILL).arg(ANSWER_S).arg(&self.ringmesh).arg("--socket").arg(&self.socket).args(words);
        command
    }

    /// Whether the CMA answers; a CMA that answers "not all is well" answers.
    ///
    /// # Errors
    /// [`LabError::Unreachable`] with the command's own words.
    pub fn reach(&self) -> Result<(), LabError> {
        let mut command = self.command(&["status", "--json"]);
        let output = finish(&mut command, "")?;
        match output.status.code() {
            Some(0 | 1) => Ok(()),
            Some(_) | None => Err(unreachable(&command, &output)),
        }
    }

    fn ask<T: DeserializeOwned>(&self, words: &[&str]) -> Result<T, LabError> {
        let mut command = self.command(words);
        let output = finish(&mut command, "")?;
        if !output.status.success() {
            return Err(unreachable(&command, &output));
        }
        let said =
            |error| LabError::Failed(format!("`ringmesh {}` printed no such JSON: {error}", words.join(" ")));
        serde_json::from_slice(&output.stdout).map_err(said)
    }

    /// Sites, switches, ports and rings as the CMA knows them.
    ///
    /// # Errors
    /// [`LabError::Unreachable`], or [`LabError::Failed`] if the answer has another shape.
    pub fn tree(&self) -> Result<Tree, LabError> {
        self.ask(&["tree", "--json"])
    }

    /// Every incident, open or closed.
    ///
    /// # Errors
    /// As [`Operator::tree`].
    pub fn incidents(&self) -> Result<Vec<Incident>, LabError> {
        #[derive(Deserialize)]
        struct Answer {
            incidents: Vec<Value>,
        }
        let answer: Answer = self.ask(&["incidents", "--all", "--json"])?;
        answer.incidents.into_iter().map(incident).collect()
    }

    /// What the command prints for programs, whole.
    ///
    /// # Errors
    /// As [`Operator::tree`].
    pub fn document(&self, words: &[&str]) -> Result<Value, LabError> {
        self.ask(words)
    }

    /// What the command prints for people.
    ///
    /// # Errors
    /// [`LabError::Unreachable`].
    pub fn text(&self, words: &[&str]) -> Result<String, LabError> {
        let mut command = self.command(words);
        let output = finish(&mut command, "")?;
        if !output.status.success() {
            return Err(unreachable(&command, &output));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Lets the command print on our own standard output, colours and all.
    ///
    /// # Errors
    /// [`LabError::Unreachable`].
    pub fn show(&self, words: &[&str]) -> Result<(), LabError> {
        let status = self.command(words).status();
        match status {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(LabError::Unreachable(format!("`ringmesh {}`: {status}", words.join(" ")))),
            Err(error) => Err(LabError::Failed(format!("ringmesh: {error}"))),
        }
    }
}

fn incident(raw: Value) -> Result<Incident, LabError> {
    let parsed = Incident::deserialize(&raw);
    let parsed =
        parsed.map_err(|error| LabError::Failed(format!("an incident of another shape ({error}): {raw}")))?;
    Ok(Incident { raw, ..parsed })
}

fn unreachable(command: &Command, output: &Output) -> LabError {
    let said = String::from_utf8_lossy(&output.stderr);
    LabError::Unreachable(format!("`{}`: {} {}", super::command::words(command), output.status, said.trim()))
}

/// The notifier's lines. A missing file is a notifier that had nothing to say.
///
/// # Errors
/// [`LabError::Failed`] names a line that is not JSON.
pub(super) fn pages(path: &Path) -> Result<Vec<PageLine>, LabError> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let wrong = |line: &str, error| LabError::Failed(format!("{}: {error}: {line}", path.display()));
    text.lines().map(|line| serde_json::from_str(line).map_err(|error| wrong(line, error))).collect()
}

/// Asks a running probe through its own command: `attachments`, as JSON.
///
/// # Errors
/// [`LabError::Failed`] with the command's own words.
pub(super) fn attachments(bin_dir: &Path, config: &Path) -> Result<Value, LabError> {
    let mut command = system("timeout");
    command
        .arg(ANSWER_S)
        .arg(bin_dir.join("ringmesh-probe"))
        .args(["attachments", "--json", "--config"])
        .arg(config);
    let text = run(&mut command, "")?;
    serde_json::from_str(&text).map_err(|error| LabError::Failed(format!("attachments: {error}: {text}")))
}

/// Tells a running probe to leave, through its own command.
///
/// # Errors
/// [`LabError::Failed`] with the command's own words.
pub(super) fn goodbye(
    bin_dir: &Path,
    config: &Path,
    reason: &str,
    back_within: Duration,
) -> Result<(), LabError> {
    let mut command = system("timeout");
    command.arg(ANSWER_S).arg(bin_dir.join("ringmesh-probe")).args(["goodbye", "--reason", reason]);
    command.arg("--back-within-s").arg(back_within.as_secs().to_string()).arg("--config").arg(config);
    run(&mut command, "").map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_recognised_by_name_by_id_and_in_a_phrase_but_never_by_a_part_of_a_word() {
        let named = |name: &str, id: &str| Named { kind: String::new(), id: id.into(), name: name.into() };
        for (name, id, want) in [
            ("sw1", "", true),
            ("uplink of sw1", "", true),
            ("", "switch/sw1", true),
            ("sw10", "x", false),
            ("asw1", "", false),
        ] {
            assert_eq!(named(name, id).is("sw1"), want, "{name} {id}");
        }
    }

    #[test]
    fn an_incident_may_have_fields_we_do_not_know_and_lack_some_we_do() {
        let raw = serde_json::json!({"id": "i-1", "verdict": "HostDown", "state": "closed", "news": 1,
            "subject": {"kind": "host", "id": "h1", "name": "h1"}, "opened_ms": 5, "closed_ms": null});
        let parsed = incident(raw).unwrap();
        assert!(parsed.is_closed() && parsed.subject.is("h1") && parsed.behind.is_empty());
        assert_eq!(parsed.raw["news"], 1);
        assert!(parsed.names("h1") && !parsed.names("s1"));
        assert!(incident(serde_json::json!({"id": 7})).is_err());
    }
    #[test]
    fn an_incident_names_its_site_and_its_witnesses_are_found_by_site() {
        let relay = incident(
            serde_json::json!({"id": "i-2", "subject": {"kind": "relay", "id": "s2/1", "name": "relay 1"},
            "witnesses": ["s1/1", "relay 1 of s3"], "path": ["s2"]}),
        )
        .unwrap();
        assert!(relay.names("s2") && !relay.names("s1"));
        let seen: Vec<bool> = ["s1", "s2", "s3", "s"].map(|site| relay.is_witnessed_by(site)).into();
        assert_eq!(seen, [true, false, true, false]);
    }
}
