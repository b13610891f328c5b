//! The records of a store at the start: one thread takes them out of the file while another makes the graph of them.
//!
//! Each costs about as much as the other, and both of them all there is to a start.

use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;

use ringmesh_cma_core::cma::Kept;
use ringmesh_cma_core::graph::MemoryGraph;
use ringmesh_proto::keep::Unreadable;
use ringmesh_shell::store::Record;

/// Records that are handed over at once.
const PORTION: usize = 4_096;
/// Portions that may wait: what is read ahead takes a few megabytes.
const PORTIONS: usize = 8;

/// What an authority has written down. Takes as long as the file is large.
pub fn kept(mut records: &mut dyn Iterator<Item = Record>) -> Result<Kept, Unreadable> {
    let (portions, taken) = sync_channel::<Vec<Record>>(PORTIONS);
    thread::scope(|scope| {
        let reading = thread::Builder::new().name("load".into()).spawn_scoped(scope, || made_of(taken));
        let Ok(reading) = reading else { return Kept::read(MemoryGraph::default(), records) };
        loop {
            let portion: Vec<Record> = Iterator::take(&mut records, PORTION).collect();
            // Whoever cannot read a record wants no more of them.
            if portion.is_empty() || portions.send(portion).is_err() {
                break;
            }
        }
        drop(portions);
        reading.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

fn made_of(taken: Receiver<Vec<Record>>) -> Result<Kept, Unreadable> {
    Kept::read(MemoryGraph::default(), taken.into_iter().flatten())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_record_that_cannot_be_read_ends_it_and_is_told() {
        let mut told = 0_u32;
        let mut records = std::iter::repeat_with(|| {
            told += 1;
            let kind = if told < 10_000 { b'I' } else { b'N' };
            (vec![kind, 1], vec![0xff; 3])
        });
        let refused = kept(&mut records).err().unwrap();
        assert_eq!(refused.kind, b'N');
        drop(records);
        assert!(told < 200_000, "{told} were read");
    }
}
