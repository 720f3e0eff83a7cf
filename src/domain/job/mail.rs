//! The jobs that send mail. The number of mails per address and hour is limited, across all servers.

use std::sync::Arc;

use serde::Deserialize;

use super::Claim;
use super::retry::Failure;
use super::work::{Result, payload};
use crate::domain::Core;
use crate::domain::actor::Actor;
use crate::domain::id::{NotificationId, UserId};
use crate::domain::mail::Mailer;
use crate::domain::notification::{Email, email_of};
use crate::domain::policy;
use crate::domain::session::digest;
use crate::domain::store::{self, WriteTransaction};
use crate::domain::user::Users;

/// Added to the last mail of an hour.
const LAST_OF_THE_HOUR: &str = "\nThis is the last mail to you in this hour. Further notices are only in the app.\n";

#[derive(Deserialize)]
struct SendMail {
    notification_id: NotificationId,
}

#[derive(Deserialize)]
struct VerifyEmail {
    user_id: UserId,
}

pub(super) async fn send_notification(core: &Arc<Core>, claim: &Claim) -> Result<()> {
    let SendMail { notification_id } = payload(claim)?;
    let mailer = mailer(core)?;
    let Some(email) = email_of(core, &Actor::System, notification_id).await? else {
        tracing::debug!(%notification_id, "a notification has no verified address that it can be sent to");
        return Ok(());
    };
    deliver(core, mailer, core.store.begin().await?, email).await
}

pub(super) async fn send_verification(core: &Core, claim: &Claim) -> Result<()> {
    let VerifyEmail { user_id } = payload(claim)?;
    let mailer = mailer(core)?;
    match Users::new(core).verification_email(&Actor::System, user_id).await? {
        Some((transaction, email)) => deliver(core, mailer, transaction, email).await,
        None => Ok(()),
    }
}

fn mailer(core: &Core) -> Result<&Mailer> {
    core.mailer
        .as_ref()
        .ok_or_else(|| Failure::Passing(anyhow::anyhow!("SMTP_URL is not set on this server")))
}

/// Sends a mail unless its recipient reached the hourly limit. It is counted before it is sent, so that concurrent
/// mails cannot exceed the limit. `transaction` is committed only if the mail is sent: the token of a dropped mail must
/// not replace that of the last one.
async fn deliver(core: &Core, mailer: &Mailer, transaction: WriteTransaction, mut email: Email) -> Result<()> {
    let Some(limit) = mailer.max_per_hour else {
        transaction.commit().await?;
        return mailer.send(email).await;
    };
    let (recipient, hour) = (digest(&email.to), hour_of(core));
    let system = policy::system(&Actor::System)?;
    let number = store::job::mail_count::add(&transaction, &system, &recipient, hour).await?;
    if number > limit {
        // It is not counted, because the transaction is not committed.
        tracing::debug!(
            mail = email.name,
            "a mail is dropped: its recipient got {limit} in this hour"
        );
        return Ok(());
    }
    transaction.commit().await?;
    if number == limit {
        email.text.push_str(LAST_OF_THE_HOUR);
    }
    let sent = mailer.send(email).await;
    if sent.is_err() {
        let transaction = core.store.begin().await?;
        store::job::mail_count::take_back(&transaction, &system, &recipient, hour).await?;
        transaction.commit().await?;
    }
    sent
}

pub(super) fn hour_of(core: &Core) -> i64 {
    core.clock.now().timestamp().div_euclid(60 * 60)
}
