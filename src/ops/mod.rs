//! Operations: health for load balancers, metrics for monitors, public keys for services that check access tokens.
//!
//! | module | contents |
//! |---|---|
//! | [`health`] | liveness, readiness, health, public keys |
//! | `monitor` | metrics, for Prometheus and as JSON |

pub mod health;
pub(crate) mod monitor;

use axum::Router;
use axum::routing::{MethodRouter, get};

use crate::state::AppState;

const JWKS: &str = "/.well-known/jwks.json";

/// All GET routes, at the root. They need no credentials and expose no secrets.
pub(crate) fn routes() -> [(&'static str, MethodRouter<AppState>); 10] {
    [
        (JWKS, get(health::jwks)),
        ("/livez", get(health::live)),
        ("/readyz", get(health::ready)),
        ("/health", get(health::health)),
        ("/health/detailed", get(health::detailed::answer)),
        ("/monitoring/health", get(health::detailed::answer)),
        ("/ops/health", get(health::detailed::answer)),
        ("/metrics", get(monitor::prometheus)),
        ("/monitoring/metrics", get(monitor::json)),
        ("/ops/metrics", get(monitor::json)),
    ]
}

/// The routes under each prefix, with and without a trailing slash.
pub(crate) fn router(prefixes: &[&str]) -> Router<AppState> {
    let mut router = Router::new();
    for (path, answer) in routes() {
        // Well-known paths are only at the root.
        let prefixes: &[&str] = if path == JWKS { &[""] } else { prefixes };
        for prefix in prefixes {
            for ending in ["", "/"] {
                router = router.route(&format!("{prefix}{path}{ending}"), answer.clone());
            }
        }
    }
    router
}
