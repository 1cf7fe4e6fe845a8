//! A JSON object → the contract's fields as raw JSON text, in one pass and without a copy.

use super::reason::{Reason, Reject, shown};
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// Deepest nesting of objects and arrays. Nothing in the contract nests; this bounds what foreign shapes may do.
const MAX_DEPTH: usize = 64;

macro_rules! fields {
    ($($variant:ident $name:literal,)*) => {
        /// A field of the contract; the same name means the same on every topic.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub(super) enum Field { $($variant,)* }

        impl Field {
            pub(super) const ALL: &'static [Field] = &[$(Field::$variant,)*];

            pub(super) fn name(self) -> &'static str {
                match self { $(Field::$variant => $name,)* }
            }

            pub(super) fn named(name: &str) -> Option<Field> {
                match name { $($name => Some(Field::$variant),)* _ => None }
            }
        }
    };
}

fields! {
    EventId "event_id",
    OccurredAt "occurred_at",
    FollowerId "follower_id",
    FolloweeId "followee_id",
    Action "action",
    AuthorId "author_id",
    CustomerId "customer_id",
    ProductId "product_id",
    OrderId "order_id",
    Category "category",
    Platform "platform",
    Sentiment "sentiment",
    AuthorFollowers "author_followers",
    Impressions "impressions",
    Likes "likes",
    Comments "comments",
    Shares "shares",
    ReferralCode "referral_code",
    Sponsored "sponsored",
    Rating "rating",
    Verified "verified",
    HelpfulVotes "helpful_votes",
    Incentivised "incentivised",
    Amount "amount",
    Currency "currency",
    Kind "kind",
    Quantity "quantity",
    CommunityId "community_id",
    Text "text",
}

impl Field {
    /// Whether the contract has text here, so that a mapped number may stand for it.
    pub(super) fn is_text(self) -> bool {
        matches!(
            self,
            Field::EventId
                | Field::FollowerId
                | Field::FolloweeId
                | Field::AuthorId
                | Field::CustomerId
                | Field::ProductId
                | Field::OrderId
                | Field::Category
                | Field::Platform
                | Field::ReferralCode
                | Field::CommunityId
        )
    }
}

/// The raw JSON text of each field that is present and not null.
#[derive(Debug)]
pub(super) struct Fields<'v> {
    raw: [Option<&'v str>; Field::ALL.len()],
}

impl<'v> Fields<'v> {
    /// Reads an object. Unknown keys are ignored, but not if one occurs twice.
    pub(super) fn read(value: &'v str) -> Result<Fields<'v>, Reject> {
        let mut json = object(value)?;
        let mut visitor = Collect { raw: [None; Field::ALL.len()], unknown: Vec::new(), duplicate: None };
        json.deserialize_map(&mut visitor).and_then(|()| json.end()).map_err(|error| not_json(&error))?;
        visitor.unknown.sort_unstable();
        let twice = visitor.unknown.windows(2).find(|pair| pair[0] == pair[1]).map(|pair| shown(&pair[0]).into_owned());
        match visitor.duplicate.map(|field| field.name().to_owned()).or(twice) {
            Some(key) => Err(duplicate(&key)),
            None => Ok(Fields { raw: visitor.raw }),
        }
    }

    pub(super) fn raw(&self, field: Field) -> Option<&'v str> {
        self.raw[field as usize].filter(|raw| *raw != "null")
    }
}

/// Starts reading `value`, having made sure that it is an object as far as its first character tells.
pub(super) fn object(value: &str) -> Result<serde_json::Deserializer<serde_json::de::StrRead<'_>>, Reject> {
    let first = value.bytes().find(|byte| !matches!(byte, b' ' | b'\t' | b'\n' | b'\r'));
    if first != Some(b'{') {
        return Err(match serde_json::from_str::<IgnoredAny>(value) {
            Ok(_) => Reason::NotAnObject.whole(format!("found {}, expected an object", shown(value.trim()))),
            Err(error) => not_json(&error),
        });
    }
    Ok(serde_json::Deserializer::from_str(value))
}

pub(super) fn not_json(error: &serde_json::Error) -> Reject {
    Reason::NotJson.whole(error.to_string())
}

pub(super) fn duplicate(key: &str) -> Reject {
    Reject {
        reason: Reason::DuplicateKey.name(),
        field: Some(Cow::Owned(key.to_owned())),
        detail: format!("the key {key} occurs twice"),
    }
}

/// Whether objects and arrays nest deeper than allowed. Only a value with that many brackets is looked at closely.
pub(super) fn too_deep(value: &str) -> bool {
    let opening = value.bytes().filter(|byte| matches!(byte, b'{' | b'[')).count();
    opening > MAX_DEPTH && depth(value) > MAX_DEPTH
}

/// Deepest nesting outside strings. Iterative: 10,000 levels must not cost a stack.
fn depth(value: &str) -> usize {
    let (mut deepest, mut depth, mut in_string) = (0, 0_usize, false);
    let mut bytes = value.bytes();
    while let Some(byte) = bytes.next() {
        match (in_string, byte) {
            (true, b'\\') => {
                bytes.next();
            }
            (_, b'"') => in_string = !in_string,
            (false, b'{' | b'[') => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            (false, b'}' | b']') => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// Keeps the first value of each known key; a repetition is noted and told after the rest has proven to be JSON.
struct Collect<'v> {
    raw: [Option<&'v str>; Field::ALL.len()],
    unknown: Vec<Cow<'v, str>>,
    duplicate: Option<Field>,
}

impl<'v> Visitor<'v> for &mut Collect<'v> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'v>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key_seed(KeySeed)? {
            match key {
                Key::Known(field) => {
                    let value: &'v RawValue = map.next_value()?;
                    if self.raw[field as usize].replace(value.get()).is_some() {
                        self.duplicate = self.duplicate.or(Some(field));
                    }
                }
                Key::Unknown(key) => {
                    self.unknown.push(key);
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

enum Key<'v> {
    Known(Field),
    Unknown(Cow<'v, str>),
}

struct KeySeed;

impl<'v> DeserializeSeed<'v> for KeySeed {
    type Value = Key<'v>;

    fn deserialize<D: Deserializer<'v>>(self, key: D) -> Result<Key<'v>, D::Error> {
        key.deserialize_str(self)
    }
}

impl<'v> Visitor<'v> for KeySeed {
    type Value = Key<'v>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_borrowed_str<E>(self, key: &'v str) -> Result<Key<'v>, E> {
        Ok(Field::named(key).map_or(Key::Unknown(Cow::Borrowed(key)), Key::Known))
    }

    fn visit_str<E>(self, key: &str) -> Result<Key<'v>, E> {
        Ok(Field::named(key).map_or_else(|| Key::Unknown(Cow::Owned(key.to_owned())), Key::Known))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_in_strings_do_not_nest() {
        assert_eq!(depth(r#"{"a":"[[[\"[","b":[{}]}"#), 3);
        let text = format!(r#"{{"text":"{}"}}"#, "[".repeat(100));
        assert!(!too_deep(&text));
        assert!(too_deep(&"[".repeat(65)));
    }

    #[test]
    fn keys_are_known_also_when_they_are_escaped() {
        let fields = Fields::read(r#"{"event\u005fid": "x" , "other":[1,{"other":2}]}"#).unwrap();
        assert_eq!(fields.raw(Field::EventId), Some("\"x\""));
        assert_eq!(fields.raw(Field::Rating), None);
    }
}
