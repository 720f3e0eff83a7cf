//! Example users.

use crate::domain::actor::Role;
use crate::domain::clock::Timestamp;
use crate::domain::user::NewAccount;

use super::words::{FIRST_NAMES, LAST_NAMES};

/// `number` starts from 0.
pub(super) fn email(number: u32) -> String {
    format!("{}@example.com", username(number))
}

fn username(number: u32) -> String {
    format!("user{}", number + 1)
}

/// `number` starts from 0.
pub(super) fn account(number: u32, password_hash: String, now: Timestamp) -> NewAccount {
    NewAccount {
        email: email(number),
        username: Some(username(number)),
        full_name: Some(full_name(number)),
        password_hash,
        role: Role::User,
        is_verified: true,
        now,
    }
}

/// Names repeat only after all combinations of first and last names.
fn full_name(number: u32) -> String {
    let number = usize::try_from(number).unwrap_or_default();
    let (round, first) = (number / FIRST_NAMES.len(), number % FIRST_NAMES.len());
    format!(
        "{} {}",
        FIRST_NAMES[first],
        LAST_NAMES[(round + first) % LAST_NAMES.len()]
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn users_are_numbered_from_one() {
        let account = account(0, "hash".to_owned(), Timestamp::UNIX_EPOCH);
        assert_eq!(account.email, "user1@example.com");
        assert_eq!(account.username.as_deref(), Some("user1"));
        assert_eq!(account.role, Role::User);
    }

    #[test]
    fn a_thousand_users_have_a_thousand_names() {
        let names: BTreeSet<String> = (0..1_000).map(full_name).collect();
        assert_eq!(names.len(), 1_000);
    }
}
