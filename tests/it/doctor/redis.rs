//! A Redis that answers, but refuses commands that the server needs.

use redis::{Cmd, cmd};

use super::{fails, finding};
use crate::support::database::TestDatabase;
use crate::support::process::Sandbox;
use crate::support::redis::{PASSWORD, RedisServer};

fn words(command: &str) -> Cmd {
    let mut words = command.split_whitespace();
    let mut command = cmd(words.next().unwrap());
    for word in words {
        command.arg(word);
    }
    command
}

/// The URL with another user, who has the same password.
fn url_of(server: &RedisServer, user: &str) -> String {
    server.url().replace("//:", &format!("//{user}:"))
}

async fn set_user(server: &RedisServer, user: &str, rules: &str) {
    let command = words(&format!("ACL SETUSER {user} on >{PASSWORD} {rules}"));
    server.ask::<()>(&command).await;
}

#[tokio::test]
async fn a_redis_that_refuses_writes_fails_with_the_cause() {
    let database = TestDatabase::create().await;
    for (command, cause) in [
        (
            "REPLICAOF 127.0.0.1 1",
            "READONLY: it is a read-only replica; set REDIS_URL",
        ),
        ("CONFIG SET maxmemory 1", "OOM: its memory is full; raise maxmemory"),
    ] {
        let server = RedisServer::start().await;
        let sandbox = Sandbox::over(&database).with("REDIS_URL", &server.url());
        server.ask::<()>(&words(command)).await;
        let output = fails(&sandbox, "Redis", &["writing a key fails: it answered ", cause]).await;
        assert!(!output.stdout.contains(PASSWORD), "{output:?}");
    }
}

#[tokio::test]
async fn a_redis_user_without_a_right_fails_and_the_named_rights_are_enough() {
    let database = TestDatabase::create().await;
    let server = RedisServer::start().await;
    let sandbox = |user: &str| Sandbox::over(&database).with("REDIS_URL", &url_of(&server, user));
    for (user, rules, work) in [
        ("reader", "~* &* +@read +@connection", "writing a key"),
        ("elsewhere", "~other:* &* +@all", "writing a key"),
        ("unscripted", "~* &* +@all -@scripting", "writing by a script"),
        ("silent", "~* resetchannels +@all", "publishing"),
    ] {
        set_user(&server, user, rules).await;
        let expected = format!("{work} fails: it answered NOPERM: its user lacks a right; grant ~taskwire:*");
        let output = fails(&sandbox(user), "Redis", &[&expected]).await;
        let (_, rights) = finding(&output, "Redis").1.split_once("; grant ").unwrap();
        let (rights, _) = rights.split_once(" with ACL SETUSER").unwrap();
        set_user(&server, user, &format!("reset on >{PASSWORD} {rights}")).await;
        let output = sandbox(user).run("doctor").await;
        assert_eq!(finding(&output, "Redis").0, "ok", "{output:?}");
    }
    let kept: Vec<String> = server.ask(&words("KEYS *")).await;
    assert!(kept.iter().all(|key| !key.contains("doctor")), "{kept:?}");
}

#[tokio::test]
async fn a_wrong_password_and_silence_fail_with_the_cause() {
    let database = TestDatabase::create().await;
    let server = RedisServer::start().await;
    let sandbox = |url: &str| Sandbox::over(&database).with("REDIS_URL", url);
    let wrong = server.url_with("sesame");
    let output = fails(&sandbox(&wrong), "Redis", &["connecting fails: ", "check REDIS_URL"]).await;
    assert!(!output.stdout.contains("sesame"), "{output:?}");
    server.freeze();
    fails(
        &sandbox(&server.url()),
        "Redis",
        &["connecting fails: timed out", "check REDIS_URL"],
    )
    .await;
    server.thaw();
}
