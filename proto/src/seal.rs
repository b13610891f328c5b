//! Keys: how each follows from the site secret, and how a datagram is sealed under one.
//!
//! One secret S per site. A probe's key P, the session keys of a probe with a relay and the keys of a link all
//! follow from it by HKDF-SHA256 (RFC 5869); datagrams are sealed with ChaCha20-Poly1305 (RFC 8439). Raw keys
//! are 32 octets and are kept beside the machines, never in them.

use core::fmt;

use ring::{aead, digest, hkdf, hmac};
use ringmesh_topology::id::{Boot, Name, ProbeId};

/// Octets a seal adds.
pub const TAG: usize = 16;

/// 32 octets that open or seal. Never printed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Key(pub [u8; 32]);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}

/// A text that is no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a key is 64 hexadecimal digits")]
pub struct NotAKey;

impl Key {
    /// From 64 hexadecimal digits; white space around them is ignored.
    pub fn from_hex(text: &str) -> Result<Self, NotAKey> {
        let digits = text.trim().as_bytes();
        if digits.len() != 64 {
            return Err(NotAKey);
        }
        let mut octets = [0; 32];
        for (octet, pair) in octets.iter_mut().zip(digits.chunks_exact(2)) {
            let digit = |i: usize| pair.get(i).and_then(|&c| char::from(c).to_digit(16)).ok_or(NotAKey);
            *octet = u8::try_from(digit(0)? * 16 + digit(1)?).map_err(|_| NotAKey)?;
        }
        Ok(Self(octets))
    }

    /// As 64 hexadecimal digits: for the one file or screen it is handed over by.
    pub fn to_hex(&self) -> String {
        self.0.iter().map(|octet| format!("{octet:02x}")).collect()
    }

    /// HKDF with this key as secret and the parts, each with its length before it, as info.
    fn derive(&self, label: &str, parts: &[&[u8]]) -> Self {
        struct Len32;
        impl hkdf::KeyType for Len32 {
            fn len(&self) -> usize {
                32
            }
        }
        let mut info = Vec::with_capacity(128);
        for part in core::iter::once(label.as_bytes()).chain(parts.iter().copied()) {
            info.extend(u16::try_from(part.len()).unwrap_or(u16::MAX).to_be_bytes());
            info.extend(part);
        }
        let mut out = [0; 32];
        let salt = hkdf::Salt::new(hkdf::HKDF_SHA256, b"ringmesh 1");
        let filled = salt.extract(&self.0).expand(&[&info], Len32).and_then(|okm| okm.fill(&mut out));
        // 32 octets is far below the 255 blocks that HKDF can give.
        assert!(filled.is_ok(), "HKDF refused 32 octets");
        Self(out)
    }

    fn aead(&self) -> aead::LessSafeKey {
        let unbound = aead::UnboundKey::new(&aead::CHACHA20_POLY1305, &self.0);
        aead::LessSafeKey::new(unbound.unwrap_or_else(|_| unreachable!("the key has 32 octets")))
    }

    /// Seals `data` in place and appends the tag. `nonce` must never repeat under this key.
    pub(crate) fn seal(&self, nonce: [u8; 12], clear: &[u8], data: &mut Vec<u8>, from: usize) {
        let nonce = aead::Nonce::assume_unique_for_key(nonce);
        let Some(body) = data.get_mut(from..) else { return };
        let tag = self.aead().seal_in_place_separate_tag(nonce, aead::Aad::from(clear), body);
        // Fails only above 256 GiB.
        let tag = tag.unwrap_or_else(|_| unreachable!("a datagram is small"));
        data.extend_from_slice(tag.as_ref());
    }

    /// The tag over `clear` alone: what a heartbeat is sealed with.
    pub(crate) fn tag(&self, nonce: [u8; 12], clear: &[u8]) -> [u8; TAG] {
        let nonce = aead::Nonce::assume_unique_for_key(nonce);
        let tag = self.aead().seal_in_place_separate_tag(nonce, aead::Aad::from(clear), &mut []);
        let tag = tag.unwrap_or_else(|_| unreachable!("nothing is small"));
        let mut octets = [0; TAG];
        octets.copy_from_slice(tag.as_ref());
        octets
    }

    /// Opens `sealed` (body and tag) in place.
    pub(crate) fn open<'b>(
        &self,
        nonce: [u8; 12],
        clear: &[u8],
        sealed: &'b mut [u8],
    ) -> Option<&'b mut [u8]> {
        let nonce = aead::Nonce::assume_unique_for_key(nonce);
        self.aead().open_in_place(nonce, aead::Aad::from(clear), sealed).ok()
    }
}

/// The secret S of a site, held by its relays only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SiteSecret(pub Key);

/// The key P of one probe, held by it and derived by its relays when they need it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeKey(pub Key);

/// Of one session: each direction has its key, and all of it a number. Derived when it is needed: whoever has
/// thousands of sessions and seals seldom in each keeps no key of them.
pub(crate) struct Session<'a> {
    key: &'a ProbeKey,
    boot_p: Boot,
    boot_r: Boot,
}

impl SiteSecret {
    /// The key of a probe.
    pub fn probe_key(&self, probe: ProbeId) -> ProbeKey {
        ProbeKey(self.0.derive("probe", &[&probe.0]))
    }

    /// The key under which `sender` seals beats on one adjacency. Each direction has its own, so a beat cannot be
    /// sent back to where it came from.
    pub(crate) fn link_key(&self, boot_r: Boot, counter: u32, ends: [ProbeId; 2], sender: ProbeId) -> Key {
        let [low, high] = if ends[0] <= ends[1] { ends } else { [ends[1], ends[0]] };
        let link = self.0.derive("link", &[&boot_r.0, &counter.to_be_bytes(), &low.0, &high.0]);
        link.derive("from", &[&sender.0])
    }

    /// The key of one end of a link of the mesh ring; here the secret is the CMA's.
    pub(crate) fn mesh_key(&self, link: u32, sender: &[u8]) -> Key {
        self.0.derive("mesh", &[&link.to_be_bytes()]).derive("from", &[sender])
    }

    /// The key of the cookies of one relay process.
    pub(crate) fn cookie_key(&self, boot_r: Boot) -> Key {
        self.0.derive("cookie", &[&boot_r.0])
    }
}

impl ProbeKey {
    /// Seals the first datagram of a run.
    pub(crate) fn knock_key(&self, boot_p: Boot) -> Key {
        self.0.derive("announce", &[&boot_p.0])
    }

    /// Seals what one relay process answers to it.
    pub(crate) fn hello_key(&self, boot_p: Boot, boot_r: Boot) -> Key {
        self.0.derive("hello", &[&boot_p.0, &boot_r.0])
    }

    /// The session of one probe run with one relay run.
    pub(crate) fn session(&self, boot_p: Boot, boot_r: Boot) -> Session<'_> {
        Session { key: self, boot_p, boot_r }
    }
}

impl Session<'_> {
    /// What it is called in headers.
    pub(crate) fn number(&self) -> u32 {
        let Key([a, b, c, d, ..]) = self.derive(b"number");
        u32::from_be_bytes([a, b, c, d])
    }

    /// The key of what the probe says.
    pub(crate) fn to_relay(&self) -> Key {
        self.derive(b"to relay")
    }

    /// The key of what the relay says.
    pub(crate) fn to_probe(&self) -> Key {
        self.derive(b"to probe")
    }

    fn derive(&self, what: &[u8]) -> Key {
        self.key.0.derive("session", &[&self.boot_p.0, &self.boot_r.0, what])
    }
}

/// The id of a host's probe: it follows from the names, so a key can be made before the host exists.
pub fn probe_id(site: &Name, host: &Name) -> ProbeId {
    let mut context = digest::Context::new(&digest::SHA256);
    for part in ["ringmesh probe", site.as_str(), host.as_str()] {
        context.update(part.as_bytes());
        context.update(&[0]);
    }
    let mut octets = [0; 16];
    octets.copy_from_slice(&context.finish().as_ref()[..16]);
    ProbeId(octets)
}

/// A message authentication code cut to 16 octets.
pub(crate) fn mac(key: &Key, parts: &[&[u8]]) -> [u8; 16] {
    let key = hmac::Key::new(hmac::HMAC_SHA256, &key.0);
    let mut context = hmac::Context::with_key(&key);
    for part in parts {
        context.update(&u16::try_from(part.len()).unwrap_or(u16::MAX).to_be_bytes());
        context.update(part);
    }
    let mut octets = [0; 16];
    octets.copy_from_slice(&context.sign().as_ref()[..16]);
    octets
}

/// Compares without telling by its time where the two differ.
pub(crate) fn same(a: &[u8; 16], b: &[u8; 16]) -> bool {
    a.iter().zip(b).fold(0, |different, (x, y)| different | (x ^ y)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_survives_its_text_and_anything_else_is_refused() {
        let key = Key([0xa5; 32]);
        assert_eq!(Key::from_hex(&format!(" {}\n", key.to_hex())), Ok(key));
        for text in ["", "ab", &"g".repeat(64), &"\u{e9}".repeat(32), &"a".repeat(65)] {
            assert_eq!(Key::from_hex(text), Err(NotAKey), "{text:?}");
        }
    }

    #[test]
    fn each_sender_on_a_link_has_its_own_key_and_both_ends_agree_on_it() {
        let secret = SiteSecret(Key([1; 32]));
        let (a, b) = (ProbeId([2; 16]), ProbeId([3; 16]));
        let key = |ends, sender| secret.link_key(Boot([4; 16]), 7, ends, sender);
        assert_eq!(key([a, b], a), key([b, a], a));
        assert_ne!(key([a, b], a), key([a, b], b));
        assert_ne!(key([a, b], a), secret.link_key(Boot([4; 16]), 8, [a, b], a));
    }

    #[test]
    fn a_debug_print_shows_no_key() {
        assert_eq!(format!("{:?}", SiteSecret(Key([0x5a; 32]))), "SiteSecret(Key(..))");
    }
}
