use taskwire::domain::policy::{
    ChangePassword, CreateUser, DeleteUser, Directory, EditUser, NewUser, SendVerification, SetActive, SetRole,
    USER_ACTIONS, Users, VerifyEmail,
};

use super::{BAD_CREDENTIALS, FORBIDDEN, Noun, Refusals, Rows, SIGNED_IN};
use crate::policy;

const BAD_INPUT: Refusals = (Some("INVALID"), None);

pub const NOUN: Noun = Noun {
    fields: &[
        ("viewer", "{ id }", SIGNED_IN),
        ("user", "(id: USER) { id }", SIGNED_IN),
        ("people", "{ id }", SIGNED_IN),
        ("users", "{ nodes { id } }", SIGNED_IN),
        (
            "register",
            r#"(input: {email: "new@example.com", password: "weak"})"#,
            BAD_INPUT,
        ),
        ("emailVerify", r#"(token: "none")"#, BAD_CREDENTIALS),
        ("emailVerificationSend", "", SIGNED_IN),
        (
            "passwordChange",
            r#"(currentPassword: "Wrong1234", newPassword: "Password456")"#,
            (Some("UNAUTHENTICATED"), Some("INVALID_CREDENTIALS")),
        ),
        ("userUpdate", r#"(id: USER, input: {fullName: "N"})"#, FORBIDDEN),
        ("userSetRole", "(id: USER, role: ADMIN)", FORBIDDEN),
        ("userSetActive", "(id: USER, isActive: false)", FORBIDDEN),
        ("userDelete", "(id: USER)", FORBIDDEN),
    ],
    routes: &[
        (
            "POST /auth/register",
            r#"{"email": "new@example.com", "password": "weak"}"#,
            BAD_INPUT,
        ),
        ("POST /auth/verify-email", r#"{"token": "none"}"#, BAD_CREDENTIALS),
        ("POST /auth/verify-email/resend", "", SIGNED_IN),
        ("GET /auth/me", "", SIGNED_IN),
        ("GET /users", "", SIGNED_IN),
        ("GET /users/me", "", SIGNED_IN),
        ("GET /users/USER", "", SIGNED_IN),
        ("PATCH /users/USER", r#"{"full_name": "N"}"#, FORBIDDEN),
        ("DELETE /users/USER", "", FORBIDDEN),
    ],
    actions: |matrix| {
        let user = policy::account();
        matrix.heading("ACCOUNTS");
        matrix.action("", CreateUser, &NewUser);
        matrix.action("", EditUser, &user);
        matrix.action("", VerifyEmail, &user);
        matrix.action("", SendVerification, &user);
        matrix.action("", ChangePassword, &user);
        matrix.action("", SetRole, &user);
        matrix.action("", SetActive, &user);
        matrix.action("", DeleteUser, &user);
    },
    rules: &[USER_ACTIONS],
    scopes: |matrix| {
        matrix.visible::<Users>("Users (accounts)");
        matrix.visible::<Directory>("Directory");
    },
    rows: Some(Rows {
        name: "USER",
        fields: "__typename id databaseId username displayName fullName email emailVerified timeZone role isActive \
                 createdAt updatedAt",
        queries: &[(
            "users(first: 50) { nodes { USER @ } }",
            "waits: unreadNotificationCount",
        )],
    }),
    counts: &[
        "SELECT COUNT(*) FROM users",
        "SELECT COUNT(*) FROM users WHERE updated_at > created_at",
    ],
    ..Noun::NONE
};
