//! Hexadecimal digits.

/// Exactly `N` octets from `2 N` digits of either case.
pub(super) fn octets<const N: usize>(digits: &str) -> Option<[u8; N]> {
    let digits = digits.as_bytes();
    if digits.len() != 2 * N {
        return None;
    }
    let mut octets = [0; N];
    for (octet, pair) in octets.iter_mut().zip(digits.chunks_exact(2)) {
        *octet = (value(pair[0])? << 4) | value(pair[1])?;
    }
    Some(octets)
}

fn value(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_right_number_of_digits_is_taken() {
        let cases = [
            ("00ffAb", Some([0, 255, 0xab])),
            ("00ff", None),
            ("00ffabcd", None),
            ("00fg00", None),
            ("\u{e9}00f", None),
        ];
        for (text, want) in cases {
            assert_eq!(octets::<3>(text), want, "{text}");
        }
    }
}
