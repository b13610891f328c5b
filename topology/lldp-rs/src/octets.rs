//! Reading big-endian fields without ever indexing past the end.

/// The two octets at `at` as a number.
pub(crate) fn be16(octets: &[u8], at: usize) -> Option<u16> {
    let field = octets.get(at..at.checked_add(2)?)?;
    Some(u16::from_be_bytes(field.try_into().ok()?))
}

/// The four octets at `at` as a number.
pub(crate) fn be32(octets: &[u8], at: usize) -> Option<u32> {
    let field = octets.get(at..at.checked_add(4)?)?;
    Some(u32::from_be_bytes(field.try_into().ok()?))
}

/// `length` octets from `at`.
pub(crate) fn part(octets: &[u8], at: usize, length: usize) -> Option<&[u8]> {
    octets.get(at..at.checked_add(length)?)
}

/// `N` octets from `at`, as an array.
pub(crate) fn array<const N: usize>(octets: &[u8], at: usize) -> Option<[u8; N]> {
    part(octets, at, N)?.try_into().ok()
}

/// Everything from `at` on; empty when there is nothing.
pub(crate) fn rest(octets: &[u8], at: usize) -> &[u8] {
    octets.get(at..).unwrap_or(&[])
}
