//! The checked views allocate nothing.
#![allow(unsafe_code, reason = "a counting allocator is an unsafe trait")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use lldp_rs::{Cdp, decode, encode};
use lldp_rs::{CdpView, ChassisId, ChassisSubtype, Heard, Link, Lldp, LldpView, Mac, PortId, PortSubtype};

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: both calls are passed on to the system's allocator as they came; the counter is a plain
// thread-local cell that allocates nothing itself.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller's promise about `layout` is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: `memory` came from `alloc` above, so from the system's allocator.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations(work: impl FnOnce()) -> u64 {
    let before = ALLOCATIONS.get();
    work();
    ALLOCATIONS.get() - before
}

#[test]
fn checking_and_walking_a_frame_allocates_nothing() {
    let source = Mac([2, 0, 0, 0, 0, 1]);
    let chassis = ChassisId::new(ChassisSubtype::MacAddress, &source.0).expect("sound");
    let port = PortId::new(PortSubtype::InterfaceName, b"swp1").expect("sound");
    let mut lldp = Lldp::new(chassis, port, 120);
    lldp.system_name = Some("leaf1".into());
    let lldp = encode(&Heard::lldp(source, lldp)).expect("sound");
    let cdp = encode(&Heard::cdp(source, Cdp::new("leaf1", "swp1", 180))).expect("sound");
    let (mut walked, mut tags) = (0, 0);
    let counted = allocations(|| {
        let link = Link::checked(&lldp).expect("sound");
        tags += link.tags().count();
        walked += LldpView::checked(link.body).expect("sound").tlvs().flatten().count();
        let link = Link::checked(&cdp).expect("sound");
        walked += CdpView::checked(link.body).expect("sound").tlvs().flatten().count();
    });
    assert_eq!((counted, walked, tags), (0, 7, 0));
    assert!(allocations(|| _ = decode(&lldp)) > 0, "the counter counts");
}

#[test]
fn refusing_a_frame_allocates_nothing() {
    let frames: [&[u8]; 3] =
        [&[], &[1; 14], &[0x01, 0x80, 0xc2, 0, 0, 0x0e, 2, 0, 0, 0, 0, 1, 0x88, 0xcc, 0, 0]];
    let counted = allocations(|| frames.iter().for_each(|frame| assert!(decode(frame).is_err())));
    assert_eq!(counted, 0);
}
