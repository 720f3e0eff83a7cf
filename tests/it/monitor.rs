//! Metrics, as Prometheus and as JSON for older monitors.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use axum::http::Method;
use serde_json::{Value, json};
use taskwire::telemetry::metric;

use crate::support::PASSWORD;
use crate::support::database::{TestDatabase, is_postgres};
use crate::support::process::{Sandbox, Server, client, until};
use crate::support::redis::RedisServer;

async fn page(server: &Server) -> String {
    let answer = client().get(server.url("/metrics")).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    answer.text().await.unwrap()
}

/// The value of the metric line with this prefix.
#[track_caller]
fn value(page: &str, line: &str) -> f64 {
    let found = page.lines().find_map(|one| one.strip_prefix(line)?.strip_prefix(' '));
    found
        .unwrap_or_else(|| panic!("{line} is not in:\n{page}"))
        .parse()
        .unwrap()
}

/// A server that has used every feature, and how often it counted tasks before the count was cached.
async fn busy(redis: &RedisServer, database: &TestDatabase) -> (Server, f64) {
    let sandbox = Sandbox::over(database)
        .with("REDIS_URL", &redis.url())
        .with("RATE_LIMIT_ENABLED", "true")
        .with("RATE_LIMIT_STRICT_PER_MINUTE", "1");
    let server = sandbox.serve().await;
    let token = server.registers("ann@example.com", PASSWORD).await;
    assert_eq!(server.login("ann@example.com", PASSWORD).await.status, 429);
    let create = "mutation Make($title: String!) { taskCreate(input: {title: $title}) { task { id } } }";
    for title in ["one", "two"] {
        server.graphql(&token, create, json!({ "title": title })).await.data();
    }
    let list = "{ tasks { nodes { title attachments { filename } } } }";
    server.graphql(&token, list, json!({})).await.data();
    // Other transactions in the cluster may invalidate the cached count.
    let mut misses = 0.0;
    until("a cached count", async || {
        let answer = server.rest(&token, Method::GET, "/tasks/stats", Value::Null).await;
        assert_eq!(answer.status, 200);
        let is_hit = answer.header("x-cache") == "HIT";
        misses += if is_hit { 0.0 } else { 1.0 };
        is_hit.then_some(())
    })
    .await;
    for path in ["/api/v1/tasks/4711", "/tasks/4712/", "/nowhere/4711", "/nowhere/else"] {
        assert_eq!(server.rest(&token, Method::GET, path, Value::Null).await.status, 404);
    }
    let backup = sandbox.run("backup first.tar.gz").await;
    assert_eq!(backup.code, Some(0), "{backup:?}");
    (server, misses)
}

#[tokio::test]
async fn every_metric_has_a_name_and_a_description_and_is_exported() {
    let redis = RedisServer::start().await;
    let database = TestDatabase::create().await;
    let (server, _) = busy(&redis, &database).await;
    let page = page(&server).await;
    for metric in metric::all() {
        assert!(
            page.contains(&format!("# HELP {} {}", metric.name, metric.about)),
            "{} is not in:\n{page}",
            metric.name
        );
    }
    let known: BTreeSet<&str> = metric::all().map(|metric| metric.name).collect();
    assert_eq!(known.len(), metric::all().count(), "each name once");
    for line in page.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
        let name = line.split(' ').next().unwrap();
        assert!(known.contains(name), "{name} is not exported");
    }
}

#[tokio::test]
async fn requests_are_counted_by_route_and_operations_by_name() {
    let redis = RedisServer::start().await;
    let database = TestDatabase::create().await;
    let (server, misses) = busy(&redis, &database).await;
    let page = page(&server).await;
    // SQLite has one writer, and one read connection per core plus two.
    let cores = u32::try_from(std::thread::available_parallelism().unwrap().get()).unwrap();
    let (readers, writers) = if is_postgres() { (3, 2) } else { (4.min(cores + 2), 1) };
    for (line, expected) in [
        (
            "taskwire_http_requests_total{method=\"GET\",route=\"/tasks/{id}\",status=\"404\"}",
            2.0,
        ),
        (
            "taskwire_http_requests_total{method=\"GET\",route=\"unknown\",status=\"404\"}",
            2.0,
        ),
        (
            "taskwire_http_requests_total{method=\"POST\",route=\"/graphql\",status=\"200\"}",
            3.0,
        ),
        (
            "taskwire_http_request_duration_seconds_count{method=\"GET\",route=\"/tasks/{id}\"}",
            2.0,
        ),
        (
            "taskwire_http_request_duration_seconds_bucket{method=\"GET\",route=\"/tasks/{id}\",le=\"+Inf\"}",
            2.0,
        ),
        (
            "taskwire_graphql_operations_total{kind=\"mutation\",operation=\"Make\",outcome=\"ok\"}",
            2.0,
        ),
        (
            "taskwire_graphql_operations_total{kind=\"query\",operation=\"anonymous\",outcome=\"ok\"}",
            1.0,
        ),
        ("taskwire_loader_batch_keys_sum{loader=\"attachments_of_tasks\"}", 2.0),
        (
            "taskwire_cache_requests_total{cache=\"statistics\",result=\"hit\"}",
            1.0,
        ),
        (
            "taskwire_cache_requests_total{cache=\"statistics\",result=\"miss\"}",
            misses,
        ),
        ("taskwire_rate_limit_refusals_total{tier=\"strict\"}", 1.0),
        ("taskwire_rate_limit_refusals_total{tier=\"points\"}", 0.0),
        ("taskwire_redis_up", 1.0),
        ("taskwire_ready", 1.0),
        ("taskwire_database_connections_max{pool=\"read\"}", f64::from(readers)),
        ("taskwire_database_connections_max{pool=\"write\"}", f64::from(writers)),
        ("taskwire_build_info{version=\"0.1.0\"}", 1.0),
        // The current request.
        ("taskwire_http_requests_in_flight", 1.0),
        ("taskwire_database_statement_failures_total", 0.0),
        ("taskwire_password_queue", 0.0),
    ] {
        assert!(
            (value(&page, line) - expected).abs() < 0.5,
            "{line} is not {expected} in:\n{page}"
        );
    }
    assert!(value(&page, "taskwire_database_statement_duration_seconds_count") > 5.0);
    assert!(value(&page, "taskwire_uptime_seconds") > 0.0);
    assert!(value(&page, "taskwire_process_resident_memory_bytes") > 1e6);
    assert!(!page.contains("4711"), "a request path must not become a label");
}

#[tokio::test]
async fn older_monitors_read_the_same_metrics_as_json() {
    let redis = RedisServer::start().await;
    let database = TestDatabase::create().await;
    let (server, _) = busy(&redis, &database).await;
    for path in ["/monitoring/metrics", "/ops/metrics/", "/api/v1/ops/metrics"] {
        let answer = server.rest("", Method::GET, path, Value::Null).await;
        assert_eq!(answer.status, 200);
        assert!(answer.at("/total_requests").as_u64().unwrap() >= 10, "{}", answer.text);
        assert_eq!(answer.at("/status_codes/404"), 4);
        assert_eq!(answer.at("/status_codes/429"), 1);
        assert_eq!(answer.body["requests_by_route"]["GET /tasks/{id}"], 2);
        assert_eq!(answer.at("/error_rate"), 0.0);
        assert!(answer.at("/average_response_time_ms").as_f64().unwrap() > 0.0);
        assert!(answer.at("/uptime_seconds").is_u64());
        assert!(answer.at("/database_statements").as_u64().unwrap() > 5);
        assert_eq!(answer.at("/graphql_operations"), 3);
    }
}

#[tokio::test]
async fn an_unreachable_redis_shows_in_the_metrics() {
    let mut redis = RedisServer::start().await;
    let database = TestDatabase::create().await;
    let (server, _) = busy(&redis, &database).await;
    redis.kill();
    server.rest("", Method::GET, "/ops/health", Value::Null).await;
    assert!(value(&page(&server).await, "taskwire_redis_up") < 0.5);
}

fn names_in(text: &str) -> BTreeSet<&str> {
    let is_of_name = |character: char| character.is_ascii_alphanumeric() || character == '_';
    text.match_indices("taskwire_")
        .filter(|(start, _)| !text[..*start].ends_with(is_of_name))
        .map(|(start, _)| text[start..].split(|character| !is_of_name(character)).next().unwrap())
        .collect()
}

#[tokio::test]
async fn the_dashboard_and_the_alerts_use_exported_metrics() {
    let redis = RedisServer::start().await;
    let database = TestDatabase::create().await;
    let (server, _) = busy(&redis, &database).await;
    let page = page(&server).await;
    let shown: BTreeSet<&str> = page
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split(['{', ' ']).next())
        .collect();
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy");
    let dashboard = fs::read_to_string(directory.join("grafana/taskwire.json")).unwrap();
    let alerts = fs::read_to_string(directory.join("prometheus/alerts.yml")).unwrap();
    let asked: BTreeSet<&str> = names_in(&dashboard).union(&names_in(&alerts)).copied().collect();
    let unknown: Vec<_> = asked.difference(&shown).collect();
    assert!(unknown.is_empty(), "{unknown:?} is not in:\n{page}");
    for metric in metric::all() {
        assert!(
            dashboard.contains(metric.name),
            "the dashboard leaves out {}",
            metric.name
        );
    }

    let dashboard: Value = serde_json::from_str(&dashboard).unwrap();
    let ids: BTreeSet<u64> = dashboard["panels"]
        .as_array()
        .unwrap()
        .iter()
        .map(|panel| panel["id"].as_u64().unwrap())
        .collect();
    assert_eq!(ids.len(), dashboard["panels"].as_array().unwrap().len());
    let alerts: Value = serde_yaml_ng::from_str(&alerts).unwrap();
    for rule in alerts["groups"][0]["rules"].as_array().unwrap() {
        let severity = rule["labels"]["severity"].as_str();
        assert!(matches!(severity, Some("critical" | "warning")), "{rule}");
        assert!(
            rule["expr"].is_string() && rule["annotations"]["summary"].is_string(),
            "{rule}"
        );
    }
}
