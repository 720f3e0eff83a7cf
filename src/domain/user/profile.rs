//! Registrations and changes of accounts, and their validation.

use email_address::{EmailAddress, Options};
use secrecy::SecretString;

use crate::domain::actor::Role;
use crate::domain::clock::Timestamp;
use crate::domain::error::{Error, Result, Violations, shortened};
use crate::domain::local_time::{TimeZone, check_time_zone};
use crate::domain::patch::Patch;
use crate::domain::search::folded;
use crate::domain::user::User;

/// Maximum number of characters of an e-mail address (RFC 5321).
pub const MAX_EMAIL_LENGTH: usize = 254;
/// Minimum number of characters of a username.
const MIN_USERNAME_LENGTH: usize = 3;
/// Maximum number of characters of a username.
const MAX_USERNAME_LENGTH: usize = 50;
/// Maximum number of characters of a full name.
pub const MAX_FULL_NAME_LENGTH: usize = 255;
/// Maximum number of characters of an invalid address or username in a message.
const SHOWN_CHARACTERS: usize = 60;

/// Display name of users without any name, followed by their number.
pub(super) const NAMELESS: &str = "User";

/// A registration.
#[derive(Clone, Debug)]
pub struct Registration {
    /// An address with a domain. Case is ignored.
    pub email: String,
    /// 8 to 128 characters, at least one letter and one digit.
    pub password: SecretString,
    /// 3 to 50 characters: letters, digits, `_ . -`.
    pub username: Option<String>,
    /// Up to 255 characters.
    pub full_name: Option<String>,
}

/// A change of an account; absent fields keep their value.
#[derive(Clone, Debug, Default)]
pub struct UserChange {
    /// An address with a domain; cannot be null. Users who change their own address must send their password.
    pub email: Patch<String>,
    /// The user's password, required to change their own address.
    pub current_password: Option<SecretString>,
    /// 3 to 50 characters: letters, digits, `_ . -`.
    pub username: Patch<String>,
    /// Up to 255 characters.
    pub full_name: Patch<String>,
    /// The name of a time zone of the IANA database; cannot be null.
    pub time_zone: Patch<String>,
    /// The new role; for administrators only; cannot be null.
    pub role: Patch<Role>,
    /// Whether the account may sign in; for administrators only; cannot be null.
    pub is_active: Patch<bool>,
}

/// A validated account, ready to insert.
#[derive(Clone, Debug)]
pub(crate) struct NewAccount {
    pub(crate) email: String,
    pub(crate) username: Option<String>,
    pub(crate) full_name: Option<String>,
    pub(crate) password_hash: String,
    pub(crate) role: Role,
    pub(crate) is_verified: bool,
    pub(crate) now: Timestamp,
}

#[derive(Clone, Debug)]
pub(crate) struct CheckedUserChange {
    pub(crate) email: Option<String>,
    pub(crate) username: Patch<String>,
    pub(crate) full_name: Patch<String>,
    pub(crate) time_zone: Option<TimeZone>,
    pub(crate) role: Option<Role>,
    pub(crate) is_active: Option<bool>,
}

/// E-mail, username and full name.
pub(super) type Names = (String, Option<String>, Option<String>);

impl Registration {
    /// Validates all fields except the password.
    pub(super) fn check(self) -> Result<Names> {
        let mut violations = Violations::default();
        let email = violations.check(check_email(&self.email))?;
        let username = violations.check(self.username.as_deref().map(check_username).transpose())?;
        let full_name = violations.check(self.full_name.as_deref().map(check_full_name).transpose())?;
        violations.into_result()?;
        Ok((email.unwrap_or_default(), username.flatten(), full_name.flatten()))
    }
}

impl UserChange {
    pub(super) fn check(self) -> Result<CheckedUserChange> {
        let mut violations = Violations::default();
        let email = self.email.check(&mut violations, |email| check_email(&email))?;
        let time_zone = self
            .time_zone
            .check(&mut violations, |name| check_time_zone("time_zone", &name))?;
        let checked = CheckedUserChange {
            email: email.required("email", &mut violations),
            username: self.username.check(&mut violations, |name| check_username(&name))?,
            full_name: self.full_name.check(&mut violations, |name| check_full_name(&name))?,
            time_zone: time_zone.required("time_zone", &mut violations),
            role: self.role.required("role", &mut violations),
            is_active: self.is_active.required("is_active", &mut violations),
        };
        violations.into_result()?;
        Ok(checked)
    }
}

/// Search key of a user: display name and username in lower case, each after a line break.
pub(crate) fn name_key(username: Option<&str>, full_name: Option<&str>) -> String {
    let display = full_name.or(username).unwrap_or(NAMELESS);
    folded(&format!("\n{display}\n{}", username.unwrap_or_default()))
}

impl CheckedUserChange {
    /// Search key after the change.
    pub(super) fn name_key(&self, user: &User) -> String {
        let (username, full_name) = self.names_after(user);
        name_key(username.as_deref(), full_name.as_deref())
    }

    /// Whether the e-mail address changes.
    pub(super) fn moves(&self, user: &User) -> bool {
        let email = user.account.as_ref().map(|account| &account.email);
        self.email.is_some() && self.email.as_ref() != email
    }

    /// Whether the e-mail address or a name changes.
    pub(super) fn renames(&self, user: &User) -> bool {
        let (username, full_name) = self.names_after(user);
        self.moves(user) || username != user.username || full_name != user.full_name
    }

    /// Username and full name after the change.
    fn names_after(&self, user: &User) -> (Option<String>, Option<String>) {
        let (mut username, mut full_name) = (user.username.clone(), user.full_name.clone());
        self.username.clone().apply(&mut username);
        self.full_name.clone().apply(&mut full_name);
        (username, full_name)
    }
}

fn check_email(raw: &str) -> Result<String> {
    let email = raw.trim().to_lowercase();
    let options = Options::default()
        .with_required_tld()
        .without_display_text()
        .without_domain_literal();
    let valid = email.len() <= MAX_EMAIL_LENGTH
        && !email.chars().any(char::is_control)
        && EmailAddress::parse_with_options(&email, options).is_ok();
    if valid {
        Ok(email)
    } else {
        Err(Error::invalid(
            "email",
            format!(
                "email '{}' is not an address such as name@example.com of up to {MAX_EMAIL_LENGTH} characters",
                shortened(raw, SHOWN_CHARACTERS)
            ),
        ))
    }
}

fn check_username(raw: &str) -> Result<String> {
    let length = raw.chars().count();
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    if (MIN_USERNAME_LENGTH..=MAX_USERNAME_LENGTH).contains(&length) && raw.chars().all(allowed) {
        Ok(raw.to_owned())
    } else {
        Err(Error::invalid(
            "username",
            format!(
                "username '{}' is not acceptable: {MIN_USERNAME_LENGTH} to {MAX_USERNAME_LENGTH} of the letters a to z, \
                 digits, '_', '.' and '-' are allowed",
                shortened(raw, SHOWN_CHARACTERS)
            ),
        ))
    }
}

fn check_full_name(raw: &str) -> Result<String> {
    let name = raw.trim();
    let length = name.chars().count();
    if length == 0 || length > MAX_FULL_NAME_LENGTH {
        return Err(Error::wrong_length("full_name", length, 1, MAX_FULL_NAME_LENGTH));
    }
    if name.chars().any(char::is_control) {
        return Err(Error::invalid(
            "full_name",
            "full_name cannot contain control characters",
        ));
    }
    Ok(name.to_owned())
}
