//! What a relay says, and what follows from it.

use core::net::SocketAddr;

use ringmesh_proto::machine::Sink;
use ringmesh_proto::message::{Assignment, ToProbe, ToRelay, Transition};
use ringmesh_proto::time::Time;

use crate::action::{Action, Note};
use crate::links::rank;
use crate::machine::Probe;
use crate::talk::{Answer, Subject};

impl Probe {
    pub(crate) fn control(
        &mut self,
        now: Time,
        from: SocketAddr,
        via: u32,
        message: ToProbe,
        out: &mut impl Sink<Action>,
    ) {
        self.beside.counters.messages_heard += 1;
        let before = self.talk.relay().map(|relay| relay.address);
        let answer = match message {
            ToProbe::Hello(hello) => self.talk.hello(now, from, via, hello),
            ToProbe::Assignment(order) => {
                let answer = self.talk.answered(now, from, via);
                self.assignment(now, from, via, &order, out);
                answer
            }
            ToProbe::Noted(report) => {
                self.talk.noted(report);
                self.talk.answered(now, from, via)
            }
            ToProbe::Ping { nonce } => {
                let pong = self.pong(now, nonce);
                self.send(from, via, 0, pong, out);
                // The pong has said all that these say.
                self.talk.drop_reports(|pending| matches!(pending.subject, Subject::Suspicion(..)));
                self.talk.answered(now, from, via)
            }
            ToProbe::RecorderAsk => {
                let entries = self.beside.recorder.hand_over(now);
                self.send(from, via, 0, ToRelay::Recorder(entries), out);
                self.talk.answered(now, from, via)
            }
        };
        if answer == Answer::Back {
            self.beside.recorder.note(now, Transition::RelayAnswered);
        }
        let after = self.talk.relay().map(|relay| relay.address);
        if let Some(address) = after.filter(|_| after != before) {
            out.put(Action::Say(Note::Relay { address }));
        }
    }

    fn assignment(
        &mut self,
        now: Time,
        from: SocketAddr,
        via: u32,
        order: &Assignment,
        out: &mut impl Sink<Action>,
    ) {
        self.highest = self.highest.max(order.generation);
        let held = self.in_force.map(|(generation, relay)| rank(generation, relay));
        let given = rank(order.generation, order.relay);
        if held.is_some_and(|held| given < held) {
            self.answer_older(from, via, order, out);
            return;
        }
        self.talk.assigned(from, order.knows);
        if held == Some(given) {
            if let Some((generation, _)) = self.in_force.filter(|_| self.applied) {
                self.send(from, via, 0, ToRelay::Applied(generation), out);
            }
            self.look(now, out);
            return;
        }
        self.take_up(now, order, out);
        self.confirm(out);
        self.look(now, out);
    }

    fn take_up(&mut self, now: Time, order: &Assignment, out: &mut impl Sink<Action>) {
        self.in_force = Some((order.generation, order.relay));
        self.applied = false;
        self.beats_sent += self.links.apply(now, order, out);
        let Self { links, beside, talk, .. } = self;
        links.set_carriers(now, |via| beside.ports.carries(via));
        // Suspicions of links that are over need not be repeated. What our ports are like is said until it is noted: an
        // order may answer what was said of them before.
        talk.drop_reports(|pending| match pending.subject {
            Subject::Suspicion(link, _) | Subject::Refuted(link) | Subject::Loss(link, _) => {
                links.get(link).is_none()
            }
            Subject::Attachment | Subject::Evidence | Subject::Alone | Subject::Goodbye => false,
        });
        out.put(Action::Say(Note::Assigned { generation: order.generation, links: links.len() }));
    }

    /// A relay with an older order learns of ours. One that was overtaken on the way by the order in force needs
    /// no answer, and must not take this one for a confirmation.
    fn answer_older(&mut self, from: SocketAddr, via: u32, order: &Assignment, out: &mut impl Sink<Action>) {
        let Some((generation, relay)) = self.in_force else { return };
        let overtaken = order.relay == relay && order.generation.term == generation.term;
        if self.applied || !overtaken {
            self.send(from, via, 0, ToRelay::Applied(generation), out);
        }
    }

    /// Says Applied if what we have to report on is heard both ways, and has not been confirmed before.
    pub(crate) fn confirm(&mut self, out: &mut impl Sink<Action>) {
        let Some((generation, _)) = self.in_force else { return };
        if self.applied || !self.links.can_confirm() {
            return;
        }
        let Some(relay) = self.talk.relay() else { return };
        let (to, via) = (relay.address, relay.via);
        self.applied = true;
        out.put(Action::Say(Note::Applied { generation }));
        self.send(to, via, 0, ToRelay::Applied(generation), out);
    }
}
