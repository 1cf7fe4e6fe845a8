//! Chance, portable: the same seed gives the same draws on every machine and toolchain.
//!
//! A named generator (xoshiro256++) and `libm` for the only transcendental functions; neither `StdRng`, whose algorithm
//! may change between releases, nor the platform's `ln` and `pow`.

use rand::rngs::Xoshiro256PlusPlus;
use rand::{Rng, SeedableRng};

/// A stream of random numbers.
#[derive(Clone, Debug)]
pub struct Dice(Xoshiro256PlusPlus);

impl Dice {
    /// The stream number `stream` of a seed: rooms draw from streams of their own, so that a change in one leaves the
    /// others as they were.
    #[must_use]
    pub fn new(seed: u64, stream: u64) -> Self {
        Dice(Xoshiro256PlusPlus::seed_from_u64(mix(seed ^ mix(stream))))
    }

    /// Uniform in [0, 1).
    pub fn unit(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    }

    /// Uniform in 0..n; 0 if `n` is 0.
    pub fn below(&mut self, n: u64) -> u64 {
        ((u128::from(self.0.next_u64()) * u128::from(n)) >> 64) as u64
    }

    /// Uniform in 0..n.
    pub fn index(&mut self, n: usize) -> usize {
        self.below(n as u64) as usize
    }

    /// True with probability `p`.
    pub fn chance(&mut self, p: f64) -> bool {
        p > 0.0 && self.unit() < p
    }

    /// Exponential with the given mean.
    pub fn exponential(&mut self, mean: f64) -> f64 {
        -mean * libm::log(1.0 - self.unit())
    }

    /// Pareto with minimum 1 and the given tail exponent.
    pub fn pareto(&mut self, exponent: f64) -> f64 {
        libm::pow(1.0 - self.unit(), -1.0 / exponent)
    }

    /// A rank in 0..n with P(r) ∝ r^(−2/3): drawn as degree targets, it gives a degree tail of exponent 2.5.
    pub fn famous(&mut self, n: usize) -> usize {
        let u = self.unit();
        ((u * u * u * n as f64) as usize).min(n.saturating_sub(1))
    }

    /// A uniform permutation in place.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.index(i + 1));
        }
    }
}

/// Spreads the bits of `x` (the finaliser of SplitMix64).
#[must_use]
pub fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// A fixed bijection of 0..n that looks like none: ranks become customers without a table.
#[derive(Clone, Copy, Debug)]
pub struct Scatter {
    n: u64,
    step: u64,
}

impl Scatter {
    /// Different salts give different bijections. `n` must fit into 32 bits and be at least 1.
    #[must_use]
    pub fn new(n: usize, salt: u64) -> Self {
        let n = n as u64;
        let mut step = mix(salt) % n;
        while gcd(step, n) != 1 {
            step += 1;
        }
        Scatter { n, step }
    }

    #[must_use]
    pub fn place(&self, rank: usize) -> u32 {
        ((rank as u64 * self.step + self.step / 2) % self.n) as u32
    }
}

fn gcd(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}
