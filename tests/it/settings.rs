//! Settings that the server must refuse, or not show.

use crate::support::process::Sandbox;

#[tokio::test]
async fn a_password_in_a_parameter_is_masked() {
    for (name, given, shown) in [
        (
            "REDIS_URL",
            "unix:///run/redis.sock?user=me&pass=hunter2",
            "unix:///run/redis.sock?user=me&pass=***",
        ),
        (
            "DATABASE_URL",
            "postgres://db/tasks?user=me&password=hunter@2",
            "postgres://***",
        ),
        (
            "DATABASE_URL",
            "postgres://me@db:5432/tasks?password=at@hunter2",
            "postgres://***",
        ),
    ] {
        let output = Sandbox::bare().run_with("config", &[(name, given)]).await;
        let line = format!("{name}={shown}");
        assert!(
            output.printed().lines().any(|printed| printed == line),
            "{line} in {output:?}"
        );
        assert!(!output.stdout.contains("hunter"), "{output:?}");
    }
    let wrong = "mysql://db/tasks?user=me&password=hunter@2";
    let output = Sandbox::bare().run_with("config", &[("DATABASE_URL", wrong)]).await;
    assert!(
        output
            .complaint()
            .starts_with("DATABASE_URL is \"mysql://***\"; allowed: "),
        "{output:?}"
    );
}

/// It would match no origin.
#[tokio::test]
async fn an_origin_with_a_wildcard_is_refused() {
    for origin in ["https://*.acme.com", "http://*:3000"] {
        let output = Sandbox::bare().run_with("config", &[("CORS_ORIGINS", origin)]).await;
        let expected = format!(
            "CORS_ORIGINS is \"{origin}\"; allowed: *, or origins such as https://app.acme.com, without a path"
        );
        assert_eq!(output.complaint(), expected);
    }
}
