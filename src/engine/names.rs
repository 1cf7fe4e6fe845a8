//! Ids ↔ small numbers: each distinct text is stored once and known by a `u32` from then on.

use compact_str::CompactString;
use hashbrown::HashTable;
use xxhash_rust::xxh3::xxh3_64;

/// An interned text with its hash, which orders outputs. Texts of up to 24 bytes stand in place: a look-up reads one cache line.
#[derive(Debug)]
struct Name {
    hash: u64,
    text: CompactString,
}

/// An append-only table of texts. Numbers follow the order of arrival; hashes and texts do not depend on it.
#[derive(Debug, Default)]
pub struct Names {
    index: HashTable<u32>,
    names: Vec<Name>,
    /// Bytes of texts that do not stand in place.
    spilled: usize,
}

impl Names {
    /// The number of `text`, a new one if it was never seen.
    pub fn intern(&mut self, text: &str) -> u32 {
        let hash = xxh3_64(text.as_bytes());
        let Names { index, names, spilled } = self;
        if let Some(&found) = index.find(hash, |&i| names[i as usize].text == text) {
            return found;
        }
        let number = u32::try_from(names.len()).expect("fewer than 2^32 distinct ids");
        names.push(Name { hash, text: text.into() });
        *spilled += if names[number as usize].text.is_heap_allocated() { text.len() } else { 0 };
        index.insert_unique(hash, number, |&i| names[i as usize].hash);
        number
    }

    /// The text behind a number that [`Names::intern`] returned.
    pub fn name(&self, number: u32) -> &str {
        &self.names[number as usize].text
    }

    /// A hash of the text: the same in every run, whatever the order of arrival.
    pub fn hash(&self, number: u32) -> u64 {
        self.names[number as usize].hash
    }

    /// Heap bytes held.
    pub fn bytes(&self) -> usize {
        self.index.allocation_size() + self.names.capacity() * size_of::<Name>() + self.spilled
    }
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
