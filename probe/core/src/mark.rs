//! One number for what was said last: enough to see whether it is something else now, in eight octets.
//!
//! FNV-1a, and so no proof against forgery: where two things have one mark, a change between them is not seen. Only
//! what may be said once too rarely is kept so: lines of the log, and what is remembered over a restart.

use core::hash::{Hash, Hasher};

/// The mark of something.
pub(crate) fn mark(of: &impl Hash) -> u64 {
    let mut hasher = Fnv(0xcbf2_9ce4_8422_2325);
    of.hash(&mut hasher);
    hasher.finish()
}

struct Fnv(u64);

impl Hasher for Fnv {
    fn write(&mut self, octets: &[u8]) {
        for octet in octets {
            self.0 = (self.0 ^ u64::from(*octet)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_in_anything_has_another_mark() {
        let all = [("ab", "c"), ("a", "bc"), ("", "abc"), ("abc", ""), ("ab", "d")];
        let marks: std::collections::BTreeSet<u64> = all.iter().map(mark).collect();
        assert_eq!(marks.len(), all.len());
        assert_eq!(mark(&("ab", "c")), mark(&(String::from("ab"), "c")));
    }
}
