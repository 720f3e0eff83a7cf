//! The limit of open files. Each connection is one.

/// Assumed if the system has no limit or does not report it.
const UNLIMITED: u64 = 1 << 20;

/// Raises the soft limit to the hard limit. The soft limit protects programs that use `select`, unlike this one.
#[cfg(unix)]
pub fn raise_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    let limit = getrlimit(Resource::Nofile);
    if limit.current == limit.maximum {
        return;
    }
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::debug!("the limit of open files cannot be raised: {error}");
    }
}

/// This system has no limit.
#[cfg(not(unix))]
pub fn raise_limit() {}

/// How many files the process may open.
#[cfg(unix)]
#[must_use]
pub fn limit() -> u64 {
    use rustix::process::{Resource, getrlimit};

    getrlimit(Resource::Nofile).current.unwrap_or(UNLIMITED)
}

/// This system has no limit.
#[cfg(not(unix))]
#[must_use]
pub fn limit() -> u64 {
    UNLIMITED
}
