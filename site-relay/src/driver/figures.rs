//! What the relay tells about itself in its beat to a CMA.

use std::collections::BTreeMap;

use ringmesh_proto::pb;

use super::Driver;

/// Datagrams by purpose, as they were meant; what the sockets count is theirs.
#[derive(Debug, Default)]
pub(super) struct Figures {
    heard: BTreeMap<&'static str, u64>,
    sent: BTreeMap<&'static str, u64>,
    /// Messages that could not be sealed: no session, or too long.
    pub(super) unsealed: u64,
}

impl Figures {
    pub(super) fn heard(&mut self, purpose: &'static str) {
        *self.heard.entry(purpose).or_default() += 1;
    }

    pub(super) fn sent(&mut self, purpose: &'static str) {
        *self.sent.entry(purpose).or_default() += 1;
    }

    /// The relay's own state at this moment.
    pub(super) fn beat(&self, parts: &Driver) -> pb::RelayBeat {
        let warnings = parts.warnings.iter().map(|warning| pb::Warning {
            code: warning.code.clone(),
            text: warning.text.clone(),
            remedy: warning.remedy.clone(),
        });
        pb::RelayBeat {
            pending: u64::try_from(parts.relay.outbox().pending()).unwrap_or(u64::MAX),
            counters: self.counters(parts),
            warnings: warnings.collect(),
        }
    }

    fn counters(&self, parts: &Driver) -> BTreeMap<String, u64> {
        let (wire, udp, machine) = (parts.wire.counters, parts.udp.counters(), parts.relay.counters());
        let plain = [
            ("truncated", wire.truncated),
            ("foreign", wire.foreign),
            ("martian", wire.martian),
            ("forged", wire.forged),
            ("replayed", wire.replayed),
            ("overtaken", wire.overtaken),
            ("shed", udp.shed),
            ("datagrams_received", udp.received),
            ("datagrams_sent", udp.sent),
            ("datagrams_resent", udp.resent),
            ("datagrams_unsent", udp.unsent),
            ("unsealed", self.unsealed),
            ("strangers", machine.strangers),
            ("suspicions", machine.suspicions),
            ("dismissed", machine.dismissed),
            ("incidents", machine.incidents),
            ("outbox_shed", parts.relay.outbox().shed()),
            ("members", u64::try_from(parts.relay.members()).unwrap_or(u64::MAX)),
        ];
        let plain = plain.into_iter().map(|(name, count)| (name.to_owned(), count));
        let heard = self.heard.iter().map(|(purpose, count)| (format!("heard_{purpose}"), *count));
        let sent = self.sent.iter().map(|(purpose, count)| (format!("sent_{purpose}"), *count));
        plain.chain(heard).chain(sent).collect()
    }
}
