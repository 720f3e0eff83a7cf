//! Reads archives, and writes changed ones.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::path::Path;

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde_json::Value;

/// The entries of an archive.
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

    /// Changes one value of the manifest.
    pub fn claiming(mut self, pointer: &str, value: Value) -> Self {
        let mut manifest = self.manifest();
        *manifest.pointer_mut(pointer).unwrap() = value;
        self.entries[0].1 = manifest.to_string().into_bytes();
        self
    }

    /// Writes all names unchanged, including those outside of the archive's folder.
    pub fn write(&self, path: &Path) {
        self.write_with(path, 0);
    }

    /// Adds zeros after the end, which compress well.
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
