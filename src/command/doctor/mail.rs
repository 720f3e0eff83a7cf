//! Checks that the mail server accepts a login. No mail is sent.

use std::time::Duration;

use super::{Report, within};
use crate::config::MailConfig;
use crate::domain::mail::try_mail;

/// Longest time for connecting, TLS and authentication together.
const PATIENCE: Duration = Duration::from_secs(15);

pub(super) async fn check(config: &MailConfig, report: &mut Report) -> anyhow::Result<()> {
    let Some(url) = config.shown_url() else {
        return report.add(
            "mail",
            Ok("none, as SMTP_URL is not set; notifications are not sent by mail".to_owned()),
        );
    };
    let found = match within(PATIENCE, try_mail(config)).await {
        Ok(()) => Ok(format!("{url} accepts this server; no mail was sent")),
        Err(error) => Err(format!(
            "{url} does not accept this server: {error}; check SMTP_URL. Mails wait until the mail server accepts them"
        )),
    };
    report.add("mail", found)
}
