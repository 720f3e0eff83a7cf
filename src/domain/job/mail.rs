//! The jobs that send mail. The number of mails to an address in an hour is limited, from all servers together.

use std::sync::Arc;

use serde::Deserialize;

use super::Claim;
use super::retry::Failure;
use super::work::{Result, payload};
use crate::domain::Core;
use crate::domain::actor::Actor;
use crate::domain::id::{NotificationId, UserId};
use crate::domain::mail::{Mailer, Undelivered};
use crate::domain::notification::{Email, email_of};
use crate::domain::policy;
use crate::domain::session::digest;
use crate::domain::store;
use crate::domain::user::Users;

/// What the last mail of an hour says beside its news.
const LAST_OF_THE_HOUR: &str = "\nThis is the last mail to you in this hour. Further notices are only in the app.\n";

#[derive(Deserialize)]
struct SendMail {
    notification_id: NotificationId,
}

#[derive(Deserialize)]
struct VerifyEmail {
    user_id: UserId,
}

/// Sends a notification.
pub(super) async fn send_notification(core: &Arc<Core>, claim: &Claim) -> Result<()> {
    let SendMail { notification_id } = payload(claim)?;
    let mailer = mailer(core)?;
    let Some(letter) = email_of(core, &Actor::System, notification_id).await? else {
        tracing::debug!(%notification_id, "a notification has no verified address that it can be sent to");
        return Ok(());
    };
    deliver(core, mailer, letter).await
}

/// Sends the token that verifies an address.
pub(super) async fn send_verification(core: &Core, claim: &Claim) -> Result<()> {
    let VerifyEmail { user_id } = payload(claim)?;
    let mailer = mailer(core)?;
    let letter = Users::new(core).verification_letter(&Actor::System, user_id).await?;
    match letter {
        Some(letter) => deliver(core, mailer, letter).await,
        None => Ok(()),
    }
}

fn mailer(core: &Core) -> Result<&Mailer> {
    core.mailer
        .as_ref()
        .ok_or_else(|| Failure::Passing(anyhow::anyhow!("SMTP_URL is not set on this server")))
}

/// Sends a letter unless its recipient got enough of them in this hour. It is counted before it is sent, so that many at
/// the same moment do not exceed the limit.
async fn deliver(core: &Core, mailer: &Mailer, mut letter: Email) -> Result<()> {
    let Some(limit) = mailer.max_per_hour() else {
        return send(mailer, letter).await;
    };
    let (recipient, hour) = (digest(&letter.to), hour_of(core));
    let system = policy::system(&Actor::System)?;
    let transaction = core.store.begin().await?;
    let number = store::job::mail_count::add(&transaction, &system, &recipient, hour).await?;
    if number > limit {
        // Without a commit it is not counted.
        tracing::debug!(
            mail = letter.name,
            "a mail is dropped: its recipient got {limit} in this hour"
        );
        return Ok(());
    }
    transaction.commit().await?;
    if number == limit {
        letter.text.push_str(LAST_OF_THE_HOUR);
    }
    let sent = send(mailer, letter).await;
    if sent.is_err() {
        let transaction = core.store.begin().await?;
        store::job::mail_count::take_back(&transaction, &system, &recipient, hour).await?;
        transaction.commit().await?;
    }
    sent
}

async fn send(mailer: &Mailer, letter: Email) -> Result<()> {
    mailer.send(letter).await.map_err(|error| match error {
        Undelivered::Later(error) => Failure::Passing(error),
        Undelivered::Never(error) => Failure::Final(error),
    })
}

/// Hours since 1970.
pub(super) fn hour_of(core: &Core) -> i64 {
    core.clock.now().timestamp().div_euclid(60 * 60)
}
