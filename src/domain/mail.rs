//! The way out for letters: a mail server, by SMTP.

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

use super::notification::Email;
use crate::config::MailConfig;

/// How long each step of a conversation with the mail server may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// The most connections to the mail server.
const CONNECTIONS: u32 = 4;
/// What the sender is called.
const SENDER: &str = "Taskwire";
/// Keeps absence notices from answering (RFC 3834).
const AUTO_SUBMITTED: HeaderName = HeaderName::new_from_ascii_str("Auto-Submitted");
/// How a recipient refuses further mail (RFC 2369).
const LIST_UNSUBSCRIBE: HeaderName = HeaderName::new_from_ascii_str("List-Unsubscribe");
/// What an address in a `mailto:` URL cannot contain as it is.
const NOT_IN_MAILTO: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'@')
    .remove(b'.')
    .remove(b'-')
    .remove(b'_')
    .remove(b'+');
/// The answers of a mail server that will not change: there is no such mailbox, or none that takes mail from us.
const NO_SUCH_MAILBOX: [u16; 4] = [550, 551, 552, 553];

/// Tries the mail server of the settings, if there is one: connects, encrypts and authenticates as for a mail, and sends
/// none. The caller bounds the time.
pub(crate) async fn try_mail(config: &MailConfig) -> anyhow::Result<()> {
    let Some(mailer) = Mailer::open(config)? else {
        return Ok(());
    };
    let is_connected = mailer.transport.test_connection().await?;
    mailer.transport.shutdown().await;
    anyhow::ensure!(is_connected, "the mail server ends the connection");
    Ok(())
}

/// Why a letter was not sent.
#[derive(Debug)]
pub(super) enum Undelivered {
    /// It may be taken later.
    Later(anyhow::Error),
    /// It never will.
    Never(anyhow::Error),
}

/// Sends letters.
pub(super) struct Mailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    max_per_hour: Option<u32>,
    public_url: Option<String>,
}

impl fmt::Debug for Mailer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mailer({})", self.from)
    }
}

impl Mailer {
    /// The mailer of the settings, if there is one. Nothing is connected yet.
    pub(super) fn open(config: &MailConfig) -> anyhow::Result<Option<Self>> {
        let Some(url) = &config.url else {
            return Ok(None);
        };
        // The settings were checked already, and the library's errors may show the URL.
        let transport = AsyncSmtpTransport::<Tokio1Executor>::from_url(url.expose_secret())
            .map_err(|_| anyhow::anyhow!("SMTP_URL is not one of a mail server"))?
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

    /// The most mails to one address in an hour; `None` is no limit.
    pub(super) fn max_per_hour(&self) -> Option<u32> {
        self.max_per_hour
    }

    /// Where people reach the front end.
    pub(super) fn public_url(&self) -> Option<&str> {
        self.public_url.as_deref()
    }

    /// Hands a letter to the mail server.
    pub(super) async fn send(&self, letter: Email) -> Result<(), Undelivered> {
        let message = self.message(letter).map_err(Undelivered::Never)?;
        match self.transport.send(message).await {
            Ok(_) => Ok(()),
            Err(error) => {
                let is_final = error
                    .status()
                    .is_some_and(|code| NO_SUCH_MAILBOX.contains(&u16::from(code)));
                let error = anyhow::Error::new(error).context("the mail server did not take it");
                Err(if is_final {
                    Undelivered::Never(error)
                } else {
                    Undelivered::Later(error)
                })
            }
        }
    }

    fn message(&self, letter: Email) -> anyhow::Result<Message> {
        let to = Address::from_str(&letter.to).context("the address is not one of e-mail")?;
        let id = format!("<{}@{}>", letter.name, self.from.email.domain());
        let mut message = Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(letter.to_name, to))
            .subject(letter.subject)
            .message_id(Some(id))
            .date(letter.written_at.into())
            .header(ContentType::TEXT_PLAIN)
            .body(letter.text)?;
        let automatic = HeaderValue::new(AUTO_SUBMITTED, "auto-generated".to_owned());
        message.headers_mut().insert_raw(automatic);
        let address = self.from.email.to_string();
        let unsubscribe = format!(
            "<mailto:{}?subject=unsubscribe>",
            utf8_percent_encode(&address, NOT_IN_MAILTO)
        );
        message
            .headers_mut()
            .insert_raw(HeaderValue::new(LIST_UNSUBSCRIBE, unsubscribe));
        Ok(message)
    }
}
