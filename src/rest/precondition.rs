//! Task versions in headers: `ETag` in responses, `If-Match` in requests.
//!
//! The `ETag` is the version in quotes. If no tag of `If-Match` matches, the write is refused with 412. If
//! `expected_version` of the body does not match, it is refused with 409.

use axum::http::{HeaderMap, StatusCode, header};
use utoipa::IntoParams;

use super::error::{Problem, Result};
use super::openapi::schema;
use crate::domain::error::{Error, ViolationKind};
use crate::domain::task::ExpectedVersion;

pub(super) const IF_MATCH: &str = "If-Match";

pub(super) struct Precondition {
    expected: ExpectedVersion,
    refusal: StatusCode,
}

impl Precondition {
    pub(super) fn of(headers: &HeaderMap) -> Result<Self> {
        let of = |expected, refusal| Ok(Self { expected, refusal });
        if !headers.contains_key(header::IF_MATCH) {
            return of(ExpectedVersion::any(), StatusCode::CONFLICT);
        }
        let mut versions = Vec::new();
        for line in headers.get_all(header::IF_MATCH) {
            let line = line.to_str().unwrap_or_default();
            match read(line).ok_or_else(|| malformed(line))? {
                ExpectedTags::Any => return of(ExpectedVersion::any(), StatusCode::PRECONDITION_FAILED),
                ExpectedTags::OneOf(found) => versions.extend(found),
            }
        }
        of(ExpectedVersion::one_of(versions), StatusCode::PRECONDITION_FAILED)
    }

    pub(super) fn or(self, expected_version: Option<i32>) -> Result<Self> {
        if expected_version.is_none() {
            return Ok(self);
        }
        if self.refusal == StatusCode::PRECONDITION_FAILED {
            let message = "expected_version and If-Match cannot be given together; send only one of them";
            return Err(Problem::invalid("expected_version", ViolationKind::Other, message));
        }
        Ok(Self {
            expected: expected_version.into(),
            ..self
        })
    }

    pub(super) fn expected(&self) -> ExpectedVersion {
        self.expected.clone()
    }

    pub(super) fn problem(&self, error: Error) -> Problem {
        let is_conflict = matches!(error, Error::Conflict { .. });
        let mut problem = Problem::from(error);
        if is_conflict {
            problem.status = self.refusal;
        }
        problem
    }
}

#[derive(IntoParams)]
#[into_params(names("If-Match"), parameter_in = Header)]
#[expect(dead_code, reason = "it only describes")]
pub(super) struct IfMatch(
    /// `ETag` of the task on which the change is based; several separated by commas, or `*` for any version.
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

/// Reads one line of the header. A tag that is not a version matches nothing.
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
        let (tag, after) = opaque.split_once('"')?;
        // `If-Match` compares strongly: a weak tag never matches.
        if let Some(version) = tag.parse().ok().filter(|_| rest.starts_with('"')) {
            versions.push(version);
        }
        rest = after.trim_start();
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
