//! Validation of file contents while they are streamed.
//!
//! The extension determines the type, and the content must match it. The few signatures are listed here: crates for
//! file types need a whole Word file, or miss files of some programs. Only JSON is buffered, up to the maximum size, to
//! be parsed at the end.

use serde::de::IgnoredAny;
use sha2::{Digest as _, Sha256};

use super::filename;
use crate::domain::error::{Error, Result};

/// The allowed types, for messages.
pub const ALLOWED_TYPES: &str = "txt, md, csv, json, pdf, png, jpg, jpeg, gif, webp, doc and docx";

/// An allowed file type.
#[derive(Debug)]
pub(super) struct FileType {
    extensions: &'static [&'static str],
    pub(super) media_type: &'static str,
    /// The content, for messages.
    description: &'static str,
    content: Content,
}

/// The content of a file type.
#[derive(Debug, PartialEq, Eq)]
enum Content {
    /// UTF-8 text.
    Text,
    /// UTF-8 text that is JSON.
    Json,
    Binary {
        /// The file starts with one of these, in which `?` is any byte.
        signatures: &'static [&'static [u8]],
        /// Bytes that must occur in the file.
        mark: &'static [u8],
    },
}

const FILE_TYPES: &[FileType; 11] = &[
    text(&["txt"], "text/plain"),
    text(&["md"], "text/markdown"),
    text(&["csv"], "text/csv"),
    FileType {
        description: "JSON in UTF-8 without control characters",
        content: Content::Json,
        ..text(&["json"], "application/json")
    },
    binary(&["pdf"], "application/pdf", "a PDF document", &[b"%PDF-"], b""),
    binary(&["png"], "image/png", "a PNG image", &[b"\x89PNG\r\n\x1a\n"], b""),
    binary(&["jpg", "jpeg"], "image/jpeg", "a JPEG image", &[b"\xff\xd8\xff"], b""),
    binary(&["gif"], "image/gif", "a GIF image", &[b"GIF87a", b"GIF89a"], b""),
    // The size is between the two.
    binary(&["webp"], "image/webp", "a WebP image", &[b"RIFF????WEBP"], b""),
    binary(
        &["doc"],
        "application/msword",
        "a Word document of the older kind",
        &[b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"],
        b"",
    ),
    // A docx is a zip archive, which stores file names uncompressed.
    binary(
        &["docx"],
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "a Word document",
        &[b"PK\x03\x04"],
        b"word/document",
    ),
];

/// Media types of the allowed types.
pub const MEDIA_TYPES: [&str; 11] = {
    let mut types = [""; 11];
    let mut index = 0;
    while index < types.len() {
        types[index] = FILE_TYPES[index].media_type;
        index += 1;
    }
    types
};

const fn text(extensions: &'static [&'static str], media_type: &'static str) -> FileType {
    FileType {
        extensions,
        media_type,
        description: "text in UTF-8 without control characters",
        content: Content::Text,
    }
}

const fn binary(
    extensions: &'static [&'static str],
    media_type: &'static str,
    description: &'static str,
    signatures: &'static [&'static [u8]],
    mark: &'static [u8],
) -> FileType {
    FileType {
        extensions,
        media_type,
        description,
        content: Content::Binary { signatures, mark },
    }
}

impl FileType {
    /// The type by the extension of a name, ignoring case.
    pub(super) fn of(name: &str) -> Result<&'static Self> {
        let (_, extension) = name.rsplit_once('.').unwrap_or_default();
        let found = FILE_TYPES.iter().find(|file_type| {
            let mut extensions = file_type.extensions.iter();
            extensions.any(|known| known.eq_ignore_ascii_case(extension))
        });
        found.ok_or_else(|| Error::UnsupportedMediaType {
            field: "file",
            message: format!(
                "file: {} does not have an allowed extension; allowed are {ALLOWED_TYPES}",
                filename::shown(name)
            ),
        })
    }

    /// Whether a file of this type can start with these bytes.
    fn begins_with(&self, head: &[u8]) -> bool {
        let Content::Binary { signatures, .. } = self.content else {
            return true;
        };
        signatures.iter().any(|signature| {
            let mut pairs = signature.iter().zip(head);
            signature.len() <= head.len() && pairs.all(|(wanted, byte)| *wanted == b'?' || wanted == byte)
        })
    }
}

/// Number of leading bytes that are checked.
const HEAD: usize = 12;

/// Checks a file while it is streamed.
pub(super) struct Inspection {
    file_type: &'static FileType,
    name: String,
    max: u64,
    size: u64,
    digest: Sha256,
    head: Vec<u8>,
    text: Text,
    json: Vec<u8>,
    mark: Mark,
}

/// The result of the inspection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Facts {
    pub(super) size: u64,
    pub(super) sha256: String,
}

impl Inspection {
    pub(super) fn new(file_type: &'static FileType, name: &str, max: u64) -> Self {
        let wanted: &[u8] = match file_type.content {
            Content::Binary { mark, .. } => mark,
            Content::Text | Content::Json => b"",
        };
        Self {
            file_type,
            name: name.to_owned(),
            max,
            size: 0,
            digest: Sha256::new(),
            head: Vec::with_capacity(HEAD),
            text: Text::default(),
            json: Vec::new(),
            mark: Mark {
                wanted,
                tail: Vec::new(),
                found: wanted.is_empty(),
            },
        }
    }

    /// Checks the next bytes. Fails at the first bytes that do not match the type.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Result<()> {
        self.size += bytes.len() as u64;
        if self.size > self.max {
            return Err(Error::PayloadTooLarge {
                field: "file",
                message: format!(
                    "file: {} is larger than the {} bytes that are allowed",
                    filename::shown(&self.name),
                    self.max
                ),
            });
        }
        let missing = HEAD.saturating_sub(self.head.len()).min(bytes.len());
        self.head.extend_from_slice(&bytes[..missing]);
        if self.head.len() == HEAD && !self.file_type.begins_with(&self.head) {
            return Err(self.mismatch());
        }
        let is_text = matches!(self.file_type.content, Content::Text | Content::Json);
        if is_text && !self.text.feed(bytes) {
            return Err(self.mismatch());
        }
        if self.file_type.content == Content::Json {
            self.json.extend_from_slice(bytes);
        }
        self.mark.feed(bytes);
        self.digest.update(bytes);
        Ok(())
    }

    /// The result, after the last bytes.
    pub(super) fn finish(self) -> Result<Facts> {
        if self.size == 0 {
            return Err(Error::invalid(
                "file",
                format!(
                    "file: {} is empty; 1 to {} bytes are allowed",
                    filename::shown(&self.name),
                    self.max
                ),
            ));
        }
        let is_whole = self.text.cut.is_empty() && self.mark.found;
        let is_json = || serde_json::from_slice::<IgnoredAny>(&self.json).is_ok();
        let is_valid = self.file_type.begins_with(&self.head)
            && is_whole
            && (self.file_type.content != Content::Json || is_json());
        if !is_valid {
            return Err(self.mismatch());
        }
        Ok(Facts {
            size: self.size,
            sha256: hex::encode(self.digest.finalize()),
        })
    }

    fn mismatch(&self) -> Error {
        Error::UnsupportedMediaType {
            field: "file",
            message: format!(
                "file: the content of {} is not {}, which its extension requires; allowed are {ALLOWED_TYPES}",
                filename::shown(&self.name),
                self.file_type.description
            ),
        }
    }
}

/// UTF-8 text in chunks of any size.
#[derive(Default)]
struct Text {
    /// An incomplete character at the end of the last chunk.
    cut: Vec<u8>,
}

impl Text {
    /// Whether the text is valid so far.
    fn feed(&mut self, bytes: &[u8]) -> bool {
        let mut joined = std::mem::take(&mut self.cut);
        joined.extend_from_slice(bytes);
        let valid = match std::str::from_utf8(&joined) {
            Ok(text) => return is_plain(text),
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            Err(_) => return false,
        };
        self.cut = joined.split_off(valid);
        std::str::from_utf8(&joined).is_ok_and(is_plain)
    }
}

/// Line breaks and tabs are layout; other control characters can affect terminals.
fn is_plain(text: &str) -> bool {
    !text
        .chars()
        .any(|c| c.is_control() && !matches!(c, '\t' | '\n' | '\r' | '\u{c}'))
}

/// Searches a byte sequence in chunks.
struct Mark {
    wanted: &'static [u8],
    /// The last bytes, one fewer than the sequence has.
    tail: Vec<u8>,
    found: bool,
}

impl Mark {
    fn feed(&mut self, bytes: &[u8]) {
        if self.found {
            return;
        }
        self.tail.extend_from_slice(bytes);
        self.found = self.tail.windows(self.wanted.len()).any(|window| window == self.wanted);
        let kept = self.tail.len().min(self.wanted.len() - 1);
        self.tail.drain(..self.tail.len() - kept);
    }
}

#[cfg(test)]
mod tests {
    use super::super::MAX_SIZE;
    use super::*;

    /// Inspects a file in chunks of `piece` bytes.
    fn inspect(name: &str, content: &[u8], piece: usize) -> Result<Facts> {
        let mut inspection = Inspection::new(FileType::of(name)?, name, MAX_SIZE);
        for bytes in content.chunks(piece) {
            inspection.feed(bytes)?;
        }
        inspection.finish()
    }

    const DOCX: &[u8] = b"PK\x03\x04\x14\0\0\0\x08\0_rels/.rels...PK\x03\x04word/document.xml...";

    #[test]
    fn each_type_is_recognised_with_chunks_of_any_size() {
        for (name, content) in [
            ("a.txt", "Grüße,\r\n\t日本語\n".as_bytes()),
            ("a.b.TXT", b"x"),
            ("a.pdf", b"%PDF-1.7\n%..."),
            ("a.png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"),
            ("a.jpg", b"\xff\xd8\xff\xe0\0\x10JFIF"),
            ("a.JPEG", b"\xff\xd8\xff\xe1"),
            ("a.gif", b"GIF89a\x01\0\x01\0"),
            ("a.gif", b"GIF87a\x01"),
            ("a.webp", b"RIFF\x24\0\0\0WEBPVP8 "),
            ("README.md", "# Grüße\n\n- [ ] a".as_bytes()),
            ("a.csv", "\u{feff}name;size\r\n\"Ü\";1\r\n".as_bytes()),
            ("a.json", " {\"a\": [1, 2.5e3, null, \"Ü\"]}\n".as_bytes()),
            ("b.json", b"0"),
            ("a.doc", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\0\0"),
            ("a.docx", DOCX),
        ] {
            for piece in [1, 2, 3, 7, 1_000] {
                let facts = inspect(name, content, piece).unwrap();
                assert_eq!(facts.size, content.len() as u64, "{name} in pieces of {piece}");
                assert_eq!(facts.sha256, hex::encode(Sha256::digest(content)));
            }
        }
    }

    #[test]
    fn a_name_without_an_allowed_type_is_rejected() {
        for name in ["a.exe", "a.pdf.exe", "a.svg", "a.html", "txt", "a.", "a.pdf "] {
            let error = FileType::of(name).unwrap_err().to_string();
            let rule = "does not have an allowed extension; allowed are \
                        txt, md, csv, json, pdf, png, jpg, jpeg, gif, webp, doc and docx";
            assert!(error.ends_with(rule), "{error}");
        }
    }

    #[test]
    fn content_must_match_the_extension() {
        for (name, content) in [
            ("a.pdf", b"MZ\x90\0\x03\0\0\0\x04".as_slice()),
            ("a.pdf", b"%PD"),
            ("a.png", b"GIF89a\x01\0\x01\0"),
            ("a.jpg", b"<script>alert(1)</script>"),
            ("a.gif", b"GIF90a.........."),
            ("a.docx", b"PK\x03\x04xl/workbook.xml"),
            ("a.txt", b"\xff\xfe"),
            ("a.txt", b"bell \x07"),
            ("a.txt", b"nul \0"),
            ("a.txt", b"\x1b[2J"),
            ("a.txt", b"cut \xc3"),
            ("a.md", b"nul \0"),
            ("a.csv", b"Gr\xfc\xdfe;1"),
            ("a.json", b"{\"a\": 1,}"),
            ("a.json", b"{} {}"),
            ("a.json", b"<svg/>"),
            ("a.json", b"\"\xff\""),
            ("a.json", b"  "),
            ("a.webp", b"RIFF\x24\0\0\0WAVEfmt "),
            ("a.webp", b"RIFF\x24\0"),
            ("a.webp", b"<svg xmlns=...>"),
        ] {
            for piece in [1, 5, 1_000] {
                let error = inspect(name, content, piece).unwrap_err().to_string();
                let start = format!("file: the content of '{name}' is not ");
                assert!(error.starts_with(&start), "{error}");
            }
        }
    }

    #[test]
    fn json_of_any_depth_is_checked() {
        let depth = 1_000_000;
        let nested = ["[".repeat(depth), "]".repeat(depth)].concat();
        assert!(inspect("a.json", nested.as_bytes(), 65_536).is_ok());
        assert!(inspect("a.json", &nested.as_bytes()[1..], 65_536).is_err());
    }

    #[test]
    fn a_file_is_not_empty_and_not_too_large() {
        let error = inspect("a.txt", b"", 1).unwrap_err();
        assert_eq!(
            error.to_string(),
            "file: 'a.txt' is empty; 1 to 5242880 bytes are allowed"
        );
        let mut largest = vec![b'x'; usize::try_from(MAX_SIZE).unwrap()];
        assert!(inspect("a.txt", &largest, 65_536).is_ok());
        largest.push(b'x');
        let error = inspect("a.txt", &largest, 65_536).unwrap_err();
        assert_eq!(
            error.to_string(),
            "file: 'a.txt' is larger than the 5242880 bytes that are allowed"
        );
    }
}
