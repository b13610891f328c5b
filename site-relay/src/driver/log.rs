//! The machine's notes as log lines.

use ringmesh_relay_core::Note;

pub(super) fn say(note: &Note) {
    match note {
        Note::Joined(host) => tracing::info!(%host, "joined"),
        Note::Left(host) => tracing::info!(%host, "said goodbye"),
        Note::RingCut { ring, members } => tracing::info!(ring, members, "ring cut"),
        Note::CaseOpened(host) => tracing::info!(%host, "being checked"),
        Note::CaseDismissed(host) => tracing::info!(%host, "checked: it lives"),
        Note::Incident { verdict, subject, why, closed: false } => {
            tracing::warn!(?verdict, subject, why, "incident");
        }
        Note::Incident { verdict, subject, why, closed: true } => {
            tracing::info!(?verdict, subject, why, "incident closed");
        }
    }
}
