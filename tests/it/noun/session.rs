use taskwire::domain::policy::{BeginSession, EndSessions, Sessions};

use super::{BAD_CREDENTIALS, Id, NOT_FOUND, Noun, Prepared, SIGNED_IN};
use crate::policy;
use crate::support::person::Person;

pub const NOUN: Noun = Noun {
    prepare,
    fields: &[
        ("sessions", "{ id }", SIGNED_IN),
        (
            "login",
            r#"(input: {email: "new@example.com", password: "Password123"})"#,
            BAD_CREDENTIALS,
        ),
        ("refresh", r#"(refreshToken: "none")"#, BAD_CREDENTIALS),
        ("logout", "", SIGNED_IN),
        ("sessionEnd", "(id: SESSION)", NOT_FOUND),
    ],
    routes: &[
        (
            "POST /auth/login",
            r#"{"email": "new@example.com", "password": "Password123"}"#,
            BAD_CREDENTIALS,
        ),
        (
            "POST /auth/login/access-token",
            "username=new&password=Password123",
            BAD_CREDENTIALS,
        ),
        ("POST /auth/refresh", r#"{"refresh_token": "none"}"#, BAD_CREDENTIALS),
        ("POST /auth/logout", "", SIGNED_IN),
    ],
    actions: |matrix| {
        let user = policy::account();
        matrix.action("", BeginSession, &user);
        matrix.action("", EndSessions, &user);
    },
    scopes: |matrix| matrix.visible::<Sessions>("Sessions"),
    counts: &["SELECT COUNT(*) FROM sessions WHERE revoked_at IS NULL"],
    ..Noun::NONE
};

/// The first session belongs to the first user, who must be the owner.
fn prepare<'a>(_: &'a Person<'a>, _: &'a Person<'a>) -> Prepared<'a> {
    Box::pin(async { vec![Id::new("SESSION", "Session", 1)] })
}
