//! `engine.toml` → [`Params`] and [`DecodeOptions`]: everything that changes history, and its fingerprint.

use super::reader::{Document, Findings, Section, Setting, shown};
use crate::engine::{Attribution, FactorParams, LayerParams, Params};
use crate::event::{DAY_MS, Factor, Points, Topic};
use crate::wire::{DecodeOptions, Decoder, FieldMapping};
use std::fmt::Write as _;
use toml::Value;

const SECOND_MS: i64 = 1_000;
const MINUTE_MS: i64 = 60 * SECOND_MS;

/// Counts changes of the rules that no parameter shows. Part of the fingerprint: raise it when the same log and the same
/// parameters would give other outputs.
const RULES_VERSION: u32 = 1;

/// A century: longer than any log, and far from the ends of the time scale.
const LONGEST_DAYS: f64 = 36_500.0;
/// The smallest number that is still meant as "above zero".
const ABOVE_ZERO: f64 = 1e-6;

/// Reads the text of an engine file.
pub fn read(file: &str, text: &str) -> (Params, DecodeOptions, Findings) {
    let document = Document::new(file, Default::default());
    let mut root = document.root(text);
    let params = params(&mut root);
    let decode = decode_options(&mut root);
    root.finish();
    if let Err(error) = Decoder::new(&decode) {
        document.error("input", error);
    }
    (params, decode, document.finish())
}

/// Hash over the canonical text of all effective settings: 16 hex digits. Comments, order and the spelling of numbers
/// do not matter; a setting left out counts with its default.
pub fn fingerprint(settings: &[Setting]) -> String {
    let mut lines: Vec<String> = settings.iter().map(|s| format!("{} = {}\n", s.path, s.value)).collect();
    lines.sort();
    let mut canonical = format!("rules {RULES_VERSION}\n");
    for line in &lines {
        let _ = canonical.write_str(line);
    }
    format!("{:016x}", xxhash_rust::xxh3::xxh3_64(canonical.as_bytes()))
}

fn params(root: &mut Section<'_>) -> Params {
    let d = Params::default();

    let mut order = root.section("order");
    let tick_ms = order.integer("tick_ms", d.tick_ms, 1..=86_400_000);
    let lateness_ms = order.span_ms("lateness_seconds", d.lateness_ms, SECOND_MS, 0.0..=31_536_000.0);
    let dedupe_horizon_ms = order.span_ms("dedupe_horizon_days", d.dedupe_horizon_ms, DAY_MS, 0.0..=LONGEST_DAYS);
    let dedupe_max = order.count("dedupe_max_ids", d.dedupe_max, 1..=4_000_000_000);
    let disorder_ms = disorder(&mut order, d.disorder_ms);
    order.finish();

    let mut graph = root.section("graph");
    let max_followees = graph.count("max_followees", d.max_followees, 1..=10_000_000);
    graph.finish();

    let mut exposure = root.section("exposure");
    let window_ms = exposure.span_ms("window_days", d.window_ms, DAY_MS, 0.01..=LONGEST_DAYS);
    exposure.finish();

    let mut adoption = root.section("adoption");
    let adoption_memory_ms = adoption.span_ms("memory_days", d.adoption_memory_ms, DAY_MS, 0.01..=LONGEST_DAYS);
    let review_adopts = adoption.flag("review_adopts", d.review_adopts);
    if adoption_memory_ms < window_ms {
        let days = window_ms as f64 / DAY_MS as f64;
        adoption
            .error("memory_days", format!("an adoption must be remembered for exposure.window_days ({days}) at least"));
    }
    adoption.finish();

    let mut credit = root.section("credit");
    let attributions = [
        ("time_decayed", Attribution::TimeDecayed),
        ("equal", Attribution::Equal),
        ("last_touch", Attribution::LastTouch),
    ];
    let attribution = credit.choice("attribution", "time_decayed", &attributions);
    let tau_ms = credit.span_ms("tau_days", d.tau_ms, DAY_MS, 0.01..=LONGEST_DAYS);
    let beta_prior = credit.number("beta_prior", d.beta_prior, ABOVE_ZERO..=1.0);
    let beta_strength = credit.number("beta_strength", d.beta_strength, ABOVE_ZERO..=1e6);
    let background_half_life_ms =
        credit.span_ms("background_half_life_days", d.background_half_life_ms, DAY_MS, 0.01..=LONGEST_DAYS);
    let referral_floor = credit.number("referral_floor", d.referral_floor, 0.0..=1.0);
    let max_credited = credit.count("max_credited", d.max_credited, 1..=255);
    let hop_damping = credit.number("hop_damping", d.hop_damping, 0.0..=1.0);
    let max_ancestors = credit.count("max_ancestors", d.max_ancestors, 0..=255);
    let indirect_weight = credit.number("indirect_weight", d.indirect_weight, 0.0..=1.0);
    let tau_by_category_ms = tau_by_category(&mut credit, d.tau_by_category_ms);
    credit.finish();

    let mut cascade = root.section("cascade");
    let cascade_size = cascade.integer("size", i64::from(d.cascade_size), 2..=1_000_000) as u32;
    let cascade_max_depth = cascade.integer("max_depth", i64::from(d.cascade_max_depth), 1..=1024) as u32;
    cascade.finish();

    let mut score = root.section("score");
    let step = points(&mut score, "step_points", d.step, 0.01);
    let decay_tick_ms = score.span_ms("decay_tick_minutes", d.decay_tick_ms, MINUTE_MS, 0.001..=525_600.0);
    if decay_tick_ms % tick_ms.max(1) != 0 {
        score.error("decay_tick_minutes", format!("must be a multiple of order.tick_ms ({tick_ms})"));
    }
    let category_half = score.number("category_half", d.category_half, ABOVE_ZERO..=1e6);
    let factors = factors(&mut score, d.factors);
    score.finish();

    let mut section = root.section("layers");
    let layers = layers(&mut section, d.layers);
    section.finish();

    Params {
        tick_ms,
        disorder_ms,
        lateness_ms,
        dedupe_horizon_ms,
        dedupe_max,
        max_followees,
        window_ms,
        adoption_memory_ms,
        review_adopts,
        attribution,
        tau_ms,
        tau_by_category_ms,
        beta_prior,
        beta_strength,
        background_half_life_ms,
        referral_floor,
        max_credited,
        hop_damping,
        max_ancestors,
        indirect_weight,
        cascade_size,
        cascade_max_depth,
        factors,
        category_half,
        step,
        decay_tick_ms,
        layers,
    }
}

fn disorder(order: &mut Section<'_>, default: [i64; 4]) -> [i64; 4] {
    let mut section = order.section("disorder_seconds");
    let disorder =
        Topic::ALL.map(|topic| section.span_ms(topic.name(), default[topic as usize], SECOND_MS, 0.0..=31_536_000.0));
    section.finish();
    disorder
}

fn factors(score: &mut Section<'_>, default: [FactorParams; 7]) -> [FactorParams; 7] {
    let factors = Factor::ALL.map(|factor| {
        let d = &default[factor as usize];
        let mut section = score.section(factor.name());
        let weight = section.number("weight", d.weight, 0.0..=100.0);
        if !is_hundredths(weight) {
            section.error("weight", format!("found {weight}, allowed are at most two decimals"));
        }
        let params = FactorParams {
            weight,
            half: section.number("half", d.half, ABOVE_ZERO..=1e9),
            half_life_ms: section.span_ms("half_life_days", d.half_life_ms, DAY_MS, 0.01..=LONGEST_DAYS),
        };
        section.finish();
        params
    });
    let sum: f64 = factors.iter().map(|factor| factor.weight).sum();
    // What is no hundredth has been told already.
    if factors.iter().all(|factor| is_hundredths(factor.weight)) && (sum - 100.0).abs() > 1e-9 {
        score.error("", format!("the weights of the factors sum to {sum}, they must sum to 100"));
    }
    factors
}

/// Each factor's points are rounded by themselves: sevenths could add up to more than 100.
fn is_hundredths(weight: f64) -> bool {
    (weight * 100.0 - (weight * 100.0).round()).abs() < 1e-9
}

fn layers(section: &mut Section<'_>, d: LayerParams) -> LayerParams {
    LayerParams {
        core_affinity: points(section, "core_affinity_points", d.core_affinity, 0.0),
        core_advocacy: points(section, "core_advocacy_points", d.core_advocacy, 0.0),
        core_repeats: section.number("core_repeats", d.core_repeats, 0.0..=1e6),
        micro_persuasion: points(section, "micro_persuasion_points", d.micro_persuasion, 0.0),
        micro_engagement: points(section, "micro_engagement_points", d.micro_engagement, 0.0),
        macro_audience: section.integer("macro_audience", d.macro_audience as i64, 1..=i64::MAX) as u64,
        macro_audience_by_platform: audiences(section, d.macro_audience_by_platform),
        hysteresis: points(section, "hysteresis_points", d.hysteresis, 0.0),
        super_connector_followers: section.integer(
            "super_connector_followers",
            i64::from(d.super_connector_followers),
            1..=i64::from(u32::MAX),
        ) as u32,
        expert_score: points(section, "expert_points", d.expert_score, 0.0),
        critic_polarity: (section.number("critic_polarity", f64::from(d.critic_polarity) / 100.0, -1.0..=1.0) * 100.0)
            .round() as i8,
    }
}

fn points(section: &mut Section<'_>, key: &str, default: Points, least: f64) -> Points {
    Points((section.number(key, default.value(), least..=100.0) * 100.0).round() as u16)
}

/// Sorted by platform. A table in the file replaces the default as a whole.
fn audiences(layers: &mut Section<'_>, mut default: Vec<(String, u64)>) -> Vec<(String, u64)> {
    default.sort();
    let mut section = layers.section("macro_audience_by_platform");
    let entries = section.entries();
    if entries.is_empty() {
        for (platform, audience) in &default {
            section.record(platform, audience.to_string(), super::reader::Source::Default);
        }
        return default;
    }
    let mut audiences = Vec::new();
    for (platform, (value, source)) in entries {
        match value {
            Value::Integer(audience @ 1..) => {
                section.record(&platform, audience.to_string(), source);
                audiences.push((platform, audience as u64));
            }
            other => section.error(&platform, format!("found {}, allowed is a whole number from 1", shown(&other))),
        }
    }
    audiences
}

fn tau_by_category(credit: &mut Section<'_>, default: Vec<(String, i64)>) -> Vec<(String, i64)> {
    let mut section = credit.section("tau_days_by_category");
    let mut taus = default;
    for (category, (value, source)) in section.entries() {
        let days = match &value {
            Value::Integer(days) => Some(*days as f64),
            Value::Float(days) => Some(*days),
            _ => None,
        };
        match days.filter(|days| (0.01..=LONGEST_DAYS).contains(days)) {
            Some(days) => {
                let ms = (days * DAY_MS as f64).round() as i64;
                section.record(&category, format!("{ms} ms"), source);
                taus.push((category, ms));
            }
            None => {
                let found = shown(&value);
                section.error(&category, format!("found {found}, allowed is a number from 0.01 to {LONGEST_DAYS}"));
            }
        }
    }
    taus
}

fn decode_options(root: &mut Section<'_>) -> DecodeOptions {
    let d = DecodeOptions::default();
    let mut currency = root.section("currency");
    let reporting_currency = currency.text("reporting", &d.reporting_currency, currency_code);
    let mut section = currency.section("rates");
    let mut rates = Vec::new();
    for (code, (value, source)) in section.entries() {
        if let Err(allowed) = currency_code(&code) {
            section.error(&code, format!("found the currency \"{code}\", allowed is {allowed}"));
        } else if code == reporting_currency {
            section.error(&code, "the reporting currency has no rate".to_owned());
        } else {
            match &value {
                Value::String(rate) if positive_decimal(rate) => {
                    section.record(&code, rate.clone(), source);
                    rates.push((code, rate.clone()));
                }
                other => section.error(
                    &code,
                    format!("found {}, allowed is a positive decimal in quotes, like \"0.92\"", shown(other)),
                ),
            }
        }
    }
    currency.finish();

    let mut input = root.section("input");
    let future_tolerance_ms =
        input.span_ms("future_tolerance_minutes", d.future_tolerance_ms, MINUTE_MS, 0.0..=525_600.0);
    let max_value_bytes = input.count("max_value_bytes", d.max_value_bytes, 256..=16_777_216);
    let mut section = input.section("mapping");
    let mappings = Topic::ALL.map(|topic| mapping(&mut section, topic));
    section.finish();
    input.finish();
    DecodeOptions { mappings, reporting_currency, rates, future_tolerance_ms, max_value_bytes }
}

/// Whether fields and paths make sense is judged by the decoder, which knows them.
fn mapping(mappings: &mut Section<'_>, topic: Topic) -> Option<FieldMapping> {
    let mut section = mappings.section(topic.name());
    let mut paths = Vec::new();
    for (field, (value, source)) in section.entries() {
        match value {
            Value::String(path) => {
                section.record(&field, path.clone(), source);
                paths.push((field, path));
            }
            other => section.error(&field, format!("found {}, allowed is a path in quotes", shown(&other))),
        }
    }
    (!paths.is_empty()).then_some(FieldMapping { paths })
}

fn currency_code(code: &str) -> Result<(), String> {
    let valid = code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_uppercase());
    valid.then_some(()).ok_or_else(|| "an ISO 4217 code of three capital letters".to_owned())
}

fn positive_decimal(text: &str) -> bool {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |part: &str| !part.is_empty() && part.len() <= 9 && part.bytes().all(|byte| byte.is_ascii_digit());
    digits(whole) && digits(fraction) && text.bytes().any(|byte| (b'1'..=b'9').contains(&byte))
}
