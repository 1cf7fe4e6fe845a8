//! Ids ↔ small numbers: each distinct text is stored once and known by a `u32` from then on.

use hashbrown::HashTable;
use xxhash_rust::xxh3::xxh3_64;

/// An interned text: its hash, which orders outputs, and where it starts.
#[derive(Clone, Copy, Debug)]
struct Name {
    hash: u64,
    start: u64,
}

/// An append-only table of texts. Numbers follow the order of arrival; hashes and texts do not depend on it.
#[derive(Debug, Default)]
pub struct Names {
    index: HashTable<u32>,
    names: Vec<Name>,
    text: String,
}

impl Names {
    /// The number of `text`, a new one if it was never seen.
    pub fn intern(&mut self, text: &str) -> u32 {
        let hash = xxh3_64(text.as_bytes());
        let Names { index, names, text: all } = self;
        if let Some(&found) = index.find(hash, |&i| slice(names, all, i) == text) {
            return found;
        }
        let number = u32::try_from(names.len()).expect("fewer than 2^32 distinct ids");
        names.push(Name { hash, start: all.len() as u64 });
        all.push_str(text);
        index.insert_unique(hash, number, |&i| names[i as usize].hash);
        number
    }

    /// The text behind a number that [`Names::intern`] returned.
    pub fn name(&self, number: u32) -> &str {
        slice(&self.names, &self.text, number)
    }

    /// A hash of the text: the same in every run, whatever the order of arrival.
    pub fn hash(&self, number: u32) -> u64 {
        self.names[number as usize].hash
    }

    /// Heap bytes held.
    pub fn bytes(&self) -> usize {
        self.index.allocation_size() + self.names.capacity() * size_of::<Name>() + self.text.capacity()
    }
}

fn slice<'a>(names: &[Name], text: &'a str, number: u32) -> &'a str {
    let i = number as usize;
    let end = names.get(i + 1).map_or(text.len(), |next| next.start as usize);
    &text[names[i].start as usize..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_keeps_its_number_and_a_number_its_text() {
        let mut names = Names::default();
        let numbers: Vec<u32> = (0..1000).map(|i| names.intern(&format!("c{i}"))).collect();
        for (i, &number) in numbers.iter().enumerate() {
            assert_eq!(names.name(number), format!("c{i}"));
            assert_eq!(names.intern(&format!("c{i}")), number);
        }
        assert_eq!(names.names.len(), 1000);
    }

    #[test]
    fn hashes_do_not_depend_on_the_order_of_arrival() {
        let (mut one, mut other) = (Names::default(), Names::default());
        let (a1, _) = (one.intern("a"), one.intern("b"));
        let (_, a2) = (other.intern("b"), other.intern("a"));
        assert_ne!(a1, a2);
        assert_eq!(one.hash(a1), other.hash(a2));
    }
}
