//! Request encoding: content codings of bodies, and percent-encoded text.

use axum::http::{HeaderMap, HeaderName, HeaderValue, Uri, header};
use percent_encoding::percent_decode;

use crate::domain::error::excerpt;

/// Header of the 415 for an encoded body. Bodies are never decoded: a small one could become very large.
pub(crate) const ACCEPTED: (HeaderName, HeaderValue) = (header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));

/// Fails with a message for the client if the body has a content coding other than `identity`.
pub(crate) fn check_content_encoding(headers: &HeaderMap) -> Result<(), String> {
    let mut given = String::new();
    for value in headers.get_all(header::CONTENT_ENCODING) {
        if !given.is_empty() {
            given.push_str(", ");
        }
        given.push_str(&String::from_utf8_lossy(value.as_bytes()));
    }
    let is_identity = |coding: &str| coding.is_empty() || coding.eq_ignore_ascii_case("identity");
    if given.split(',').map(str::trim).all(is_identity) {
        return Ok(());
    }
    Err(format!(
        "The body has the content encoding '{}'; send it uncompressed, without Content-Encoding",
        excerpt(&given)
    ))
}

/// Whether percent-encoded text is UTF-8. The form parser replaces invalid bytes silently, which changes the value.
pub(crate) fn is_utf8(encoded: &[u8]) -> bool {
    percent_decode(encoded).decode_utf8().is_ok()
}

pub(crate) fn with_path_and_query(uri: &Uri, path_and_query: &str) -> Option<Uri> {
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(path_and_query.parse().ok()?);
    Uri::from_parts(parts).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_coding_of_every_header_line_is_checked() {
        let check = |values: &[&'static str]| {
            let lines = values
                .iter()
                .map(|value| (header::CONTENT_ENCODING, HeaderValue::from_static(value)));
            check_content_encoding(&lines.collect())
        };
        for plain in [
            &[][..],
            &[""],
            &["identity"],
            &["Identity, identity"],
            &["identity", "identity"],
        ] {
            assert_eq!(check(plain), Ok(()), "{plain:?}");
        }
        for encoded in [
            &["gzip"][..],
            &["identity, br"],
            &["identity", "gzip"],
            &["identity;q=1"],
        ] {
            let message = check(encoded).unwrap_err();
            assert!(message.contains(&format!("'{}'", encoded.join(", "))), "{message}");
        }
    }

    #[test]
    fn invalid_utf8_is_found_percent_encoded_or_not() {
        assert!(is_utf8(b"a=%c3%bc&b=+&c=%zz"));
        for broken in [&b"a=%ff"[..], b"%c3", b"a=\xff"] {
            assert!(!is_utf8(broken), "{broken:?}");
        }
    }
}
