//! Settings of e-mail.

use email_address::EmailAddress;
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use super::{
    ConfigError, mask,
    reader::{SettingsReader, refuse},
};

const DEFAULT_SENDER: &str = "taskwire@localhost";
const TLS: &str = "smtp://host with ?tls=required or ?tls=opportunistic for STARTTLS, or smtps://host";

/// Settings of e-mail notifications.
#[derive(Clone, Debug)]
pub struct MailConfig {
    pub(crate) url: Option<SecretString>,
    pub(crate) from: String,
    /// `None` is no limit.
    pub(crate) max_per_hour: Option<u32>,
    pub(crate) public_url: Option<String>,
}

impl MailConfig {
    /// `SMTP_URL` with the password masked.
    #[must_use]
    pub fn shown_url(&self) -> Option<String> {
        self.url.as_ref().map(|url| mask::url(url.expose_secret()))
    }

    pub(super) fn read(reader: &SettingsReader<'_>) -> Result<Self, ConfigError> {
        let name = "SMTP_URL";
        let url = reader.url(name, &["smtp", "smtps"])?;
        if let Some(url) = url.as_deref().filter(|url| !is_usable(url)) {
            return Err(refuse(name, url, TLS));
        }
        let address = |value: &str| EmailAddress::is_valid(value).then(|| value.to_owned());
        let from = reader.parsed("MAIL_FROM", "an e-mail address such as tasks@acme.com", address)?;
        Ok(Self {
            url: url.map(SecretString::from),
            from: reader.record("MAIL_FROM", from.unwrap_or_else(|| DEFAULT_SENDER.to_owned())),
            max_per_hour: Some(reader.number("MAIL_MAX_PER_HOUR", 20, 0..=10_000)?).filter(|limit| *limit > 0),
            public_url: reader.url("PUBLIC_URL", &["http", "https"])?,
        })
    }
}

/// Whether the URL has a host, and no query parameter except a known `tls`.
fn is_usable(value: &str) -> bool {
    Url::parse(value).is_ok_and(|url| {
        let has_host = url.host_str().is_some_and(|host| !host.is_empty());
        let is_known = |tls: &str| ["required", "opportunistic"].contains(&tls);
        has_host && url.query_pairs().all(|(name, tls)| name == "tls" && is_known(&tls))
    })
}
