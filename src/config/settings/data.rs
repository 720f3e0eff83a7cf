//! Database, Redis, tokens.

use super::{Default, Group, Setting};

pub(super) const DATABASE: Group = Group {
    title: "Database",
    settings: &[
        Setting::new(
            "DATABASE_URL",
            "Database to use. An absolute SQLite path has four slashes: sqlite:////srv/tasks.db. SQLAlchemy's spelling \
             is accepted",
        )
        .with_default(Default::Value("sqlite://taskwire.db"))
        .packaged(),
        Setting::new(
            "DATABASE_MAX_CONNECTIONS",
            "Size of the connection pool. PostgreSQL: half of them write, half read; the server opens up to two more \
             to check and migrate the database. SQLite: one writes, up to one for each core and two more read",
        ),
        Setting::new(
            "DATABASE_CONNECT_RETRIES",
            "Further attempts to connect to PostgreSQL at the start. The pause doubles from half a second, up to 10 \
             seconds",
        ),
        Setting::new(
            "DATABASE_STATEMENT_TIMEOUT_SECONDS",
            "Longest time for a statement (SQLite: for a read) and for an idle transaction (PostgreSQL), in seconds",
        ),
        Setting::new(
            "SLOW_STATEMENT_MS",
            "Statements that take longer are logged, with their operation and without values, in milliseconds; 0 logs \
             none",
        ),
        Setting::new(
            "EVENT_RETENTION_DAYS",
            "How long the event log keeps events, in days. A client can resume after an absence of this length",
        ),
        Setting::new(
            "STATISTICS_CACHE_SECONDS",
            "How long task counts are cached while no task changes, in seconds; 0 disables the cache",
        ),
        Setting::new(
            "TRASH_RETENTION_DAYS",
            "How long a task stays in the trash before it is deleted, in days",
        ),
    ],
};

pub(super) const REDIS: Group = Group {
    title: "Redis",
    settings: &[
        Setting::new(
            "REDIS_URL",
            "Redis in which several servers share rate limits and persisted queries, and notify each other of events. \
             A server starts and runs without it",
        ),
        Setting::new(
            "REDIS_TIMEOUT_MS",
            "Longest time for an answer of Redis, in milliseconds. After that, Redis is skipped until it answers in \
             time",
        ),
    ],
};

pub(super) const TOKENS: Group = Group {
    title: "Tokens and passwords",
    settings: &[
        Setting::new("SECRET_KEY", "Key that signs tokens").with_default(Default::Described(
            "none; a development server creates one beside the database",
        )),
        Setting::new(
            "ALGORITHM",
            "Signature of access tokens. EdDSA and ES256 need `JWT_PRIVATE_KEY_FILE`",
        ),
        Setting::new(
            "JWT_PRIVATE_KEY_FILE",
            "Path of the private key for EdDSA or ES256, in PEM (PKCS#8). The public key is at /.well-known/jwks.json",
        ),
        Setting::new("JWT_ISSUER", "Claim `iss` of access tokens"),
        Setting::new("JWT_AUDIENCE", "Claim `aud` of access tokens"),
        Setting::new("ACCESS_TOKEN_EXPIRE_MINUTES", "Lifetime of an access token, in minutes"),
        Setting::new("REFRESH_TOKEN_EXPIRE_DAYS", "Lifetime of a refresh token, in days"),
        Setting::new(
            "PASSWORD_POLICY",
            "`standard`: a letter and a digit. `strict`: an upper-case letter too, and no common password",
        ),
    ],
};
