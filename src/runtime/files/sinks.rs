//! Where a replay's outputs go: one file a topic, or the standard output.

use super::lines;
use super::reading::RejectedLine;
use crate::wire::{OutRecord, OutTopic, Outbox};
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

const BUFFER: usize = 1 << 18;

/// The output topics that a replay has: all but the journal, which is about committing.
const TOPICS: [OutTopic; 5] =
    [OutTopic::ScoreChanges, OutTopic::Scores, OutTopic::Cascades, OutTopic::Alerts, OutTopic::Rejects];

/// The writers, buffered; [`Sinks::finish`] must be called.
pub struct Sinks {
    /// By [`OutTopic`].
    names: [String; 6],
    /// One for each of [`TOPICS`], or one for all.
    writers: Vec<BufWriter<Box<dyn Write>>>,
}

impl Sinks {
    /// Creates `directory` and one `<topic>.ndjson` in it for each topic, empty.
    pub fn directory(directory: &Path, names: &[String; 6]) -> io::Result<Sinks> {
        let open = |topic: OutTopic| -> io::Result<BufWriter<Box<dyn Write>>> {
            let path = path_of(directory, &names[topic as usize]);
            let file = File::create(&path).map_err(|e| io::Error::new(e.kind(), format!("{}: {e}", path.display())))?;
            Ok(BufWriter::with_capacity(BUFFER, Box::new(file)))
        };
        fs::create_dir_all(directory)?;
        let writers = TOPICS.into_iter().map(open).collect::<io::Result<_>>()?;
        Ok(Sinks { names: names.clone(), writers })
    }

    /// All topics' lines one after the other.
    pub fn stdout(names: &[String; 6]) -> Sinks {
        Sinks { names: names.clone(), writers: vec![BufWriter::with_capacity(BUFFER, Box::new(io::stdout()))] }
    }

    /// Writes everything in the outbox.
    pub fn write(&mut self, outbox: &Outbox) -> io::Result<()> {
        for record in outbox.iter() {
            self.line(&record)?;
        }
        Ok(())
    }

    /// Writes a line that is no record to the rejects. It never was part of a topic, so that it is part of no digest.
    pub fn reject(&mut self, rejected: &RejectedLine) -> io::Result<()> {
        let number = rejected.line.to_string();
        let mut headers: Vec<(&str, Option<&[u8]>)> = vec![
            ("bellwether.reject.file", Some(rejected.file.as_bytes())),
            ("bellwether.reject.offset", Some(number.as_bytes())),
            ("bellwether.reject.reason", Some(rejected.reject.reason.as_bytes())),
        ];
        if let Some(field) = &rejected.reject.field {
            headers.push(("bellwether.reject.field", Some(field.as_bytes())));
        }
        headers.push(("bellwether.reject.detail", Some(rejected.reject.detail.as_bytes())));
        self.line(&OutRecord { topic: OutTopic::Rejects, key: None, value: rejected.value.as_deref(), headers })
    }

    /// Writes out what is buffered.
    pub fn finish(mut self) -> io::Result<()> {
        self.writers.iter_mut().try_for_each(Write::flush)
    }

    fn line(&mut self, record: &OutRecord<'_>) -> io::Result<()> {
        let own = TOPICS.iter().position(|topic| *topic == record.topic).filter(|own| *own < self.writers.len());
        lines::write(&mut self.writers[own.unwrap_or(0)], &self.names[record.topic as usize], record)
    }
}

fn path_of(directory: &Path, topic: &str) -> PathBuf {
    directory.join(format!("{topic}.ndjson"))
}
