//! Versions of a task in headers: `ETag` out, `If-Match` in.
//!
//! The entity tag of a task is its version in quotes. A write with `If-Match` counts only if the task has
//! one of the tags; otherwise it is refused with 412. `expected_version` in a body says the same, and is
//! refused with 409.

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use utoipa::IntoParams;

use super::error::{Problem, Result};
use super::openapi::schema;
use crate::domain::error::{Error, ViolationKind};
use crate::domain::task::ExpectedVersion;

/// The name of the header as the document writes it.
pub(super) const IF_MATCH: &str = "If-Match";

/// The entity tag of a version.
pub(super) fn etag(version: i32) -> Option<HeaderValue> {
    HeaderValue::from_str(&format!("\"{version}\"")).ok()
}

/// What must hold for a write to count, and how it is refused if it does not.
pub(super) struct Precondition {
    expected: ExpectedVersion,
    refusal: StatusCode,
}

impl Precondition {
    /// What the headers of a request say.
    pub(super) fn of(headers: &HeaderMap) -> Result<Self> {
        let mut versions = Vec::new();
        let mut lines = headers.get_all(header::IF_MATCH).iter().peekable();
        if lines.peek().is_none() {
            return Ok(Self {
                expected: ExpectedVersion::any(),
                refusal: StatusCode::CONFLICT,
            });
        }
        for line in lines {
            let line = line.to_str().unwrap_or_default();
            match read(line).ok_or_else(|| malformed(line))? {
                ExpectedTags::Any => return Ok(Self::header(ExpectedVersion::any())),
                ExpectedTags::OneOf(found) => versions.extend(found),
            }
        }
        Ok(Self::header(ExpectedVersion::one_of(versions)))
    }

    fn header(expected: ExpectedVersion) -> Self {
        Self {
            expected,
            refusal: StatusCode::PRECONDITION_FAILED,
        }
    }

    /// The same with `expected_version` of the body, if it has one.
    pub(super) fn or(self, expected_version: Option<i32>) -> Result<Self> {
        match expected_version {
            Some(_) if self.refusal == StatusCode::PRECONDITION_FAILED => {
                let message = "expected_version and If-Match say the same; send only one of them";
                Err(Problem::invalid("expected_version", ViolationKind::Other, message))
            }
            Some(_) => Ok(Self {
                expected: expected_version.into(),
                ..self
            }),
            None => Ok(self),
        }
    }

    /// The versions on which the write insists.
    pub(super) fn expected(&self) -> ExpectedVersion {
        self.expected.clone()
    }

    /// The answer to a write that failed.
    pub(super) fn problem(&self, error: Error) -> Problem {
        let is_conflict = matches!(error, Error::Conflict { .. });
        let mut problem = Problem::from(error);
        if is_conflict {
            problem.status = self.refusal;
        }
        problem
    }
}

/// How the document describes the header.
#[derive(IntoParams)]
#[into_params(names("If-Match"), parameter_in = Header)]
#[expect(dead_code, reason = "it only describes")]
pub(super) struct IfMatch(
    /// The `ETag` of the task on which the change is based, several with commas, or `*`.
    #[param(value_type = schema::EntityTags, inline, required = false, example = "*")]
    String,
);

fn malformed(line: &str) -> Problem {
    Problem::bad_request(format!(
        "If-Match is '{line}'; send the ETag of the task as it came, such as \"3\", several with commas, or *"
    ))
}

#[derive(Debug, PartialEq, Eq)]
enum ExpectedTags {
    Any,
    OneOf(Vec<i32>),
}

/// Reads one line of the header. A tag that no task of ours can have stands for no version.
fn read(line: &str) -> Option<ExpectedTags> {
    if line.trim() == "*" {
        return Some(ExpectedTags::Any);
    }
    let (mut rest, mut tags, mut versions) = (line, 0, Vec::new());
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        if rest.is_empty() {
            return (tags > 0).then_some(ExpectedTags::OneOf(versions));
        }
        let opaque = rest.strip_prefix("W/").unwrap_or(rest).strip_prefix('"')?;
        let (tag, behind) = opaque.split_once('"')?;
        // `If-Match` compares strongly: a weak tag never matches.
        if let Some(version) = tag.parse().ok().filter(|_| rest.starts_with('"')) {
            versions.push(version);
        }
        rest = behind.trim_start();
        if !rest.is_empty() && !rest.starts_with(',') {
            return None;
        }
        tags += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_read_as_the_standard_writes_them() {
        for (line, versions) in [
            ("\"3\"", vec![3]),
            ("\"3\", \"4\"", vec![3, 4]),
            ("\"abc\",\"5\"", vec![5]),
            ("W/\"3\"", vec![]),
            ("\"a, b\", \"6\"", vec![6]),
            ("\"99999999999\"", vec![]),
        ] {
            assert_eq!(read(line), Some(ExpectedTags::OneOf(versions)), "{line}");
        }
        assert_eq!(read(" * "), Some(ExpectedTags::Any));
        for line in ["3", "\"3", "*, \"3\"", "\"3\" \"4\""] {
            assert!(
                !matches!(read(line), Some(ExpectedTags::OneOf(versions)) if !versions.is_empty()),
                "{line}"
            );
        }
        for line in ["3", "", " , "] {
            assert_eq!(read(line), None, "{line}");
        }
    }
}
