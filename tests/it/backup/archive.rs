//! Archives, taken apart and put together otherwise.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::path::Path;

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde_json::Value;

/// What is in an archive, entry by entry.
#[derive(Clone)]
pub struct Opened {
    pub entries: Vec<(String, Vec<u8>)>,
}

impl Opened {
    pub fn read(path: &Path) -> Self {
        let mut archive = tar::Archive::new(GzDecoder::new(File::open(path).unwrap()));
        let entries = archive.entries().unwrap().map(|entry| {
            let mut entry = entry.unwrap();
            let name = entry.path().unwrap().display().to_string();
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).unwrap();
            (name, bytes)
        });
        Self {
            entries: entries.collect(),
        }
    }

    pub fn manifest(&self) -> Value {
        serde_json::from_slice(&self.entries[0].1).unwrap()
    }

    /// With one value of the manifest changed.
    pub fn claiming(mut self, pointer: &str, value: Value) -> Self {
        let mut manifest = self.manifest();
        *manifest.pointer_mut(pointer).unwrap() = value;
        self.entries[0].1 = manifest.to_string().into_bytes();
        self
    }

    /// Writes it, with names as they are, wherever they lead.
    pub fn write(&self, path: &Path) {
        self.write_with(path, 0);
    }

    /// The same with so many MiB of zeros after its end, which hardly make it longer.
    pub fn write_with(&self, path: &Path, mebibytes: usize) {
        let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
        for (name, bytes) in &self.entries {
            let mut header = tar::Header::new_gnu();
            header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
            header.set_size(bytes.len().try_into().unwrap());
            header.set_entry_type(tar::EntryType::Regular);
            header.set_cksum();
            tar.append(&header, bytes.as_slice()).unwrap();
        }
        let mut archive = tar.into_inner().unwrap();
        for _ in 0..mebibytes {
            archive.write_all(&vec![0; 1024 * 1024]).unwrap();
        }
        fs::write(path, archive.finish().unwrap()).unwrap();
    }
}
