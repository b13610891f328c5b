//! A borrowed CDP announcement with a sound header. Allocates nothing.

use crate::octets::{be16, part, rest};
use crate::{DefectKind, Reject};

/// One TLV as it lies in the announcement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CdpTlv<'a> {
    /// Type.
    pub kind: u16,
    /// Contents, without the four octets of type and length.
    pub value: &'a [u8],
}

/// Walks TLVs whose length covers their own header, as CDP and FDP have them. What stops the walk
/// early comes out as the last item, an error.
#[derive(Clone, Debug)]
pub struct CdpTlvs<'a> {
    left: &'a [u8],
}

impl<'a> CdpTlvs<'a> {
    pub(crate) fn new(left: &'a [u8]) -> Self {
        Self { left }
    }

    fn step(&self) -> Result<(CdpTlv<'a>, usize), DefectKind> {
        let kind = be16(self.left, 0).ok_or(DefectKind::Overrun)?;
        let length = usize::from(be16(self.left, 2).ok_or(DefectKind::Overrun)?);
        let contents = length.checked_sub(4).ok_or(DefectKind::Length)?;
        let value = part(self.left, 4, contents).ok_or(DefectKind::Overrun)?;
        Ok((CdpTlv { kind, value }, length))
    }
}

impl<'a> Iterator for CdpTlvs<'a> {
    type Item = Result<CdpTlv<'a>, DefectKind>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.left.is_empty() {
            return None;
        }
        let item = self.step();
        // A broken length leaves no way to find the next TLV.
        self.left = item.map_or(&[], |(_, length)| rest(self.left, length));
        Some(item.map(|(tlv, _)| tlv))
    }
}

/// A CDP announcement whose header is there and whose version is known.
#[derive(Clone, Copy, Debug)]
pub struct CdpView<'a> {
    /// 1 or 2.
    pub version: u8,
    /// Seconds to believe this announcement.
    pub ttl_s: u8,
    /// Whether the checksum is right, in either way of treating an odd last octet.
    pub checksum_ok: bool,
    body: &'a [u8],
}

impl<'a> CdpView<'a> {
    /// Checks the octets after the SNAP header, cut to the 802.3 length.
    pub fn checked(announcement: &'a [u8]) -> Result<Self, Reject> {
        let view = Self::of_any_version(announcement)?;
        if !matches!(view.version, 1 | 2) {
            return Err(Reject::Version);
        }
        Ok(view)
    }

    /// As [`CdpView::checked`], whatever the version: for showing what was refused.
    pub(crate) fn of_any_version(announcement: &'a [u8]) -> Result<Self, Reject> {
        let &[version, ttl_s, _, _, ..] = announcement else {
            return Err(Reject::Truncated);
        };
        Ok(Self { version, ttl_s, checksum_ok: checksum_ok(announcement), body: rest(announcement, 4) })
    }

    /// All TLVs, up to the end or to what broke the list.
    pub fn tlvs(&self) -> CdpTlvs<'a> {
        CdpTlvs::new(self.body)
    }
}

/// The Internet checksum. An odd last octet is the low octet of a last word, and the original
/// implementation adds it *signed*, so from 0x80 on it borrows; others pad it like RFC 1071. All three
/// are seen in the field.
fn checksum_ok(announcement: &[u8]) -> bool {
    let (words, odd) = announcement.as_chunks::<2>();
    let sum: u64 = words.iter().map(|word| u64::from(u16::from_be_bytes(*word))).sum();
    let Some(&last) = odd.first() else {
        return folds_to_ones(sum);
    };
    [signed(last), u64::from(last), u64::from(last) << 8].into_iter().any(|tail| folds_to_ones(sum + tail))
}

/// An octet sign-extended to 16 bits, as ones' complement sums it: -1 is 0xfffe there, not 0xffff.
fn signed(octet: u8) -> u64 {
    if octet < 0x80 { u64::from(octet) } else { 0xff00 + u64::from(octet) - 1 }
}

fn folds_to_ones(sum: u64) -> bool {
    sum != 0 && sum.is_multiple_of(0xffff)
}

/// The checksum to send: zero complement sum with the original treatment of an odd last octet.
pub(crate) fn checksum(announcement: &[u8]) -> u16 {
    let (words, odd) = announcement.as_chunks::<2>();
    let mut sum: u64 = words.iter().map(|word| u64::from(u16::from_be_bytes(*word))).sum();
    sum += odd.first().map_or(0, |&last| signed(last));
    while sum > 0xffff {
        sum = (sum >> 16) + (sum & 0xffff);
    }
    !(sum as u16)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn a_high_odd_last_octet_borrows_as_it_does_in_recorded_frames() {
        // 0x02b4 + 0x0009 + 0x0005 - 0x64 in ones' complement is 0x025e; its complement is the sum.
        let octets = [2, 180, 0xfd, 0xa1, 0, 9, 0, 5, 0x9c];
        assert!(CdpView::checked(&octets).is_ok_and(|view| view.checksum_ok));
        assert_eq!(checksum(&[2, 180, 0, 0, 0, 9, 0, 5, 0x9c]), 0xfda1);
    }

    #[test]
    fn an_odd_last_octet_is_summed_as_the_original_does_and_the_plain_way_passes_too() {
        for last in [0x00_u8, 0x61, 0x7f, 0x80, 0xfe, 0xff] {
            let mut octets: Vec<u8> = [2, 180, 0, 0, 0, 9, 0, 8, b'a', b'b', b'c'].into();
            octets.push(last);
            octets.remove(8);
            let sum = checksum(&octets).to_be_bytes();
            octets[2..4].copy_from_slice(&sum);
            assert!(CdpView::checked(&octets).is_ok_and(|view| view.checksum_ok), "{last:#x}");
            octets[9] ^= 1;
            assert!(CdpView::checked(&octets).is_ok_and(|view| !view.checksum_ok), "{last:#x}");
        }
    }
}
