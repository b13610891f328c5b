//! A 48-bit MAC address.

use core::fmt;

/// A 48-bit MAC address, in transmission order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mac(pub [u8; 6]);

impl Mac {
    /// "Nearest bridge": no bridge of any kind forwards it (802.1AB 7.1). The usual LLDP destination.
    pub const NEAREST_BRIDGE: Self = Self([0x01, 0x80, 0xc2, 0x00, 0x00, 0x0e]);
    /// "Nearest non-TPMR bridge" (802.1AB 7.1).
    pub const NEAREST_NON_TPMR_BRIDGE: Self = Self([0x01, 0x80, 0xc2, 0x00, 0x00, 0x03]);
    /// "Nearest customer bridge" (802.1AB 7.1); also the destination of spanning tree.
    pub const NEAREST_CUSTOMER_BRIDGE: Self = Self([0x01, 0x80, 0xc2, 0x00, 0x00, 0x00]);
    /// Destination of CDP, and of VTP, DTP, PAgP and UDLD beside it.
    pub const CDP: Self = Self([0x01, 0x00, 0x0c, 0xcc, 0xcc, 0xcc]);
    /// Destination of FDP.
    pub const FDP: Self = Self([0x01, 0xe0, 0x52, 0xcc, 0xcc, 0xcc]);
    /// Destination of EDP: a unicast form, so a socket must ask for it.
    pub const EDP: Self = Self([0x00, 0xe0, 0x2b, 0x00, 0x00, 0x00]);
    /// Destination of SONMP hellos.
    pub const SONMP: Self = Self([0x01, 0x00, 0x81, 0x00, 0x01, 0x00]);
    /// Destination of LACP and the other slow protocols.
    pub const SLOW_PROTOCOLS: Self = Self([0x01, 0x80, 0xc2, 0x00, 0x00, 0x02]);

    /// A MAC address written as text: 12 hex digits in groups of 2 or 4 joined by `:`, `-` or `.`, or
    /// all together. `None` for anything else, so that a name is never taken for an address.
    pub fn from_text(text: &[u8]) -> Option<Self> {
        let mut address = [0; 6];
        let (mut digits, mut separators, mut run) = (0, 0, 0);
        for &octet in text {
            if let Some(value) = (octet as char).to_digit(16) {
                let place = address.get_mut(digits / 2)?;
                *place = (*place << 4) | value as u8;
                digits += 1;
                run += 1;
            } else if matches!(octet, b':' | b'-' | b'.') && (run == 2 || run == 4) {
                separators += 1;
                run = 0;
            } else {
                return None;
            }
        }
        let grouped = matches!((separators, run), (0, 12) | (5, 2) | (2, 4));
        (digits == 12 && grouped).then_some(Self(address))
    }

    /// Whether the group bit is set: multicast or broadcast.
    pub fn is_group(self) -> bool {
        self.0[0] & 1 == 1
    }

    /// Whether the address is that of a host's tap whose guest has the other one. Hypervisors give a tap the guest's
    /// address with a first octet of their own, locally administered: `fe:54:00:..` for `52:54:00:..`.
    pub fn is_tap_of(self, guest: Self) -> bool {
        let ([tap, tap_rest @ ..], [own, own_rest @ ..]) = (self.0, guest.0);
        tap & 3 == 2 && tap != own && tap_rest == own_rest
    }

    /// Whether the address is one of LLDP's three group destinations (802.1AB 7.1).
    pub fn is_lldp_group(self) -> bool {
        [Self::NEAREST_BRIDGE, Self::NEAREST_NON_TPMR_BRIDGE, Self::NEAREST_CUSTOMER_BRIDGE].contains(&self)
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl fmt::Debug for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mac_address_is_recognised_in_every_common_spelling_and_a_name_never_is() {
        let mac = Some(Mac([0x00, 0x11, 0x22, 0xaa, 0xbb, 0xcc]));
        let cases: &[(&str, Option<Mac>)] = &[
            ("00:11:22:aa:bb:cc", mac),
            ("00-11-22-AA-BB-CC", mac),
            ("0011.22aa.bbcc", mac),
            ("001122aabbcc", mac),
            ("0011.22aa.bbc", None),
            ("0011.22aa.bbcc.", None),
            ("0011.22:aa:bbcc", None),
            ("00:1122aa:bb:cc:", None),
            ("swp1", None),
            ("", None),
            ("00112233445566", None),
        ];
        for (text, want) in cases {
            assert_eq!(Mac::from_text(text.as_bytes()), *want, "{text}");
        }
    }
}
