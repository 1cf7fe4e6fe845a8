//! Events as JSON, written by hand into a buffer that is reused: no allocation and no tree per event.

use super::event::{CATEGORIES, PLATFORMS, SimBody, SimEvent, SimMention};

/// Appends the record's key: the id of the customer who acts.
pub fn write_key(event: &SimEvent, out: &mut Vec<u8>) {
    write_id(b'c', u64::from(event.customer()), out);
}

/// Appends the event's value in the shape of the contract's input topics.
pub fn write_value(event: &SimEvent, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"event_id\":\"");
    write_id(b'e', event.number, out);
    out.extend_from_slice(b"\",\"occurred_at\":");
    write_integer(event.at.0, out);
    match &event.body {
        SimBody::Follow { follower, followee, follows } => {
            id_field("follower_id", b'c', u64::from(*follower), out);
            id_field("followee_id", b'c', u64::from(*followee), out);
            text_field("action", if *follows { "follow" } else { "unfollow" }, out);
        }
        SimBody::Mention(mention) => write_mention(mention, out),
        SimBody::Review { customer, product, category, rating, verified, helpful, incentivised } => {
            id_field("customer_id", b'c', u64::from(*customer), out);
            id_field("product_id", b'p', u64::from(*product), out);
            text_field("category", CATEGORIES[usize::from(*category)], out);
            integer_field("rating", i64::from(*rating), out);
            bool_field("verified", *verified, out);
            integer_field("helpful_votes", i64::from(*helpful), out);
            if *incentivised {
                bool_field("incentivised", true, out);
            }
        }
        SimBody::Purchase { customer, order, product, category, cents, code } => {
            write_order(*customer, *order, *product, *category, *cents, out);
            out.extend_from_slice(b",\"quantity\":1");
            if let Some(owner) = code {
                id_field("referral_code", b'R', u64::from(*owner), out);
            }
        }
        SimBody::Refund { customer, order, product, category, cents } => {
            write_order(*customer, *order, *product, *category, *cents, out);
            text_field("kind", "refund", out);
        }
    }
    out.push(b'}');
}

/// Appends the line that `replay` reads, with its newline.
pub fn write_line(event: &SimEvent, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"topic\":\"");
    out.extend_from_slice(event.topic().name().as_bytes());
    out.extend_from_slice(b"\",\"value\":");
    write_value(event, out);
    out.extend_from_slice(b"}\n");
}

/// Appends the id of a customer, product or order: a letter and a number.
pub fn write_id(letter: u8, number: u64, out: &mut Vec<u8>) {
    out.push(letter);
    write_unsigned(number, out);
}

fn write_order(customer: u32, order: u64, product: u32, category: u16, cents: i64, out: &mut Vec<u8>) {
    id_field("customer_id", b'c', u64::from(customer), out);
    id_field("order_id", b'o', order, out);
    id_field("product_id", b'p', u64::from(product), out);
    text_field("category", CATEGORIES[usize::from(category)], out);
    out.extend_from_slice(b",\"amount\":\"");
    write_hundredths(cents, out);
    out.extend_from_slice(b"\",\"currency\":\"EUR\"");
}

fn write_mention(mention: &SimMention, out: &mut Vec<u8>) {
    id_field("author_id", b'c', u64::from(mention.author), out);
    text_field("platform", PLATFORMS[usize::from(mention.platform)], out);
    id_field("product_id", b'p', u64::from(mention.product), out);
    text_field("category", CATEGORIES[usize::from(mention.category)], out);
    out.extend_from_slice(b",\"sentiment\":");
    write_hundredths(i64::from(mention.sentiment), out);
    integer_field("author_followers", mention.author_followers as i64, out);
    integer_field("impressions", mention.impressions as i64, out);
    integer_field("likes", mention.likes as i64, out);
    integer_field("comments", mention.comments as i64, out);
    integer_field("shares", mention.shares as i64, out);
    if let Some(owner) = mention.code {
        id_field("referral_code", b'R', u64::from(owner), out);
    }
    if mention.sponsored {
        bool_field("sponsored", true, out);
    }
}

fn name(name: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
}

fn id_field(field: &str, letter: u8, number: u64, out: &mut Vec<u8>) {
    name(field, out);
    out.push(b'"');
    write_id(letter, number, out);
    out.push(b'"');
}

/// The texts written here are constants without anything to escape.
fn text_field(field: &str, text: &str, out: &mut Vec<u8>) {
    name(field, out);
    out.push(b'"');
    out.extend_from_slice(text.as_bytes());
    out.push(b'"');
}

fn integer_field(field: &str, value: i64, out: &mut Vec<u8>) {
    name(field, out);
    write_integer(value, out);
}

fn bool_field(field: &str, value: bool, out: &mut Vec<u8>) {
    name(field, out);
    out.extend_from_slice(if value { b"true" } else { b"false" });
}

/// 1250 becomes `12.50`.
fn write_hundredths(value: i64, out: &mut Vec<u8>) {
    if value < 0 {
        out.push(b'-');
    }
    let magnitude = value.unsigned_abs();
    write_unsigned(magnitude / 100, out);
    out.push(b'.');
    out.push(b'0' + (magnitude / 10 % 10) as u8);
    out.push(b'0' + (magnitude % 10) as u8);
}

fn write_integer(value: i64, out: &mut Vec<u8>) {
    if value < 0 {
        out.push(b'-');
    }
    write_unsigned(value.unsigned_abs(), out);
}

fn write_unsigned(mut value: u64, out: &mut Vec<u8>) {
    let mut digits = [0u8; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}
