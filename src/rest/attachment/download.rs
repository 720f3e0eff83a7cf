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
    let requested = requested(method, headers, &etag, size);
    let status = match &requested {
        None => StatusCode::OK,
        Some(range) if range.is_empty() => {
            let length = [(header::CONTENT_RANGE, format!("bytes */{size}"))];
            return Ok((length, Problem::range_not_satisfiable(size)).into_response());
        }
        Some(_) => StatusCode::PARTIAL_CONTENT,
    };
    let range = requested.unwrap_or(0..size);
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

/// `None` for the whole file; empty if the range starts after its end. `If-Range` with another tag requests the whole
/// file: the client has a part of another version.
fn requested(method: &Method, headers: &HeaderMap, etag: &str, size: u64) -> Option<Range<u64>> {
    if *method != Method::GET || headers.get(header::IF_RANGE).is_some_and(|tag| tag != etag) {
        return None;
    }
    read(headers.get(header::RANGE)?.to_str().ok()?, size)
}

/// Several ranges or an invalid one return the whole file, as the standard allows. Parsed by hand: existing crates
/// refuse the last 1,000 bytes of a file of 10, which in the standard is the whole file.
fn read(range: &str, size: u64) -> Option<Range<u64>> {
    let (unit, range) = range.split_once('=')?;
    let (first, last) = range.trim().split_once('-')?;
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return None;
    }
    match (number(first), number(last)) {
        (Some(first), Some(last)) if first <= last => Some(first..last.saturating_add(1).min(size)),
        (Some(first), None) if last.is_empty() => Some(first..size),
        (None, Some(count)) if first.is_empty() => Some(size.saturating_sub(count)..size),
        _ => None,
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
            ("bytes=0-3", Some(0..4)),
            ("Bytes=2-2", Some(2..3)),
            ("bytes=4-", Some(4..10)),
            ("bytes=8-99999999999999999999999", Some(8..10)),
            ("bytes=-3", Some(7..10)),
            ("bytes=-1000", Some(0..10)),
            ("bytes=10-", Some(10..10)),
            ("bytes=10-12", Some(10..10)),
            ("bytes=-0", Some(10..10)),
            ("bytes=3-2", None),
            ("bytes=0-1,3-4", None),
            ("bytes=-", None),
            ("bytes=+1-2", None),
            ("bytes 0-3", None),
            ("lines=0-3", None),
            ("", None),
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
