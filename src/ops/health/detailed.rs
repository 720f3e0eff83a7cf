//! Health checks of the server's dependencies. Anyone can read them, so they expose no addresses, paths or foreign
//! errors.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::time::timeout;
use utoipa::ToSchema;

use super::unix_seconds;
use crate::domain::attachment::Room;
use crate::domain::error::described;
use crate::domain::{Pool, Pools};
use crate::state::AppState;

/// Time limit of one check.
const PATIENCE: Duration = Duration::from_secs(2);
/// More lag is reported as degraded.
const MAX_LAG: Duration = Duration::from_secs(5);
/// In percent. Less free disk space is reported as degraded.
const LITTLE_ROOM: u64 = 5;

/// Health status, from best to worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = HealthStatus)]
enum Status {
    /// Not configured.
    Disabled,
    Healthy,
    /// The server works without it, or may fail soon.
    Degraded,
    Unhealthy,
}

/// Result of a health check.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = HealthCheck)]
struct Check {
    /// Health status.
    status: Status,
    /// Duration of the check in milliseconds.
    #[schema(example = 0.4)]
    latency_ms: f64,
    /// The problem; absent if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "it does not answer in time")]
    reason: Option<&'static str>,
    /// More values, such as numbers of connections.
    #[serde(flatten)]
    #[schema(value_type = Object, required = false)]
    facts: Value,
}

/// Status, problem, and facts, which are an object.
struct Finding(Status, Option<&'static str>, Value);

fn healthy(facts: Value) -> Finding {
    Finding(Status::Healthy, None, facts)
}

/// Health of the server.
#[derive(Serialize, ToSchema)]
#[schema(as = HealthReport)]
struct Report {
    /// The worst status of all checks.
    status: Status,
    /// Version of the server.
    #[schema(example = "0.1.0")]
    version: &'static str,
    /// Seconds since the start of the server.
    #[schema(example = 3600)]
    uptime_seconds: u64,
    /// Checks: `database`, `migrations`, `redis`, `storage`, `live`.
    #[schema(value_type = BTreeMap<String, Check>)]
    checks: BTreeMap<&'static str, Check>,
    #[serde(flatten)]
    older: OlderReport,
}

/// Health, in the format of monitors of older APIs.
#[derive(Serialize, ToSchema)]
#[schema(as = OlderHealthReport)]
struct OlderReport {
    /// Current time in Unix seconds, as a string.
    #[schema(example = "1767139200.12")]
    timestamp: String,
    /// Current time in Unix seconds.
    #[schema(example = 1_767_139_200.12)]
    time: f64,
    /// Status of `database` and `redis`, and the problem as `error`; it is absent if there is none.
    #[schema(value_type = Object)]
    dependencies: Value,
    /// Whether Redis answers.
    redis_connected: bool,
    /// Whether statistics are cached.
    cache_enabled: bool,
    /// State of `cache`, `redis` and `database`, in one word each.
    #[schema(value_type = Object)]
    services: Value,
}

impl OlderReport {
    fn of(state: &AppState, checks: &BTreeMap<&'static str, Check>) -> Self {
        let time = unix_seconds(state);
        let status = |name: &str| checks.get(name).map(|check| check.status);
        let is_healthy = |name: &str| status(name) == Some(Status::Healthy);
        let dependency = |name: &str| {
            let mut dependency = json!({ "status": status(name) });
            if let Some(reason) = checks.get(name).and_then(|check| check.reason) {
                dependency["error"] = json!(reason);
            }
            dependency
        };
        let word = |works: bool, good: &'static str, bad: &'static str| if works { good } else { bad };
        let cache_enabled = !state.config().database.statistics_cache.is_zero();
        Self {
            timestamp: format!("{time:.2}"),
            time,
            dependencies: json!({ "database": dependency("database"), "redis": dependency("redis") }),
            redis_connected: is_healthy("redis"),
            cache_enabled,
            services: json!({
                "cache": word(cache_enabled, "working", "disabled"),
                "redis": word(is_healthy("redis"), "connected", "disconnected"),
                "database": word(is_healthy("database"), "working", "unavailable"),
            }),
        }
    }
}

/// Get the health of the server and its dependencies
///
/// `/monitoring/health` and `/ops/health` return the same.
#[utoipa::path(get, path = "/health/detailed", tag = "operations", operation_id = "getHealth", security(()),
    responses(
        (status = 200, description = "Requests can be served", body = Report),
        (status = 503, description = "Requests cannot be served", body = Report),
    ))]
pub(crate) async fn answer(State(state): State<AppState>) -> Response {
    let checks = tokio::join!(
        check("database", Status::Unhealthy, database(&state)),
        check("migrations", Status::Unhealthy, migrations(&state)),
        check("redis", Status::Degraded, redis(&state)),
        check("storage", Status::Degraded, storage(&state)),
        check("live", Status::Degraded, live(&state)),
    );
    let checks = BTreeMap::from(<[_; 5]>::from(checks));
    let worst = checks.values().map(|check| check.status).max();
    let status = if state.is_stopping() {
        Status::Unhealthy
    } else {
        worst.unwrap_or(Status::Healthy)
    };
    let code = if status == Status::Unhealthy {
        StatusCode::SERVICE_UNAVAILABLE
    } else {
        StatusCode::OK
    };
    let body = Report {
        status,
        version: env!("CARGO_PKG_VERSION"),
        uptime_seconds: state.uptime().as_secs(),
        older: OlderReport::of(&state, &checks),
        checks,
    };
    (code, Json(body)).into_response()
}

/// A check that times out is as bad as one that fails.
async fn check(
    name: &'static str,
    at_worst: Status,
    work: impl Future<Output = anyhow::Result<Finding>>,
) -> (&'static str, Check) {
    let began = Instant::now();
    let Finding(status, reason, facts) = match timeout(PATIENCE, work).await {
        Ok(Ok(found)) => found,
        Ok(Err(error)) => {
            tracing::warn!(check = name, "a health check failed: {error:#}");
            Finding(at_worst, Some("the check failed; see the log"), json!({}))
        }
        Err(_) => Finding(at_worst, Some("it does not answer in time"), json!({})),
    };
    let check = Check {
        status,
        latency_ms: (began.elapsed().as_secs_f64() * 1_000_000.0).round() / 1_000.0,
        reason,
        facts,
    };
    (name, check)
}

async fn database(state: &AppState) -> anyhow::Result<Finding> {
    let Pools { read, write } = state.domain().pools();
    let connections = |pool: Pool| json!({ "used": pool.used, "idle": pool.idle, "max": pool.max });
    let facts = json!({ "connections": { "read": connections(read), "write": connections(write) } });
    if let Some(reason) = state.domain().database_problem() {
        return Ok(Finding(Status::Unhealthy, Some(reason), facts));
    }
    state.domain().ping().await.map_err(described)?;
    Ok(healthy(facts))
}

async fn migrations(state: &AppState) -> anyhow::Result<Finding> {
    let pending = state.domain().pending_migrations().await.map_err(described)?;
    let facts = json!({ "pending": pending });
    Ok(match pending {
        0 => healthy(facts),
        _ => Finding(Status::Unhealthy, Some("migrations are pending"), facts),
    })
}

async fn redis(state: &AppState) -> anyhow::Result<Finding> {
    Ok(match state.redis() {
        None => Finding(Status::Disabled, None, json!({})),
        Some(redis) if redis.answers().await => healthy(json!({})),
        Some(_) => Finding(
            Status::Degraded,
            Some("it is unavailable; this server works without it"),
            json!({}),
        ),
    })
}

async fn storage(state: &AppState) -> anyhow::Result<Finding> {
    let Room { free_percent, .. } = state.domain().check_storage().await.map_err(described)?;
    Ok(match free_percent {
        Some(free) if free < LITTLE_ROOM => Finding(
            Status::Degraded,
            Some("the disk is almost full"),
            json!({ "free_percent": free }),
        ),
        Some(free) => healthy(json!({ "free_percent": free })),
        None => healthy(json!({})),
    })
}

async fn live(state: &AppState) -> anyhow::Result<Finding> {
    let live = state.domain().live();
    let lag = live.lag();
    let mut facts = json!({
        "connections": live.connections(),
        "subscribers": live.subscribers(),
        "lag_seconds": lag.as_secs_f64(),
    });
    if lag <= MAX_LAG {
        return Ok(healthy(facts));
    }
    let Some(oldest) = state
        .domain()
        .diagnosis()
        .oldest_transaction()
        .await
        .map_err(described)?
    else {
        return Ok(Finding(Status::Degraded, Some("events wait to be delivered"), facts));
    };
    facts["oldest_transaction"] = json!({ "process": oldest.process, "name": oldest.name, "seconds": oldest.seconds });
    let reason = "events wait for an older transaction of the database's cluster to end";
    Ok(Finding(Status::Degraded, Some(reason), facts))
}
