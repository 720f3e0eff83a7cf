//! A file on its way out: whole or in part, or only the word that it has not changed.

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

/// A file is for those who may see it: no cache in between may keep it, and the client's asks each time.
const CACHE_CONTROL: &str = "private, no-cache";

/// The answer to a download with these headers.
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
    let (status, range) = match asked(method, headers, &etag, size) {
        Asked::Whole => (StatusCode::OK, 0..size),
        Asked::Part(range) => (StatusCode::PARTIAL_CONTENT, range),
        Asked::Nothing => {
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
        tracing::error!(request_id, "a download broke off: {:#}", described(error.clone()));
    });
    Ok(response.body(Body::from_stream(bytes)).map_err(Error::internal)?)
}

/// Whether `If-None-Match` names the tag: the client has the file as it is. It compares weakly.
fn names(headers: &HeaderMap, etag: &str) -> bool {
    let lines = headers.get_all(header::IF_NONE_MATCH).iter();
    lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','))
        .map(str::trim)
        .any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
}

/// How much of a file is asked for.
#[derive(Debug, PartialEq, Eq)]
enum Asked {
    Whole,
    Part(Range<u64>),
    /// Only what lies behind its end.
    Nothing,
}

/// Which part is asked for. `If-Range` asks for the whole if the file is not the one of which the client has a part.
fn asked(method: &Method, headers: &HeaderMap, etag: &str, size: u64) -> Asked {
    let of_another = headers.get(header::IF_RANGE).is_some_and(|tag| tag != etag);
    let range = headers.get(header::RANGE).and_then(|range| range.to_str().ok());
    match range {
        Some(range) if *method == Method::GET && !of_another => read(range, size),
        _ => Asked::Whole,
    }
}

/// Reads `Range`. Several ranges, and what is none, are answered with the whole, as the standard allows. By hand: the
/// crates for it refuse the last 1,000 bytes of a file that has 10, which the standard takes for all of them.
fn read(range: &str, size: u64) -> Asked {
    let Some((unit, range)) = range.split_once('=') else {
        return Asked::Whole;
    };
    let Some((first, last)) = range.trim().split_once('-') else {
        return Asked::Whole;
    };
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return Asked::Whole;
    }
    let part = match (number(first), number(last)) {
        (Some(first), Some(last)) if first <= last => first..last.saturating_add(1).min(size),
        (Some(first), None) if last.is_empty() => first..size,
        (None, Some(count)) if first.is_empty() => size.saturating_sub(count)..size,
        _ => return Asked::Whole,
    };
    if part.is_empty() {
        Asked::Nothing
    } else {
        Asked::Part(part)
    }
}

/// A number of any length.
fn number(text: &str) -> Option<u64> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().unwrap_or(u64::MAX))
}

/// What a browser does with a file: it shows an image, and saves anything else under its name.
fn disposition(attachment: &Attachment) -> String {
    let how = if attachment.is_image() { "inline" } else { "attachment" };
    format!("{how}; {}", names_in_header(&attachment.filename))
}

/// A name for older clients, in ASCII, and the same for the others.
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
            ("bytes=0-3", Asked::Part(0..4)),
            ("Bytes=2-2", Asked::Part(2..3)),
            ("bytes=4-", Asked::Part(4..10)),
            ("bytes=8-99999999999999999999999", Asked::Part(8..10)),
            ("bytes=-3", Asked::Part(7..10)),
            ("bytes=-1000", Asked::Part(0..10)),
            ("bytes=10-", Asked::Nothing),
            ("bytes=10-12", Asked::Nothing),
            ("bytes=-0", Asked::Nothing),
            ("bytes=3-2", Asked::Whole),
            ("bytes=0-1,3-4", Asked::Whole),
            ("bytes=-", Asked::Whole),
            ("bytes=+1-2", Asked::Whole),
            ("bytes 0-3", Asked::Whole),
            ("lines=0-3", Asked::Whole),
            ("", Asked::Whole),
        ] {
            assert_eq!(read(range, 10), expected, "{range}");
        }
    }

    #[test]
    fn a_name_is_safe_in_a_header_whatever_it_holds() {
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
