//! The records of a store at the start: one thread takes them out of the file while another makes the graph of them.
//!
//! Each costs about as much as the other, and both of them all there is to a start.

use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;

use ringmesh_cma_core::cma::Kept;
use ringmesh_cma_core::graph::MemoryGraph;
use ringmesh_proto::keep::Unreadable;
use ringmesh_shell::store::Record;

/// Octets that are handed over at once.
const PORTION: usize = 1 << 20;
/// Portions that may wait: what is read ahead takes a few megabytes.
const PORTIONS: usize = 8;

/// Records one after the other: what is taken apart by another thread than made it is best in one piece.
#[derive(Default)]
struct Portion {
    octets: Vec<u8>,
    /// The lengths of each key and of its value.
    lengths: Vec<(usize, usize)>,
}

impl Portion {
    fn next_of(records: &mut dyn Iterator<Item = Record>) -> Self {
        let mut portion = Self { octets: Vec::with_capacity(PORTION + PORTION / 8), lengths: Vec::new() };
        while portion.octets.len() < PORTION {
            let Some((key, value)) = records.next() else { break };
            portion.octets.extend_from_slice(&key);
            portion.octets.extend_from_slice(&value);
            portion.lengths.push((key.len(), value.len()));
        }
        portion
    }

    fn pour(&self, kept: &mut Kept) -> Result<(), Unreadable> {
        let mut rest = &self.octets[..];
        for &(key, value) in &self.lengths {
            let (record, after) = rest.split_at(key + value);
            let (key, value) = record.split_at(key);
            kept.take(key, value)?;
            rest = after;
        }
        Ok(())
    }
}

/// What an authority has written down. Takes as long as the file is large.
pub fn kept(records: &mut dyn Iterator<Item = Record>) -> Result<Kept, Unreadable> {
    let (portions, taken) = sync_channel::<Portion>(PORTIONS);
    thread::scope(|scope| {
        let making = thread::Builder::new().name("load".into()).spawn_scoped(scope, || made_of(taken));
        let Ok(making) = making else { return Kept::read(MemoryGraph::default(), records) };
        loop {
            let portion = Portion::next_of(records);
            // Whoever cannot read a record wants no more of them.
            if portion.lengths.is_empty() || portions.send(portion).is_err() {
                break;
            }
        }
        drop(portions);
        making.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

fn made_of(taken: Receiver<Portion>) -> Result<Kept, Unreadable> {
    let mut kept = Kept::over(MemoryGraph::default());
    taken.into_iter().try_for_each(|portion| portion.pour(&mut kept))?;
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_record_that_cannot_be_read_ends_it_and_is_told() {
        let mut told = 0_u32;
        let mut records = std::iter::repeat_with(|| {
            told += 1;
            let kind = if told < 400_000 { b'I' } else { b'N' };
            (vec![kind, 1], vec![0xff; 3])
        });
        let refused = kept(&mut records).err().unwrap();
        assert_eq!(refused.kind, b'N');
        assert!(told < 6_000_000, "{told} were read");
    }
}
