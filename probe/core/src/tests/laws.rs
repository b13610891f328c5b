//! What holds whatever happens.

use proptest::prelude::*;
use ringmesh_proto::message::{Cause, GoodbyeReason};

use super::*;

/// Something that happens after a wait.
#[derive(Clone, Debug)]
enum Happening {
    Nothing,
    Heard { link: u32, sequence: u32 },
    Hello,
    StandbyHello,
    Assigned { term: u32, relay: u8, counter: u32, links: Vec<u32>, report: bool },
    Noted(u32),
    Ping,
    RecorderAsk,
    Carrier { port: u32, up: bool },
    Ports(Vec<u8>),
    Frame { port: u32, switch: u8, ttl_s: u16 },
    Garbage(Vec<u8>),
    Refused(u32),
    Unreachable(u32),
    Stop,
}

fn happening() -> impl Strategy<Value = Happening> {
    use Happening as H;
    prop_oneof![
        4 => Just(H::Nothing),
        30 => (1..6_u32, 1..400_u32).prop_map(|(link, sequence)| H::Heard { link, sequence }),
        3 => Just(H::Hello),
        1 => Just(H::StandbyHello),
        4 => (1..3_u32, 1..3_u8, 1..9_u32, prop::collection::vec(1..6_u32, 0..4), any::<bool>())
            .prop_map(|(term, relay, counter, links, report)| H::Assigned { term, relay, counter, links, report }),
        3 => (1..30_u32).prop_map(H::Noted),
        2 => Just(H::Ping),
        1 => Just(H::RecorderAsk),
        2 => (2..5_u32, any::<bool>()).prop_map(|(port, up)| H::Carrier { port, up }),
        1 => prop::collection::vec(2..5_u8, 0..4).prop_map(H::Ports),
        3 => (2..5_u32, 1..4_u8, 0..40_u16).prop_map(|(port, switch, ttl_s)| H::Frame { port, switch, ttl_s }),
        1 => prop::collection::vec(any::<u8>(), 0..80).prop_map(H::Garbage),
        2 => (1..6_u32).prop_map(H::Refused),
        2 => (1..6_u32).prop_map(H::Unreachable),
        1 => Just(H::Stop),
    ]
}

fn frame(switch: u8, ttl_s: u16) -> Vec<u8> {
    use lldp_rs::{ChassisId, ChassisSubtype, Heard, Lldp, Mac, PortId, PortSubtype, encode};
    let chassis = ChassisId::new(ChassisSubtype::MacAddress, &[2, 0, 0, 0, 1, switch]).unwrap();
    let port = PortId::new(PortSubtype::InterfaceName, b"p1").unwrap();
    encode(&Heard::lldp(Mac([2, 0, 0, 0, 9, switch]), Lldp::new(chassis, port, ttl_s))).unwrap()
}

fn happen(bench: &mut Bench, what: &Happening) {
    match what {
        Happening::Nothing => {}
        Happening::Heard { link: id, sequence } => {
            bench.sequence = sequence - 1;
            bench.hear(&link(*id));
        }
        Happening::Hello => bench.relay(hello(30)),
        Happening::StandbyHello => bench.relay_at(STANDBY, hello(0)),
        Happening::Assigned { term, relay, counter, links, report } => {
            let mut ids = links.clone();
            ids.sort_unstable();
            ids.dedup();
            let links: Vec<_> = ids.iter().map(|&id| LinkOrder { report: *report, ..link(id) }).collect();
            let mut order = order(*counter, &links);
            (order.generation.term, order.relay) = (*term, RelayId(*relay));
            bench.relay(ToProbe::Assignment(Box::new(order)));
        }
        Happening::Noted(report) => bench.relay(ToProbe::Noted(Report(*report))),
        Happening::Ping => bench.relay(ToProbe::Ping { nonce: 5 }),
        Happening::RecorderAsk => bench.relay(ToProbe::RecorderAsk),
        Happening::Carrier { port, up } => bench.event(Event::Carrier { port: *port, up: *up }),
        Happening::Ports(ports) => {
            let ports: Vec<_> = ports.iter().map(|&n| port(n)).collect();
            bench.event(Event::Ports { ports: &ports, own: &[] });
        }
        Happening::Frame { port, switch, ttl_s } => {
            bench.event(Event::Frame { port: *port, octets: &frame(*switch, *ttl_s) });
        }
        Happening::Garbage(octets) => bench.event(Event::Frame { port: 2, octets }),
        Happening::Refused(id) => bench.event(Event::Refused { peer: link(*id).peer_address }),
        Happening::Unreachable(id) => bench.event(Event::Unreachable { peer: link(*id).peer_address }),
        Happening::Stop => {
            bench.event(Event::Stop { reason: GoodbyeReason::ServiceStop, back_within: Duration::ZERO });
        }
    }
}

/// Runs it, checks after each step that no driver can spin, and calls `each` with what the step left in the log.
fn run_with(
    seed: u64,
    relays: &[&str],
    steps: &[(u64, bool, Happening)],
    mut each: impl FnMut(&Bench, &[(u64, Action)]),
) -> Bench {
    let mut bench = Bench::started(Config { seed, ..config(relays) }, &[port(2), port(3)]);
    for (wait, sleeps, what) in steps {
        let until = bench.now + wait;
        let before = bench.log.len();
        if *sleeps {
            bench.sleep_to(until);
        } else {
            bench.run_to(until);
        }
        each(&bench, &bench.log[before..]);
        let before = bench.log.len();
        happen(&mut bench, what);
        bench.event(Event::DeadlineReached);
        each(&bench, &bench.log[before..]);
        let next = bench.probe.next_deadline();
        assert!(next > Time::from_millis(bench.now), "due at {next:?} after {what:?} at {} ms", bench.now);
    }
    bench
}

fn run(seed: u64, relays: &[&str], steps: &[(u64, bool, Happening)]) -> Bench {
    run_with(seed, relays, steps, |_, _| {})
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn nothing_that_happens_makes_it_spin_or_panic_or_talk_too_much(
        seed in 0..1_000_u64,
        group in any::<bool>(),
        steps in prop::collection::vec((0..3_000_u64, prop::bool::weighted(0.1), happening()), 1..120),
    ) {
        let relays: &[&str] = if group { &[] } else { &[RELAY, STANDBY] };
        let mut bench = run(seed, relays, &steps);
        let seconds = bench.now / 1_000 + 1;
        let beats = bench.beats().len() as u64;
        // Once a second on each of at most five links, and two for each link that starts.
        let starts: u64 = steps.iter().map(|(_, _, what)| match what {
            Happening::Assigned { links, .. } => links.len() as u64 * 2,
            _ => 0,
        }).sum();
        prop_assert!(beats <= 5 * (seconds + 1) + starts, "{beats} beats in {seconds} s with {starts} for starts");
        let said = bench.said().len() as u64;
        // Three tries at two relays for each report; each step opens a few at most.
        prop_assert!(said <= 60 * steps.len() as u64 + 6 * seconds, "{said} messages in {} steps", steps.len());
    }

    #[test]
    fn each_silence_of_a_link_is_told_once(
        seed in 0..1_000_u64,
        steps in prop::collection::vec((0..3_000_u64, Just(false), happening()), 1..120),
    ) {
        let mut held: Vec<(LinkId, Cause)> = Vec::new();
        run_with(seed, &[RELAY], &steps, |bench, log| {
            for (at, action) in log {
                match action {
                    Action::Say(Note::Suspected { link, cause, .. }) => {
                        assert!(!held.contains(&(*link, *cause)), "{link:?} {cause:?} again at {at} ms");
                        assert!(*cause != Cause::Unreachable || !held.contains(&(*link, Cause::Silent)));
                        held.push((*link, *cause));
                    }
                    Action::Say(Note::HeardAgain { link, .. }) => held.retain(|(other, _)| other != link),
                    Action::Say(_) | Action::Beat { .. } | Action::Send { .. } => {}
                    Action::Remember(_) | Action::Exit => {}
                }
            }
            // A link that is over and comes again is another one.
            held.retain(|(link, _)| bench.probe.holds(*link));
        });
    }

    #[test]
    fn the_same_run_twice_is_the_same(
        seed in 0..1_000_u64,
        steps in prop::collection::vec((0..3_000_u64, prop::bool::weighted(0.1), happening()), 1..60),
    ) {
        prop_assert_eq!(run(seed, &[RELAY], &steps).log, run(seed, &[RELAY], &steps).log);
    }
}
