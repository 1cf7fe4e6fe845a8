//! RFC 3339 ↔ epoch milliseconds, in integers and nothing but the RFC's own grammar.

use crate::event::{DAY_MS, Time};

/// Reads `2026-03-01T12:00:00.250+01:00`. Digits beyond milliseconds are cut; a leap second is the millisecond before it ends.
pub(super) fn parse_rfc3339(text: &str) -> Option<Time> {
    let bytes = text.as_bytes();
    let (date_time, rest) = bytes.split_at_checked(19)?;
    let separators = [date_time[4], date_time[7], date_time[13], date_time[16]];
    if separators != *b"--::" || !matches!(date_time[10], b'T' | b't' | b' ') {
        return None;
    }
    let number = |range: std::ops::Range<usize>| digits(&date_time[range]);
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    let (hour, minute, second) = (number(11..13)?, number(14..16)?, number(17..19)?);
    if !(1..=12).contains(&month) || day < 1 || day > days_in_month(year, month) {
        return None;
    }
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let (millis, zone) = match rest {
        [b'.', fraction @ ..] => {
            let len = fraction.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(fraction.len());
            let kept = digits(&fraction[..len.min(3)])?;
            (kept * [0, 100, 10, 1][len.min(3)], &fraction[len..])
        }
        _ => (0, rest),
    };
    let (second, millis) = if second == 60 { (59, 999) } else { (second, millis) };
    let minutes = days_from_civil(year, month, day) * 1440 + hour * 60 + minute - offset_minutes(zone)?;
    Some(Time((minutes * 60 + second) * 1000 + millis))
}

/// Appends `2026-03-01T11:00:00.250Z`. Years beyond four digits do not pass the wire's gate.
pub(super) fn push_rfc3339(time: Time, out: &mut Vec<u8>) {
    let (year, month, day) = civil_from_days(time.0.div_euclid(DAY_MS));
    let in_day = time.0.rem_euclid(DAY_MS);
    let (seconds, millis) = (in_day / 1000, in_day % 1000);
    let two = |value: i64| [b'0' + (value / 10 % 10) as u8, b'0' + (value % 10) as u8];
    let [century, rest] = [two(year / 100), two(year)];
    let [month, day] = [two(month), two(day)];
    let [hour, minute, second] = [two(seconds / 3600), two(seconds / 60 % 60), two(seconds % 60)];
    let [tens, ones] = two(millis);
    let hundreds = b'0' + (millis / 100) as u8;
    out.extend_from_slice(&[
        century[0], century[1], rest[0], rest[1], b'-', month[0], month[1], b'-', day[0], day[1], b'T', hour[0],
        hour[1], b':', minute[0], minute[1], b':', second[0], second[1], b'.', hundreds, tens, ones, b'Z',
    ]);
}

fn digits(bytes: &[u8]) -> Option<i64> {
    let mut value = 0;
    for &byte in bytes {
        if !byte.is_ascii_digit() {
            return None;
        }
        value = value * 10 + i64::from(byte - b'0');
    }
    (!bytes.is_empty()).then_some(value)
}

fn offset_minutes(zone: &[u8]) -> Option<i64> {
    match zone {
        [b'Z' | b'z'] => Some(0),
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let (hours, minutes) = (digits(&[*h1, *h2])?, digits(&[*m1, *m2])?);
            let magnitude = (hours < 24 && minutes < 60).then_some(hours * 60 + minutes)?;
            Some(if *sign == b'-' { -magnitude } else { magnitude })
        }
        _ => None,
    }
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01 of a date in the proleptic Gregorian calendar, whose year is taken to begin in March.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn grammar() {
        let noon = Some(Time(1_772_366_400_000));
        let cases = [
            ("2026-03-01T12:00:00Z", noon),
            ("2026-03-01t12:00:00z", noon),
            ("2026-03-01 12:00:00Z", noon),
            ("2026-03-01T13:30:00.000+01:30", noon),
            ("2026-03-01T12:00:00.0009999Z", noon),
            ("2026-03-01T11:59:60Z", noon.map(|time| time.plus(-1))),
            ("2024-02-29T00:00:00Z", Some(Time(1_709_164_800_000))),
            ("2026-02-29T00:00:00Z", None),
            ("2026-03-01T12:00:00", None),
            ("2026-03-01T12:00:00.Z", None),
            ("2026-03-01T12:00Z", None),
            ("2026-03-01", None),
            ("2026-13-01T12:00:00Z", None),
            ("2026-03-01T24:00:00Z", None),
            ("2026-03-01T12:00:00+1:00", None),
            ("2026-03-01T12:00:00Z[UTC]", None),
            ("yesterday", None),
            ("２026-03-01T12:00:00Z", None),
            ("", None),
        ];
        for (text, expected) in cases {
            assert_eq!(parse_rfc3339(text), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn agrees_with_an_independent_calendar(ms in -62_135_596_800_000_i64..253_402_300_799_999) {
            let expected = jiff::Timestamp::from_millisecond(ms).unwrap();
            let mut text = Vec::new();
            push_rfc3339(Time(ms), &mut text);
            let text = String::from_utf8(text).unwrap();
            prop_assert_eq!(&text, &format!("{expected:.3}"));
            prop_assert_eq!(parse_rfc3339(&text), Some(Time(ms)));
        }
    }
}
