//! What a probe is told before it starts.

use core::net::SocketAddr;

use ringmesh_proto::time::Duration;
use ringmesh_topology::id::{HostBoot, MacAddress, Name, ProbeId};
use ringmesh_topology::place::Attachment;

/// The settings of one probe, checked by the shell.
#[derive(Clone, Debug)]
pub struct Config {
    /// The host's name, unique within its site.
    pub name: Name,
    /// The probe, for good.
    pub probe: ProbeId,
    /// The relays to turn to, best first; at most four are used. Empty: found by multicast.
    pub relays: Vec<SocketAddr>,
    /// The kernel's boot id.
    pub host_boot: HostBoot,
    /// Where all randomness of this run comes from. Any number; a fresh one for each run is best.
    pub seed: u64,
    /// What the ports hung on when [`crate::Action::Remember`] was carried out last. May be empty.
    pub cache: Vec<CachedAttachment>,
}

/// What one port hung on, as it is kept on disk: ages and wall time, never a machine's `Time`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CachedAttachment {
    /// The port's name. With `mac` it recognises the port: the kernel's numbers change over a reboot.
    pub ifname: Box<str>,
    /// The port's address.
    pub mac: MacAddress,
    /// The switch and its port; `evidence` as it was when the switch was heard.
    pub attachment: Attachment,
    /// How long the switch asked to be believed. From disk it is believed that long from the start, provisionally.
    pub ttl: Duration,
    /// Age of the last announcement when this was saved.
    pub age: Duration,
    /// Wall time of saving, milliseconds since 1970; 0 if unknown. For display only.
    pub saved_unix_ms: u64,
}
