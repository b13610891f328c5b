//! What an authority has to say to its log.

use core::fmt;

use ringmesh_topology::id::IncidentId;

use crate::graph::StoreError;
use crate::incident::{Incident, Taken};
use crate::relay::RelayKey;
use crate::view;

/// What an authority has to say to its log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Say {
    /// A relay is here.
    RelayConnected {
        /// Which.
        relay: RelayKey,
        /// It came with a new outbox: what it told before may not be told again.
        anew: bool,
    },
    /// A relay's stream ended.
    RelayGone(RelayKey),
    /// A relay says nothing any more, though its stream did not end.
    RelaySilent(RelayKey),
    /// An operator said that a relay is gone for good.
    RelayForgotten(RelayKey),
    /// An incident was opened.
    IncidentOpened {
        /// Which.
        id: IncidentId,
        /// What it is said to be.
        verdict: String,
        /// Of what.
        subject: String,
    },
    /// An incident changed.
    IncidentRevised {
        /// Which.
        id: IncidentId,
        /// What it is said to be now.
        verdict: String,
        /// Why.
        why: String,
    },
    /// An incident was closed.
    IncidentClosed {
        /// Which.
        id: IncidentId,
        /// What it was.
        verdict: String,
    },
    /// A relay told of an incident that another site owns. Nothing was taken.
    IncidentForeign {
        /// Which.
        id: IncidentId,
        /// Who told.
        relay: RelayKey,
    },
    /// A news was passed over.
    NewsRefused {
        /// Who told it.
        relay: RelayKey,
        /// Its number.
        sequence: u64,
        /// What is wrong with it.
        why: String,
    },
    /// The store failed; the news was not acknowledged.
    StoreFailed(StoreError),
}

impl fmt::Display for Say {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |relay: &RelayKey| format!("relay {} of site {}", relay.relay.0, relay.site);
        match self {
            Self::RelayConnected { relay, anew: false } => write!(f, "{} connected", name(relay)),
            Self::RelayConnected { relay, anew: true } => {
                write!(f, "{} connected with a new outbox: its state was lost", name(relay))
            }
            Self::RelayGone(relay) => write!(f, "{} went away", name(relay)),
            Self::RelaySilent(relay) => write!(f, "{} is not heard any more", name(relay)),
            Self::RelayForgotten(relay) => write!(f, "{} is forgotten: gone for good", name(relay)),
            Self::IncidentOpened { id, verdict, subject } => write!(f, "{id} opened: {verdict} {subject}"),
            Self::IncidentRevised { id, verdict, why } => write!(f, "{id} is now {verdict}: {why}"),
            Self::IncidentClosed { id, verdict } => write!(f, "{id} closed: {verdict}"),
            Self::IncidentForeign { id, relay } => {
                write!(f, "{} told of incident {id}, which another site owns: refused", name(relay))
            }
            Self::NewsRefused { relay, sequence, why } => {
                write!(f, "news {sequence} of {} was passed over: {why}", name(relay))
            }
            Self::StoreFailed(error) => error.fmt(f),
        }
    }
}

impl Say {
    /// What is said of a revision that was taken.
    pub(super) fn of(taken: Taken, incident: &Incident) -> Self {
        let (id, verdict) = (incident.news.id, incident.verdict());
        if incident.news.closed {
            return Say::IncidentClosed { id, verdict };
        }
        match taken {
            Taken::Opened => {
                Say::IncidentOpened { id, verdict, subject: view::line::subject_words(incident) }
            }
            Taken::Revised | Taken::Known | Taken::Foreign => {
                Say::IncidentRevised { id, verdict, why: incident.news.why.clone() }
            }
        }
    }
}
