//! Link Aggregation Control Protocol (IEEE 802.1AX).

use crate::link::Payload;
use crate::octets::{array, be16, part};
use crate::{Link, Mac, Reject};

const SLOW_PROTOCOLS: u16 = 0x8809;
const LACP: u8 = 1;
const ACTOR: [u8; 2] = [1, 20];
const PARTNER: [u8; 2] = [2, 20];

/// One LACPDU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lacp {
    /// The port that sent it.
    pub source: Mac,
    /// The sender about itself.
    pub actor: LacpParty,
    /// The sender about its partner, so about us; zero when it has heard nobody.
    pub partner: LacpParty,
}

/// One end of a link that may be aggregated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LacpParty {
    /// Lower wins.
    pub system_priority: u16,
    /// The system. Switches that form one aggregate together send the same one.
    pub system: Mac,
    /// Links of one system with one key may be aggregated.
    pub key: u16,
    /// Lower wins.
    pub port_priority: u16,
    /// Number of the port in its system.
    pub port: u16,
    /// State flags.
    pub state: LacpState,
}

/// LACP's state octet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LacpState(pub u8);

impl LacpState {
    /// Sends without being asked.
    pub fn is_active(self) -> bool {
        self.0 & 1 != 0
    }

    /// Wants a frame each second instead of each 30 s.
    pub fn is_short_timeout(self) -> bool {
        self.0 & 2 != 0
    }

    /// The link is in step with its aggregate.
    pub fn is_in_sync(self) -> bool {
        self.0 & 8 != 0
    }

    /// Data passes in both directions: collecting and distributing.
    pub fn carries_data(self) -> bool {
        self.0 & 0x30 == 0x30
    }

    /// The sender works with defaults: it has not heard its partner.
    pub fn is_defaulted(self) -> bool {
        self.0 & 0x40 != 0
    }
}

impl Lacp {
    /// Decodes a frame.
    ///
    /// # Errors
    /// [`Reject::Foreign`] for everything but LACP; [`Reject::Destination`] and [`Reject::Truncated`] as
    /// they say.
    pub fn decode(frame: &[u8]) -> Result<Self, Reject> {
        let link = Link::checked(frame)?;
        if link.payload != Payload::EtherType(SLOW_PROTOCOLS) || link.body.first() != Some(&LACP) {
            return Err(Reject::Foreign);
        }
        if link.destination != Mac::SLOW_PROTOCOLS {
            return Err(Reject::Destination);
        }
        // After subtype and version: type, length and 18 octets for each party.
        let actor = party(link.body, 2, ACTOR).ok_or(Reject::Truncated)?;
        let partner = party(link.body, 22, PARTNER).ok_or(Reject::Truncated)?;
        Ok(Self { source: link.source, actor, partner })
    }
}

fn party(body: &[u8], at: usize, header: [u8; 2]) -> Option<LacpParty> {
    let information = part(body, at, 20).filter(|information| information.starts_with(&header))?;
    Some(LacpParty {
        system_priority: be16(information, 2)?,
        system: Mac(array(information, 4)?),
        key: be16(information, 10)?,
        port_priority: be16(information, 12)?,
        port: be16(information, 14)?,
        state: LacpState(*information.get(16)?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    fn frame() -> Vec<u8> {
        let mut frame = [&Mac::SLOW_PROTOCOLS.0[..], &[2, 0, 0, 0, 0, 1], &[0x88, 0x09, 1, 1]].concat();
        frame.extend([1, 20, 0x80, 0x00, 2, 0, 0, 0, 0, 9, 0, 7, 0, 1, 0, 3, 0x3d, 0, 0, 0]);
        frame.extend([2, 20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x02, 0, 0, 0]);
        frame.extend([3, 16, 0, 0]);
        frame.resize(124, 0);
        frame
    }

    #[test]
    fn lacp_names_its_system_and_whether_data_passes() {
        let lacp = Lacp::decode(&frame()).expect("sound");
        assert_eq!(lacp.actor.system, Mac([2, 0, 0, 0, 0, 9]));
        assert_eq!((lacp.actor.system_priority, lacp.actor.key, lacp.actor.port), (0x8000, 7, 3));
        assert!(lacp.actor.state.carries_data() && lacp.actor.state.is_active());
        assert!(!LacpState(0x10).carries_data(), "collecting alone");
        assert!(!lacp.partner.state.carries_data() && lacp.partner.state.is_short_timeout());
    }

    #[test]
    fn every_cut_lacp_frame_is_refused() {
        let whole = frame();
        for end in 0..(14 + 42) {
            assert!(Lacp::decode(&whole[..end]).is_err(), "{end} octets");
        }
        let changed = |at: usize| {
            let mut frame = whole.clone();
            frame[at] ^= 0x40;
            Lacp::decode(&frame)
        };
        assert_eq!(changed(5), Err(Reject::Destination));
        assert_eq!(changed(13), Err(Reject::Foreign));
        assert_eq!(changed(16), Err(Reject::Truncated));
    }
}
