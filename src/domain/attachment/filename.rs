//! Validation of file names.

use super::MAX_FILENAME_LENGTH;
use crate::domain::error::{Error, Result, ViolationKind};

/// Maximum number of characters of an invalid name in a message.
const SHOWN: usize = 60;

/// `/` and `\`, percent-encoded.
const ENCODED_SEPARATORS: [&str; 2] = ["%2f", "%5c"];

/// The name without its path, if it is valid. Some browsers send the path on the client's machine.
pub(super) fn clean(given: &str) -> Result<String> {
    let name = given.rsplit(['/', '\\']).next().unwrap_or_default().trim();
    let length = name.chars().count();
    let refuse_as = |kind, why: String| {
        let message = format!("file: the name {} {why}", shown(given));
        Err(Error::violation("file", kind, message))
    };
    let refuse = |why| refuse_as(ViolationKind::Other, why);
    if name.is_empty() || name == "." || name == ".." {
        return refuse("names no file; send one such as 'report.pdf'".to_owned());
    }
    if length > MAX_FILENAME_LENGTH {
        let why = format!("is {length} characters long; 1 to {MAX_FILENAME_LENGTH} are allowed");
        return refuse_as(ViolationKind::TooLong(MAX_FILENAME_LENGTH), why);
    }
    if !is_possible(name) {
        return refuse("contains control characters, which are not allowed".to_owned());
    }
    let lower = name.to_ascii_lowercase();
    if ENCODED_SEPARATORS.iter().any(|encoded| lower.contains(encoded)) {
        return refuse("contains %2F or %5C, which some programs decode as a path".to_owned());
    }
    Ok(name.to_owned())
}

/// Whether a stored file can have this name.
pub(super) fn is_possible(name: &str) -> bool {
    !name.chars().any(is_invisible)
}

/// A name for a message, shortened and on one line.
pub(super) fn shown(name: &str) -> String {
    let visible = name.chars().map(|c| if is_invisible(c) { '\u{fffd}' } else { c });
    let mut shown: String = visible.take(SHOWN).collect();
    if name.chars().count() > SHOWN {
        shown.push('…');
    }
    format!("'{shown}'")
}

/// Control characters, including those that reverse text direction: with them `gpj.exe` looks like `exe.jpg`.
fn is_invisible(c: char) -> bool {
    c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_cut_off() {
        for (given, kept) in [
            ("report.pdf", "report.pdf"),
            ("../../etc/passwd.txt", "passwd.txt"),
            (r"C:\Users\ada\notes.txt", "notes.txt"),
            ("/a/b.txt", "b.txt"),
            (" spaced name.txt ", "spaced name.txt"),
            ("日本語.txt", "日本語.txt"),
        ] {
            assert_eq!(clean(given).unwrap(), kept);
        }
        assert!(clean(&format!("{}.txt", "ü".repeat(251))).is_ok());
    }

    #[test]
    fn an_invalid_name_is_rejected_with_the_rule() {
        for (given, message) in [
            ("", "file: the name '' names no file; send one such as 'report.pdf'"),
            ("a/", "file: the name 'a/' names no file; send one such as 'report.pdf'"),
            ("..", "file: the name '..' names no file; send one such as 'report.pdf'"),
            (
                "a\0b.txt",
                "file: the name 'a\u{fffd}b.txt' contains control characters, which are not allowed",
            ),
            (
                "..%2Fetc.txt",
                "file: the name '..%2Fetc.txt' contains %2F or %5C, which some programs decode as a path",
            ),
            (
                "a%5cb.txt",
                "file: the name 'a%5cb.txt' contains %2F or %5C, which some programs decode as a path",
            ),
            (
                "a\u{202e}txt.exe",
                "file: the name 'a\u{fffd}txt.exe' contains control characters, which are not allowed",
            ),
        ] {
            assert_eq!(clean(given).unwrap_err().to_string(), message);
        }
        let long = clean(&"x".repeat(256)).unwrap_err().to_string();
        assert!(
            long.ends_with("…' is 256 characters long; 1 to 255 are allowed"),
            "{long}"
        );
    }
}
