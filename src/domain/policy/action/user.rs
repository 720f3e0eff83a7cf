//! What is done to accounts, and to what belongs to one user alone.

use super::ADMINISTRATORS_ONLY;
use crate::domain::policy::{Action, NewUser, OwnJobs, OwnNotifications, OwnRequest, Standing, Verdict};
use crate::domain::user::User;

/// `Allowed` for administrators; everybody sees accounts, so the rest are told.
fn administrators(who: Standing) -> Verdict {
    if who.manages() {
        Verdict::Allowed
    } else {
        Verdict::Refused(ADMINISTRATORS_ONLY)
    }
}

/// `Allowed` on one's own account, and for administrators.
fn oneself_or_administrators(who: Standing) -> Verdict {
    if who.owner || who.manages() {
        Verdict::Allowed
    } else {
        Verdict::Refused("Only the account's own user or an administrator may do this")
    }
}

/// Make an account. People register by themselves: the server makes the account for them.
#[derive(Clone, Copy, Debug)]
pub struct CreateUser;

impl Action for CreateUser {
    type On = NewUser;

    fn verdict(&self, who: Standing) -> Verdict {
        administrators(who)
    }
}

/// Change an account's e-mail, username or full name.
#[derive(Clone, Copy, Debug)]
pub struct EditUser;

impl Action for EditUser {
    type On = User;

    fn verdict(&self, who: Standing) -> Verdict {
        oneself_or_administrators(who)
    }
}

/// Mark the e-mail address of an account as verified. For users who confirm a mailed token, the server does so.
#[derive(Clone, Copy, Debug)]
pub struct VerifyEmail;

impl Action for VerifyEmail {
    type On = User;

    fn verdict(&self, who: Standing) -> Verdict {
        administrators(who)
    }
}

/// Mail a token that verifies the e-mail address of an account.
#[derive(Clone, Copy, Debug)]
pub struct SendVerification;

impl Action for SendVerification {
    type On = User;

    fn verdict(&self, who: Standing) -> Verdict {
        if who.owner || who.system {
            Verdict::Allowed
        } else {
            Verdict::Refused("Only the account's own user may request a verification mail")
        }
    }
}

/// Set a new password.
#[derive(Clone, Copy, Debug)]
pub struct ChangePassword;

impl Action for ChangePassword {
    type On = User;

    fn verdict(&self, who: Standing) -> Verdict {
        if who.owner || who.system {
            Verdict::Allowed
        } else {
            Verdict::Refused("Only the account's own user may change its password")
        }
    }
}

/// Make an account an administrator's or an ordinary one.
#[derive(Clone, Copy, Debug)]
pub struct SetRole;

impl Action for SetRole {
    type On = User;

    fn verdict(&self, who: Standing) -> Verdict {
        administrators(who)
    }
}

/// Deactivate an account or let it in again.
#[derive(Clone, Copy, Debug)]
pub struct SetActive;

impl Action for SetActive {
    type On = User;

    fn verdict(&self, who: Standing) -> Verdict {
        administrators(who)
    }
}

/// Delete an account.
#[derive(Clone, Copy, Debug)]
pub struct DeleteUser;

impl Action for DeleteUser {
    type On = User;

    fn verdict(&self, who: Standing) -> Verdict {
        administrators(who)
    }
}

/// Begin a session for somebody who proved to be the account's user.
#[derive(Clone, Copy, Debug)]
pub struct BeginSession;

impl Action for BeginSession {
    type On = User;

    fn verdict(&self, who: Standing) -> Verdict {
        if who.system {
            Verdict::Allowed
        } else {
            Verdict::Refused("Sign in with a password or a refresh token")
        }
    }
}

/// End sessions of an account.
#[derive(Clone, Copy, Debug)]
pub struct EndSessions;

impl Action for EndSessions {
    type On = User;

    fn verdict(&self, who: Standing) -> Verdict {
        oneself_or_administrators(who)
    }
}

/// Claim a key for a request, and keep the answer to it.
#[derive(Clone, Copy, Debug)]
pub struct RepeatRequest;

impl Action for RepeatRequest {
    type On = OwnRequest;

    fn verdict(&self, who: Standing) -> Verdict {
        if who.owner { Verdict::Allowed } else { Verdict::Hidden }
    }
}

/// Mark notifications as read.
#[derive(Clone, Copy, Debug)]
pub struct ReadNotifications;

impl Action for ReadNotifications {
    type On = OwnNotifications;

    fn verdict(&self, who: Standing) -> Verdict {
        if who.owner { Verdict::Allowed } else { Verdict::Hidden }
    }
}

/// Have the server do something in the background.
#[derive(Clone, Copy, Debug)]
pub struct QueueJob;

impl Action for QueueJob {
    type On = OwnJobs;

    fn verdict(&self, who: Standing) -> Verdict {
        if who.owner { Verdict::Allowed } else { Verdict::Hidden }
    }
}
