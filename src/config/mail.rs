//! E-mail.

use email_address::EmailAddress;
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use super::{
    ConfigError, mask,
    reader::{SettingsReader, refuse},
};

/// The sender where none is set.
const SENDER: &str = "taskwire@localhost";
const TLS: &str = "smtp://host with ?tls=required or ?tls=opportunistic for STARTTLS, or smtps://host";

/// Whether notifications go out by e-mail, and how.
#[derive(Clone, Debug)]
pub struct MailConfig {
    /// `SMTP_URL`, default none, which sends no mail: `smtp://` or `smtps://`, with `?tls=required` or
    /// `?tls=opportunistic` for STARTTLS.
    pub url: Option<SecretString>,
    /// `MAIL_FROM`, the sender's address, default `taskwire@localhost`.
    pub from: String,
    /// `MAIL_MAX_PER_HOUR`, default 20, 0 to 10000: the most mails to one address in an hour. `None` is no limit,
    /// written 0.
    pub max_per_hour: Option<u32>,
    /// `PUBLIC_URL`, default none: `http://` or `https://`, where people reach the front end. Verification mails link to
    /// its page `/verify-email`.
    pub public_url: Option<String>,
}

impl MailConfig {
    /// The URL as it may be shown: without the password.
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
        Ok(Self {
            url: url.map(SecretString::from),
            from: reader
                .parsed("MAIL_FROM", "an e-mail address such as tasks@acme.com", address)?
                .unwrap_or_else(|| SENDER.to_owned()),
            max_per_hour: Some(reader.number("MAIL_MAX_PER_HOUR", 20, 0..=10_000)?).filter(|limit| *limit > 0),
            public_url: reader.url("PUBLIC_URL", &["http", "https"])?,
        })
    }
}

/// Whether there is a host to connect to, and a way to do so that is known.
fn is_usable(value: &str) -> bool {
    Url::parse(value).is_ok_and(|url| {
        let has_host = url.host_str().is_some_and(|host| !host.is_empty());
        let known = |(name, tls): (std::borrow::Cow<'_, str>, std::borrow::Cow<'_, str>)| {
            name == "tls" && (tls == "required" || tls == "opportunistic")
        };
        has_host && url.query_pairs().all(known)
    })
}
