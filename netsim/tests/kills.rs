//! Relays and the CMA are killed at any moment while much happens: no event is lost, none is there twice.
//!
//! Virtual time. A kill takes what is not on the disk, and may come between a commit and what waited for it.

#![allow(clippy::unwrap_used)]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use ringmesh_cma_core::history::Row;
use ringmesh_netsim::model::{NewsTold, Plan, World};
use ringmesh_proto::draws::{Draws, Purpose};
use ringmesh_proto::keep;
use ringmesh_proto::news::News;

use support::{SECOND, lines, open, open_pages, picture_differs, settled};

/// Worlds, and kills in each.
const WORLDS: u64 = 8;
const KILLS: u64 = 25;
/// The records of the CMA that are events.
const EVENT: u8 = b'e';

/// One run: the draws of it, and what is out of order.
struct Run {
    world: World,
    draws: Draws,
    drawn: u64,
    dead: BTreeSet<usize>,
}

impl Run {
    fn new(seed: u64) -> Self {
        let mut world = settled(Plan { seed, ..Plan::sites(2, 2, 5) });
        // So near that what was said is heard before it could be written.
        (0..2).for_each(|site| world.set_wan_quality(site, Duration::from_micros(300), 0));
        Self { world, draws: Draws::new(seed, 0xdead), drawn: 0, dead: BTreeSet::new() }
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.drawn += 1;
        self.draws.below(bound, Purpose::Start, self.drawn)
    }

    fn wait(&mut self, nanos_max: u64) {
        let span = Duration::from_nanos(self.below(nanos_max));
        self.world.run_for(span);
    }

    /// Something that is news: a host dies or comes back, a probe is started anew.
    fn load(&mut self) {
        let hosts = self.world.hosts() as u64;
        let host = usize::try_from(self.below(hosts)).unwrap();
        match (self.dead.contains(&host), self.below(2)) {
            (true, _) => {
                self.dead.remove(&host);
                self.world.boot_host(host);
            }
            (false, 0) => {
                self.dead.insert(host);
                self.world.kill_host(host);
            }
            (false, _) => {
                self.world.kill_probe(host);
                self.world.start_probe(host);
            }
        }
    }

    fn kill(&mut self) {
        let site = usize::try_from(self.below(3)).ok().filter(|site| *site < 2);
        if self.below(2) == 0 {
            // At any moment of the seconds in which most is told ..
            self.wait(4_000_000_000);
        } else {
            // .. or while something is on its way to the disk, or to whoever waits for it.
            self.wait(3_000_000_000);
            let writes = |world: &World| site.map_or(world.cma_writes(), |site| world.writes(site));
            for _ in 0..6_000 {
                if writes(&self.world) {
                    break;
                }
                self.world.run_for(Duration::from_micros(500));
            }
            self.wait(6_000_000);
        }
        match site {
            Some(site) => self.world.kill_relay(site),
            None => self.world.kill_cma(),
        }
        self.wait(1_500_000_000);
        match site {
            Some(site) => self.world.start_relay(site),
            None => self.world.start_cma(),
        }
    }

    fn heal(&mut self) {
        for host in std::mem::take(&mut self.dead) {
            self.world.boot_host(host);
        }
        self.world.run_for(90 * SECOND);
    }
}

/// The events on the CMA's disk, in the order of their numbers.
fn events(world: &World) -> Vec<Row> {
    let records = world.cma_records().into_iter();
    let of_events = records.filter(|(key, _)| keep::split(key).is_some_and(|(kind, _)| kind == EVENT));
    of_events.map(|(_, value)| keep::read(EVENT, &value).unwrap()).collect()
}

/// Site, relay, birth of its outbox, sequence there.
type EventId = (String, u8, u64, u64);

/// What relays let go, for the CMA has it; of that, what is an event.
fn acknowledged(world: &World) -> BTreeMap<EventId, &News> {
    let all = (0..world.sites()).flat_map(|site| world.acknowledged(site));
    let of_events = all.filter(|told| {
        matches!(told.news, News::Host(_) | News::HostGone(_) | News::Switch(_) | News::Incident(_))
    });
    let id = |told: &NewsTold| (world.site_name(told.site).to_string(), 1, told.birth, told.sequence);
    of_events.map(|told| (id(told), &told.news)).collect()
}

fn check(world: &World, what: &str) {
    let rows = events(world);
    let told_by = |row: &Row| -> EventId {
        let source = &row.source;
        (source.site.to_string(), source.relay.0, source.outbox, row.sequence)
    };
    let mut once = BTreeSet::new();
    let twice: Vec<_> = rows.iter().filter(|row| row.sequence > 0 && !once.insert(told_by(row))).collect();
    assert!(twice.is_empty(), "{}\n{what}: there twice: {twice:#?}", lines(world));
    let acknowledged = acknowledged(world);
    let lost: Vec<_> = acknowledged.iter().filter(|(id, _)| !once.contains(*id)).collect();
    assert!(lost.is_empty(), "{what}: of {} lost: {lost:#?}\n{}", acknowledged.len(), lines(world));
    let wrong: Vec<_> = (0..world.sites()).filter_map(|site| picture_differs(world, site)).collect();
    assert!(wrong.is_empty(), "{what}: {wrong:?}\n{}", lines(world));
    assert_eq!(world.linked(), world.hosts(), "{what}\n{}", lines(world));
    assert_eq!(open(world), [], "{what}\n{}", lines(world));
    assert!(open_pages(world).is_empty(), "{what}: {:?}", open_pages(world));
}

#[test]
fn two_hundred_kills_under_load_lose_no_event_and_double_none() {
    let (mut killed, mut kept) = (0, 0);
    for seed in 1..=WORLDS {
        let mut run = Run::new(seed);
        for _ in 0..KILLS {
            run.load();
            run.kill();
            killed += 1;
        }
        run.heal();
        check(&run.world, &format!("seed {seed}"));
        kept += events(&run.world).len();
    }
    println!("{killed} kills, {kept} events");
    assert_eq!(killed, 200);
}
