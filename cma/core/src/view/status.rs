//! `ringmesh status`.

use std::collections::BTreeMap;

use ringmesh_proto::news::Warning;
use ringmesh_proto::time::Time;

use crate::cma::Cma;
use crate::documents::{CmaStatus, RelayStatus, SCHEMA, Status, WarningDoc};
use crate::graph::{GraphStore, StoreError};
use crate::incident::Incident;
use crate::relay::{Presence, Relay, RelayKey};

/// Counters that are always shown, for zero is news too.
const ALWAYS: [&str; 5] = ["martian", "replayed", "forged", "truncated", "shed"];

impl<G: GraphStore> Cma<G> {
    /// How monitoring itself does. An open incident is no fault of it.
    pub fn status(&self, now: Time) -> Result<Status, StoreError> {
        let relays: Vec<RelayStatus> =
            self.relays.iter().map(|(key, relay)| self.relay_status(now, key, relay)).collect();
        let insecure = self.config.insecure || self.relays.iter().any(|(_, relay)| relay.hello.insecure);
        let all_speak = relays.iter().all(|relay| relay.state == Presence::Connected.word());
        let stats = self.graph.stats()?;
        Ok(Status {
            schema: SCHEMA,
            ok: !relays.is_empty()
                && all_speak
                && self.own_warnings.is_empty()
                && self.store_error.is_none()
                && self.crowded_out().is_none(),
            insecure,
            cma: CmaStatus { epoch: self.identity().epoch, uptime_s: now.since(self.started).as_secs() },
            relays,
            counters: self.counters(),
            warnings: self.warnings(now, insecure),
            incidents_open: self.incidents.open().count(),
            graph_nodes_max: self.config.nodes_max,
            graph: stats.nodes.into_iter().map(|(label, count)| (label.word().to_owned(), count)).collect(),
            mirror: None,
        })
    }

    /// How a relay does: silent is late, however open its stream.
    pub(super) fn presence(&self, now: Time, key: &RelayKey, relay: &Relay) -> Presence {
        match relay.presence(now) {
            Presence::Connected if self.sites.is_silent(key) => Presence::Late,
            presence => presence,
        }
    }

    fn relay_status(&self, now: Time, key: &RelayKey, relay: &Relay) -> RelayStatus {
        let outage = self.outage_of(key);
        RelayStatus {
            site: key.site.to_string(),
            id: key.relay.0,
            state: self.presence(now, key, relay).word().to_owned(),
            active: self.relays.acting(&key.site) == Some(key.relay),
            lag_ms: u64::try_from(now.since(relay.heard_at).as_millis()).unwrap_or(u64::MAX),
            outbox: relay.beat.pending,
            term: relay.hello.term,
            version: relay.hello.version.clone(),
            incident: outage.map_or_else(String::new, |incident| incident.news.id.to_string()),
            verdict: outage.map_or_else(String::new, Incident::verdict),
        }
    }

    fn outage_of(&self, key: &RelayKey) -> Option<&Incident> {
        self.incidents.get(self.sites.outage_of(key)?)
    }

    fn counters(&self) -> BTreeMap<String, u64> {
        let mut sums: BTreeMap<String, u64> = ALWAYS.iter().map(|name| ((*name).to_owned(), 0)).collect();
        for (name, count) in self.relays.iter().flat_map(|(_, relay)| &relay.beat.counters) {
            let sum = sums.entry(name.clone()).or_default();
            *sum = sum.saturating_add(*count);
        }
        sums
    }

    fn warnings(&self, now: Time, insecure: bool) -> Vec<WarningDoc> {
        let mut warnings = Vec::new();
        if insecure {
            warnings.push(warning(
                "insecure",
                "relays and the CMA speak plain text: whoever reaches the port can tell lies",
                "give [tls] ca, cert and key in cma.toml and relay.toml and take out insecure = true",
            ));
        }
        if !self.config.notifies {
            warnings.push(warning(
                "nobody-told",
                "no pager is configured: incidents are kept and shown, and nobody is told",
                "give [notify] file or command in cma.toml",
            ));
        }
        if self.relays.iter().next().is_none() {
            warnings.push(warning(
                "no-relay",
                "no relay has connected since this CMA started: nothing is monitored that it knows of",
                "check `cma` in relay.toml and that its port is open, then the relay's log",
            ));
        }
        if let Some(hosts) = self.crowded_out() {
            let most = self.config.nodes_max;
            warnings.push(warning(
                "graph-full",
                &format!(
                    "the graph has no room for more than {most} nodes, and took no new hosts: {hosts}; they are watched, and incidents about them are told"
                ),
                "give a higher graph.nodes_max in cma.toml if the memory is there (512 octets a node) and restart, or forget hosts",
            ));
        }
        if let Some(error) = &self.store_error {
            warnings.push(warning(
                "store-failed",
                &error.to_string(),
                "relays keep their news until it works again",
            ));
        }
        warnings.extend(self.own_warnings.iter().map(|own| of("", own)));
        for (key, relay) in self.relays.iter() {
            self.warnings_of(now, key, relay, &mut warnings);
        }
        warnings
    }

    fn warnings_of(&self, now: Time, key: &RelayKey, relay: &Relay, warnings: &mut Vec<WarningDoc>) {
        let name = format!("relay {} of site {}", key.relay.0, key.site);
        let silent = crate::calendar::span(now.since(relay.heard_at).as_secs());
        let judged =
            self.outage_of(key).map_or_else(String::new, |incident| format!(" ({})", incident.verdict()));
        match self.presence(now, key, relay) {
            Presence::Connected => {}
            Presence::Late => warnings.push(warning(
                "relay-late",
                &format!("{name} is connected and said nothing for {silent}{judged}"),
                "look at its log and at the load of its host",
            )),
            Presence::Away => warnings.push(warning(
                "relay-away",
                &format!(
                    "{name} has been away for {silent}{judged}; what is shown of its site is from before"
                ),
                "the site goes on judging by itself; check that the relay runs and reaches this CMA",
            )),
        }
        let unconfirmed = self.unconfirmed(key, relay);
        if unconfirmed > 0 {
            warnings.push(warning(
                "relay-anew",
                &format!("{name} came back without its state: {unconfirmed} open incidents are from before"),
                "one closes by itself once all its hosts are up; compare the others with `ringmesh tree`",
            ));
        }
        if relay.refused > 0 {
            warnings.push(warning(
                "news-refused",
                &format!(
                    "{} news of {name} were passed over, the last because {}",
                    relay.refused, relay.refused_why
                ),
                "run the same version of relay and CMA; the log has each",
            ));
        }
        warnings.extend(relay.beat.warnings.iter().map(|said| of(&format!("{name}: "), said)));
    }

    /// Open incidents that this relay told from an outbox it does not have any more.
    fn unconfirmed(&self, key: &RelayKey, relay: &Relay) -> usize {
        let own = |source: &crate::graph::Source| source.site == key.site && source.relay == key.relay;
        let open = self.incidents.open().map(|incident| &incident.source);
        open.filter(|source| own(source) && source.outbox != relay.hello.outbox).count()
    }
}

fn warning(code: &str, text: &str, remedy: &str) -> WarningDoc {
    WarningDoc { code: code.to_owned(), text: text.to_owned(), remedy: remedy.to_owned() }
}

fn of(who: &str, said: &Warning) -> WarningDoc {
    warning(&said.code, &format!("{who}{}", said.text), &said.remedy)
}
