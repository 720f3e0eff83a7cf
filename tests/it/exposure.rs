//! Paths that the shipped proxies publish, and the stop timeouts of the shipped deployment files.

use std::collections::BTreeSet;
use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use serde_json::Value;
use taskwire::config::Config;
use tower::ServiceExt as _;

use crate::packaging::{compose, kubernetes, one_of_kind, read};
use crate::support::{SECRET_KEY, TestApp};

/// Internal paths, including subpaths: metrics and details of the installation.
const INTERNAL: [&str; 4] = ["/metrics", "/ops", "/monitoring", "/health/detailed"];

/// The prefixes under which REST and health answer.
const PREFIXES: [&str; 2] = ["", "/api/v1"];

/// The paths of the `OpenAPI` document, either operational or not.
fn paths(for_operation: bool) -> Vec<String> {
    let document = serde_json::to_value(taskwire::rest::openapi::document()).unwrap();
    let paths = document["paths"].as_object().unwrap().iter().filter(|(_, item)| {
        let mut operations = item.as_object().unwrap().values();
        operations.any(|operation| operation["tags"][0] == "operations") == for_operation
    });
    paths.map(|(path, _)| path.clone()).collect()
}

fn is_below(path: &str, top: &str) -> bool {
    path.strip_prefix(top)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn is_internal(path: &str) -> bool {
    INTERNAL.iter().any(|top| is_below(path, top))
}

/// A path with each prefix, with and without a trailing slash.
fn spellings(path: &str) -> impl Iterator<Item = String> {
    PREFIXES
        .into_iter()
        .flat_map(move |prefix| ["", "/"].map(|ending| format!("{prefix}{path}{ending}")))
}

fn is_forwarded(ingress: &Value, path: &str) -> bool {
    let rules = ingress["spec"]["rules"][0]["http"]["paths"].as_array().unwrap();
    rules.iter().any(|rule| {
        let top = rule["path"].as_str().unwrap();
        match rule["pathType"].as_str().unwrap() {
            "Exact" => path == top,
            "Prefix" => is_below(path, top),
            other => panic!("{top}: {other}"),
        }
    })
}

#[tokio::test]
async fn public_health_responses_are_one_word() {
    let app = TestApp::start().await;
    let mut public = BTreeSet::new();
    for path in paths(true) {
        if !is_internal(&path) {
            public.insert(path);
            continue;
        }
        // The server answers every spelling, so proxies must handle all of them.
        for path in spellings(&path) {
            let request = Request::get(&path).body(Body::empty()).unwrap();
            let answer = app.router().oneshot(request).await.unwrap();
            assert_eq!(answer.status(), 200, "{path}");
        }
    }
    let expected = ["/.well-known/jwks.json", "/health", "/livez", "/readyz"];
    assert_eq!(public, expected.map(str::to_owned).into());
}

#[test]
fn caddy_and_nginx_hide_internal_paths() {
    let tops = INTERNAL.map(|top| top.trim_start_matches('/')).join("|");
    // Below `ROOT_PATH` too, which the servers remove. It may have a slash at the end, so the next one is optional.
    let hidden = |root: &str| format!("^({root})?/?(api/v1/)?({tops})(/|$)");
    let caddy = read("deploy/Caddyfile");
    let rule = hidden("{$ROOT_PATH}");
    assert!(caddy.contains(&format!("@inside path_regexp (?i){rule}\n\trespond @inside 404\n")));
    let nginx = read("deploy/nginx/taskwire.conf");
    let rule = hidden("/taskwire");
    assert!(nginx.contains(&format!("location ~* {rule} {{\n        return 404;\n")));
    let services = &compose("docker-compose.prod.yml")["services"];
    for service in ["one", "two", "proxy"] {
        assert_eq!(
            services[service]["environment"]["ROOT_PATH"], "${ROOT_PATH:-}",
            "{service}"
        );
    }
}

#[test]
fn ingress_forwards_public_paths_only() {
    let documents = kubernetes();
    let ingress = one_of_kind(&documents, "Ingress");
    for path in paths(true) {
        if is_internal(&path) {
            for path in spellings(&path) {
                assert!(!is_forwarded(ingress, &path), "{path} is forwarded");
            }
        } else {
            assert!(is_forwarded(ingress, &path), "{path} is not forwarded");
        }
    }
    for path in paths(false) {
        let path = path.strip_prefix("/api/v1").unwrap();
        for path in spellings(path) {
            assert!(is_forwarded(ingress, &path), "{path} is not forwarded");
        }
    }
    for path in [
        "/graphql",
        "/docs",
        "/redoc",
        "/openapi.json",
        "/schema.graphql",
        "/assets/redoc/start.js",
    ] {
        assert!(is_forwarded(ingress, path), "{path} is not forwarded");
    }
}

#[test]
fn checklist_names_internal_paths() {
    let page = read("docs/OPERATIONS.md");
    let checklist = page.split("\n## Checklist before release\n").nth(1).unwrap();
    let checklist = checklist.split("\n## ").next().unwrap();
    for top in INTERNAL {
        assert!(checklist.contains(&format!("`{top}`")), "{top}");
    }
    assert!(checklist.contains("`/api/v1`"));
}

/// The stop timeout of all deployment files, in seconds.
const STOP_SECONDS: u64 = 30;

/// Maximum time to release jobs and close the database; not configurable.
const CLOSING: Duration = Duration::from_secs(5);

/// Production settings with only the required values.
fn production() -> Config {
    let vars = [("APP_ENV", "production"), ("SECRET_KEY", SECRET_KEY)];
    let vars = vars.map(|(name, value)| (name.to_owned(), value.to_owned()));
    Config::from_vars(&vars.into()).unwrap()
}

#[test]
fn stop_timeouts_agree_and_are_long_enough() {
    let http = production().http;
    let needed = http.shutdown_drain + http.shutdown_timeout + CLOSING;
    assert!(needed < Duration::from_secs(STOP_SECONDS));

    let unit = read("deploy/systemd/taskwire.service");
    assert!(unit.contains(&format!("\nTimeoutStopSec={STOP_SECONDS}\n")));
    for (file, servers) in [
        ("docker-compose.yml", vec!["taskwire"]),
        ("docker-compose.prod.yml", vec!["one", "two"]),
    ] {
        for server in servers {
            let grace = &compose(file)["services"][server]["stop_grace_period"];
            assert_eq!(grace, &format!("{STOP_SECONDS}s"), "{file}: {server}");
        }
    }
    let documents = kubernetes();
    let pod = &one_of_kind(&documents, "Deployment")["spec"]["template"]["spec"];
    assert_eq!(pod["terminationGracePeriodSeconds"], STOP_SECONDS);
    // A hook would use up that time, and the server drains by itself.
    assert!(pod["containers"][0].get("lifecycle").is_none());
    let render = compose("deploy/render.yaml");
    assert_eq!(render["services"][1]["maxShutdownDelaySeconds"], STOP_SECONDS);
    let railway: Value = serde_json::from_str(&read("deploy/railway.json")).unwrap();
    assert_eq!(railway["deploy"]["drainingSeconds"], STOP_SECONDS);
    assert!(read("docs/OPERATIONS.md").contains(&format!("**{STOP_SECONDS} s**")));
}
