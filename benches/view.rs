//! What the view costs: CPU time of making and publishing an epoch's changes, per output, and memory per customer.
//!
//! `cargo bench --bench view [-- CUSTOMERS]`

use bellwether::engine::{Effects, Totals};
use bellwether::event::*;
use bellwether::view::{AsOf, Delta, Rank, View};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use std::time::Instant;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const OUTPUTS_PER_EPOCH: u32 = 50_000;
const CATEGORIES: u16 = 20;

/// CPU time of this thread in nanoseconds.
fn cpu_ns() -> u64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux tells");
    stat.split(' ').next().and_then(|field| field.parse().ok()).expect("its first field is the CPU time")
}

/// Resident memory of this process in bytes.
fn resident() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/statm").expect("Linux tells");
    stat.split(' ').nth(1).and_then(|pages| pages.parse::<f64>().ok()).expect("its second field is in pages") * 4096.0
}

/// A change as they mostly are: one category, a UUID as event id.
fn change(random: &mut SmallRng, customer: u32, sequence: u32) -> Output {
    let mut factors = [FactorPoints::default(); 7];
    // Few are influential: the cube of a uniform draw, fixed for each customer, and a small change.
    let talent = f64::from(customer.wrapping_mul(0x9e37_79b9)) / f64::from(u32::MAX);
    let points = (talent.powi(3) * 8_000.0) as u16 + random.random_range(0..200);
    factors[Factor::Persuasion as usize].points = Points(points / 2);
    let credit = Credit(i64::from(points) * 1_000_000 + random.random_range(0..1_000_000));
    Output::Score(Box::new(ScoreChange {
        customer: CustomerId(customer),
        sequence,
        score: Points(points),
        previous_score: Points(0),
        layer: if points > 7_000 { Layer::MicroInfluencer } else { Layer::Member },
        previous_layer: Layer::Member,
        traits: Traits::default(),
        polarity: 10,
        percentile: 500,
        factors,
        categories: vec![CategoryScore {
            category: CategoryId((customer % u32::from(CATEGORIES)) as u16),
            score: Points(points / 2),
            credit: credit.adoptions(),
        }],
        value: TotalValue { influenced_direct: Money(credit.0 / 100), ..TotalValue::default() },
        credit: CreditHeld { direct: credit, indirect: Credit(0) },
        followers: (talent * 1e4) as u32,
        audience: 0,
        cause: Cause::Event {
            kind: CauseKind::Credited,
            event_id: "123e4567-e89b-12d3-a456-426614174000".into(),
            position: Position { topic: Topic::Purchases, partition: 0, offset: 1 },
        },
        at: Time(1_700_000_000_000),
    }))
}

struct Bench {
    view: View,
    epoch: u64,
    new_ns: u64,
    publish_ns: u64,
    outputs: u64,
}

impl Bench {
    fn epoch(&mut self, outputs: impl Iterator<Item = Output>) {
        let mut effects = Effects::default();
        effects.outputs.extend(outputs);
        self.outputs += effects.outputs.len() as u64;
        self.epoch += 1;
        let begun = cpu_ns();
        let delta = Delta::with_names(
            &effects,
            |CustomerId(number)| name(number).as_str().into(),
            |ProductId(_)| "product".into(),
            |CategoryId(number)| format!("category {number}").into(),
        );
        let made = cpu_ns();
        self.view.publish(delta, &Totals::default(), AsOf { epoch: self.epoch, watermark: Time(0) });
        self.publish_ns += cpu_ns() - made;
        self.new_ns += made - begun;
    }

    fn tell(&mut self, what: &str) {
        let per = |ns: u64| ns as f64 / self.outputs as f64;
        println!(
            "{what:<44} {:>6.0} ns new + {:>6.0} ns publish = {:>6.0} ns per output",
            per(self.new_ns),
            per(self.publish_ns),
            per(self.new_ns + self.publish_ns)
        );
        (self.new_ns, self.publish_ns, self.outputs) = (0, 0, 0);
    }
}

/// `c` and eight digits, without the cost of formatting: the engine has its names at hand.
fn name(number: u32) -> Name {
    let mut bytes = *b"c00000000";
    let mut rest = number;
    for digit in bytes[1..].iter_mut().rev() {
        *digit += (rest % 10) as u8;
        rest /= 10;
    }
    Name(bytes)
}

struct Name([u8; 9]);

impl Name {
    fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("digits are ASCII")
    }
}

fn main() {
    let customers = std::env::args().filter_map(|argument| argument.parse().ok()).next().unwrap_or(1_000_000_u32);
    let mut random = SmallRng::seed_from_u64(1);
    let mut bench = Bench { view: View::new(1000, 1000), epoch: 0, new_ns: 0, publish_ns: 0, outputs: 0 };
    println!("{customers} customers, {OUTPUTS_PER_EPOCH} outputs an epoch, CPU time of one thread");
    bench.epoch((0..1000).map(|customer| change(&mut random, customer, 1)));
    let empty = resident();
    for first in (1000..customers).step_by(OUTPUTS_PER_EPOCH as usize) {
        let last = (first + OUTPUTS_PER_EPOCH).min(customers);
        bench.epoch((first..last).map(|customer| change(&mut random, customer, 1)));
    }
    bench.tell("first changes");
    println!("{:>6.0} bytes per customer after one change (resident)", (resident() - empty) / f64::from(customers));
    for sequence in 2..42 {
        let who: Vec<u32> = (0..OUTPUTS_PER_EPOCH).map(|_| random.random_range(0..customers)).collect();
        bench.epoch(who.into_iter().map(|customer| change(&mut random, customer, sequence)));
    }
    bench.tell("later changes, all customers alike");
    for sequence in 42..82 {
        let skewed = |random: &mut SmallRng| (random.random::<f64>().powi(3) * f64::from(customers)) as u32;
        let who: Vec<u32> = (0..OUTPUTS_PER_EPOCH).map(|_| skewed(&mut random)).collect();
        bench.epoch(who.into_iter().map(|customer| change(&mut random, customer, sequence)));
    }
    bench.tell("later changes, a few customers often");
    println!("{:>6.0} bytes per customer after some five changes", (resident() - empty) / f64::from(customers));
    for (what, limit) in [("20", 20), ("1000", 1000), ("1000 again", 1000)] {
        let begun = Instant::now();
        let (_, rows) = bench.view.leaderboard(Rank::Score, None, None, limit);
        println!("leaderboard of {what}: {} rows in {:.2} ms", rows.len(), begun.elapsed().as_secs_f64() * 1e3);
    }
}
