//! Accounts with public passwords, such as the administrator of a development server.

use axum::http::Method;
use serde_json::{Value, json};

use crate::support::TestApp;
use crate::support::database::TestDatabase;
use crate::support::process::Sandbox;

const KEY: &str = "f2a91c07d35be8462f0a7c9e1b44d68e5a";
const PRODUCTION: [(&str, &str); 3] = [
    ("APP_ENV", "production"),
    ("SECRET_KEY", KEY),
    ("SERVER_HOST", "127.0.0.1"),
];

/// A sandbox whose database a development server has used.
async fn used_in_development(database: &TestDatabase) -> Sandbox {
    let sandbox = Sandbox::over(database).with("SECRET_KEY", KEY);
    let server = sandbox.serve().await;
    assert_eq!(server.login("admin", "Admin123").await.at("/user/role"), "admin");
    server.stop().await;
    sandbox
}

fn in_production(sandbox: Sandbox) -> Sandbox {
    let settings = PRODUCTION.iter();
    settings.fold(sandbox, |sandbox, (name, value)| sandbox.with(name, value))
}

fn complaint(login: &str) -> String {
    format!(
        "the account '{login}' still has the published default password of development servers; run `taskwire user \
         reset-password {login}` to set another one"
    )
}

#[tokio::test]
async fn production_does_not_start_with_the_administrator_of_a_development_server() {
    let database = TestDatabase::create().await;
    let sandbox = used_in_development(&database).await;
    let doctor = sandbox.run("doctor").await;
    assert!(
        doctor
            .printed()
            .contains("ok      accounts: this development server has accounts with a known password"),
        "{doctor:?}"
    );

    let sandbox = in_production(sandbox);
    for command in ["", "serve"] {
        assert_eq!(sandbox.run(command).await.complaint(), complaint("admin"), "{command}");
    }
    let doctor = sandbox.run("doctor").await;
    assert_eq!(doctor.code, Some(1));
    let line = format!("FAILED  accounts: {}\n", complaint("admin"));
    assert!(doctor.stdout.contains(&line), "{doctor:?}");

    // The command in the message solves it.
    sandbox.run("user reset-password admin").await.printed();
    let doctor = sandbox.run("doctor").await;
    assert!(
        doctor
            .printed()
            .contains("ok      accounts: none has the known password"),
        "{doctor:?}"
    );
    let server = sandbox.serve().await;
    assert_eq!(server.login("admin", "Admin123").await.status, 401);
}

#[tokio::test]
async fn a_renamed_administrator_is_found_and_a_deactivated_one_is_ignored() {
    let database = TestDatabase::create().await;
    let sandbox = in_production(used_in_development(&database).await);
    database
        .execute("UPDATE users SET username = 'boss' WHERE username = 'admin'")
        .await;
    assert_eq!(sandbox.run("").await.complaint(), complaint("admin@example.com"));
    database
        .execute("UPDATE users SET username = 'admin', email = 'boss@example.com'")
        .await;
    assert_eq!(sandbox.run("").await.complaint(), complaint("admin"));

    sandbox
        .run("user create --admin --email you@example.com")
        .await
        .printed();
    sandbox.run("user deactivate admin").await.printed();
    let server = sandbox.serve().await;
    assert_eq!(server.login("admin", "Admin123").await.status, 403);
}

#[tokio::test]
async fn production_does_not_start_with_seeded_users_with_the_public_password() {
    let database = TestDatabase::create().await;
    let sandbox = in_production(Sandbox::over(&database));
    sandbox.run("seed --users 3 --tasks 3").await.printed();
    let complaint = sandbox.run("").await.complaint().to_owned();
    let expected =
        "3 accounts, such as 'user1@example.com', still have the published default password of `taskwire seed`; ";
    assert!(complaint.starts_with(expected), "{complaint}");
    let doctor = sandbox.run("doctor").await;
    assert!(
        doctor.stdout.contains(&format!("FAILED  accounts: {expected}")),
        "{doctor:?}"
    );
    for user in ["user1", "user2", "user3"] {
        sandbox.run(&format!("user deactivate {user}")).await.printed();
    }
    sandbox.serve().await.stop().await;

    // Users seeded with another password are safe.
    let database = TestDatabase::create().await;
    let sandbox = in_production(Sandbox::over(&database));
    sandbox
        .run("seed --users 3 --tasks 3 --password Hidden-4567")
        .await
        .printed();
    let server = sandbox.serve().await;
    assert_eq!(server.login("user1", "Hidden-4567").await.status, 200);
}

#[tokio::test]
async fn a_start_in_production_hashes_nothing_unless_there_is_such_an_account() {
    for (username, checks) in [("ann", 0), ("admin", 1)] {
        let app = TestApp::start_with(&PRODUCTION).await;
        app.member().await;
        let rename = format!("UPDATE users SET username = '{username}', email = 'admin-{username}@example.com'");
        app.database.execute(&rename).await;
        let before = app.app.domain().password_checks();
        app.app.prepare().await.unwrap();
        assert_eq!(app.app.domain().password_checks() - before, checks, "{username}");
    }
}

#[tokio::test]
async fn a_strict_policy_does_not_stop_a_development_server() {
    let database = TestDatabase::create().await;
    let sandbox = Sandbox::over(&database).with("PASSWORD_POLICY", "strict");
    let server = sandbox.serve().await;
    let admin = server.login("admin", "Admin123").await;
    assert_eq!(admin.at("/user/role"), "admin", "{}", admin.text);
    // The exemption does not include other users or the administrator's next password.
    let account = json!({ "email": "ann@example.com", "password": "Admin1234" });
    let answer = server.rest("", Method::POST, "/api/v1/auth/register", account).await;
    assert_eq!(answer.status, 422, "{}", answer.text);
    let change = "mutation { passwordChange(currentPassword: \"Admin123\", newPassword: \"Admin1234\") {
        userErrors { code field message } } }";
    let token = admin.at("/access_token").as_str().unwrap();
    let answer = server.graphql(token, change, Value::Null).await;
    assert_eq!(answer.user_error("passwordChange").0, "INVALID");
    server.stop().await;
    let created = sandbox
        .run("user create --email bob@example.com --password Admin1234")
        .await;
    assert!(created.complaint().contains("most common passwords"), "{created:?}");
}
