//! The shapes that `ringmesh ... --json` prints and the notifier hands on.
//!
//! A contract: fields may be added, never renamed or dropped. Fields named `_ms` are milliseconds since
//! 1970-01-01 UTC (0: not yet), fields named `_s` or `seconds` are seconds. A host goes by its name, a switch
//! by its chassis id, an incident by sixteen hexadecimal digits; `ringmesh tree` shows them all.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The version of every shape here.
pub const SCHEMA: u32 = 1;

/// `ringmesh status`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// [`SCHEMA`].
    pub schema: u32,
    /// Every relay is connected and speaks, and nothing of the authority itself fails.
    pub ok: bool,
    /// Some stream is plain text.
    pub insecure: bool,
    /// The authority itself.
    pub cma: CmaStatus,
    /// Relays, by site and number.
    pub relays: Vec<RelayStatus>,
    /// What relays counted since they started, summed.
    pub counters: BTreeMap<String, u64>,
    /// What somebody should look at.
    pub warnings: Vec<WarningDoc>,
    /// Incidents not closed.
    pub incidents_open: usize,
    /// What the graph holds: nodes by label.
    pub graph: BTreeMap<String, u64>,
    /// Beyond so many nodes in all it takes no new hosts.
    pub graph_nodes_max: u64,
    /// The mirror of the graph, where one is configured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mirror: Option<MirrorStatus>,
}

/// `ringmesh mirror`, and its part of [`Status`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MirrorStatus {
    /// [`SCHEMA`].
    pub schema: u32,
    /// Where it is.
    pub uri: String,
    /// Whoever is on the way to it can read and change what is said.
    pub exposed: bool,
    /// `in-step`, `catching-up`, `comparing`, `connecting`, or `waiting` where something is in the way.
    pub state: String,
    /// Changes of the graph that may not be there yet; nothing before that is known.
    pub lag_changes: Option<u64>,
    /// Since when not all that was known is there; 0 in step.
    pub lag_s: u64,
    /// Rows written since the CMA started.
    pub rows_written: u64,
    /// Comparisons of everything since then.
    pub comparisons: u64,
    /// What is in the way; empty if nothing is.
    pub error: String,
    /// Since when.
    pub error_ms: u64,
    /// What to do about it.
    pub remedy: String,
}

/// `ringmesh mirror compare`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MirrorCompared {
    /// [`SCHEMA`].
    pub schema: u32,
    /// Where the mirror is.
    pub uri: String,
    /// Both sides hold the same.
    pub same: bool,
    /// Labels, then relations.
    pub rows: Vec<MirrorRows>,
}

/// One label or relation of [`MirrorCompared`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MirrorRows {
    /// Its word.
    pub of: String,
    /// Rows of the graph.
    pub here: u64,
    /// Rows of the mirror.
    pub there: u64,
    /// They are as many, and the sums of their digests are the same.
    pub same: bool,
}

/// `ringmesh mirror resync`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MirrorOrdered {
    /// [`SCHEMA`].
    pub schema: u32,
    /// Where the mirror is.
    pub uri: String,
}

/// The authority's own part of [`Status`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CmaStatus {
    /// Changes when its store starts empty; relays then tell everything again.
    pub epoch: u64,
    /// Seconds since the process started.
    pub uptime_s: u64,
}

/// One relay in [`Status`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RelayStatus {
    /// Its site.
    pub site: String,
    /// Its number.
    pub id: u8,
    /// `connected`, `late` (connected, but it does not speak) or `away`.
    pub state: String,
    /// It is the one that acts.
    pub active: bool,
    /// Milliseconds since it was heard.
    pub lag_ms: u64,
    /// News it has not delivered yet, as it said last.
    pub outbox: u64,
    /// Its term.
    pub term: u32,
    /// Its version.
    pub version: String,
    /// The open incident that says why it is away, with its verdict; both empty where there is none.
    #[serde(default)]
    pub incident: String,
    /// As in [`IncidentDoc`].
    #[serde(default)]
    pub verdict: String,
}

/// Something to look at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WarningDoc {
    /// A stable word for programs.
    pub code: String,
    /// What is wrong.
    pub text: String,
    /// What to do about it.
    pub remedy: String,
}

/// `ringmesh tree`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tree {
    /// [`SCHEMA`].
    pub schema: u32,
    /// Sites, by name.
    pub sites: Vec<SiteDoc>,
    /// The moment it shows.
    #[serde(default)]
    pub at_ms: u64,
}

/// One site.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SiteDoc {
    /// Its name.
    pub id: String,
    /// `up` while its relay speaks; else what was judged: `cut`, `dark`, `dark or cut`, `relay down`, `path fault`,
    /// `unreachable`; else `unknown`.
    pub state: String,
    /// Its relays.
    pub relays: Vec<TreeRelay>,
    /// Its switches, by name.
    pub switches: Vec<SwitchDoc>,
    /// Rings of hosts whose switch is not known.
    pub fallback_rings: Vec<FallbackRingDoc>,
    /// Rings of delegates.
    pub site_rings: Vec<RingDoc>,
    /// Every host, by name, wherever it hangs.
    pub hosts: Vec<HostDoc>,
    /// Its open incidents, the oldest first.
    #[serde(default)]
    pub incidents: Vec<TreeIncident>,
}

/// An incident in the tree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TreeIncident {
    /// Its id.
    pub id: String,
    /// As in [`IncidentDoc`].
    pub verdict: String,
    /// What it is about, in words.
    pub about: String,
}

/// A relay in the tree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TreeRelay {
    /// Its number.
    pub id: u8,
    /// As in [`RelayStatus`].
    pub state: String,
    /// It is the one that acts.
    pub active: bool,
}

/// A switch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SwitchDoc {
    /// Its chassis id.
    pub id: String,
    /// Its system name.
    pub name: String,
    /// `up`, `down`, `cut` or `unknown`.
    pub state: String,
    /// Its ports that a member hangs on.
    pub ports: Vec<PortDoc>,
    /// The rings inside it.
    pub rings: Vec<RingDoc>,
}

/// A port of a switch with the host on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortDoc {
    /// Its port id.
    pub port: String,
    /// The host on it.
    pub host: String,
    /// That host's state, or `no-carrier`.
    pub state: String,
    /// How the attachment is known: `lldp`, `cdp` or `cache`.
    pub evidence: String,
    /// Seconds since the host was first seen on it.
    pub age_s: u64,
    /// The host's own port.
    pub ifname: String,
    /// The bond that port belongs to.
    #[serde(default)]
    pub bond: Option<BondDoc>,
}

/// A bond, seen from one of its ports.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BondDoc {
    /// Its name on the host.
    pub ifname: String,
    /// Its mode, like `active-backup`.
    pub mode: String,
    /// The port carries its traffic.
    pub active: bool,
    /// The system id of the LACP partner on that port; empty without one.
    pub partner_system: String,
}

/// A ring.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RingDoc {
    /// Its L2 domain.
    pub domain: String,
    /// Term and counter, as `term.counter`.
    pub generation: String,
    /// Members in ring order.
    pub members: Vec<String>,
    /// Those who speak for it.
    pub delegates: Vec<String>,
}

/// A ring of hosts that hear no switch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FallbackRingDoc {
    /// What its members share.
    pub key: String,
    /// Why it is no switch ring.
    pub reason: String,
    /// Members in ring order.
    pub members: Vec<String>,
    /// As in [`RingDoc`].
    pub generation: String,
    /// As in [`RingDoc`].
    pub delegates: Vec<String>,
}

/// A host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostDoc {
    /// Its name.
    pub id: String,
    /// `up`, `silent` or `planned`.
    pub state: String,
    /// Since when.
    pub since_ms: u64,
    /// `ephemeral`, `normal` or `critical`.
    pub class: String,
    /// It hangs on two switches or more.
    pub dual_homed: bool,
    /// Its ports.
    pub places: Vec<PlaceDoc>,
}

/// A host's own port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlaceDoc {
    /// Its name there.
    pub ifname: String,
    /// Whether it has carrier.
    pub carrier: bool,
    /// Its addresses, as `address/prefix length`.
    pub addresses: Vec<String>,
    /// The switch behind it, by id; empty where unknown.
    pub switch: String,
    /// The switch's port; empty where unknown.
    pub port: String,
    /// As in [`PortDoc`]; `fallback` where no switch is known.
    pub evidence: String,
    /// Why no switch is known.
    pub reason: String,
    /// The bond it belongs to.
    #[serde(default)]
    pub bond: Option<BondDoc>,
}

/// `ringmesh incidents`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incidents {
    /// [`SCHEMA`].
    pub schema: u32,
    /// Open ones, or all; newest last.
    pub incidents: Vec<IncidentDoc>,
}

/// One incident.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IncidentDoc {
    /// Sixteen hexadecimal digits.
    pub id: String,
    /// Verdicts, sorted and joined by `|`; `Undetermined` where the alternatives have different subjects.
    pub verdict: String,
    /// `open` or `closed`.
    pub state: String,
    /// `page`, `ticket` or `log`.
    pub severity: String,
    /// What broke: the likeliest.
    pub subject: SubjectDoc,
    /// All that the evidence allows, likeliest first.
    pub alternatives: Vec<AlternativeDoc>,
    /// When the silence began.
    pub silent_since_ms: u64,
    /// When it was opened.
    pub opened_ms: u64,
    /// When the first page left.
    pub paged_ms: u64,
    /// When it was closed.
    pub closed_ms: u64,
    /// Its history, oldest first.
    pub revisions: Vec<RevisionDoc>,
    /// Hosts it takes.
    pub behind: Vec<String>,
    /// Who saw it.
    pub witnesses: Vec<String>,
    /// Lines handed on that opened it with severity page.
    pub pages: u32,
    /// The sites its news passed; none, if the authority found it itself.
    pub path: Vec<String>,
    /// Its site.
    pub site: String,
    /// Hosts that no leg reaches any more.
    pub silent: u32,
    /// An opened line was handed on, of whatever severity, and not yet a closed one.
    pub notified: bool,
}

/// What broke.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubjectDoc {
    /// `host`, `switch`, `set`, `relay` or `site`.
    pub kind: String,
    /// Its id, as `ringmesh tree` shows it.
    pub id: String,
    /// What people call it.
    pub name: String,
}

/// One of several possible causes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlternativeDoc {
    /// What it would be.
    pub verdict: String,
    /// Of what.
    pub subject: SubjectDoc,
    /// Its share of the odds.
    pub permille: u16,
}

/// One step of an incident's history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevisionDoc {
    /// When it was made.
    pub at_ms: u64,
    /// What it said.
    pub verdict: String,
    /// Why it differs from the one before.
    pub why: String,
}

/// `ringmesh explain`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explain {
    /// [`SCHEMA`].
    pub schema: u32,
    /// The incident.
    #[serde(flatten)]
    pub incident: IncidentDoc,
    /// What was seen.
    pub seen: Vec<String>,
    /// What it is not, and who says so.
    pub ruled_out: Vec<RuledOutDoc>,
    /// What would tell the alternatives apart.
    pub would_settle: Vec<String>,
}

/// What is not the cause.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuledOutDoc {
    /// What it is not.
    pub what: String,
    /// By which evidence.
    pub by: String,
}

/// One line of `ringmesh events`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventLine {
    /// [`SCHEMA`].
    pub schema: u32,
    /// Rises from event to event, over restarts too; no number is given twice.
    pub number: u64,
    /// When it was taken.
    pub at_ms: u64,
    /// Its site.
    pub site: String,
    /// `host-up`, `host-silent`, `host-planned`, `host-gone`, `switch-up`, `switch-down`, `switch-cut`,
    /// `switch-unknown`, `incident-opened`, `incident-revised`, `incident-closed`, `relay-connected`, `relay-lost`.
    pub kind: String,
    /// What it is about, by its id.
    pub subject: String,
    /// In plain words.
    pub text: String,
}

/// `ringmesh forget`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forgotten {
    /// [`SCHEMA`].
    pub schema: u32,
    /// The host's site.
    pub site: String,
    /// The host.
    pub host: String,
    /// Its relay was told at once; else it will be when it connects.
    pub told: bool,
}

/// `ringmesh store backup`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackedUp {
    /// [`SCHEMA`].
    pub schema: u32,
    /// Where the copy is.
    pub file: String,
    /// Records in it.
    pub records: u64,
    /// Its size.
    pub octets: u64,
}

/// `ringmesh forget --relay`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForgottenRelay {
    /// [`SCHEMA`].
    pub schema: u32,
    /// Its site.
    pub site: String,
    /// Its number there.
    pub relay: u8,
    /// Its site has no other relay: all that was known of the site is forgotten with it.
    pub with_site: bool,
    /// How many open incidents ended with it.
    pub incidents: usize,
}

/// One line that the notifier hands on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageLine {
    /// [`SCHEMA`].
    pub schema: u32,
    /// When it was decided.
    pub at_ms: u64,
    /// `ringmesh/<installation>/<incident>`: the same for every line of one incident, and for one that takes over
    /// where its relay forgot the one before: then the id in it is that of the first.
    pub key: String,
    /// The incident.
    pub incident: String,
    /// `opened` or `closed`.
    pub transition: String,
    /// `page` or `ticket`; of a closed line: the highest that was handed on.
    pub severity: String,
    /// As in [`IncidentDoc`].
    pub verdict: String,
    /// What broke: the likeliest.
    pub subject: SubjectDoc,
    /// One sentence for a small screen.
    pub text: String,
    /// Its site.
    pub site: String,
    /// Why it leaves: `opened`, `severity-rose`, `grown`, `reopened` or `closed`.
    pub reason: String,
}
