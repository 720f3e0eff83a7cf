//! Request encoding: percent-encoded text.

use percent_encoding::percent_decode;

/// Whether percent-encoded text is UTF-8. The form parser replaces invalid bytes silently, which changes the value.
pub(crate) fn is_utf8(encoded: &[u8]) -> bool {
    percent_decode(encoded).decode_utf8().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invalid_utf8_is_found_percent_encoded_or_not() {
        assert!(is_utf8(b"a=%c3%bc&b=+&c=%zz"));
        for broken in [&b"a=%ff"[..], b"%c3", b"a=\xff"] {
            assert!(!is_utf8(broken), "{broken:?}");
        }
    }
}
