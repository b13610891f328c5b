//! The driver's side of all uplinks: what each CMA holds, and who waits for news.
//!
//! The machine knows one CMA: it is connected while any is, and has acknowledged what all of them hold. So nothing
//! is dropped from the outbox that one of them still lacks.

use ringmesh_proto::codec;
use ringmesh_proto::news::Warning;
use ringmesh_proto::pb;
use ringmesh_relay_core::{Event, Outbox};
use ringmesh_shell::failure::Failure;
use tokio::sync::mpsc;

use crate::config::Tls;
use crate::uplink::{Asked, BATCH, Pace, REPLIES, Reply, Uplink};

/// Questions that may lie in the driver's channel; an uplink waits when it is full.
const ASKS: usize = 64;

struct Cma {
    address: String,
    replies: mpsc::Sender<Reply>,
    /// It wants the news after this sequence.
    waiting: Option<u64>,
    connected: bool,
    /// It holds all news up to here.
    taken: u64,
    /// Why there is no stream; empty before the first attempt has failed.
    away: String,
}

/// All configured CMAs.
pub(crate) struct Cmas {
    cmas: Vec<Cma>,
    acknowledged: u64,
}

impl Cmas {
    /// Starts an uplink to each address. What they ask comes out of the receiver.
    pub(crate) fn start(
        addresses: &[String],
        tls: Option<&Tls>,
        pace: Pace,
    ) -> Result<(Self, mpsc::Receiver<Asked>), Failure> {
        let (asks, asked) = mpsc::channel(ASKS);
        let mut cmas = Vec::with_capacity(addresses.len());
        for (at, address) in addresses.iter().enumerate() {
            let (replies, replied) = mpsc::channel(REPLIES);
            tokio::spawn(Uplink::new((at, address), tls, pace, asks.clone(), replied)?.run());
            cmas.push(Cma::new(address, replies));
        }
        Ok((Self { cmas, acknowledged: 0 }, asked))
    }

    /// Answers at once.
    pub(crate) fn reply(&mut self, cma: usize, reply: Reply) {
        if let Some(cma) = self.cmas.get_mut(cma) {
            cma.reply(reply);
        }
    }

    /// Tells all of them the same, unasked; not those whose channel has room only for what they asked for.
    pub(crate) fn reply_all(&mut self, reply: &Reply) {
        for cma in self.cmas.iter_mut().filter(|cma| cma.connected && cma.replies.capacity() > REPLIES / 2) {
            cma.reply(reply.clone());
        }
    }

    /// A CMA wants the news after a sequence: now, or when there is one that may leave.
    pub(crate) fn wait(&mut self, cma: usize, after: u64, outbox: &Outbox, up_to: u64) {
        if let Some(cma) = self.cmas.get_mut(cma) {
            cma.waiting = Some(after);
            cma.feed(outbox, up_to);
        }
    }

    /// News up to that sequence may leave.
    pub(crate) fn feed(&mut self, outbox: &Outbox, up_to: u64) {
        self.cmas.iter_mut().for_each(|cma| cma.feed(outbox, up_to));
    }

    /// The outbox goes on under another birth: what was acknowledged counts no more, and every stream opens again.
    pub(crate) fn anew(&mut self) {
        self.acknowledged = 0;
        for cma in &mut self.cmas {
            cma.taken = 0;
            cma.reply(Reply::Anew);
        }
    }

    /// Whether the mesh ring is cut by that CMA: by the first that is connected.
    pub(crate) fn cuts_mesh(&self, cma: usize) -> bool {
        self.cmas.iter().position(|cma| cma.connected) == Some(cma)
    }

    /// A stream opened or broke. Says what that means to the machine.
    pub(crate) fn turned(&mut self, cma: usize, away: Option<String>) -> Option<Event> {
        let before = self.is_connected();
        let cma = self.cmas.get_mut(cma)?;
        cma.connected = away.is_none();
        cma.away = away.unwrap_or_default();
        cma.waiting = None;
        let connected = self.is_connected();
        (connected != before).then_some(Event::Cma { connected })
    }

    /// A CMA holds all news up to a sequence. Says what that means to the machine.
    pub(crate) fn holds(&mut self, cma: usize, sequence: u64) -> Option<Event> {
        self.cmas.get_mut(cma)?.taken = sequence;
        let all_hold = self.cmas.iter().map(|cma| cma.taken).min()?;
        if all_hold <= self.acknowledged {
            return None;
        }
        self.acknowledged = all_hold;
        Some(Event::Acknowledged { sequence: all_hold })
    }

    fn is_connected(&self) -> bool {
        self.cmas.iter().any(|cma| cma.connected)
    }

    /// Which CMAs cannot be told anything, if there are such.
    pub(crate) fn away(&self) -> Option<Warning> {
        let away = self.cmas.iter().filter(|cma| !cma.away.is_empty());
        let away: Vec<String> = away.map(|cma| format!("{} ({})", cma.address, cma.away)).collect();
        (!away.is_empty()).then(|| Warning {
            code: "cma-away".into(),
            text: format!("no stream to {}; the news wait in the outbox", away.join(", ")),
            remedy: "see whether the CMA runs and can be reached, and check cma and [tls]".into(),
        })
    }
}

impl Cma {
    fn new(address: &str, replies: mpsc::Sender<Reply>) -> Self {
        let (waiting, connected, taken, away) = (None, false, 0, String::new());
        Self { address: address.into(), replies, waiting, connected, taken, away }
    }

    fn feed(&mut self, outbox: &Outbox, up_to: u64) {
        let Some(after) = self.waiting else { return };
        let items: Vec<pb::NewsItem> = outbox
            .after(after)
            .take_while(|(sequence, _)| *sequence <= up_to)
            .take(BATCH)
            .map(|(sequence, news)| codec::news_item(sequence, news))
            .collect();
        if !items.is_empty() && self.reply(Reply::News { after, items }) {
            self.waiting = None;
        }
    }

    fn reply(&mut self, reply: Reply) -> bool {
        // There is room for every answer that was asked for; and an uplink that ended wants none.
        self.replies.try_send(reply).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cmas(number: usize) -> (Cmas, Vec<mpsc::Receiver<Reply>>) {
        let (cmas, replies) = (0..number)
            .map(|at| {
                let (replies, replied) = mpsc::channel(REPLIES);
                (Cma::new(&format!("cma{at}:1991"), replies), replied)
            })
            .unzip();
        (Cmas { cmas, acknowledged: 0 }, replies)
    }

    #[test]
    fn the_machine_is_acknowledged_what_all_hold_and_connected_while_any_is() {
        let (mut cmas, _replies) = cmas(2);
        assert_eq!(cmas.turned(0, None), Some(Event::Cma { connected: true }));
        assert_eq!(cmas.turned(1, None), None);
        assert_eq!(cmas.holds(0, 7), None, "the other lacks it");
        assert_eq!(cmas.holds(1, 5), Some(Event::Acknowledged { sequence: 5 }));
        assert_eq!(cmas.holds(1, 9), Some(Event::Acknowledged { sequence: 7 }));
        assert_eq!(cmas.turned(0, Some("it broke".into())), None);
        assert_eq!(cmas.turned(1, Some("it broke".into())), Some(Event::Cma { connected: false }));
        let text = cmas.away().unwrap().text;
        assert!(text.contains("cma0:1991 (it broke), cma1:1991"), "{text}");
        assert_eq!(cmas.turned(9, None), None, "there is no such CMA");
    }

    #[test]
    fn another_birth_makes_every_stream_open_again_and_forgets_what_was_acknowledged() {
        let (mut cmas, mut replies) = cmas(2);
        cmas.turned(0, None);
        assert!(cmas.cuts_mesh(0) && !cmas.cuts_mesh(1));
        (0..2).for_each(|cma| drop(cmas.holds(cma, 7)));
        cmas.anew();
        assert!(replies.iter_mut().all(|replies| replies.try_recv() == Ok(Reply::Anew)));
        assert_eq!(cmas.holds(0, 3), None);
        assert_eq!(cmas.holds(1, 2), Some(Event::Acknowledged { sequence: 2 }));
    }

    #[test]
    fn what_is_told_unasked_leaves_room_for_what_is_asked() {
        let (mut cmas, mut replies) = cmas(1);
        let beat = Reply::Beat(pb::RelayBeat::default());
        cmas.reply_all(&beat);
        assert!(replies[0].try_recv().is_err(), "it is not connected");
        cmas.turned(0, None);
        (0..100).for_each(|_| cmas.reply_all(&beat));
        assert!(cmas.cmas[0].reply(Reply::Hello(pb::RelayHello::default())), "no room for an answer");
    }
}
