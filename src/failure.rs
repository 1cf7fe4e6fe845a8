//! How a command ends when it does not succeed: one variant per exit code of the contract.

/// Why a command failed; `exit_code` is part of the contract with scripts and supervisors.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// Wrong flags or configuration: the text lists all that is wrong.
    #[error("{0}")]
    Usage(String),
    /// An input file or topic that cannot be read.
    #[error("{0}")]
    Input(String),
    /// Another instance owns the shard now; this one wrote nothing since.
    #[error("fenced: {0}")]
    Fenced(String),
    /// Replayed outputs differ from those that were committed.
    #[error("digest mismatch: {0}")]
    Digest(String),
    #[error("{0}")]
    Other(String),
}

impl Failure {
    /// 2 usage or configuration, 3 input unreadable, 4 fenced, 5 digest mismatch, 1 the rest.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Failure::Other(_) => 1,
            Failure::Usage(_) => 2,
            Failure::Input(_) => 3,
            Failure::Fenced(_) => 4,
            Failure::Digest(_) => 5,
        }
    }
}
