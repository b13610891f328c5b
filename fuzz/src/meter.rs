//! How much memory a piece of work asked for, given back or not.
#![allow(unsafe_code, reason = "a counting allocator is an unsafe trait")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    static ASKED: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: both calls are passed on to the system's allocator as they came; the counter is a plain
// thread-local cell that allocates nothing itself.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ASKED.set(ASKED.get().wrapping_add(layout.size()));
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

/// Does the work and checks that it asked for at most `fixed` octets and `per_octet` for each octet of its input.
pub(crate) fn within<T>(input: &[u8], fixed: usize, per_octet: usize, work: impl FnOnce() -> T) -> T {
    let before = ASKED.get();
    let result = work();
    let asked = ASKED.get().wrapping_sub(before);
    let granted = fixed + per_octet * input.len();
    assert!(asked <= granted, "{} octets of input took {asked} of memory, not {granted}", input.len());
    result
}
