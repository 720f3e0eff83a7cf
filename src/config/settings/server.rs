//! The HTTP server and the connections of its clients.

use super::{Default, Group, Setting};

pub(super) const SERVER: Group = Group {
    title: "Server",
    settings: &[
        Setting::new(
            "APP_ENV",
            "Selects the defaults. `production` refuses unsafe settings and creates no accounts",
        )
        .with_default(Default::Value("development"))
        .packaged(),
        Setting::new("DEBUG", "Lowers the default of `LOG_LEVEL` to `debug`"),
        Setting::new(
            "SERVER_HOST",
            "Address to listen on. A development server accepts loopback addresses only",
        )
        .packaged(),
        Setting::new(
            "UNSAFE_DEVELOPMENT_ON_NETWORK",
            "Lets a development server, whose administrator has a known password, listen on other addresses. Only for \
             a container whose port is published on 127.0.0.1",
        ),
        Setting::new(
            "SERVER_PORT",
            "Port to listen on; 0 takes any free port. `PORT` is another name for it",
        ),
        Setting::new(
            "SERVER_URL",
            "URL at which clients reach this server, such as https://api.example.com. `Attachment.url` starts with it; \
             without it `url` is a path",
        ),
        Setting::new(
            "ROOT_PATH",
            "Path under which a reverse proxy serves this server, such as /taskwire. The proxy may remove it from \
             requests or keep it",
        )
        .with_default(Default::Described("the path of `SERVER_URL`")),
        Setting::new(
            "CORS_ORIGINS",
            "Origins of browser apps, as a JSON list or separated by commas. `BACKEND_CORS_ORIGINS` is another name \
             for it. Production refuses `*`",
        ),
        Setting::new(
            "TRUSTED_PROXIES",
            "Proxies whose `X-Forwarded-For` is used. Production refuses networks as large as the internet",
        ),
        Setting::new(
            "BODY_LIMIT_BYTES",
            "Largest request body, in bytes. Uploaded files have a separate limit of 5 MiB each (10 MiB in the REST \
             dialects `tags-files` and `tags-files-paged`)",
        ),
        Setting::new(
            "REQUEST_TIMEOUT_SECONDS",
            "Longest time for a request, including its body, in seconds",
        ),
        Setting::new(
            "SHUTDOWN_TIMEOUT_SECONDS",
            "Time for running requests to finish when the server stops, in seconds",
        ),
        Setting::new(
            "SHUTDOWN_DRAIN_SECONDS",
            "Time at the start of a shutdown in which `/readyz` fails and connections are still accepted, in seconds. \
             Add it to the time that your platform waits",
        ),
    ],
};

pub(super) const CONNECTIONS: Group = Group {
    title: "Client connections",
    settings: &[
        Setting::new(
            "MAX_CONNECTIONS",
            "Most client connections at the same time. A quarter of them is reserved for requests; WebSockets and \
             streams share the rest",
        )
        .with_default(Default::Described(
            "from the limit of open files (`ulimit -n`), at most 40000",
        )),
        Setting::new(
            "MAX_CONNECTIONS_PER_ADDRESS",
            "Most client connections from one address (IPv6: one /64 network). `TRUSTED_PROXIES` have no such limit",
        )
        .with_default(Default::Described("a quarter of `MAX_CONNECTIONS`")),
        Setting::new(
            "HEADER_READ_TIMEOUT_SECONDS",
            "Longest time for a client to send the headers of a request, in seconds",
        ),
        Setting::new(
            "KEEP_ALIVE_TIMEOUT_SECONDS",
            "Longest time that a connection stays open between two requests, in seconds",
        ),
        Setting::new(
            "WRITE_TIMEOUT_SECONDS",
            "Longest time that a client may read nothing of a response, in seconds",
        ),
        Setting::new(
            "HTTP_PING_INTERVAL_SECONDS",
            "Time between two HTTP/2 pings, in seconds. A client that has not answered by the next ping is \
             disconnected",
        ),
    ],
};
