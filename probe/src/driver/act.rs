//! Carries out what the machine orders.

use std::net::SocketAddr;

use ringmesh_probe_core::Action;
use ringmesh_proto::message::{Beat, ToRelay, purpose_to_relay};
use ringmesh_proto::time::Time;

use super::{Driver, log};

impl Driver {
    pub(super) fn act(&mut self, now: Time, action: Action) {
        match action {
            Action::Beat { beat, to, via } => self.beat(now, &beat, to, via),
            Action::Send { to, via, message } => self.send(now, to, via, &message),
            Action::Remember(attachments) => self.memory.remember(attachments),
            Action::Exit => self.done = true,
            Action::Say(note) => log::write(&note),
        }
    }

    fn beat(&mut self, now: Time, beat: &Beat, to: SocketAddr, via: u32) {
        let Some(datagram) = self.wire.seal_beat(beat) else {
            tracing::debug!(link = beat.link.0, "no key for this link");
            return;
        };
        if let Err(error) = self.sockets.send(now, via, beat.lane, to, &datagram) {
            tracing::debug!(link = beat.link.0, %to, %error, "beat not sent");
        }
    }

    fn send(&mut self, now: Time, to: SocketAddr, via: u32, message: &ToRelay) {
        let purpose = purpose_to_relay(message);
        let mut datagram = std::mem::take(&mut self.datagram);
        if self.wire.seal(to, message, &mut datagram) {
            let sent = self.sockets.send_routed(now, via, to, &datagram);
            tracing::debug!(%to, via, purpose, octets = datagram.len(), error = sent.err().map(tracing::field::display), "message");
        } else {
            tracing::debug!(%to, purpose, "no session with this relay yet");
        }
        self.datagram = datagram;
    }
}
