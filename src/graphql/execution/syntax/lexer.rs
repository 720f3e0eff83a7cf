//! Splits a document into tokens by the specification of September 2025, and decodes its strings.

use std::borrow::Cow;
use std::iter::Peekable;
use std::str::Chars;

use async_graphql::Pos;

use crate::graphql::execution::problem::Rejection;

#[derive(Debug)]
pub(super) struct Token<'a> {
    pub(super) pos: Pos,
    pub(super) kind: Kind<'a>,
}

#[derive(Debug, PartialEq)]
pub(super) enum Kind<'a> {
    Punctuator(char),
    Spread,
    Name(&'a str),
    Int(&'a str),
    Float(&'a str),
    String(Cow<'a, str>),
    BlockString(String),
    End,
}

pub(super) struct Lexer<'a> {
    text: &'a str,
    position: usize,
    pos: Pos,
    tokens_left: usize,
    max_tokens: usize,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a str, max_tokens: usize) -> Self {
        Self {
            text,
            position: 0,
            pos: Pos { line: 1, column: 1 },
            tokens_left: max_tokens,
            max_tokens,
        }
    }

    pub(super) fn next(&mut self) -> Result<Token<'a>, Rejection> {
        self.skip_ignored();
        let (pos, rest) = (self.pos, self.rest());
        let Some(first) = rest.chars().next() else {
            return Ok(Token { pos, kind: Kind::End });
        };
        self.tokens_left = self.tokens_left.checked_sub(1).ok_or_else(|| {
            let allowed = self.max_tokens;
            Rejection::limit("tokens", format_args!("more than {allowed}"), allowed)
        })?;
        let kind = match first {
            '!' | '$' | '&' | '(' | ')' | ':' | '=' | '@' | '[' | ']' | '{' | '|' | '}' => {
                self.advance(1);
                Kind::Punctuator(first)
            }
            '.' if rest.starts_with("...") => {
                self.advance(3);
                Kind::Spread
            }
            '"' if rest.starts_with("\"\"\"") => Kind::BlockString(self.block_string()?),
            '"' => Kind::String(self.string()?),
            '-' | '0'..='9' => self.number()?,
            '_' | 'a'..='z' | 'A'..='Z' => {
                let length = rest.find(|c: char| !is_name_part(c)).unwrap_or(rest.len());
                self.advance(length);
                Kind::Name(&rest[..length])
            }
            other => return Err(self.error(&format!("unexpected character {}", shown(other)))),
        };
        Ok(Token { pos, kind })
    }

    fn rest(&self) -> &'a str {
        &self.text[self.position..]
    }

    /// Advances by `bytes` bytes, which contain no line break.
    fn advance(&mut self, bytes: usize) {
        let passed = &self.rest()[..bytes];
        self.pos.column += passed.chars().count();
        self.position += bytes;
    }

    /// Skips a line break.
    fn new_line(&mut self) {
        self.position += if self.rest().starts_with("\r\n") { 2 } else { 1 };
        self.pos = Pos {
            line: self.pos.line + 1,
            column: 1,
        };
    }

    fn skip_ignored(&mut self) {
        while let Some(next) = self.rest().chars().next() {
            match next {
                '\n' | '\r' => self.new_line(),
                '#' => self.advance(line_length(self.rest())),
                '\u{feff}' | '\t' | ' ' | ',' => self.advance(next.len_utf8()),
                _ => break,
            }
        }
    }

    fn number(&mut self) -> Result<Kind<'a>, Rejection> {
        let rest = self.rest();
        let bytes = rest.as_bytes();
        let digits = |from: usize| bytes[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        let at = |index: usize| bytes.get(index).copied();
        let start = usize::from(at(0) == Some(b'-'));
        let whole = digits(start);
        let mut end = start + whole;
        let mut is_well_formed = whole == 1 || (whole > 1 && at(start) != Some(b'0'));
        let mut is_float = false;
        if at(end) == Some(b'.') {
            let fraction = digits(end + 1);
            (is_float, end) = (true, end + 1 + fraction);
            is_well_formed &= fraction > 0;
        }
        if matches!(at(end), Some(b'e' | b'E')) {
            let sign = usize::from(matches!(at(end + 1), Some(b'+' | b'-')));
            let exponent = digits(end + 1 + sign);
            (is_float, end) = (true, end + 1 + sign + exponent);
            is_well_formed &= exponent > 0;
        }
        let is_cut_off = !at(end).is_some_and(|next| next == b'.' || is_name_part(next.into()));
        if !(is_well_formed && is_cut_off) {
            return Err(self.error("a number is not well-formed; write numbers such as 12, -3 or 1.5e3"));
        }
        self.advance(end);
        let number = &rest[..end];
        Ok(if is_float {
            Kind::Float(number)
        } else {
            Kind::Int(number)
        })
    }

    fn string(&mut self) -> Result<Cow<'a, str>, Rejection> {
        self.advance(1);
        let rest = self.rest();
        let line = &rest[..line_length(rest)];
        let Some(special) = line.find(['"', '\\']) else {
            return Err(self.error("a string has no end in its line"));
        };
        if line.as_bytes()[special] == b'"' {
            self.advance(special + 1);
            return Ok(Cow::Borrowed(&line[..special]));
        }
        let mut decoded = String::new();
        let mut characters = line.chars().peekable();
        loop {
            match characters.next() {
                None => return Err(self.error("a string has no end in its line")),
                Some('"') => break,
                Some('\\') => decoded.push(escaped(&mut characters).ok_or_else(|| {
                    self.error("a string has an escape that does not exist; use \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\uXXXX or \\u{X}")
                })?),
                Some(other) => decoded.push(other),
            }
        }
        let left: usize = characters.map(char::len_utf8).sum();
        self.advance(line.len() - left);
        Ok(Cow::Owned(decoded))
    }

    fn block_string(&mut self) -> Result<String, Rejection> {
        let start = self.pos;
        self.advance(3);
        let mut raw = String::new();
        loop {
            let rest = self.rest();
            let length = rest.find(['"', '\\', '\n', '\r']).unwrap_or(rest.len());
            raw.push_str(&rest[..length]);
            self.advance(length);
            let rest = self.rest();
            if rest.starts_with("\"\"\"") {
                self.advance(3);
                return Ok(without_indentation(&raw));
            } else if rest.starts_with("\\\"\"\"") {
                raw.push_str("\"\"\"");
                self.advance(4);
            } else if rest.starts_with(['\n', '\r']) {
                self.new_line();
                raw.push('\n');
            } else if rest.is_empty() {
                return Err(Rejection::syntax("a block string has no end", start));
            } else {
                raw.push_str(&rest[..1]);
                self.advance(1);
            }
        }
    }

    fn error(&self, message: &str) -> Rejection {
        Rejection::syntax(message, self.pos)
    }
}

fn is_name_part(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_'
}

fn line_length(text: &str) -> usize {
    text.find(['\n', '\r']).unwrap_or(text.len())
}

fn shown(character: char) -> String {
    match character {
        ' '..='~' => format!("'{character}'"),
        other => format!("U+{:04X}", u32::from(other)),
    }
}

/// Decodes an escape sequence, after its backslash.
fn escaped(characters: &mut Peekable<Chars<'_>>) -> Option<char> {
    Some(match characters.next()? {
        same @ ('"' | '\\' | '/') => same,
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'u' if characters.next_if_eq(&'{').is_some() => {
            let mut code = 0_u32;
            // Leading zeros are allowed; 8 digits are enough for every code point.
            for digits in 0..=8 {
                match characters.next()? {
                    '}' if digits > 0 => return char::from_u32(code),
                    digit => code = code.checked_mul(16)?.checked_add(digit.to_digit(16)?)?,
                }
            }
            return None;
        }
        'u' => {
            let first = four_digits(characters)?;
            if !(0xD800..0xDC00).contains(&first) {
                return char::from_u32(first);
            }
            characters.next_if_eq(&'\\')?;
            characters.next_if_eq(&'u')?;
            let second = four_digits(characters)?;
            let offset = second.checked_sub(0xDC00).filter(|offset| *offset < 0x400)?;
            return char::from_u32(0x1_0000 + ((first - 0xD800) << 10) + offset);
        }
        _ => return None,
    })
}

fn four_digits(characters: &mut Peekable<Chars<'_>>) -> Option<u32> {
    (0..4).try_fold(0, |code, _| Some(code * 16 + characters.next()?.to_digit(16)?))
}

/// Removes common indentation, and blank lines at both ends (`BlockStringValue` of the specification).
fn without_indentation(raw: &str) -> String {
    let lines: Vec<&str> = raw.split('\n').collect();
    let indent = |line: &&str| line.len() - line.trim_start_matches([' ', '\t']).len();
    let is_blank = |line: &&str| indent(line) == line.len();
    let common = lines.iter().skip(1).filter(|line| !is_blank(line)).map(indent).min();
    let first = lines.iter().position(|line| !is_blank(line)).unwrap_or(lines.len());
    let last = lines
        .iter()
        .rposition(|line| !is_blank(line))
        .map_or(first, |last| last + 1);
    let kept = lines[first..last].iter().enumerate().map(|(index, line)| {
        let skipped = if first + index == 0 { 0 } else { common.unwrap_or(0) };
        line.get(skipped..).unwrap_or_default()
    });
    kept.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &str) -> Result<Vec<Kind<'_>>, Rejection> {
        let mut lexer = Lexer::new(text, 100);
        let mut tokens = Vec::new();
        loop {
            match lexer.next()?.kind {
                Kind::End => return Ok(tokens),
                kind => tokens.push(kind),
            }
        }
    }

    fn string(text: &str) -> Option<String> {
        match tokens(text).ok()?.as_slice() {
            [Kind::String(text)] => Some(text.to_string()),
            [Kind::BlockString(text)] => Some(text.clone()),
            _ => None,
        }
    }

    #[test]
    fn documents_are_split_into_tokens_by_the_specification() {
        for (text, expected) in [
            ("", 0),
            ("{ viewer { id } }", 6),
            ("query Q($n: Int = -1.5e+3, ) { a(b: $n) }", 19),
            ("\u{feff}{a...b}", 5),
            ("# a comment { a b c }\r\n{ a }", 3),
            (r#"{ a(text: "a \" b # {c") }"#, 8),
            (r#"{ a(text: """a " \""" b { } """) }"#, 8),
        ] {
            assert_eq!(tokens(text).unwrap().len(), expected, "{text}");
        }
        for wrong in [
            "?", "..", "é", "\u{a0}", "01", "-", "1.", "1e", "1a", "1.5.5", "0x1", "1_0", "-a", ".5",
        ] {
            assert!(tokens(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn strings_are_decoded() {
        for (text, expected) in [
            (r#""""#, ""),
            (r#""a\n\"\\\/\b""#, "a\n\"\\/\u{8}"),
            (r#""\u00e9 \u{1F600} \uD83D\uDE00 \u{00000041}""#, "é 😀 😀 A"),
            (r#""""a \""" b""""#, "a \"\"\" b"),
            (
                "\"\"\"\n    Hello,\n      World!\n\n    Yours,\n      GraphQL.\n  \"\"\"",
                "Hello,\n  World!\n\nYours,\n  GraphQL.",
            ),
            (
                "\"\"\"  first\r\n\t\tsecond \\n\r\t\t\tthird\"\"\"",
                "  first\nsecond \\n\n\tthird",
            ),
            ("\"\"\"\n \n\"\"\"", ""),
        ] {
            assert_eq!(string(text).as_deref(), Some(expected), "{text}");
        }
        for wrong in [
            "\"",
            "\"\\",
            "\"a\nb\"",
            r#""\x""#,
            r#""\u12""#,
            r#""\uD83D""#,
            r#""\uD83D\u0041""#,
            r#""\uDE00""#,
            r#""\u{}""#,
            r#""\u{110000}""#,
            r#""\u{000000041}""#,
            r#""\u{1F600""#,
            "\"\"\"open",
        ] {
            assert!(tokens(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn positions_count_lines_and_characters() {
        let mut lexer = Lexer::new("é\n\"\"\"\r\n\"\"\" \"é\" a", 9);
        assert!(lexer.next().is_err());
        let mut lexer = Lexer::new("a\n\"\"\"\r\nx\"\"\" \"é\" a", 9);
        let positions = std::iter::repeat_with(|| lexer.next().unwrap().pos).take(5);
        let positions: Vec<_> = positions.map(|pos| (pos.line, pos.column)).collect();
        assert_eq!(positions, [(1, 1), (2, 1), (3, 6), (3, 10), (3, 11)]);
    }

    #[test]
    fn reading_ends_at_the_limit() {
        let mut lexer = Lexer::new("a a a", 2);
        assert!(lexer.next().is_ok() && lexer.next().is_ok());
        let rejection = lexer.next().unwrap_err();
        assert!(rejection.problems[0].message.contains("tokens: more than 2; up to 2"));
    }
}
