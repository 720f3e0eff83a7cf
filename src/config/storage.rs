//! Where attachments are kept.

use std::path::{PathBuf, absolute};

use secrecy::SecretString;
use url::Url;

use super::{ConfigError, reader::Reader};

const ALLOWED: &str = "file:///directory or s3://bucket";

/// Where attachments are kept.
#[derive(Clone, Debug)]
pub struct StorageConfig {
    /// `STORAGE_URL`, `file://` or `s3://`, else the directory `UPLOAD_DIR`, default `./uploads`. A directory is
    /// held as a `file://` URL with its absolute path.
    pub url: String,
    /// The variables that begin with `AWS_`, by their names in lower case: how to reach an `s3://` bucket, and as
    /// whom. They mean what they mean to Amazon's own tools.
    pub aws: Vec<(String, SecretString)>,
}

impl StorageConfig {
    pub(super) fn read(reader: &Reader<'_>) -> Result<Self, ConfigError> {
        let url = match reader.parsed("STORAGE_URL", ALLOWED, storage_url)? {
            Some(url) => Some(url),
            None => reader.parsed("UPLOAD_DIR", "the path of a directory", directory_url)?,
        };
        Ok(Self {
            url: url.or_else(|| directory_url("./uploads")).unwrap_or_default(),
            aws: reader
                .starting_with("AWS_")
                .map(|(name, value)| (name.to_ascii_lowercase(), value.into()))
                .collect(),
        })
    }

    /// The directory, if attachments are files.
    #[must_use]
    pub fn directory(&self) -> Option<PathBuf> {
        Url::parse(&self.url)
            .ok()
            .filter(|url| url.scheme() == "file")?
            .to_file_path()
            .ok()
    }
}

fn storage_url(value: &str) -> Option<String> {
    match value.split_once("://")? {
        ("file", path) if path.starts_with('/') => Url::parse(value).ok().map(Url::into),
        ("file", path) => directory_url(path),
        ("s3", _) => Url::parse(value).ok().filter(Url::has_host).map(Url::into),
        _ => None,
    }
}

fn directory_url(path: &str) -> Option<String> {
    let path = absolute(path).ok()?;
    Url::from_file_path(path).ok().map(Url::into)
}
