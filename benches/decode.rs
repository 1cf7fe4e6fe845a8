//! Decoding alone: records per second of one core for a purchase of 199 bytes.

use bellwether::event::{Chunk, Position, Topic};
use bellwether::wire::{DecodeOptions, Decoder, RawRecord};
use std::time::Instant;

const PURCHASE: &str = r#"{"event_id":"b-000000001","occurred_at":1772366400250,"customer_id":"c-0000001","order_id":"o-000000001","product_id":"p-000001","category":"beauty","amount":"12.50","currency":"EUR","kind":"purchase"}"#;

fn main() {
    let decoder = Decoder::new(&DecodeOptions::default()).expect("defaults make sense");
    let (rounds, per_chunk) = (1_000, 2_000);
    let mut chunk = Chunk::default();
    let started = Instant::now();
    for _ in 0..rounds {
        chunk.text.clear();
        chunk.records.clear();
        for offset in 0..per_chunk {
            let position = Position { topic: Topic::Purchases, partition: 0, offset };
            let value = Some(PURCHASE.as_bytes());
            let raw = RawRecord { position, key: None, value, headers: Vec::new(), timestamp_ms: None };
            decoder.decode(&raw, &mut chunk).expect("a good record");
        }
    }
    let records = f64::from(rounds) * per_chunk as f64;
    let seconds = started.elapsed().as_secs_f64();
    let (bytes, rate, micros) = (PURCHASE.len(), records / seconds, seconds / records * 1e6);
    println!("decode: {bytes}-byte purchases, {rate:.0} records/s, {micros:.3} µs each");
}
