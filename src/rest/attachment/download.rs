//! Downloads: whole files, byte ranges and `304 Not Modified`.

use std::ops::Range;

use axum::body::Body;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use futures_util::TryStreamExt as _;

use super::escaped;
use crate::domain::attachment::{Attachment, StoredFile};
use crate::domain::error::{Error, described};
use crate::http::request_id;
use crate::rest::error::{Problem, Result};

/// Files are private: shared caches must not store them, and the client must revalidate its copy.
const CACHE_CONTROL: &str = "private, no-cache";

pub(super) async fn answer(file: &StoredFile, method: &Method, headers: &HeaderMap) -> Result<Response> {
    let (attachment, size) = (&file.attachment, file.attachment.size);
    let etag = format!("\"{}\"", attachment.sha256);
    let response = Response::builder()
        .header(header::ETAG, &etag)
        .header(header::CACHE_CONTROL, CACHE_CONTROL);
    if names(headers, &etag) {
        let unchanged = response.status(StatusCode::NOT_MODIFIED).body(Body::empty());
        return Ok(unchanged.map_err(Error::internal)?);
    }
    let (status, range) = match requested(method, headers, &etag, size) {
        Requested::Whole => (StatusCode::OK, 0..size),
        Requested::Part(range) => (StatusCode::PARTIAL_CONTENT, range),
        Requested::Unsatisfiable => {
            let length = [(header::CONTENT_RANGE, format!("bytes */{size}"))];
            return Ok((length, Problem::range_not_satisfiable(size)).into_response());
        }
    };
    let mut response = response
        .status(status)
        .header(header::CONTENT_TYPE, &attachment.content_type)
        .header(header::CONTENT_DISPOSITION, disposition(attachment))
        .header(header::X_CONTENT_TYPE_OPTIONS, "nosniff")
        .header(header::ACCEPT_RANGES, "bytes")
        .header(header::CONTENT_LENGTH, range.end - range.start);
    if status == StatusCode::PARTIAL_CONTENT {
        let last = range.end - 1;
        response = response.header(header::CONTENT_RANGE, format!("bytes {}-{last}/{size}", range.start));
    }
    let request_id = request_id::current();
    let bytes = file.read(range).await?.inspect_err(move |error| {
        tracing::error!(request_id, "a download was interrupted: {:#}", described(error.clone()));
    });
    Ok(response.body(Body::from_stream(bytes)).map_err(Error::internal)?)
}

/// Whether `If-None-Match` contains the tag (weak comparison).
fn names(headers: &HeaderMap, etag: &str) -> bool {
    let lines = headers.get_all(header::IF_NONE_MATCH).iter();
    lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','))
        .map(str::trim)
        .any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
}

#[derive(Debug, PartialEq, Eq)]
enum Requested {
    Whole,
    Part(Range<u64>),
    /// The range starts after the end of the file.
    Unsatisfiable,
}

/// `If-Range` with another tag requests the whole file: the client has a part of another version.
fn requested(method: &Method, headers: &HeaderMap, etag: &str, size: u64) -> Requested {
    let of_another = headers.get(header::IF_RANGE).is_some_and(|tag| tag != etag);
    let range = headers.get(header::RANGE).and_then(|range| range.to_str().ok());
    match range {
        Some(range) if *method == Method::GET && !of_another => read(range, size),
        _ => Requested::Whole,
    }
}

/// Several ranges or an invalid one return the whole file, as the standard allows. Parsed by hand: existing crates
/// refuse the last 1,000 bytes of a file of 10, which in the standard is the whole file.
fn read(range: &str, size: u64) -> Requested {
    let Some((unit, range)) = range.split_once('=') else {
        return Requested::Whole;
    };
    let Some((first, last)) = range.trim().split_once('-') else {
        return Requested::Whole;
    };
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return Requested::Whole;
    }
    let part = match (number(first), number(last)) {
        (Some(first), Some(last)) if first <= last => first..last.saturating_add(1).min(size),
        (Some(first), None) if last.is_empty() => first..size,
        (None, Some(count)) if first.is_empty() => size.saturating_sub(count)..size,
        _ => return Requested::Whole,
    };
    if part.is_empty() {
        Requested::Unsatisfiable
    } else {
        Requested::Part(part)
    }
}

/// Numbers that do not fit become `u64::MAX`.
fn number(text: &str) -> Option<u64> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().unwrap_or(u64::MAX))
}

/// Browsers show images and save other files.
fn disposition(attachment: &Attachment) -> String {
    let how = if attachment.is_image() { "inline" } else { "attachment" };
    format!("{how}; {}", names_in_header(&attachment.filename))
}

/// An ASCII fallback for older clients, and the full name.
fn names_in_header(name: &str) -> String {
    let plain = |c: char| {
        if (c.is_ascii_graphic() || c == ' ') && !"\"\\%;".contains(c) {
            c
        } else {
            '_'
        }
    };
    let fallback: String = name.chars().map(plain).collect();
    format!("filename=\"{fallback}\"; filename*=UTF-8''{}", escaped(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_read_as_the_standard_writes_it() {
        for (range, expected) in [
            ("bytes=0-3", Requested::Part(0..4)),
            ("Bytes=2-2", Requested::Part(2..3)),
            ("bytes=4-", Requested::Part(4..10)),
            ("bytes=8-99999999999999999999999", Requested::Part(8..10)),
            ("bytes=-3", Requested::Part(7..10)),
            ("bytes=-1000", Requested::Part(0..10)),
            ("bytes=10-", Requested::Unsatisfiable),
            ("bytes=10-12", Requested::Unsatisfiable),
            ("bytes=-0", Requested::Unsatisfiable),
            ("bytes=3-2", Requested::Whole),
            ("bytes=0-1,3-4", Requested::Whole),
            ("bytes=-", Requested::Whole),
            ("bytes=+1-2", Requested::Whole),
            ("bytes 0-3", Requested::Whole),
            ("lines=0-3", Requested::Whole),
            ("", Requested::Whole),
        ] {
            assert_eq!(read(range, 10), expected, "{range}");
        }
    }

    #[test]
    fn any_name_is_safe_in_a_header() {
        assert_eq!(
            names_in_header("report.pdf"),
            "filename=\"report.pdf\"; filename*=UTF-8''report.pdf"
        );
        assert_eq!(
            names_in_header("Grüße \"an\\alle\";100%.txt"),
            "filename=\"Gr__e _an_alle__100_.txt\"; \
             filename*=UTF-8''Gr%C3%BC%C3%9Fe%20%22an%5Calle%22%3B100%25.txt"
        );
    }
}
