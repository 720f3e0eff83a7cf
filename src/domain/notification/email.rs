//! E-mails for notifications.

use std::sync::Arc;

use super::{Notification, NotificationKind};
use crate::domain::Core;
use crate::domain::actor::Actor;
use crate::domain::clock::Timestamp;
use crate::domain::error::Result;
use crate::domain::id::NotificationId;
use crate::domain::task::workflow::Status;
use crate::domain::user::{User, Users};
use crate::domain::{policy, store};

/// Maximum number of characters of a name or title in a mail.
const MAX_LENGTH: usize = 80;

/// An e-mail to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Email {
    /// Identical for each attempt, so that receivers can detect duplicates.
    pub(crate) name: String,
    /// The recipient's address.
    pub(crate) to: String,
    /// The recipient's name, if known.
    pub(crate) to_name: Option<String>,
    /// Subject, on one line.
    pub(crate) subject: String,
    pub(crate) text: String,
    /// Time of writing.
    pub(crate) written_at: Timestamp,
}

/// The e-mail for a notification. `None` unless the account is active and its address is verified.
pub(crate) async fn email_of(core: &Arc<Core>, actor: &Actor, id: NotificationId) -> Result<Option<Email>> {
    let system = policy::system(actor)?;
    let Some(notification) = store::notification::find_to_send(&core.store.reader(actor), &system, id).await? else {
        return Ok(None);
    };
    let users = Users::new(core);
    let receiver = users.find(actor, notification.user_id).await?;
    let doer = match notification.actor_id {
        Some(doer) => users.find(actor, doer).await?,
        None => None,
    };
    Ok(receiver.and_then(|receiver| write(&notification, &receiver, doer.as_ref())))
}

fn write(notification: &Notification, receiver: &User, doer: Option<&User>) -> Option<Email> {
    let account = receiver
        .account
        .as_ref()
        .filter(|account| account.is_active && account.email_verified)?;
    let title = plain(&notification.task_title);
    let doer = doer.map_or_else(
        || "Somebody".to_owned(),
        |doer| name_of(doer).map_or_else(|| format!("User {}", doer.id), |name| format!("\"{name}\"")),
    );
    let words_of = |status: Status| status.as_str().replace('_', " ");
    let status = words_of(notification.status);
    let (subject, news) = match notification.kind {
        NotificationKind::Assigned => (
            "Assigned to you",
            format!("{doer} assigned the task \"{title}\" to you."),
        ),
        NotificationKind::StatusChanged => {
            let from = notification.previous_status.map(words_of);
            let from = from.map(|from| format!(" from {from}")).unwrap_or_default();
            ("Moved", format!("{doer} moved the task \"{title}\"{from} to {status}."))
        }
        NotificationKind::DueSoon => (
            "Due within 24 hours",
            format!("The task \"{title}\" is due within 24 hours."),
        ),
        NotificationKind::Overdue => ("Overdue", format!("The task \"{title}\" is past its due date.")),
    };
    let name = name_of(receiver);
    let greeting = name
        .as_deref()
        .map_or_else(|| "Hello,".to_owned(), |name| format!("Hello {name},"));
    Some(Email {
        name: format!(
            "notification-{}-{}",
            notification.id,
            notification.created_at.timestamp_micros()
        ),
        to: account.email.clone(),
        to_name: name,
        subject: format!("[Taskwire] {subject}: {title}"),
        text: format!(
            "{greeting}\n\n{news}\n\nTask {}, {status}, as of {}.\n",
            notification.task_id,
            notification.created_at.format("%F %T UTC")
        ),
        written_at: notification.created_at,
    })
}

fn name_of(user: &User) -> Option<String> {
    let name = user.full_name.as_deref().or(user.username.as_deref())?;
    Some(plain(name)).filter(|name| !name.is_empty())
}

/// User text as it may appear in quotation marks in a mail: one short line that cannot end the quotation or contain a
/// link. A mail must not carry an attacker's link under our name.
fn plain(text: &str) -> String {
    let line = one_line(text);
    let short = if line.chars().count() > MAX_LENGTH {
        // Keeps an ASCII mail in ASCII.
        line.chars().take(MAX_LENGTH - 3).chain("...".chars()).collect()
    } else {
        line
    };
    without_links(&short)
}

fn without_links(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    let mut before = ' ';
    while let Some(character) = characters.next() {
        let next = characters.peek();
        match character {
            '"' => safe.push('\''),
            '.' if before.is_alphanumeric() && next.is_some_and(|next| next.is_alphabetic()) => safe.push_str("[.]"),
            ':' if next == Some(&'/') => safe.push_str("[:]"),
            other => safe.push(other),
        }
        before = character;
    }
    safe
}

/// Some invisible characters change the direction of text.
fn is_invisible(character: char) -> bool {
    matches!(character, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// Replaces line breaks and control characters, because the text also goes into headers.
fn one_line(text: &str) -> String {
    let spaced: String = text
        .chars()
        .filter(|character| !is_invisible(*character))
        .map(|character| if character.is_control() { ' ' } else { character })
        .collect();
    spaced.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::{one_line, plain};

    #[test]
    fn titles_are_kept_on_one_line() {
        assert_eq!(
            one_line("Paint\r\nBcc: eve@example.com\0 it\t"),
            "Paint Bcc: eve@example.com it"
        );
        // The line separator of Unicode is white space, too.
        assert_eq!(one_line("a\u{2028}b"), "a b");
    }

    #[test]
    fn user_text_is_short_and_has_no_link() {
        assert_eq!(plain("Release 1.2.3 of Ann's app"), "Release 1.2.3 of Ann's app");
        assert_eq!(
            plain("\" see https://evil.example.com/a?b"),
            "' see https[:]//evil[.]example[.]com/a?b"
        );
        assert_eq!(plain("www.evil.com, eve@evil.com"), "www[.]evil[.]com, eve@evil[.]com");
        assert_eq!(plain("moc.\u{202e}live\u{200b}"), "moc[.]live");
        assert_eq!(plain(&"ä".repeat(80)), "ä".repeat(80));
        assert_eq!(plain(&"ä".repeat(81)), format!("{}...", "ä".repeat(77)));
    }
}
