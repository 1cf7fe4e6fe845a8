//! From the log to chunks: polls, decodes, keeps what cannot be used, and hands both on in pieces of bounded size.

use super::kafka::{BrokerError, Source};
use crate::event::{Chunk, Position, Time};
use crate::wire::{Decoder, RawRecord, Reject};
use crossbeam_channel::{Receiver, Sender};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// A record that cannot be used, as it came, and why.
#[derive(Clone, Debug)]
pub struct Refused {
    pub position: Position,
    pub reject: Reject,
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: Vec<(String, Option<Vec<u8>>)>,
    timestamp_ms: Option<i64>,
}

impl Refused {
    fn new(raw: &RawRecord<'_>, reject: Reject) -> Refused {
        Refused {
            position: raw.position,
            reject,
            key: raw.key.map(<[u8]>::to_vec),
            value: raw.value.map(<[u8]>::to_vec),
            headers: raw.headers.iter().map(|(name, value)| ((*name).into(), value.map(<[u8]>::to_vec))).collect(),
            timestamp_ms: raw.timestamp_ms,
        }
    }

    /// The record as it came.
    #[must_use]
    pub fn raw(&self) -> RawRecord<'_> {
        RawRecord {
            position: self.position,
            key: self.key.as_deref(),
            value: self.value.as_deref(),
            headers: self.headers.iter().map(|(name, value)| (name.as_str(), value.as_deref())).collect(),
            timestamp_ms: self.timestamp_ms,
        }
    }
}

/// How far one slot was read in a piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    pub slot: usize,
    /// Next offset to read.
    pub next: i64,
    /// Largest event time among the accepted records.
    pub newest: Option<Time>,
}

/// A piece of the log, decoded.
#[derive(Debug, Default)]
pub struct Piece {
    pub chunk: Chunk,
    pub refused: Vec<Refused>,
    /// One per slot that the piece has records of.
    pub marks: Vec<Mark>,
    /// Where the consumer stands when nothing more came, by slot; control records have no mark.
    pub positions: Option<Vec<i64>>,
    /// Oldest log timestamp by topic, for the latency from end to end.
    pub oldest_ms: [Option<i64>; 4],
}

/// Most records of one piece: small enough for the cache, large enough that handing over costs nothing.
const PIECE_RECORDS: usize = 4096;

/// Most text of one piece.
const PIECE_BYTES: usize = 8 << 20;

/// A piece that is not full waits no longer than this.
const PIECE_AGE: Duration = Duration::from_millis(10);

/// The clock is read once per this many records.
const AGE_EVERY: usize = 32;

impl Piece {
    /// An empty piece around a chunk whose memory is used again.
    #[must_use]
    pub fn around(mut chunk: Chunk) -> Piece {
        chunk.text.clear();
        chunk.records.clear();
        chunk.origins.clear();
        Piece { chunk, ..Piece::default() }
    }

    /// Decodes one record of `slot`, or keeps it as refused.
    pub fn take(&mut self, decoder: &Decoder, slot: usize, raw: &RawRecord<'_>) {
        let newest = match decoder.decode(raw, &mut self.chunk) {
            Ok(()) => self.chunk.records.last().map(|record| record.at),
            Err(reject) => {
                self.refused.push(Refused::new(raw, reject));
                None
            }
        };
        self.mark(slot, raw.position.offset + 1, newest);
        let oldest = &mut self.oldest_ms[raw.position.topic as usize];
        if let Some(at) = raw.timestamp_ms {
            *oldest = Some(oldest.map_or(at, |oldest| oldest.min(at)));
        }
    }

    fn mark(&mut self, slot: usize, next: i64, newest: Option<Time>) {
        // Records come in runs of one partition, so the slot is nearly always the last.
        match self.marks.iter_mut().rev().find(|mark| mark.slot == slot) {
            Some(mark) => {
                mark.next = next;
                mark.newest = mark.newest.max(newest);
            }
            None => self.marks.push(Mark { slot, next, newest }),
        }
    }

    /// Records in it, refused ones included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.chunk.records.len() + self.refused.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether it should be handed on.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.len() >= PIECE_RECORDS || self.chunk.text.len() >= PIECE_BYTES
    }
}

/// Which slots the engine's thread wants paused; the ingest thread obeys.
#[derive(Default)]
pub struct Pressure {
    paused: Mutex<Vec<usize>>,
    version: AtomicU64,
}

impl Pressure {
    /// Replaces the set of paused slots.
    pub fn set(&self, slots: Vec<usize>) {
        let mut paused = self.paused.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if *paused != slots {
            *paused = slots;
            self.version.fetch_add(1, Ordering::Release);
        }
    }

    fn slots(&self) -> Vec<usize> {
        self.paused.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }
}

/// The ingest thread: reads until `stop`, or until nobody takes the pieces any more.
pub fn gather(
    source: &Source,
    decoder: &Decoder,
    pieces: &Sender<Piece>,
    spent: &Receiver<Chunk>,
    pressure: &Pressure,
    stop: &AtomicBool,
) -> Result<(), BrokerError> {
    let fresh = || Piece::around(spent.try_recv().unwrap_or_default());
    let mut piece = fresh();
    let mut begun = Instant::now();
    let mut stands = Vec::new();
    let (mut paused, mut version) = (Vec::new(), 0);
    while !stop.load(Ordering::Relaxed) {
        if pressure.version.load(Ordering::Acquire) != version {
            version = pressure.version.load(Ordering::Acquire);
            let wanted = pressure.slots();
            source.pause(&less(&paused, &wanted), false)?;
            source.pause(&less(&wanted, &paused), true)?;
            paused = wanted;
        }
        let came = source.poll(PIECE_AGE, |slot, raw| piece.take(decoder, slot, raw))?.is_some();
        if came && piece.len() == 1 {
            begun = Instant::now();
        }
        let old = || piece.len().is_multiple_of(AGE_EVERY) && begun.elapsed() >= PIECE_AGE;
        if came && !piece.is_full() && !old() {
            continue;
        }
        if !came {
            let positions = source.positions()?;
            if piece.is_empty() && positions == stands {
                continue;
            }
            piece.positions = Some(positions.clone());
            stands = positions;
        }
        if pieces.send(std::mem::replace(&mut piece, fresh())).is_err() {
            return Ok(());
        }
    }
    if !piece.is_empty() {
        // Nobody there to take it is as good as not having read it.
        let _ = pieces.send(piece);
    }
    Ok(())
}

fn less(from: &[usize], what: &[usize]) -> Vec<usize> {
    from.iter().copied().filter(|slot| !what.contains(slot)).collect()
}
