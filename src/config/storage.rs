//! Settings of the storage of attachments.

use std::path::{PathBuf, absolute};

use secrecy::SecretString;
use url::Url;

use super::{ConfigError, mask, reader::SettingsReader};

const ALLOWED: &str = "file:///directory or s3://bucket";

/// Settings of the storage of attachments.
#[derive(Clone, Debug)]
pub struct StorageConfig {
    /// `STORAGE_URL`, else `UPLOAD_DIR` as a `file://` URL with an absolute path.
    pub(crate) url: String,
    /// The variables that begin with `AWS_`, with lower-case names. They have the meanings of Amazon's tools.
    pub(crate) aws: Vec<(String, SecretString)>,
    pub(crate) quota: UploadQuota,
}

/// Limits of the stored bytes of attachments; `None` is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UploadQuota {
    pub(crate) per_user: Option<u64>,
    pub(crate) total: Option<u64>,
}

impl UploadQuota {
    fn read(reader: &SettingsReader<'_>) -> Result<Self, ConfigError> {
        let bytes = |name, default| {
            let bytes = reader.number(name, default, 0..=i64::MAX.unsigned_abs())?;
            Ok(Some(bytes).filter(|bytes| *bytes > 0))
        };
        Ok(Self {
            per_user: bytes("UPLOAD_QUOTA_PER_USER_BYTES", 1024 * 1024 * 1024)?,
            total: bytes("UPLOAD_QUOTA_BYTES", 0)?,
        })
    }
}

impl StorageConfig {
    pub(super) fn read(reader: &SettingsReader<'_>) -> Result<Self, ConfigError> {
        let url = match reader.parsed("STORAGE_URL", ALLOWED, storage_url)? {
            Some(url) => Some(url),
            None => reader.parsed("UPLOAD_DIR", "the path of a directory", directory_url)?,
        };
        let url = url.or_else(|| directory_url("./uploads")).unwrap_or_default();
        reader.record("STORAGE_URL", mask::url(&url));
        Ok(Self {
            url,
            aws: reader
                .starting_with("AWS_")
                .map(|(name, value)| (name.to_ascii_lowercase(), value.into()))
                .collect(),
            quota: UploadQuota::read(reader)?,
        })
    }

    /// The directory of attachments; `None` for a bucket.
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
