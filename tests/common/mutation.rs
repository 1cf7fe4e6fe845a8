//! Damaged records.

use rand::rngs::SmallRng;
use rand::{Rng, RngExt};
use std::collections::BTreeMap;

/// `sample` with the value of `field` replaced, or the field removed for an empty `json`.
pub fn with(sample: &str, field: &str, json: &str) -> String {
    let mut fields: Vec<(String, String)> =
        serde_json::from_str::<BTreeMap<String, Box<serde_json::value::RawValue>>>(sample)
            .expect("samples are objects")
            .into_iter()
            .map(|(key, value)| (key, value.get().to_owned()))
            .filter(|(key, _)| key != field)
            .collect();
    if !json.is_empty() {
        fields.push((field.to_owned(), json.to_owned()));
    }
    let fields: Vec<String> = fields.iter().map(|(key, value)| format!("\"{key}\":{value}")).collect();
    format!("{{{}}}", fields.join(","))
}

/// One way in which producers, disks and attackers damage a record.
pub fn mutate(rng: &mut SmallRng, sample: &str) -> Vec<u8> {
    let mut bytes = sample.as_bytes().to_vec();
    let at = |rng: &mut SmallRng, bytes: &[u8]| rng.random_range(0..bytes.len().max(1));
    let keys: Vec<String> = serde_json::from_str::<BTreeMap<String, serde_json::Value>>(sample)
        .expect("samples are objects")
        .into_keys()
        .collect();
    let key = &keys[rng.random_range(0..keys.len())];
    let swapped =
        ["null", "true", "-1", "\"\"", "[]", "{}", "1e400", "\"x\"", "0.1234567", "99999999999999999999", "NaN"];
    match rng.random_range(0..9) {
        0 => {
            for _ in 0..rng.random_range(1..4) {
                let at = at(rng, &bytes);
                bytes[at] ^= 1 << rng.random_range(0..8);
            }
        }
        1 => bytes.truncate(at(rng, &bytes)),
        2 => bytes = with(sample, key, "").replacen('{', &format!("{{\"{key}\":1,\"{key}\":2,"), 1).into_bytes(),
        3 => bytes = with(sample, key, swapped[rng.random_range(0..swapped.len())]).into_bytes(),
        4 => bytes = with(sample, key, "").into_bytes(),
        5 => bytes.insert(at(rng, &bytes), rng.random_range(0..0x20)),
        6 => {
            let (from, to) = (at(rng, &bytes), at(rng, &bytes));
            bytes.swap(from, to);
        }
        7 => {
            let from = at(rng, &bytes);
            let piece: Vec<u8> = bytes[from..].to_vec();
            bytes.splice(from..from, piece);
        }
        _ => {
            let mut noise = vec![0; rng.random_range(0..64)];
            rng.fill_bytes(&mut noise);
            let from = at(rng, &bytes);
            bytes.splice(from..from, noise);
        }
    }
    bytes
}
