//! How many tokens a document has, found out before it is parsed: a parser takes more time and memory
//! for each than it took to send.
//!
//! It is no lexer: what is no token at all counts as one, and the parser finds the mistake.

/// Counts the tokens of a document, up to `most` and one more.
pub(super) fn count(document: &str, most: usize) -> usize {
    let bytes = document.as_bytes();
    let (mut position, mut tokens) = (0, 0);
    while let Some(byte) = bytes.get(position) {
        position = match byte {
            b' ' | b'\t' | b'\n' | b'\r' | b',' => position + 1,
            b'#' => skip(bytes, position, |byte| !matches!(byte, b'\n' | b'\r')),
            _ => {
                tokens += 1;
                if tokens > most {
                    break;
                }
                end_of_token(bytes, position)
            }
        };
    }
    tokens
}

/// Where the token ends that begins at `start`.
fn end_of_token(bytes: &[u8], start: usize) -> usize {
    match bytes[start] {
        b'"' if bytes[start..].starts_with(br#"""""#) => end_of_block_string(bytes, start + 3),
        b'"' => end_of_string(bytes, start + 1),
        b'.' if bytes[start..].starts_with(b"...") => start + 3,
        byte if byte.is_ascii_digit() || byte == b'-' => skip(bytes, start + 1, |byte| {
            is_name(byte) || matches!(byte, b'.' | b'+' | b'-')
        }),
        byte if is_name(byte) => skip(bytes, start + 1, is_name),
        _ => start + 1,
    }
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn end_of_string(bytes: &[u8], mut position: usize) -> usize {
    while let Some(byte) = bytes.get(position) {
        match byte {
            b'\\' => position += 2,
            b'"' => return position + 1,
            // A string without an end is the parser's to refuse.
            b'\n' | b'\r' => return position,
            _ => position += 1,
        }
    }
    position
}

fn end_of_block_string(bytes: &[u8], mut position: usize) -> usize {
    while position < bytes.len() {
        let rest = &bytes[position..];
        if rest.starts_with(br#"\""""#) {
            position += 4;
        } else if rest.starts_with(br#"""""#) {
            return position + 3;
        } else {
            position += 1;
        }
    }
    position
}

fn skip(bytes: &[u8], start: usize, is_part: impl Fn(u8) -> bool) -> usize {
    let length = bytes[start..].iter().take_while(|byte| is_part(**byte)).count();
    start + length
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_counted_as_the_specification_cuts_them() {
        for (document, expected) in [
            ("", 0),
            ("{ viewer { id } }", 6),
            ("query Q($n: Int = -1.5e+3, ) { a(b: $n) }", 19),
            ("{a...b}", 5),
            ("# a comment { a b c }\n{ a }", 3),
            (r#"{ a(text: "a \" b # {c") }"#, 8),
            (r#"{ a(text: """a " \""" b { } """) }"#, 8),
            (r#"{ a(text: "no end"#, 6),
            ("\"", 1),
            ("\\", 1),
            ("\"\\", 1),
            ("{ \u{fe0f} }", 5),
        ] {
            assert_eq!(count(document, 100), expected, "{document}");
        }
    }

    #[test]
    fn counting_ends_where_it_is_too_much() {
        assert_eq!(count(&"a ".repeat(1_000), 10), 11);
    }
}
