//! The server for its operators: log, keys, start and restart.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use axum::http::Method;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde_json::{Value, json};

use crate::support::database::{TestDatabase, is_postgres};
use crate::support::process::{Sandbox, Server, read};

const SECRET: &str = "Sesame-open-4711";
const VIEWER: &str = "{ viewer { email } }";

/// JSON log lines of requests to this path.
fn requests(log: &str, path: &str) -> Vec<Value> {
    log.lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|line| line["message"] == "request" && line["path"] == path)
        .collect()
}

/// Uses every feature with a secret, and returns all secrets.
async fn use_secrets(server: &Server) -> Vec<String> {
    let access = server.registers("ann@example.com", SECRET).await;
    let login = server.login("ann@example.com", SECRET).await;
    let refresh = login.at("/refresh_token").as_str().unwrap().to_owned();
    let form = format!("username=ann%40example.com&password={SECRET}");
    let grant = server
        .request("", Method::POST, "/api/v1/auth/login/access-token")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(form);
    let grant = read(grant).await.unwrap();
    assert_eq!(grant.status, 200, "{}", grant.text);
    server.login("ann@example.com", "Wrong-Sesame-4711").await;
    let rotated = server
        .graphql(
            "",
            "mutation($token: String!) { refresh(refreshToken: $token) { refreshToken } }",
            json!({ "token": refresh }),
        )
        .await;
    let rotated = rotated.data()["refresh"]["refreshToken"].as_str().unwrap().to_owned();
    let search = "/api/v1/tasks?search=hushhush";
    assert_eq!(server.rest(&access, Method::GET, search, Value::Null).await.status, 200);
    let query = "/graphql?query=%7Btasks(filter:%7Bsearch:%22hushhush%22%7D)%7BtotalCount%7D%7D";
    assert_eq!(server.rest(&access, Method::GET, query, Value::Null).await.status, 200);
    // The client receives the reason, the log does not.
    for body in [json!({ "title": 7, "note": "hushhush" }), json!({ "title": "" })] {
        assert_eq!(
            server.rest(&access, Method::POST, "/api/v1/tasks", body).await.status,
            422
        );
    }
    let [granted, last] = ["/access_token", "/refresh_token"].map(|name| grant.at(name).as_str().unwrap().to_owned());
    let secrets = [
        SECRET,
        "Wrong-Sesame-4711",
        "hushhush",
        &access,
        &refresh,
        &rotated,
        &granted,
        &last,
    ];
    secrets.map(str::to_owned).to_vec()
}

#[tokio::test]
async fn a_request_is_one_json_log_line_with_user_operation_and_duration() {
    let database = TestDatabase::create().await;
    let sandbox = Sandbox::over(&database).with("LOG_FORMAT", "json");
    let server = sandbox.serve().await;
    let token = server.registers("ann@example.com", SECRET).await;
    let request = server
        .request(&token, Method::GET, "/api/v1/tasks/4711?")
        .header("x-request-id", "from-the-client-1");
    assert_eq!(read(request).await.unwrap().header("x-request-id"), "from-the-client-1");
    let refused = server.rest("", Method::GET, "/api/v1/tasks/4712", Value::Null).await;
    let log = server.stop().await;

    let [known] = &requests(&log, "/api/v1/tasks/4711")[..] else {
        panic!("{log}")
    };
    assert_eq!(
        (
            &known["method"],
            &known["status"],
            &known["request_id"],
            &known["user_id"],
            &known["level"]
        ),
        (
            &json!("GET"),
            &json!(404),
            &json!("from-the-client-1"),
            &json!(2),
            &json!("INFO")
        )
    );
    assert!(known["duration_ms"].as_f64().is_some_and(|ms| ms > 0.0), "{known}");
    assert!(known["timestamp"].is_string(), "{known}");
    let [unknown] = &requests(&log, "/api/v1/tasks/4712")[..] else {
        panic!("{log}")
    };
    assert_eq!(
        (&unknown["status"], &unknown["request_id"]),
        (&json!(401), &json!(refused.header("x-request-id")))
    );
    assert!(unknown.get("user_id").is_none(), "{unknown}");
    let unreadable = log.lines().find(|line| serde_json::from_str::<Value>(line).is_err());
    assert_eq!(unreadable, None, "every line is JSON");
}

#[tokio::test]
async fn no_secret_is_logged_at_any_level() {
    for level in ["info", "trace"] {
        let database = TestDatabase::create().await;
        let sandbox = Sandbox::over(&database)
            .with("LOG_FORMAT", "json")
            .with("LOG_LEVEL", level);
        let server = sandbox.serve().await;
        let secrets = use_secrets(&server).await;
        let log = server.stop().await;
        assert!(!requests(&log, "/graphql").is_empty());
        for secret in secrets {
            let line = log.lines().find(|line| line.contains(&secret));
            assert_eq!(line, None, "{secret} is in the log at {level}");
        }
    }
}

#[tokio::test]
async fn a_slow_statement_is_logged_with_its_operation_and_without_values() {
    let database = TestDatabase::create().await;
    let sandbox = Sandbox::over(&database).with("LOG_FORMAT", "json");
    let seeded = sandbox.run("seed --users 2 --tasks 10000").await;
    assert_eq!(seeded.code, Some(0), "{seeded:?}");
    let sandbox = sandbox.with("SLOW_STATEMENT_MS", "1");
    let server = sandbox.serve().await;
    let signed_in = server.login("user1", "Password123").await;
    let token = signed_in.at("/access_token").as_str().unwrap();
    let search = "query Find($for: String!) { tasks(filter: { search: $for }) { totalCount } }";
    server.graphql(token, search, json!({ "for": "hunter2" })).await.data();
    let log = server.stop().await;
    let line = log
        .lines()
        .find(|line| line.contains("slow statement") && line.contains("Find"));
    let line: Value = serde_json::from_str(line.unwrap_or_else(|| panic!("{log}"))).unwrap();
    assert!(line["duration_ms"].as_f64().is_some_and(|ms| ms > 1.0), "{line}");
    assert!(
        line["statement"].as_str().is_some_and(|sql| sql.contains("tasks")),
        "{line}"
    );
    assert!(!log.contains("hunter2"), "{log}");
    let [request] = &requests(&log, "/graphql")[..] else {
        panic!("{log}")
    };
    assert_eq!(
        (&request["operation"], &request["client"]),
        (&json!("Find"), &json!("127.0.0.1"))
    );
}

#[tokio::test]
async fn a_text_log_has_the_same_facts() {
    let database = TestDatabase::create().await;
    let sandbox = Sandbox::over(&database).with("LOG_FORMAT", "text");
    let server = sandbox.serve().await;
    server.rest("", Method::GET, "/livez", Value::Null).await;
    let log = server.stop().await;
    let line = log.lines().find(|line| line.contains("path=\"/livez\"")).unwrap();
    for part in [
        " INFO request method=GET ",
        " status=200 ",
        "duration_ms=",
        "request_id=",
    ] {
        assert!(line.contains(part), "{line}");
    }
    assert!(!log.contains('\u{1b}'), "a log file has no colours");
    assert!(log.contains("created the administrator 'admin' with the password 'Admin123'"));
}

fn key_file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/keys").join(name)
}

#[tokio::test]
async fn other_services_can_check_tokens_with_the_published_key() {
    for (name, file, algorithm) in [
        ("EdDSA", "ed25519.pem", Algorithm::EdDSA),
        ("ES256", "p256.pem", Algorithm::ES256),
    ] {
        let database = TestDatabase::create().await;
        let sandbox = Sandbox::over(&database)
            .with("ALGORITHM", name)
            .with("JWT_PRIVATE_KEY_FILE", key_file(file).to_str().unwrap())
            .with("JWT_AUDIENCE", "our-apps");
        let server = sandbox.serve().await;
        let token = server.registers("ann@example.com", SECRET).await;
        let answer = server
            .rest("", Method::GET, "/.well-known/jwks.json", Value::Null)
            .await;
        assert!(
            answer.body["keys"][0].get("d").is_none(),
            "the private part is not published"
        );

        let keys: JwkSet = serde_json::from_value(answer.body).unwrap();
        let header = decode_header(&token).unwrap();
        assert_eq!((header.alg, header.typ.as_deref()), (algorithm, Some("at+jwt")));
        let key = keys.find(&header.kid.unwrap()).unwrap();
        let mut validation = Validation::new(algorithm);
        validation.set_issuer(&["taskwire"]);
        validation.set_audience(&["our-apps"]);
        let decoding = DecodingKey::from_jwk(key).unwrap();
        let claims = decode::<Value>(&token, &decoding, &validation).unwrap().claims;
        assert_eq!(claims["sub"], "2", "{claims}");

        let forged = forge(&token, "1");
        assert!(decode::<Value>(&forged, &decoding, &validation).is_err());
        let answer = server.graphql(&forged, VIEWER, json!({})).await;
        assert_eq!(answer.error_code(), "UNAUTHENTICATED");
    }
}

/// The token with another subject and the old signature.
fn forge(token: &str, subject: &str) -> String {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    let parts: Vec<&str> = token.split('.').collect();
    let mut claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(parts[1]).unwrap()).unwrap();
    claims["sub"] = json!(subject);
    let claims = URL_SAFE_NO_PAD.encode(claims.to_string());
    format!("{}.{claims}.{}", parts[0], parts[2])
}

#[tokio::test]
async fn a_shared_secret_is_not_published() {
    let database = TestDatabase::create().await;
    let server = Sandbox::over(&database).serve().await;
    let answer = server
        .rest("", Method::GET, "/.well-known/jwks.json", Value::Null)
        .await;
    assert_eq!(answer.body, json!({ "keys": [] }));
}

#[tokio::test]
async fn an_unusable_key_file_stops_the_start_in_one_line() {
    let database = TestDatabase::create().await;
    let sandbox = Sandbox::over(&database).with("ALGORITHM", "ES256");
    for (file, reason) in [
        (key_file("none.pem"), "none.pem"),
        (key_file("ed25519.pem"), "holds no private key for ES256"),
        (
            Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml"),
            "holds no private key for ES256",
        ),
    ] {
        let file = file.to_str().unwrap().to_owned();
        let output = sandbox.run_with("", &[("JWT_PRIVATE_KEY_FILE", &file)]).await;
        let complaint = output.complaint();
        for part in ["JWT_PRIVATE_KEY_FILE", reason] {
            assert!(complaint.contains(part), "{complaint}");
        }
    }
}

/// Next to a SQLite database; in the working directory with a database server.
fn kept_key(sandbox: &Sandbox, database: &TestDatabase) -> PathBuf {
    if is_postgres() {
        sandbox.path().join("taskwire.key")
    } else {
        PathBuf::from(format!("{}.key", database.url().trim_start_matches("sqlite:")))
    }
}

#[tokio::test]
async fn without_a_secret_one_is_generated_once_and_sessions_outlive_a_restart() {
    let database = TestDatabase::create().await;
    let sandbox = Sandbox::over(&database);
    let server = sandbox.serve().await;
    let token = server.registers("ann@example.com", SECRET).await;
    let key = kept_key(&sandbox, &database);
    let generated = fs::read(&key).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;

        let mode = fs::metadata(&key).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "nobody else can read it");
    }
    assert!(
        server
            .stop()
            .await
            .contains("SECRET_KEY is not set: generated a random key")
    );

    let server = sandbox.serve().await;
    let viewer = server.graphql(&token, VIEWER, json!({})).await;
    assert_eq!(viewer.data()["viewer"]["email"], "ann@example.com");
    assert!(
        !server.stop().await.contains("generated a random key"),
        "the key is kept"
    );
    assert_eq!(fs::read(&key).unwrap(), generated);

    // Without the key, everyone must sign in again.
    fs::remove_file(&key).unwrap();
    let server = sandbox.serve().await;
    let viewer = server.graphql(&token, VIEWER, json!({})).await;
    assert_eq!(viewer.error_code(), "UNAUTHENTICATED");
}

#[tokio::test]
async fn a_truncated_key_is_not_used() {
    let database = TestDatabase::create().await;
    let sandbox = Sandbox::over(&database);
    fs::write(kept_key(&sandbox, &database), "short").unwrap();
    let output = sandbox.run("").await;
    assert!(output.complaint().contains("is too short; delete the file"));
}

#[tokio::test]
async fn production_has_no_first_administrator_no_graphiql_and_no_introspection() {
    let database = TestDatabase::create().await;
    let sandbox = Sandbox::over(&database)
        .with("APP_ENV", "production")
        .with("SECRET_KEY", "f2a91c07d35be8462f0a7c9e1b44d68e5a")
        .with("SERVER_HOST", "127.0.0.1");
    let server = sandbox.serve().await;
    assert_eq!(database.number("SELECT COUNT(*) AS number FROM users").await, 0);
    assert_eq!(server.login("admin", "Admin123").await.status, 401);
    let index = server.rest("", Method::GET, "/", Value::Null).await;
    assert_eq!((index.status.as_u16(), index.at("/health")), (200, &json!("/health")));
    let answer = server
        .graphql("", "{ __schema { queryType { name } } }", json!({}))
        .await;
    assert!(answer.body["data"]["__schema"].is_null(), "{}", answer.text);
    let log = server.stop().await;
    assert!(log.lines().all(|line| line.starts_with('{')), "{log}");
}

#[tokio::test]
async fn an_address_in_use_stops_the_start_in_one_line() {
    let database = TestDatabase::create().await;
    let sandbox = Sandbox::over(&database).with("LOG_LEVEL", "error");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let output = sandbox
        .run_with("serve", &[("SERVER_PORT", &address.port().to_string())])
        .await;
    let complaint = output.complaint();
    let expected = format!("cannot listen on {address} (SERVER_HOST and SERVER_PORT)");
    assert!(complaint.starts_with(&expected), "{complaint}");
}

/// The server waits for its database. As process 1 of a container it would not notice a signal without a handler.
#[tokio::test]
async fn a_server_that_is_stopped_while_it_starts_ends_without_an_error() {
    const STOP: &str = "\"$0\" \"$@\" 2>log & \
        while kill -0 $! && ! grep -q 'cannot connect' log; do sleep 0.1; done 2>/dev/null; \
        kill -TERM $!; wait $!";

    let mut bash = Command::new("bash");
    bash.args(["-c", STOP, env!("CARGO_BIN_EXE_taskwire")]);
    let sandbox = Sandbox::bare().with("DATABASE_URL", "postgres://127.0.0.1:1/none");
    let output = sandbox.run_in(bash, "serve").await;
    let log = fs::read_to_string(sandbox.path().join("log")).unwrap();
    assert_eq!(output.code, Some(0), "{output:?} {log}");
    assert!(log.contains("stopped before the server listened"), "{log}");
}
