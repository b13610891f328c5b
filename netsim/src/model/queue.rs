//! What will happen, in order of time; of one moment, in the order it was put here.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use ringmesh_proto::time::Time;

use super::host::Datagram;
use super::network::Place;
use super::stream::Side;
use super::uplink::Step;

/// Something that will happen.
pub(super) enum Due {
    Arrive(Datagram),
    /// A kernel refuses what was sent to a port nobody listens at.
    Refused {
        to: Place,
        peer: SocketAddr,
    },
    /// A kernel answered an echo of the relay of a site.
    Echo {
        site: usize,
        from: IpAddr,
    },
    Announce {
        switch: usize,
    },
    Start {
        host: usize,
    },
    HostDeadline {
        host: usize,
    },
    StartRelay {
        site: usize,
    },
    RelayDeadline {
        site: usize,
    },
    /// Of one run of a relay: what it wrote is kept.
    RelayCommit {
        site: usize,
        run: u32,
    },
    /// Of one attempt of a relay to have a stream to the CMA.
    Uplink {
        site: usize,
        attempt: u64,
        step: Step,
    },
    CmaDeadline,
    /// Of one run of the CMA: what it wrote is kept.
    CmaCommit {
        run: u32,
    },
    /// Of one run of the CMA: whoever brings lines to people took one over.
    HandedOn {
        run: u32,
        page: u64,
    },
    /// A segment leaves once more.
    Send {
        stream: u64,
        from: Side,
        number: u64,
    },
    /// What has come over a stream is read.
    Read {
        stream: u64,
        from: Side,
    },
    /// A host that knows nothing of a stream said so to that end.
    Reset {
        stream: u64,
        to: Side,
    },
    /// An end looks whether it heard something of the other.
    Watch {
        stream: u64,
        side: Side,
    },
}

impl Due {
    /// What it is, and whose.
    pub(super) fn words(&self) -> String {
        let word = self.word();
        match self {
            Self::Arrive(datagram) => format!("{word} {} -> {}", datagram.from, datagram.to),
            Self::Refused { peer, .. } => format!("{word} from {peer}"),
            Self::Echo { from, .. } => format!("{word} from {from}"),
            Self::Announce { switch } => format!("{word} of sw{}", switch + 1),
            Self::Start { host } | Self::HostDeadline { host } => format!("{word}, h{}", host + 1),
            Self::StartRelay { site }
            | Self::RelayDeadline { site }
            | Self::RelayCommit { site, .. }
            | Self::Uplink { site, .. } => format!("{word}, site {}", site + 1),
            Self::Send { stream, .. }
            | Self::Read { stream, .. }
            | Self::Reset { stream, .. }
            | Self::Watch { stream, .. } => format!("{word}, stream {stream}"),
            Self::CmaDeadline | Self::CmaCommit { .. } | Self::HandedOn { .. } => word.to_owned(),
        }
    }

    pub(super) fn word(&self) -> &'static str {
        match self {
            Self::Arrive(_) => "datagram",
            Self::Refused { .. } => "refusal",
            Self::Echo { .. } => "echo",
            Self::Announce { .. } => "announcement",
            Self::Start { .. } => "start of a probe",
            Self::HostDeadline { .. } => "deadline of a probe",
            Self::StartRelay { .. } => "start of a relay",
            Self::RelayDeadline { .. } => "deadline of a relay",
            Self::RelayCommit { .. } => "commit of a relay",
            Self::Uplink { .. } => "uplink",
            Self::CmaDeadline => "deadline of the CMA",
            Self::CmaCommit { .. } => "commit of the CMA",
            Self::HandedOn { .. } => "line taken over",
            Self::Send { .. } => "segment to be sent",
            Self::Read { .. } => "segment to be read",
            Self::Reset { .. } => "reset",
            Self::Watch { .. } => "keep-alive",
        }
    }
}

/// Everything that is due.
#[derive(Default)]
pub(super) struct Queue {
    due: BTreeMap<(Time, u64), Due>,
    order: u64,
}

impl Queue {
    pub(super) fn put(&mut self, when: Time, due: Due) {
        self.order += 1;
        self.due.insert((when, self.order), due);
    }

    /// The next thing, if it is due by then.
    pub(super) fn take(&mut self, end: Time) -> Option<(Time, Due)> {
        let entry = self.due.first_entry().filter(|entry| entry.key().0 <= end)?;
        let ((at, _), due) = entry.remove_entry();
        Some((at, due))
    }
}
