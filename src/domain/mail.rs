//! Sends e-mails to a mail server over SMTP.

use std::fmt;
use std::str::FromStr as _;
use std::time::Duration;

use anyhow::Context as _;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message};
use lettre::transport::smtp::PoolConfig;
use lettre::{Address, AsyncSmtpTransport, AsyncTransport as _, Tokio1Executor};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::ExposeSecret as _;

use super::job::Failure;
use super::notification::Email;
use crate::config::MailConfig;

/// Timeout of each SMTP step.
const PATIENCE: Duration = Duration::from_secs(20);
/// Maximum number of connections to the mail server.
const CONNECTIONS: u32 = 4;
/// Display name of the sender.
const SENDER: &str = "Taskwire";
/// Prevents automatic replies (RFC 3834).
const AUTO_SUBMITTED: HeaderName = HeaderName::new_from_ascii_str("Auto-Submitted");
/// Lets recipients unsubscribe (RFC 2369).
const LIST_UNSUBSCRIBE: HeaderName = HeaderName::new_from_ascii_str("List-Unsubscribe");
/// Characters that must be encoded in a `mailto:` URL.
const NOT_IN_MAILTO: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'@')
    .remove(b'.')
    .remove(b'-')
    .remove(b'_')
    .remove(b'+');
/// Permanent SMTP errors: the mailbox does not exist or rejects our mail.
const NO_SUCH_MAILBOX: [u16; 4] = [550, 551, 552, 553];

/// Tests the configured mail server, if any: connects, encrypts and authenticates without sending a mail. The caller
/// limits the time.
pub(crate) async fn try_mail(config: &MailConfig) -> anyhow::Result<()> {
    let Some(mailer) = Mailer::open(config)? else {
        return Ok(());
    };
    let is_connected = mailer.transport.test_connection().await?;
    mailer.transport.shutdown().await;
    anyhow::ensure!(is_connected, "the mail server closes the connection");
    Ok(())
}

pub(super) struct Mailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    /// Maximum number of mails per address and hour; `None` means no limit.
    pub(super) max_per_hour: Option<u32>,
    /// Base URL of the front end.
    pub(super) public_url: Option<String>,
}

impl fmt::Debug for Mailer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mailer({})", self.from)
    }
}

impl Mailer {
    /// Creates a mailer from the settings, if any, without connecting.
    pub(super) fn open(config: &MailConfig) -> anyhow::Result<Option<Self>> {
        let Some(url) = &config.url else {
            return Ok(None);
        };
        // The settings are already validated, and errors of the library may contain the URL with its password.
        let transport = AsyncSmtpTransport::<Tokio1Executor>::from_url(url.expose_secret())
            .map_err(|_| anyhow::anyhow!("SMTP_URL is not the URL of a mail server"))?
            .timeout(Some(PATIENCE))
            .pool_config(PoolConfig::new().max_size(CONNECTIONS))
            .build();
        let from = Address::from_str(&config.from).with_context(|| format!("MAIL_FROM is {:?}", config.from))?;
        Ok(Some(Self {
            transport,
            from: Mailbox::new(Some(SENDER.to_owned()), from),
            max_per_hour: config.max_per_hour,
            public_url: config.public_url.clone(),
        }))
    }

    pub(super) async fn send(&self, email: Email) -> Result<(), Failure> {
        let message = self.message(email).map_err(Failure::Final)?;
        let Err(error) = self.transport.send(message).await else {
            return Ok(());
        };
        let status = error.status().map(u16::from);
        let is_final = status.is_some_and(|status| NO_SUCH_MAILBOX.contains(&status));
        let failure = if is_final { Failure::Final } else { Failure::Passing };
        let error = anyhow::Error::new(error).context("the mail server did not accept the mail");
        Err(failure(error))
    }

    fn message(&self, email: Email) -> anyhow::Result<Message> {
        let to = Address::from_str(&email.to).context("the recipient is not an e-mail address")?;
        let id = format!("<{}@{}>", email.name, self.from.email.domain());
        let sender = self.from.email.to_string();
        let sender = utf8_percent_encode(&sender, NOT_IN_MAILTO);
        let unsubscribe = format!("<mailto:{sender}?subject=unsubscribe>");
        let message = Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(email.to_name, to))
            .subject(email.subject)
            .message_id(Some(id))
            .date(email.written_at.into())
            .header(ContentType::TEXT_PLAIN)
            .raw_header(HeaderValue::new(AUTO_SUBMITTED, "auto-generated".to_owned()))
            .raw_header(HeaderValue::new(LIST_UNSUBSCRIBE, unsubscribe))
            .body(email.text)?;
        Ok(message)
    }
}
