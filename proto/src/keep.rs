//! What a machine must find again after it was killed.
//!
//! A core says which records change; its shell writes them down in order, whole batches or none, and hands all of
//! them back at the next start. What a record means is the core's business alone: a shell sees octets, and so does
//! a simulator, which can kill a machine at any moment.
//!
//! A key begins with one octet that tells the kind of record, then the thing; keys of one kind sort together.
//! Values have no version of their own: the file has one.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// One change of what is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Keep {
    /// A record is so.
    Put {
        /// Which.
        key: Vec<u8>,
        /// What it says.
        value: Vec<u8>,
    },
    /// A record is no more.
    Drop {
        /// Which.
        key: Vec<u8>,
    },
}

/// A record that cannot be read: damaged, or written by another version.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a record of kind {kind:#04x} cannot be read: {why}")]
pub struct Unreadable {
    /// The first octet of its key.
    pub kind: u8,
    /// What is wrong with it.
    pub why: String,
}

impl Keep {
    /// A record of a kind about a thing.
    pub fn put<K: Serialize + ?Sized, V: Serialize + ?Sized>(kind: u8, thing: &K, value: &V) -> Self {
        Self::Put { key: key(kind, thing), value: octets(value) }
    }

    /// The end of a record.
    pub fn drop<K: Serialize + ?Sized>(kind: u8, thing: &K) -> Self {
        Self::Drop { key: key(kind, thing) }
    }

    /// The key of the record that changes.
    pub fn key(&self) -> &[u8] {
        match self {
            Self::Put { key, .. } | Self::Drop { key } => key,
        }
    }
}

/// The key of a record.
pub fn key<K: Serialize + ?Sized>(kind: u8, thing: &K) -> Vec<u8> {
    let mut key = vec![kind];
    key.extend(octets(thing));
    key
}

/// The kind of a record and the octets that name its thing; `None` for an empty key.
pub fn split(key: &[u8]) -> Option<(u8, &[u8])> {
    let (kind, thing) = key.split_first()?;
    Some((*kind, thing))
}

/// Reads a value, or the thing of a key, of a record of that kind. All octets must be used up.
pub fn read<T: DeserializeOwned>(kind: u8, octets: &[u8]) -> Result<T, Unreadable> {
    match postcard::take_from_bytes(octets) {
        Ok((value, [])) => Ok(value),
        Ok((_, rest)) => Err(Unreadable { kind, why: format!("{} octets too many", rest.len()) }),
        Err(error) => Err(Unreadable { kind, why: error.to_string() }),
    }
}

/// Numbers within keys are written so that they sort by size.
pub fn sortable(number: u64) -> [u8; 8] {
    number.to_be_bytes()
}

/// A value as it is written down.
pub fn octets<T: Serialize + ?Sized>(value: &T) -> Vec<u8> {
    // Into a vector only a type of unknown length can fail, and none of ours has that.
    postcard::to_allocvec(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_as_it_was_put_and_nothing_else_is() {
        let Keep::Put { key, value } = Keep::put(b'm', "h1", &(7u32, "up")) else { unreachable!() };
        let (kind, thing) = split(&key).unwrap();
        assert_eq!((kind, read::<String>(kind, thing).unwrap().as_str()), (b'm', "h1"));
        assert_eq!(read::<(u32, String)>(kind, &value).unwrap(), (7, "up".to_owned()));
        for length in 0..value.len() {
            assert!(read::<(u32, String)>(kind, &value[..length]).is_err(), "cut to {length}");
        }
        let more = [&value[..], &[0]].concat();
        assert!(read::<(u32, String)>(kind, &more).unwrap_err().to_string().contains("0x6d"));
    }

    #[test]
    fn numbers_in_keys_sort_by_size() {
        let keys: Vec<Vec<u8>> = [1, 255, 256, u64::MAX].map(|n| key(b'n', &sortable(n))).into();
        assert!(keys.is_sorted(), "{keys:?}");
    }
}
