//! GraphQL, live connections, REST and rate limits.

use super::{Group, Setting};

pub(super) const GRAPHQL: Group = Group {
    title: "GraphQL",
    settings: &[
        Setting::new("GRAPHQL_IDE", "Serves GraphiQL and GraphQL Playground"),
        Setting::new(
            "GRAPHQL_INTROSPECTION",
            "Answers introspection, suggests names in errors, and serves `GET /schema.graphql` to everybody. Without it \
             only signed-in users get that file",
        ),
        Setting::new(
            "GRAPHQL_POINTS_PER_MINUTE",
            "Complexity points that one client may spend in a minute, including the events of its subscriptions. \
             `{ rateLimit { remaining } }` returns the remaining points",
        ),
        Setting::new("GRAPHQL_MAX_BYTES", "Largest document, in bytes"),
        Setting::new("GRAPHQL_MAX_TOKENS", "Most tokens of a document"),
        Setting::new("GRAPHQL_MAX_DEPTH", "Deepest nesting of fields"),
        Setting::new("GRAPHQL_MAX_FIELDS", "Most fields, after fragments are expanded"),
        Setting::new("GRAPHQL_MAX_ALIASES", "Most aliases of a document"),
        Setting::new("GRAPHQL_MAX_DIRECTIVES", "Most directives of a document"),
        Setting::new(
            "GRAPHQL_MAX_COMPLEXITY",
            "Most points of an operation. What it selects, filters and changes costs points; list fields multiply by \
             their `first`",
        ),
        Setting::new("GRAPHQL_MAX_BATCH", "Most operations, and most files, in one request"),
        Setting::new(
            "GRAPHQL_MAX_RESPONSE_BYTES",
            "Largest response of one request, in bytes",
        ),
    ],
};

pub(super) const LIVE: Group = Group {
    title: "Live connections",
    settings: &[
        Setting::new(
            "WEBSOCKET_MAX_MESSAGE_BYTES",
            "Largest WebSocket message from a client, in bytes",
        ),
        Setting::new(
            "WEBSOCKET_MAX_OPERATIONS",
            "Most operations at the same time over one WebSocket. Together they may have 2.5 KiB of text for each, and \
             256 KiB at least",
        ),
        Setting::new(
            "LIVE_MAX_CONNECTIONS",
            "Most WebSockets and streams of signed-in users on this server. It is also limited to three \
             quarters of `MAX_CONNECTIONS`",
        ),
        Setting::new(
            "LIVE_MAX_CONNECTIONS_PER_USER",
            "Most WebSockets and streams of one user on this server",
        ),
        Setting::new(
            "LIVE_MAX_ANONYMOUS_CONNECTIONS",
            "Most WebSockets without a signed-in user on this server, in addition to those of users. A new one closes \
             the oldest",
        ),
        Setting::new(
            "LIVE_MAX_ANONYMOUS_CONNECTIONS_PER_ADDRESS",
            "Most WebSockets without a signed-in user from one address (IPv6: one /64 network)",
        ),
        Setting::new(
            "WEBSOCKET_INIT_TIMEOUT_SECONDS",
            "Longest time for a new WebSocket to send `connection_init`, in seconds",
        ),
        Setting::new(
            "WEBSOCKET_PING_INTERVAL_SECONDS",
            "Time between two pings, in seconds. A client that misses two pings is disconnected",
        ),
    ],
};

pub(super) const REST: Group = Group {
    title: "REST",
    settings: &[Setting::new(
        "REST_DIALECT",
        "API whose clients REST serves unmodified; docs/MIGRATING.md describes each. The header `X-Rest-Dialect` \
         selects another one for a request",
    )],
};

pub(super) const RATE_LIMITS: Group = Group {
    title: "Rate limits",
    settings: &[
        Setting::new(
            "RATE_LIMIT_ENABLED",
            "Enables all rate limits, including GraphQL points",
        ),
        Setting::new(
            "RATE_LIMIT_PER_MINUTE",
            "REST requests of one client in a minute, without those that another limit counts",
        ),
        Setting::new(
            "RATE_LIMIT_STRICT_PER_MINUTE",
            "Attempts from one address (IPv6: one /64 network) in a minute to register, log in, verify an e-mail \
             address, or change a password or an e-mail address, over GraphQL and REST together. Calls of `/async/*` \
             have a separate limit of the same size, for each user, or each address without a token",
        ),
        Setting::new(
            "RATE_LIMIT_REFRESH_PER_MINUTE",
            "Refreshes of one session in a minute, over GraphQL and REST together",
        ),
        Setting::new(
            "RATE_LIMIT_UPLOAD_PER_MINUTE",
            "Uploaded files of one user in a minute, over GraphQL and REST together",
        ),
    ],
};
