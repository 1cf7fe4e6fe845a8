//! Values of a foreign shape → the contract's: each field is picked by a JSON path, the rest stays where it is.

use super::decode::FieldMapping;
use super::fields::{Field, duplicate, not_json, object};
use super::reason::Reject;
use serde::Deserializer as _;
use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::fmt;

/// A compiled [`FieldMapping`]. Fields that it does not name are found at the top level under the contract's name.
#[derive(Clone, Debug)]
pub(super) struct Mapping {
    sources: Vec<(Field, Source)>,
}

/// Where a field comes from.
#[derive(Clone, Debug)]
enum Source {
    Path(Vec<Step>),
    /// The same JSON for every record.
    Literal(String),
}

/// One step of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Key(String),
    Index(usize),
}

impl Mapping {
    /// Errors name the field and what is wrong with its path.
    pub(super) fn new(mapping: &FieldMapping) -> Result<Mapping, String> {
        let mut sources: Vec<(Field, Source)> =
            Field::ALL.iter().map(|&field| (field, Source::Path(vec![Step::Key(field.name().to_owned())]))).collect();
        let mut seen = Vec::new();
        for (name, path) in &mapping.paths {
            let field = Field::named(name).ok_or_else(|| format!("{name}: the contract has no such field"))?;
            if seen.contains(&field) {
                return Err(format!("{name}: mapped twice"));
            }
            seen.push(field);
            let source = match path.strip_prefix('=') {
                Some(text) => Source::Literal(literal(text)),
                None => Source::Path(parse_path(path).map_err(|problem| format!("{name}: {path}: {problem}"))?),
            };
            sources[field as usize] = (field, source);
        }
        Ok(Mapping { sources })
    }

    /// The same event as an object of the contract's shape. What a path does not find is absent.
    pub(super) fn reshape(&self, value: &str) -> Result<String, Reject> {
        let mut shaped = String::with_capacity(value.len() + 64);
        for (field, source) in &self.sources {
            let raw = match source {
                Source::Literal(json) => Some(json.as_str()),
                Source::Path(steps) => pick(value, steps)?,
            };
            if let Some(raw) = raw {
                shaped.push(if shaped.is_empty() { '{' } else { ',' });
                shaped.push_str(&format!("\"{}\":", field.name()));
                // Foreign systems number what the contract names: digits become the id's text, as they are written.
                let is_number = raw.starts_with(|c: char| c == '-' || c.is_ascii_digit());
                let quote = if field.is_text() && is_number { "\"" } else { "" };
                shaped.extend([quote, raw, quote]);
            }
        }
        shaped.push_str(if shaped.is_empty() { "{}" } else { "}" });
        Ok(shaped)
    }
}

/// A literal is JSON if it reads as a number or a boolean, else text.
fn literal(text: &str) -> String {
    match serde_json::from_str::<serde_json::Value>(text) {
        Ok(value) if value.is_number() || value.is_boolean() => text.to_owned(),
        _ => serde_json::Value::from(text).to_string(),
    }
}

/// Reads `$.a.b[0]['weird key']`: the part of JSONPath (RFC 9535) that names one place.
fn parse_path(path: &str) -> Result<Vec<Step>, String> {
    let mut rest = path.strip_prefix('$').ok_or("a path begins with $, a literal with =")?;
    let mut steps = Vec::new();
    while !rest.is_empty() {
        let step;
        (step, rest) = if let Some(quoted) = rest.strip_prefix("['") {
            let (key, rest) = quoted.split_once("']").ok_or("[' without ']")?;
            (Step::Key(key.to_owned()), rest)
        } else if let Some(index) = rest.strip_prefix('[') {
            let (index, rest) = index.split_once(']').ok_or("[ without ]")?;
            (Step::Index(index.parse().map_err(|_| format!("[{index}] is not an index"))?), rest)
        } else if let Some(name) = rest.strip_prefix('.') {
            let end = name.find(['.', '[']).unwrap_or(name.len());
            let (key, rest) = name.split_at(end);
            if key.is_empty() || key.contains(['*', '\'', ' ']) {
                return Err("a key after a dot is a plain name; others are written ['so']".to_owned());
            }
            (Step::Key(key.to_owned()), rest)
        } else {
            return Err(format!("{rest} is neither .key nor [index]"));
        };
        steps.push(step);
    }
    if steps.is_empty() { Err("the path names no field".to_owned()) } else { Ok(steps) }
}

/// The raw JSON at a path. Every object on the way is read to its end, so that none hides a duplicate of the key.
fn pick<'v>(value: &'v str, steps: &[Step]) -> Result<Option<&'v str>, Reject> {
    let mut json = object(value)?;
    let (first, rest) = steps.split_first().expect("parse_path refuses empty paths");
    let mut place = Place { step: first, found: None, twice: false };
    json.deserialize_any(&mut place).and_then(|()| json.end()).map_err(|error| not_json(&error))?;
    let mut place = place.result()?;
    for step in rest {
        let Some(raw) = place else { return Ok(None) };
        let mut next = Place { step, found: None, twice: false };
        if raw.starts_with(['{', '[']) {
            serde_json::Deserializer::from_str(raw).deserialize_any(&mut next).map_err(|error| not_json(&error))?;
        }
        place = next.result()?;
    }
    Ok(place)
}

/// One step being taken.
struct Place<'s, 'v> {
    step: &'s Step,
    found: Option<&'v str>,
    twice: bool,
}

impl<'v> Place<'_, 'v> {
    fn result(self) -> Result<Option<&'v str>, Reject> {
        match (self.twice, self.step) {
            (true, Step::Key(key)) => Err(duplicate(key)),
            _ => Ok(self.found),
        }
    }
}

impl<'v> Visitor<'v> for &mut Place<'_, 'v> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object or an array")
    }

    fn visit_map<A: MapAccess<'v>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<std::borrow::Cow<'v, str>>()? {
            if matches!(self.step, Step::Key(step) if *step == key) {
                let value: &'v RawValue = map.next_value()?;
                self.twice |= self.found.replace(value.get()).is_some();
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'v>>(self, mut items: A) -> Result<(), A::Error> {
        let mut index = 0;
        while let Some(value) = items.next_element::<&'v RawValue>()? {
            if matches!(self.step, Step::Index(step) if *step == index) {
                self.found = Some(value.get());
            }
            index += 1;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        let key = |key: &str| Step::Key(key.to_owned());
        assert_eq!(
            parse_path("$.items[0]['weird key'].sku"),
            Ok(vec![key("items"), Step::Index(0), key("weird key"), key("sku")])
        );
        for path in ["", "customer", "$", "$..id", "$.*", "$[*]", "$['open", "$[-1]", "$.a b", "$x"] {
            assert!(parse_path(path).is_err(), "{path}");
        }
    }

    #[test]
    fn reshapes() {
        let paths = [("customer_id", "$.who.id"), ("product_id", "$.items[1]['s k u']"), ("category", "=toys")];
        let paths = paths.map(|(field, path)| (field.to_owned(), path.to_owned())).to_vec();
        let mapping = Mapping::new(&FieldMapping { paths }).unwrap();
        let value = r#"{"who":{"id":7},"items":[0,{"s k u":"p"}],"category":"x","order_id":"o","kind":null}"#;
        let shaped = mapping.reshape(value).unwrap();
        assert_eq!(shaped, r#"{"customer_id":"7","product_id":"p","order_id":"o","category":"toys","kind":null}"#);
        assert_eq!(mapping.reshape(r#"{"who":3}"#).unwrap(), r#"{"category":"toys"}"#);
        assert_eq!(mapping.reshape(r#"{"who":{"id":1,"id":2}}"#).unwrap_err().reason, "duplicate_key");
        assert_eq!(mapping.reshape("[]").unwrap_err().reason, "not_an_object");
        let unknown = FieldMapping { paths: vec![("colour".to_owned(), "$.x".to_owned())] };
        assert!(Mapping::new(&unknown).unwrap_err().contains("colour"));
    }
}
