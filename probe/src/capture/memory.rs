//! A port whose frames come from this process.

use tokio::sync::mpsc;

use super::{Counters, Frame, FrameSource, SourceError};

/// Frames handed in by a sender.
pub struct Memory {
    frames: mpsc::Receiver<Frame>,
    counters: Counters,
}

impl Memory {
    /// A source and where to hand frames in; at most `queue` of them wait.
    pub fn new(queue: usize) -> (mpsc::Sender<Frame>, Self) {
        let (sender, frames) = mpsc::channel(queue.max(1));
        (sender, Self { frames, counters: Counters::default() })
    }
}

impl FrameSource for Memory {
    async fn next(&mut self) -> Result<Frame, SourceError> {
        let frame = self.frames.recv().await.ok_or_else(|| SourceError::Over("the sender is gone".into()))?;
        self.counters.frames += 1;
        Ok(frame)
    }

    fn counters(&self) -> Counters {
        self.counters
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringmesh_shell::clock;

    #[tokio::test(flavor = "current_thread")]
    async fn frames_come_out_in_order_and_end_with_their_sender() {
        let (sender, mut memory) = Memory::new(2);
        let frame = |n| Frame { ifindex: 7, at: clock::now(), octets: [n].into() };
        sender.send(frame(1)).await.unwrap();
        sender.send(frame(2)).await.unwrap();
        drop(sender);
        assert_eq!(&*memory.next().await.unwrap().octets, [1]);
        assert_eq!(&*memory.next().await.unwrap().octets, [2]);
        assert!(matches!(memory.next().await, Err(SourceError::Over(_))));
        assert_eq!(memory.counters().frames, 2);
    }
}
