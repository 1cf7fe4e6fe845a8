//! Decimal text → integers. No binary float ever holds money.

use crate::event::Money;

/// Largest amount in whole units: enough for a big order in a small currency, and sums reach the ends of 64 bits only after
/// 90,000 of the largest.
const MAX_UNITS: i64 = 10_000_000_000;

/// Largest count that is taken at its word.
pub(super) const MAX_COUNT: u64 = 1_000_000_000_000;

/// A decimal number as written: ±digits·10^exponent, where `digits` has neither leading nor trailing zeros.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Decimal {
    negative: bool,
    /// The significant digits; meaningless if there are more than `EXACT_DIGITS`.
    digits: u64,
    /// How many there are.
    count: i64,
    /// Zeros seen behind them while reading; none afterwards.
    zeros: i64,
    exponent: i64,
}

/// So many digits fit 64 bits whatever they are.
const EXACT_DIGITS: i64 = 19;

/// Why a decimal is not an amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotMoney {
    Negative,
    OutOfRange,
    TooManyDecimals,
}

impl Decimal {
    /// Reads `-12.50`, `3e2`: JSON's grammar, save that leading zeros are allowed. Anything else is `None`.
    pub(super) fn parse(text: &str) -> Option<Decimal> {
        let (negative, text) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let mut decimal = Decimal { negative, digits: 0, count: 0, zeros: 0, exponent: 0 };
        let rest = decimal.push_digits(text.as_bytes())?;
        let rest = match rest.strip_prefix(b".") {
            Some(fraction) => {
                let after = decimal.push_digits(fraction)?;
                decimal.exponent -= (fraction.len() - after.len()) as i64;
                after
            }
            None => rest,
        };
        if let [b'e' | b'E', power @ ..] = rest {
            let power = std::str::from_utf8(power).ok()?;
            let digits = power.strip_prefix(['+', '-']).unwrap_or(power);
            if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
                return None;
            }
            // An exponent too long for 32 bits is beyond every range, in its direction.
            let far = if power.starts_with('-') { i32::MIN } else { i32::MAX };
            decimal.exponent += i64::from(power.parse::<i32>().unwrap_or(far));
        } else if !rest.is_empty() {
            return None;
        }
        decimal.trim();
        Some(decimal)
    }

    /// Takes at least one digit and returns what follows. Zeros are held back until a digit follows them.
    fn push_digits<'t>(&mut self, text: &'t [u8]) -> Option<&'t [u8]> {
        let len = text.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
        for &byte in &text[..len] {
            if byte == b'0' {
                self.zeros += i64::from(self.count > 0);
                continue;
            }
            for digit in std::iter::repeat_n(0, self.zeros as usize).chain([u64::from(byte - b'0')]) {
                self.digits = self.digits.wrapping_mul(10).wrapping_add(digit);
            }
            self.count += self.zeros + 1;
            self.zeros = 0;
        }
        (len > 0).then_some(&text[len..])
    }

    /// Turns zeros at the end into a power of ten; zero itself has neither sign nor exponent.
    fn trim(&mut self) {
        self.exponent += std::mem::take(&mut self.zeros);
        if self.count == 0 {
            *self = Decimal { negative: false, digits: 0, count: 0, zeros: 0, exponent: 0 };
        }
    }

    /// The value if it is an integer of 0 or more that fits.
    pub(super) fn unsigned(self) -> Option<u64> {
        if self.negative || self.exponent < 0 || self.count > EXACT_DIGITS {
            return None;
        }
        10_u64.checked_pow(u32::try_from(self.exponent).ok()?)?.checked_mul(self.digits)
    }

    /// Whether it is below zero.
    pub(super) fn is_negative(self) -> bool {
        self.negative
    }

    /// Whether it has no fraction.
    pub(super) fn is_integer(self) -> bool {
        self.exponent >= 0
    }

    /// The exact amount of 0 or more.
    pub(super) fn money(self) -> Result<Money, NotMoney> {
        if self.negative {
            return Err(NotMoney::Negative);
        }
        if self.count + self.exponent > 13 {
            return Err(NotMoney::OutOfRange);
        }
        if self.exponent < -4 {
            return Err(NotMoney::TooManyDecimals);
        }
        // At most 13 digits before the point and 4 behind it.
        let ten_thousandths = self.digits as i64 * 10_i64.pow((self.exponent + 4) as u32);
        if ten_thousandths > MAX_UNITS * Money::UNIT {
            return Err(NotMoney::OutOfRange);
        }
        Ok(Money(ten_thousandths))
    }
}

/// Units of the reporting currency for one unit of another, exact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rate {
    numerator: i128,
    denominator: i128,
}

impl Rate {
    /// Reads a positive decimal with at most 12 digits on either side of the point.
    pub(super) fn parse(text: &str) -> Option<Rate> {
        let decimal = Decimal::parse(text)?;
        let magnitude = decimal.count + decimal.exponent;
        if decimal.negative || decimal.digits == 0 || decimal.exponent < -12 || magnitude > 12 {
            return None;
        }
        if decimal.count > EXACT_DIGITS {
            return None;
        }
        let scale = 10_i128.pow(decimal.exponent.unsigned_abs() as u32);
        let digits = i128::from(decimal.digits);
        Some(if decimal.exponent >= 0 {
            Rate { numerator: digits * scale, denominator: 1 }
        } else {
            Rate { numerator: digits, denominator: scale }
        })
    }

    /// Converts an amount, rounding half to even to a ten-thousandth; `None` beyond the largest amount.
    pub(super) fn convert(self, amount: Money) -> Option<Money> {
        let product = i128::from(amount.0) * self.numerator;
        let (quotient, remainder) = (product / self.denominator, product % self.denominator);
        let up = match (remainder * 2).cmp(&self.denominator) {
            std::cmp::Ordering::Less => false,
            std::cmp::Ordering::Equal => quotient % 2 == 1,
            std::cmp::Ordering::Greater => true,
        };
        let rounded = i64::try_from(quotient + i128::from(up)).ok()?;
        (rounded <= MAX_UNITS * Money::UNIT).then_some(Money(rounded))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts() {
        let cases = [
            ("12.50", Ok(125_000)),
            ("0", Ok(0)),
            ("-0", Ok(0)),
            ("0e999", Ok(0)),
            ("007", Ok(70_000)),
            ("12.500000", Ok(125_000)),
            ("0.0001", Ok(1)),
            ("1.25e2", Ok(1_250_000)),
            ("125e-2", Ok(12_500)),
            ("10000000000", Ok(100_000_000_000_000)),
            ("10000000000.0001", Err(NotMoney::OutOfRange)),
            ("0.00001", Err(NotMoney::TooManyDecimals)),
            ("100000000000000000000000e-20", Ok(10_000_000)),
            ("1.00000000000000000000000000", Ok(10_000)),
            ("1e-400", Err(NotMoney::TooManyDecimals)),
            ("0.12345678901234567890123", Err(NotMoney::TooManyDecimals)),
            ("1e400", Err(NotMoney::OutOfRange)),
            ("1e99999999999999999999", Err(NotMoney::OutOfRange)),
            ("99999999999999999999999999", Err(NotMoney::OutOfRange)),
            ("-1", Err(NotMoney::Negative)),
            ("-1e400", Err(NotMoney::Negative)),
        ];
        for (text, expected) in cases {
            assert_eq!(Decimal::parse(text).unwrap().money(), expected.map(Money), "{text}");
        }
        for text in
            ["", "-", ".", "1.", ".5", "+1", "12,50", "1e", "1e+", "1 ", " 1", "NaN", "0x1", "--1", "1.2.3", "١"]
        {
            assert_eq!(Decimal::parse(text), None, "{text}");
        }
    }

    #[test]
    fn integers() {
        let cases =
            [("5", Some(5)), ("5.0", Some(5)), ("1e3", Some(1000)), ("0.5", None), ("-1", None), ("1e30", None)];
        for (text, expected) in cases {
            assert_eq!(Decimal::parse(text).unwrap().unsigned(), expected, "{text}");
        }
    }

    #[test]
    fn rates_round_half_to_even() {
        let half = Rate::parse("0.5").unwrap();
        let converted = [1, 2, 3, 5, 7].map(|amount| half.convert(Money(amount)).unwrap().0);
        assert_eq!(converted, [0, 1, 2, 2, 4]);
        assert_eq!(Rate::parse("0.92").unwrap().convert(Money(1_000_000)), Some(Money(920_000)));
        assert_eq!(Rate::parse("1e11").unwrap().convert(Money(1_000_000_000)), None);
        for text in ["0", "-1", "1e13", "0.0000000000001", "eins", ""] {
            assert_eq!(Rate::parse(text), None, "{text}");
        }
    }
}
