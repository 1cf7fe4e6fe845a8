//! Input files: opened, decompressed, split into lines. Each file is one ordered log.

use crate::failure::Failure;
use flate2::bufread::MultiGzDecoder;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Longer lines are rejected without being held in memory. Above the largest value that the configuration can allow.
const LONGEST_LINE: usize = 32 << 20;
const BUFFER: usize = 1 << 18;

const GZIP: [u8; 2] = [0x1f, 0x8b];
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// An input file, or the standard input.
pub struct SourceFile {
    pub name: String,
    lines: Box<dyn BufRead + Send>,
}

/// What [`SourceFile::next_line`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    Line,
    /// Too long to be read; it was skipped and has that many bytes.
    TooLong(u64),
    End,
}

impl SourceFile {
    /// Opens `name` (`-`: the standard input), plain, gzip or zstd by its first bytes. `read` counts the bytes
    /// taken from the file. Returns the file and its size, unless it is a stream.
    pub fn open(name: &str, read: &Arc<AtomicU64>) -> Result<(SourceFile, Option<u64>), Failure> {
        let unreadable = |error: io::Error| Failure::Input(format!("cannot read {name}: {error}"));
        let (mut raw, size): (Box<dyn Read + Send>, _) = if name == "-" {
            (Box::new(io::stdin()), None)
        } else {
            let file = File::open(name).map_err(unreadable)?;
            let metadata = file.metadata().map_err(unreadable)?;
            (Box::new(file), metadata.is_file().then_some(metadata.len()))
        };
        let mut start = Vec::with_capacity(ZSTD.len());
        raw.by_ref().take(ZSTD.len() as u64).read_to_end(&mut start).map_err(unreadable)?;
        let (gzip, zstd) = (start.starts_with(&GZIP), start == ZSTD);
        let counted = Counted { inner: Cursor::new(start).chain(raw), read: read.clone() };
        let raw = BufReader::with_capacity(BUFFER, counted);
        let lines: Box<dyn BufRead + Send> = if gzip {
            Box::new(BufReader::with_capacity(BUFFER, MultiGzDecoder::new(raw)))
        } else if zstd {
            let decoder = zstd::stream::read::Decoder::with_buffer(raw).map_err(unreadable)?;
            Box::new(BufReader::with_capacity(BUFFER, decoder))
        } else {
            Box::new(raw)
        };
        Ok((SourceFile { name: name.to_owned(), lines }, size))
    }

    /// Reads the next line into `line`, without its end.
    pub fn next_line(&mut self, line: &mut Vec<u8>) -> Result<Next, Failure> {
        self.read_line(line).map_err(|error| Failure::Input(format!("cannot read {}: {error}", self.name)))
    }

    fn read_line(&mut self, line: &mut Vec<u8>) -> io::Result<Next> {
        line.clear();
        let taken = (&mut self.lines).take(LONGEST_LINE as u64).read_until(b'\n', line)?;
        if taken == 0 {
            return Ok(Next::End);
        }
        if line.last() == Some(&b'\n') {
            line.pop();
        } else if taken == LONGEST_LINE {
            line.clear();
            line.shrink_to(BUFFER);
            return Ok(Next::TooLong(taken as u64 + self.lines.skip_until(b'\n')? as u64));
        }
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        Ok(Next::Line)
    }
}

struct Counted<R> {
    inner: R,
    read: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let taken = self.inner.read(buffer)?;
        self.read.fetch_add(taken as u64, Ordering::Relaxed);
        Ok(taken)
    }
}
