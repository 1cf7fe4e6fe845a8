//! The engine alone: events already decoded, one thread. Prints events per second, nanoseconds per event, and bytes per customer and
//! per edge; then what must not depend on a celebrity, on the window or on the length of the stream, as ratios within this run.
//!
//!     cargo bench --bench engine [-- SCALE]     # SCALE 1 is the reference market: 1 M customers, 8 M follows, 8 M purchases

use bellwether::engine::{Effects, Engine, Params};
use bellwether::event::{Batch, Body, Chunk, DAY_MS, Money, Output, Position, Purchase, Record, Span, Time, Topic};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use std::time::Instant;

/// A market drawn for the engine alone: heavy-tailed popularity, friends in communities, purchases spread over `days`.
struct Market {
    customers: u32,
    follows: u32,
    purchases: u32,
    products: u32,
    days: i64,
    /// Customer 0 is followed by this many of the others.
    celebrity: u32,
}

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const START: i64 = 1_767_225_600_000;

impl Market {
    fn reference(scale: f64) -> Market {
        let n = |full: f64| (full * scale) as u32;
        Market { customers: n(1e6), follows: n(8e6), purchases: n(8e6), products: n(1e5), days: 60, celebrity: 0 }
    }

    /// All events, in chunks as the wire would give them: follows first, then purchases, in event-time order.
    fn chunks(&self) -> Vec<Chunk> {
        let mut random = SmallRng::seed_from_u64(1);
        let mut draw = Draw { chunks: vec![Chunk::default()], count: 0 };
        for i in 0..self.follows {
            let follower = random.random_range(0..self.customers);
            // Preferential: the square of a uniform draw favours low numbers; half of the follows stay in the community.
            let far = (random.random::<f64>().powi(3) * f64::from(self.customers)) as u32;
            let near = (follower / 100 * 100 + random.random_range(0..100)).min(self.customers - 1);
            let followee = if random.random_bool(0.5) { far } else { near };
            if follower != followee {
                draw.follow(START - DAY_MS + i64::from(i) * DAY_MS / i64::from(self.follows), follower, followee);
            }
        }
        for follower in 1..=self.celebrity {
            draw.follow(START, follower % self.customers, 0);
        }
        let span = self.days * DAY_MS;
        for i in 0..self.purchases {
            let at = START + 60_000 + (i64::from(i) * span) / i64::from(self.purchases);
            let customer = random.random_range(0..self.customers);
            let product = (random.random::<f64>().powi(3) * f64::from(self.products)) as u32;
            draw.purchase(at, customer, product, random.random_range(100..1_000_000));
        }
        draw.chunks
    }
}

struct Draw {
    chunks: Vec<Chunk>,
    count: i64,
}

impl Draw {
    fn record(&mut self, topic: Topic, at: i64, body: impl FnOnce(&mut Chunk, i64) -> Body) {
        if self.chunks.last().is_none_or(|chunk| chunk.records.len() >= 4096) {
            self.chunks.push(Chunk::default());
        }
        let (count, chunk) = (self.count, self.chunks.last_mut().expect("pushed above"));
        self.count += 1;
        let event_id = chunk.push_text(&format!("e{count}"));
        let body = body(chunk, count);
        let position = Position { topic, partition: 0, offset: count };
        chunk.records.push(Record { position, at: Time(at), event_id, value: event_id, origin: None, body });
    }

    fn follow(&mut self, at: i64, follower: u32, followee: u32) {
        self.record(Topic::Follows, at, |chunk, _| Body::Follow {
            follower: id(chunk, 'c', follower),
            followee: id(chunk, 'c', followee),
            follows: true,
        });
    }

    fn purchase(&mut self, at: i64, customer: u32, product: u32, amount: i64) {
        self.record(Topic::Purchases, at, |chunk, count| {
            Body::Purchase(Purchase {
                customer: id(chunk, 'c', customer),
                order: chunk.push_text(&format!("o{count}")),
                product: id(chunk, 'p', product),
                category: id(chunk, 'g', product % 20),
                amount: Money(amount),
                referral_code: None,
            })
        });
    }
}

fn id(chunk: &mut Chunk, kind: char, number: u32) -> Span {
    chunk.push_text(&format!("{kind}{number}"))
}

struct Run {
    engine: Engine,
    seconds: f64,
    changes: u64,
    cascades: u64,
}

/// Steps through the chunks, `epoch` chunks at a time, with the watermark at the newest event.
fn run(params: Params, chunks: &[Chunk], epoch: usize) -> Run {
    let mut engine = Engine::new(params);
    let mut effects = Effects::default();
    let (mut changes, mut cascades) = (0, 0);
    let started = Instant::now();
    for batch in chunks.chunks(epoch) {
        let newest = batch.iter().flat_map(|chunk| &chunk.records).map(|record| record.at.0).max().unwrap_or(0);
        engine.step(&Batch { chunks: batch, watermark: Time(newest) }, &mut effects);
        changes += effects.outputs.iter().filter(|output| matches!(output, Output::Score(_))).count() as u64;
        cascades += effects.outputs.iter().filter(|output| matches!(output, Output::Cascade(_))).count() as u64;
        effects.clear();
    }
    Run { engine, seconds: started.elapsed().as_secs_f64(), changes, cascades }
}

fn events(chunks: &[Chunk]) -> usize {
    chunks.iter().map(|chunk| chunk.records.len()).sum()
}

fn rate(name: &str, params: Params, chunks: &[Chunk]) -> (f64, Engine) {
    let run = run(params, chunks, 5);
    let events = events(chunks) as f64;
    let nanoseconds = run.seconds * 1e9 / events;
    println!(
        "{name:<44} {:>9.0} events/s {nanoseconds:>7.0} ns/event {:>6.3} changes/event {:>7} cascade changes",
        events / run.seconds,
        run.changes as f64 / events,
        run.cascades,
    );
    (nanoseconds, run.engine)
}

fn main() {
    let scale = std::env::args().filter_map(|argument| argument.parse().ok()).next().unwrap_or(0.1);
    println!("reference market at scale {scale}, one thread\n");
    let market = Market::reference(scale);
    let (_, engine) = rate("reference", Params::default(), &market.chunks());
    let (totals, bytes) = (engine.totals().clone(), engine.state_bytes());
    let per = |bytes: usize, count: u64| bytes as f64 / count as f64;
    println!(
        "\n{:>8.1} bytes per customer (state + id)\n{:>8.1} bytes per edge ({} edges)\n{:>8.1} bytes per live adoption and actor\n{:>8.3} organic share of credit\n",
        per(bytes.customers + bytes.names, totals.customers),
        per(bytes.edges, totals.edges),
        totals.edges,
        per(bytes.products, totals.adoptions),
        totals.credit_organic.adoptions() / totals.adoptions as f64,
    );
    drop(engine);

    let small = Market::reference(scale / 4.0);
    let chunks = small.chunks();
    let (plain, _) = rate("a quarter of it", Params::default(), &chunks);
    for days in [1, 7, 56] {
        let params = Params { window_ms: days * DAY_MS, ..Params::default() };
        let (ns, _) = rate(&format!("window of {days} d"), params, &chunks);
        println!("    / window of 14 d: {:.2}", ns / plain);
    }

    let famous = Market { celebrity: small.customers - 1, ..Market::reference(scale / 4.0) };
    let mut engine = run(Params::default(), &famous.chunks(), 5).engine;
    let [ordinary, celebrity] = [false, true].map(|celebrity| {
        let mut draw = Draw { chunks: vec![Chunk::default()], count: if celebrity { 1 << 40 } else { 1 << 41 } };
        for i in 0..20_000 {
            let customer = if celebrity { 0 } else { 1 + i % (small.customers - 1) };
            let at = engine.watermark().0 + 1 + i64::from(i) * 1000;
            draw.purchase(at, customer, (i * 7) % small.products, 1000);
        }
        let started = Instant::now();
        let watermark = Time(engine.watermark().0 + 20_000 * 1000 + 1);
        engine.step(&Batch { chunks: &draw.chunks, watermark }, &mut Effects::default());
        started.elapsed().as_secs_f64() / 20_000.0 * 1e9
    });
    println!("\na purchase of somebody with {} followers {celebrity:.0} ns", famous.celebrity);
    println!(
        "a purchase of an ordinary customer {ordinary:.0} ns\n    celebrity / ordinary: {:.2}\n",
        celebrity / ordinary
    );

    // Memory of adoptions is full after 90 days: from then on a day must cost what the day before did.
    let long = Market { purchases: small.purchases * 4, days: 240, ..Market::reference(scale / 4.0) };
    let chunks = long.chunks();
    let purchases = &chunks[chunks.len() - chunks.len() * 8 / 10..];
    let first = chunks.len() - purchases.len();
    let mut engine = run(Params::default(), &chunks[..first], 5).engine;
    let quarters: Vec<f64> = purchases
        .chunks(purchases.len().div_ceil(4))
        .map(|quarter| {
            let started = Instant::now();
            let mut effects = Effects::default();
            for batch in quarter.chunks(5) {
                let newest = batch.iter().flat_map(|chunk| &chunk.records).map(|r| r.at.0).max().unwrap_or(0);
                engine.step(&Batch { chunks: batch, watermark: Time(newest) }, &mut effects);
                effects.clear();
            }
            started.elapsed().as_secs_f64() * 1e9 / events(quarter) as f64
        })
        .collect();
    let told: Vec<String> = quarters.iter().map(|ns| format!("{ns:.0}")).collect();
    println!("240 days of purchases, ns each by quarter: {}", told.join(", "));
    println!("    last quarter / the one before: {:.2}", quarters[3] / quarters[2]);
}
