//! JSON text written straight into a buffer. Numbers are printed from integers: an output has no float noise.

/// Appends an integer.
pub(super) fn integer(out: &mut Vec<u8>, value: i64) {
    if value < 0 {
        out.push(b'-');
    }
    unsigned(out, value.unsigned_abs());
}

/// Appends an integer of 0 or more.
pub(super) fn unsigned(out: &mut Vec<u8>, mut value: u64) {
    let mut digits = [0; 20];
    let mut start = digits.len();
    loop {
        start -= 1;
        digits[start] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[start..]);
}

/// Appends `scaled`·10^−`places` with no more decimals than it needs: `decimal(out, 1250, 2)` is `12.5`.
pub(super) fn decimal(out: &mut Vec<u8>, scaled: i64, places: u32) {
    if scaled < 0 {
        out.push(b'-');
    }
    let unit = 10_u64.pow(places);
    let magnitude = scaled.unsigned_abs();
    unsigned(out, magnitude / unit);
    let mut fraction = magnitude % unit;
    let mut place = unit / 10;
    if fraction > 0 {
        out.push(b'.');
    }
    while fraction > 0 {
        out.push(b'0' + (fraction / place) as u8);
        fraction %= place;
        place /= 10;
    }
}

/// Appends a string with its quotes.
pub(super) fn string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    escaped(out, text);
    out.push(b'"');
}

/// Appends a string's inside.
pub(super) fn escaped(out: &mut Vec<u8>, text: &str) {
    if text.bytes().all(|byte| byte >= 0x20 && byte != b'"' && byte != b'\\') {
        return out.extend_from_slice(text.as_bytes());
    }
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            0..0x20 => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
            _ => out.push(byte),
        }
    }
}

/// A float that the engine computed, as an integer number of 10^−`places`, rounded half away from zero.
pub(super) fn scaled(value: f64, places: u32) -> i64 {
    (value * 10_u64.pow(places) as f64).round() as i64
}

/// Appends 32 hexadecimal digits.
pub(super) fn hex128(out: &mut Vec<u8>, value: u128) {
    for shift in (0..32).rev() {
        out.push(b"0123456789abcdef"[(value >> (shift * 4)) as usize & 15]);
    }
}

/// Appends 16 hexadecimal digits.
pub(super) fn hex64(out: &mut Vec<u8>, value: u64) {
    for shift in (0..16).rev() {
        out.push(b"0123456789abcdef"[(value >> (shift * 4)) as usize & 15]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn numbers() {
        let cases = [
            (0, 2, "0"),
            (1250, 2, "12.5"),
            (-5, 2, "-0.05"),
            (10_000, 2, "100"),
            (1_000_000_001, 9, "1.000000001"),
            (i64::MIN, 0, "-9223372036854775808"),
        ];
        for (scaled, places, expected) in cases {
            assert_eq!(written(|out| decimal(out, scaled, places)), expected);
        }
        assert_eq!(written(|out| hex64(out, 0xab)), "00000000000000ab");
        assert_eq!(written(|out| hex128(out, 0xab)), format!("{:032x}", 0xab));
    }

    proptest! {
        #[test]
        fn strings_read_back(text in "\\PC*|[\u{0}-\u{40}\"\\\\]*") {
            let json = written(|out| string(out, &text));
            prop_assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
        }
    }
}
