//! An echo in octets (RFC 792, RFC 4443).

use std::net::IpAddr;

use socket2::SockFilter;

/// Octets of the token that an answer brings back.
pub(super) const TOKEN: usize = 16;
/// Type, code, checksum, identifier, sequence.
const HEADER: usize = 8;

const REQUEST: u8 = 8;
const REPLY: u8 = 0;
const REQUEST_V6: u8 = 128;
const REPLY_V6: u8 = 129;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    V4,
    V6,
}

impl Family {
    pub(super) fn of(address: IpAddr) -> Self {
        if address.is_ipv4() { Self::V4 } else { Self::V6 }
    }

    fn reply(self) -> u8 {
        match self {
            Self::V4 => REPLY,
            Self::V6 => REPLY_V6,
        }
    }
}

/// A request or its reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Echo {
    pub(super) ident: u16,
    pub(super) sequence: u16,
    pub(super) token: [u8; TOKEN],
}

impl Echo {
    /// As it is sent. Under IPv6 the kernel fills in the checksum, which covers addresses.
    pub(super) fn request(&self, family: Family) -> [u8; HEADER + TOKEN] {
        let mut octets = [0; HEADER + TOKEN];
        octets[4..6].copy_from_slice(&self.ident.to_be_bytes());
        octets[6..8].copy_from_slice(&self.sequence.to_be_bytes());
        octets[HEADER..].copy_from_slice(&self.token);
        match family {
            Family::V4 => {
                octets[0] = REQUEST;
                let sum = checksum(&octets);
                octets[2..4].copy_from_slice(&sum.to_be_bytes());
            }
            Family::V6 => octets[0] = REQUEST_V6,
        }
        octets
    }

    /// From what a raw socket of that family gives: IPv4 with its header, IPv6 without.
    pub(super) fn reply(family: Family, octets: &[u8]) -> Option<Self> {
        let message = match family {
            Family::V4 => octets.get(usize::from(octets.first()? & 0xf) * 4..)?,
            Family::V6 => octets,
        };
        let &[kind, 0, _, _, i0, i1, s0, s1, ref payload @ ..] = message else { return None };
        let token = payload.try_into().ok().filter(|_| kind == family.reply())?;
        Some(Self { ident: u16::from_be_bytes([i0, i1]), sequence: u16::from_be_bytes([s0, s1]), token })
    }
}

/// RFC 1071: the complement of the one's complement sum of all 16-bit words; 0 over a message that holds its own.
fn checksum(octets: &[u8]) -> u16 {
    let words = octets.chunks(2).map(|word| u32::from(word[0]) << 8 | u32::from(*word.get(1).unwrap_or(&0)));
    let sum: u32 = words.sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    let folded = (folded & 0xffff) + (folded >> 16);
    u16::try_from(folded).map_or(0, |folded| !folded)
}

/// Lets through what is a reply with our identifier, so that a host that is pinged a lot does not wake the relay.
pub(super) fn filter(family: Family, ident: u16) -> [SockFilter; 7] {
    use libc::{BPF_B, BPF_H, BPF_IMM, BPF_IND, BPF_JEQ, BPF_JMP, BPF_K, BPF_LD, BPF_LDX, BPF_MSH, BPF_RET};
    let code = |parts: &[u32]| parts.iter().fold(0, |code, part| code | u16::try_from(*part).unwrap_or(0));
    // X becomes the length of the IP header that stands before the message.
    let length = match family {
        Family::V4 => code(&[BPF_LDX, BPF_B, BPF_MSH]),
        Family::V6 => code(&[BPF_LDX, BPF_IMM]),
    };
    let is = code(&[BPF_JMP, BPF_JEQ, BPF_K]);
    let done = code(&[BPF_RET, BPF_K]);
    [
        SockFilter::new(length, 0, 0, 0),
        SockFilter::new(code(&[BPF_LD, BPF_B, BPF_IND]), 0, 0, 0),
        SockFilter::new(is, 0, 3, u32::from(family.reply())),
        SockFilter::new(code(&[BPF_LD, BPF_H, BPF_IND]), 0, 0, 4),
        SockFilter::new(is, 0, 1, u32::from(ident)),
        SockFilter::new(done, 0, 0, u32::MAX),
        SockFilter::new(done, 0, 0, 0),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    const ECHO: Echo = Echo { ident: 0x1234, sequence: 7, token: [0xab; TOKEN] };

    fn reply(family: Family) -> Vec<u8> {
        let mut message = ECHO.request(family).to_vec();
        message[0] = family.reply();
        match family {
            Family::V4 => [&[0x46; 24][..], &message].concat(),
            Family::V6 => message,
        }
    }

    #[test]
    fn a_reply_is_read_in_both_families_and_a_request_is_none() {
        for family in [Family::V4, Family::V6] {
            let sound = reply(family);
            assert_eq!(Echo::reply(family, &sound), Some(ECHO));
            for length in 0..sound.len() {
                assert_eq!(Echo::reply(family, &sound[..length]), None, "{family:?} cut to {length}");
            }
            assert_eq!(Echo::reply(family, &[&sound[..], &[0]].concat()), None);
            let mut request = sound.clone();
            request[sound.len() - HEADER - TOKEN] = 8;
            assert_eq!(Echo::reply(family, &request), None);
        }
    }

    #[test]
    fn the_checksum_is_that_of_rfc_1071() {
        // The example of RFC 1071, section 3: the sum is ddf2.
        assert_eq!(checksum(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]), !0xddf2);
        assert_eq!(checksum(&ECHO.request(Family::V4)), 0, "over a message with its checksum");
        assert_eq!(checksum(&[0xff; 64]), 0);
        assert_eq!(checksum(&[0x01]), !0x0100, "an odd octet is the high half of a word");
    }
}
