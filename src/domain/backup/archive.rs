//! The archive: a gzipped tar with a manifest at the start and an end entry.
//!
//! ```text
//! manifest.json       metadata, with size and digest of all other entries
//! database.sqlite     or database.dump
//! files/ab/ab…        the files, in the order of the manifest
//! end.json            proves that the archive is complete; lists missing files
//! ```
//!
//! All functions block on disk I/O, so callers run them on blocking threads.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek as _, Write as _};
use std::path::Path;
use std::rc::Rc;

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use sha2::{Digest as _, Sha256};
use tar::{Archive, Builder, Entry, EntryType, Header};

use super::Progress;
use super::manifest::{ArchiveEntry, END, End, MANIFEST, Manifest, damaged, path_of};
use crate::domain::error::{Error, Result};

/// Bytes per read and write.
const BUFFER: usize = 256 * 1024;
/// Maximum size of a manifest in bytes; a file takes about 150 bytes.
const MAX_MANIFEST: u64 = 256 * 1024 * 1024;
/// Bytes of an archive outside its entries, such as the final blocks.
const SLACK: u64 = 1024 * 1024;

pub(super) struct Writer {
    tar: Builder<GzEncoder<BufWriter<File>>>,
    modified: u64,
}

impl Writer {
    pub(super) fn begin(file: File, manifest: &Manifest) -> io::Result<Self> {
        let gzip = GzEncoder::new(BufWriter::with_capacity(BUFFER, file), Compression::default());
        let mut writer = Self {
            tar: Builder::new(gzip),
            modified: u64::try_from(manifest.created_at.timestamp()).unwrap_or_default(),
        };
        writer.append(MANIFEST, &serde_json::to_vec_pretty(manifest)?)?;
        Ok(writer)
    }

    pub(super) fn append(&mut self, path: &str, bytes: &[u8]) -> io::Result<()> {
        self.append_from(path, bytes.len() as u64, bytes)
    }

    pub(super) fn append_from(&mut self, path: &str, size: u64, from: impl Read) -> io::Result<()> {
        let mut header = Header::new_gnu();
        header.set_size(size);
        header.set_mode(0o600);
        header.set_mtime(self.modified);
        header.set_entry_type(EntryType::Regular);
        self.tar.append_data(&mut header, path, from)
    }

    /// Writes the end and syncs the file to disk.
    pub(super) fn finish(mut self, end: &End) -> io::Result<()> {
        self.append(END, &serde_json::to_vec_pretty(end)?)?;
        let mut buffer = self.tar.into_inner()?.finish()?;
        buffer.flush()?;
        buffer.get_ref().sync_all()
    }
}

/// Size and digest of a file.
pub(super) fn measure(path: &Path) -> io::Result<(u64, String)> {
    let mut digest = Sha256::new();
    let size = pump(&mut File::open(path)?, |piece| {
        digest.update(piece);
        Ok(())
    })?;
    Ok((size, hex::encode(digest.finalize())))
}

/// Validates a whole archive and extracts its database to `copy`. Returns the manifest and the names of missing files.
/// `progress` receives the bytes read and the total bytes of the archive.
pub(super) fn check(
    archive: &mut File,
    copy: &mut File,
    mut progress: impl FnMut(Progress),
) -> Result<(Manifest, Vec<String>)> {
    let total = archive.metadata().map_err(unreadable)?.len();
    let (mut archive, left) = open(archive, MAX_MANIFEST + SLACK)?;
    let mut entries = archive.entries().map_err(broken)?.raw(true);
    let mut entry = next(&mut entries)?;
    if path_in(&entry)? != MANIFEST || entry.size() > MAX_MANIFEST {
        return Err(damaged("it does not begin with a manifest"));
    }
    let manifest = Manifest::read(&whole(&mut entry)?)?;
    left.set(length_of(&manifest));

    let mut entry = next(&mut entries)?;
    check_header(&entry, &manifest.database, &manifest.database.name)?;
    let mut report = |entry: &Entry<'_, Source<'_>>| {
        let done = entry.raw_file_position().min(total);
        progress(Progress { done, total });
    };
    report(&entry);
    verify(&mut entry, &manifest.database, |piece| copy.write_all(piece))?;

    let mut skipped = Vec::new();
    let mut files = manifest.files.iter();
    let end = loop {
        let mut entry = next(&mut entries)?;
        let path = path_in(&entry)?;
        if path == END {
            skipped.extend(files.map(|file| file.name.clone()));
            if entry.size() > MAX_MANIFEST {
                return Err(damaged("its end cannot be read"));
            }
            break serde_json::from_slice::<End>(&whole(&mut entry)?).map_err(|_| damaged("its end cannot be read"))?;
        }
        let file = loop {
            match files.next() {
                Some(file) if path_of(file) == path => break file,
                Some(file) => skipped.push(file.name.clone()),
                None => return Err(damaged(&format!("it contains {path}, which is not in its manifest"))),
            }
        };
        check_header(&entry, file, &path)?;
        verify(&mut entry, file, |_| Ok(()))?;
        report(&entry);
    };
    if skipped != end.missing {
        return Err(damaged("files of its manifest are not in it"));
    }
    if entries.next().is_some() {
        return Err(damaged("there is data after its end"));
    }
    // The rest is zeros and the gzip checksum, which must be read to be verified.
    pump(&mut archive.into_inner(), |_| Ok(())).map_err(broken)?;
    Ok((manifest, end.missing))
}

/// Reads an archive again and sends its files, in the order of the manifest.
pub(super) fn files(
    archive: &mut File,
    manifest: &Manifest,
    mut hand_out: impl FnMut(&ArchiveEntry, Vec<u8>) -> Result<()>,
) -> Result<()> {
    let (mut archive, _) = open(archive, MAX_MANIFEST + SLACK + length_of(manifest))?;
    let mut files = manifest.files.iter();
    for entry in archive.entries().map_err(broken)?.raw(true) {
        let mut entry = entry.map_err(broken)?;
        let path = path_in(&entry)?;
        if [MANIFEST, END, &manifest.database.name].contains(&path.as_str()) {
            continue;
        }
        let Some(file) = files.find(|file| path_of(file) == path) else {
            return Err(damaged("it was changed while it was read"));
        };
        check_header(&entry, file, &path)?;
        let mut bytes = Vec::new();
        verify(&mut entry, file, |piece| {
            bytes.extend_from_slice(piece);
            Ok(())
        })?;
        hand_out(file, bytes)?;
    }
    Ok(())
}

/// A decompressed archive with a size limit, because a small archive can decompress to any size.
struct Source<'f> {
    archive: GzDecoder<BufReader<&'f mut File>>,
    left: Rc<Cell<u64>>,
}

impl Read for Source<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.archive.read(buffer)?;
        let left = self.left.get().checked_sub(length as u64);
        self.left
            .set(left.ok_or_else(|| io::Error::other("it holds more than its manifest names"))?);
        Ok(length)
    }
}

/// Opens an archive with a limit for the decompressed bytes, which can be changed later.
fn open(file: &mut File, limit: u64) -> Result<(Archive<Source<'_>>, Rc<Cell<u64>>)> {
    file.rewind().map_err(unreadable)?;
    let left = Rc::new(Cell::new(limit));
    let source = Source {
        archive: GzDecoder::new(BufReader::with_capacity(BUFFER, file)),
        left: Rc::clone(&left),
    };
    Ok((Archive::new(source), left))
}

/// Maximum decompressed bytes after the manifest: its entries with headers and padding, and the end.
fn length_of(manifest: &Manifest) -> u64 {
    let headers = (manifest.files.len() as u64 + 4) * 1024;
    // The end names at most the files of the manifest, which has been read completely.
    let names: u64 = manifest.files.iter().map(|file| file.name.len() as u64 + 4).sum();
    let end = names + SLACK;
    manifest.bytes().saturating_add(headers).saturating_add(end)
}

fn next<'a, R: Read>(entries: &mut tar::Entries<'a, R>) -> Result<Entry<'a, R>> {
    let entry = entries.next().ok_or_else(|| damaged("it breaks off"))?;
    entry.map_err(broken)
}

/// The raw path of an entry, compared with the manifest and never used as a path.
fn path_in<R: Read>(entry: &Entry<'_, R>) -> Result<String> {
    let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
    if entry.header().entry_type().is_file() {
        Ok(path)
    } else {
        Err(damaged(&format!("{path} in it is not a file")))
    }
}

fn check_header<R: Read>(entry: &Entry<'_, R>, part: &ArchiveEntry, path: &str) -> Result<()> {
    if path_in(entry)? == path && entry.size() == part.size {
        Ok(())
    } else {
        Err(damaged(&format!("{path} differs from its manifest")))
    }
}

/// Reads an entry to its end and checks it.
fn verify<R: Read>(
    entry: &mut Entry<'_, R>,
    part: &ArchiveEntry,
    mut keep: impl FnMut(&[u8]) -> io::Result<()>,
) -> Result<()> {
    let mut digest = Sha256::new();
    let mut kept = Ok(());
    let read = pump(entry, |piece| {
        digest.update(piece);
        if kept.is_ok() {
            kept = keep(piece);
        }
        Ok(())
    });
    let read = read.map_err(broken)?;
    kept.map_err(unwritable)?;
    if read == part.size && hex::encode(digest.finalize()) == part.sha256 {
        Ok(())
    } else {
        Err(damaged(&format!("{} was changed after it was written", part.name)))
    }
}

fn whole<R: Read>(entry: &mut Entry<'_, R>) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    entry.read_to_end(&mut bytes).map_err(broken)?;
    Ok(bytes)
}

fn pump(from: &mut impl Read, mut take: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<u64> {
    let mut buffer = vec![0; BUFFER];
    let mut total = 0;
    loop {
        let length = from.read(&mut buffer)?;
        if length == 0 {
            return Ok(total);
        }
        take(&buffer[..length])?;
        total += length as u64;
    }
}

#[expect(clippy::needless_pass_by_value, reason = "used with `map_err`")]
fn broken(error: io::Error) -> Error {
    damaged(&format!("it cannot be read to its end ({error})"))
}

fn unreadable(error: io::Error) -> Error {
    Error::internal(anyhow::Error::new(error).context("the backup cannot be read"))
}

pub(super) fn unwritable(error: io::Error) -> Error {
    Error::internal(anyhow::Error::new(error).context("the database in the backup cannot be extracted"))
}
