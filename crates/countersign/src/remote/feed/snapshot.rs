//! Reads a snapshot: a line for each revocation, and a last line that signs them.

use aws_lc_rs::digest::{Context, SHA256};
use serde_json::Value;

use super::lines::Lines;
use crate::base64url;
use crate::claims::Claims;
use crate::profile::{ClaimType, Profile, Subject};
use crate::remote::FetchError;
use crate::revocation::{Batch, Revocation};

/// What a snapshot is served as.
pub(super) const MEDIA_TYPE: &str = "application/vnd.countersign.revocations";
/// What signs a snapshot. Its type is that of no other token.
pub(super) const PROFILE: Profile = Profile {
    typ: "revocations+jwt",
    required: &[
        ("iss", ClaimType::Text),
        ("iat", ClaimType::Integer),
        ("count", ClaimType::Integer),
        ("sha256", ClaimType::Text),
    ],
    subject: Subject::None,
};

/// A snapshot in parts, none of which counts before the last line is verified.
pub(super) struct Snapshot {
    limit: usize,
    length: usize,
    lines: Lines,
    content: Content,
}

/// What the lines say.
struct Content {
    digest: Context,
    batch: Batch,
    signature: Option<String>,
}

/// A snapshot that is whole, and not verified.
pub(super) struct Whole {
    pub(super) signature: String,
    pub(super) batch: Batch,
    sha256: String,
}

impl Snapshot {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit,
            length: 0,
            lines: Lines::new(crate::MAX_TOKEN_LENGTH + 1),
            content: Content {
                digest: Context::new(&SHA256),
                batch: Batch::default(),
                signature: None,
            },
        }
    }

    pub(super) fn take(&mut self, part: &[u8]) -> Result<(), FetchError> {
        self.length = self.length.saturating_add(part.len());
        if self.length > self.limit {
            return Err(FetchError::TooLarge { limit: self.limit });
        }
        self.lines.take(part, |line| self.content.take_line(line))
    }

    pub(super) fn end(self) -> Result<Whole, FetchError> {
        let Content { digest, batch, signature } = self.content;
        let signature = signature.filter(|_| self.lines.are_whole());
        let signature = signature.ok_or(FetchError::BrokenOff)?;
        Ok(Whole { signature, batch, sha256: base64url::encode(digest.finish().as_ref()) })
    }
}

impl Content {
    /// The line of a revocation has spaces, the line that signs has none and comes last.
    fn take_line(&mut self, line: &[u8]) -> Result<(), FetchError> {
        let text = std::str::from_utf8(line).map_err(|_| FetchError::Malformed)?;
        let text = text.trim_end_matches('\n');
        if self.signature.is_some() {
            return Err(FetchError::Malformed);
        }
        if text.contains(' ') {
            let revocation: Revocation = text.parse().map_err(|_| FetchError::Malformed)?;
            self.batch.push(revocation);
            self.digest.update(line);
        } else {
            self.signature = Some(text.to_owned());
        }
        Ok(())
    }
}

impl Whole {
    /// Whether these are the revocations that the verified claims are about.
    pub(super) fn is_signed_by(&self, claims: &Claims) -> bool {
        let count = claims.get("count").and_then(Value::as_u64);
        count == u64::try_from(self.batch.len()).ok()
            && claims.get("sha256").and_then(Value::as_str) == Some(&self.sha256)
    }
}
