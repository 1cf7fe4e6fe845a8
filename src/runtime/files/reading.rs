//! Several files as one log, merged by event time, decoded into portions that the engine can step over.
//!
//! The next portion always comes from the file that is furthest behind in event time, so that a file of purchases is
//! not read weeks ahead of the follows that came before them.

use super::lines::{self, Envelope};
use super::source::{Next, SourceFile};
use crate::event::{Chunk, Position, Time};
use crate::failure::Failure;
use crate::wire::{Decoder, RawRecord, Reject};

/// A portion ends at the first of the two: large enough to keep the cost of handing over small, small enough to stay
/// within the processor's caches.
const PORTION_LINES: usize = 8_192;
const PORTION_BYTES: usize = 1 << 20;

/// What is read in one go from one file.
#[derive(Debug)]
pub struct Portion {
    pub chunk: Chunk,
    pub rejected: Vec<RejectedLine>,
    /// Lines that name a topic, by topic.
    pub read: [u64; 4],
    /// Holds after this portion.
    pub watermark: Time,
    /// Newest event time of all files.
    pub newest: Time,
}

/// A line that the engine will not see.
#[derive(Debug)]
pub struct RejectedLine {
    /// The file's name and the line's number, from 1.
    pub file: String,
    pub line: i64,
    /// `None`: no record could be made out, the value is the whole line.
    pub position: Option<Position>,
    pub key: Option<String>,
    pub value: Option<Vec<u8>>,
    pub timestamp_ms: Option<i64>,
    pub reject: Reject,
}

/// What reading depends on.
pub struct Reading {
    pub decoder: Decoder,
    /// Broker names of the input topics.
    pub names: [String; 4],
    /// How far a file may be out of order, in ms.
    pub disorder_ms: i64,
    pub tick_ms: i64,
    /// When the replay began: stands in for the log's timestamp where a line has none, so that an event dated ahead is rejected
    /// (`in_the_future`) instead of making all that follow late.
    pub begun: Time,
}

struct OpenFile {
    source: SourceFile,
    /// Position's partition.
    number: i32,
    line: i64,
    newest: Time,
}

impl Reading {
    /// Reads all files to their end. Stops early when `deliver` returns `false`.
    pub fn run(&self, sources: Vec<SourceFile>, mut deliver: impl FnMut(Portion) -> bool) -> Result<(), Failure> {
        let open = |(number, source)| OpenFile { source, number: number as i32, line: 0, newest: Time::MIN };
        let mut files: Vec<OpenFile> = sources.into_iter().enumerate().map(open).collect();
        let mut newest = Time::MIN;
        let mut line = Vec::new();
        while let Some(behind) = (0..files.len()).min_by_key(|i| files[*i].newest) {
            let mut portion = Portion {
                chunk: Chunk::default(),
                rejected: Vec::new(),
                read: [0; 4],
                watermark: Time::MIN,
                newest: Time::MIN,
            };
            let ended = self.fill(&mut files[behind], &mut line, &mut portion)?;
            newest = newest.max(files[behind].newest);
            if ended {
                files.remove(behind);
            }
            portion.newest = newest;
            portion.watermark = match files.iter().map(|file| file.newest).min() {
                Some(oldest) => oldest.plus(-self.disorder_ms),
                None => end_of_tick(newest, self.tick_ms),
            };
            if !deliver(portion) {
                break;
            }
        }
        Ok(())
    }

    /// Reads until the portion is full or the file ends (`true`).
    fn fill(&self, file: &mut OpenFile, line: &mut Vec<u8>, portion: &mut Portion) -> Result<bool, Failure> {
        let mut bytes = 0;
        for _ in 0..PORTION_LINES {
            if bytes >= PORTION_BYTES {
                break;
            }
            match file.source.next_line(line)? {
                Next::End => return Ok(true),
                Next::Line => {
                    file.line += 1;
                    bytes += line.len();
                    self.take(file, line, portion);
                }
                Next::TooLong(length) => {
                    file.line += 1;
                    let reject = lines::bad_envelope("", format!("the line has {length} bytes"));
                    portion.rejected.push(file.rejected(None, Some(Vec::new()), reject));
                }
            }
        }
        Ok(false)
    }

    fn take(&self, file: &mut OpenFile, line: &[u8], portion: &mut Portion) {
        if line.iter().all(u8::is_ascii_whitespace) {
            return;
        }
        // Some editors put a byte order mark at the beginning of a file.
        let line = if file.line == 1 { line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(line) } else { line };
        let envelope = match lines::parse(line, &self.names) {
            Ok(envelope) => envelope,
            Err(reject) => {
                portion.rejected.push(file.rejected(None, Some(line.to_vec()), reject));
                return;
            }
        };
        portion.read[envelope.topic as usize] += 1;
        let position = Position { topic: envelope.topic, partition: file.number, offset: file.line };
        let mut raw = raw_record(position, &envelope);
        raw.timestamp_ms = raw.timestamp_ms.or(Some(self.begun.0));
        match self.decoder.decode(&raw, &mut portion.chunk) {
            Ok(()) => {
                if let Some(record) = portion.chunk.records.last() {
                    file.newest = file.newest.max(record.at);
                }
            }
            Err(reject) => {
                let mut rejected = file.rejected(Some(position), raw.value.map(<[u8]>::to_vec), reject);
                rejected.key = envelope.key.map(|key| key.into_owned());
                rejected.timestamp_ms = envelope.timestamp_ms;
                portion.rejected.push(rejected);
            }
        }
    }
}

impl OpenFile {
    fn rejected(&self, position: Option<Position>, value: Option<Vec<u8>>, reject: Reject) -> RejectedLine {
        let (file, line) = (self.source.name.clone(), self.line);
        RejectedLine { file, line, position, key: None, value, timestamp_ms: None, reject }
    }
}

fn raw_record<'a>(position: Position, envelope: &'a Envelope<'_>) -> RawRecord<'a> {
    RawRecord {
        position,
        key: envelope.key.as_deref().map(str::as_bytes),
        value: envelope.value.as_deref(),
        headers: Vec::new(),
        timestamp_ms: envelope.timestamp_ms,
    }
}

impl RejectedLine {
    /// The record as it was in the log, if there was one.
    pub fn raw(&self) -> Option<RawRecord<'_>> {
        let key = self.key.as_deref().map(str::as_bytes);
        let (value, timestamp_ms) = (self.value.as_deref(), self.timestamp_ms);
        self.position.map(|position| RawRecord { position, key, value, headers: Vec::new(), timestamp_ms })
    }
}

/// The first tick boundary after `newest`: a watermark there releases every event and flushes its tick.
fn end_of_tick(newest: Time, tick_ms: i64) -> Time {
    if newest == Time::MIN {
        return newest;
    }
    Time(newest.0.div_euclid(tick_ms).saturating_add(1).saturating_mul(tick_ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_watermark_is_the_first_boundary_after_the_newest_event() {
        for (newest, expected) in [(0, 100), (99, 100), (100, 200), (-1, 0), (-100, 0), (-101, -100)] {
            assert_eq!(end_of_tick(Time(newest), 100), Time(expected), "{newest}");
        }
        assert_eq!(end_of_tick(Time::MIN, 100), Time::MIN);
    }
}
