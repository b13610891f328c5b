//! What the machine says, as lines of the log.

use ringmesh_probe_core::Note;

/// Writes one note. State changes are INFO; WARN is what somebody should look at.
pub(super) fn write(note: &Note) {
    match note {
        Note::State { from, to } => tracing::info!(from = from.word(), to = to.word(), "state"),
        Note::Relay { address } => tracing::info!(%address, "relay"),
        Note::Assigned { generation, links } => {
            tracing::info!(term = generation.term, counter = generation.counter, links, "assigned");
        }
        Note::Applied { generation } => {
            tracing::info!(term = generation.term, counter = generation.counter, "applied")
        }
        Note::Suspected { link, peer, cause, last_heard } => {
            tracing::info!(link = link.0, %peer, ?cause, ?last_heard, "neighbour suspected");
        }
        Note::HeardAgain { link, peer } => tracing::info!(link = link.0, %peer, "neighbour heard again"),
        Note::Carrier { ifname, up } => tracing::info!(port = %ifname, up, "carrier"),
        Note::Attached { ifname, to, evidence, reason } => {
            tracing::info!(port = %ifname, %to, evidence, %reason, "attached")
        }
        Note::Late { by, starved: true } => {
            tracing::warn!(?by, "this host lets the probe wait: its witness counts less")
        }
        Note::Late { by, starved: false } => tracing::debug!(?by, "woke late"),
    }
}
