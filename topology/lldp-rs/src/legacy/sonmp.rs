//! SynOptics Network Management Protocol (Nortel's "NDP").

use core::net::Ipv4Addr;

use crate::Reject;
use crate::octets::array;

/// What a SONMP hello said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sonmp {
    /// The device's management address; the identity.
    pub address: Ipv4Addr,
    /// The port that sent this: slot and port in a way each product line has of its own.
    pub segment: [u8; 3],
    /// Product number of the chassis.
    pub chassis_type: u8,
}

impl Sonmp {
    /// SONMP carries no TTL; hellos come much more often than this.
    pub const TTL_S: u16 = 180;

    /// Decodes the octets after the SNAP header.
    pub fn decode(octets: &[u8]) -> Result<Self, Reject> {
        let sonmp = Self::of_anybody(octets)?;
        if sonmp.address == Ipv4Addr::UNSPECIFIED {
            return Err(Reject::NoIdentity);
        }
        Ok(sonmp)
    }

    /// As [`Sonmp::decode`], whoever sent it: for showing what was refused.
    pub(crate) fn of_anybody(octets: &[u8]) -> Result<Self, Reject> {
        let address = array::<4>(octets, 0).ok_or(Reject::Truncated)?.into();
        let segment = array(octets, 4).ok_or(Reject::Truncated)?;
        let chassis_type = *octets.get(7).ok_or(Reject::Truncated)?;
        Ok(Self { address, segment, chassis_type })
    }
}
