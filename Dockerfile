# syntax=docker/dockerfile:1

# Builds the one binary. The dependencies are a layer of their own, which is built again only when they change.
FROM rust:1.95-slim-trixie AS build
WORKDIR /build
COPY Cargo.toml Cargo.lock ./
COPY .cargo .cargo
COPY bench/Cargo.toml bench/
COPY migration/Cargo.toml migration/
COPY xtask/Cargo.toml xtask/
RUN mkdir -p src bench/benches bench/src migration/src xtask/src tests/it \
    && echo 'fn main() {}' | tee src/main.rs bench/benches/micro.rs bench/src/main.rs xtask/src/main.rs tests/it/main.rs \
    && touch src/lib.rs migration/src/lib.rs \
    && cargo build --release --locked --package taskwire
COPY assets assets
COPY migration migration
COPY src src
# What was copied is older than what was built of the empty files.
RUN touch src/main.rs src/lib.rs migration/src/lib.rs \
    && cargo build --release --locked --package taskwire

# For backups of PostgreSQL, up to the version that they know.
FROM debian:trixie-slim AS postgres
RUN apt-get update && apt-get install --yes --no-install-recommends postgresql-client-17

# For the health check.
FROM busybox:1.37-musl AS tools

FROM debian:trixie-slim
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates libpq5 liblz4-1 libzstd1 zlib1g \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --home-dir /data --create-home taskwire \
    && install --directory --owner taskwire /data/uploads
COPY --from=tools /bin/busybox /bin/busybox
COPY --from=postgres /usr/lib/postgresql/17/bin/pg_dump /usr/lib/postgresql/17/bin/pg_restore /usr/lib/postgresql/17/bin/
COPY --from=build /build/target/release/taskwire /usr/local/bin/taskwire
# By number, so that Kubernetes sees that it is not root.
USER 10001
WORKDIR /data
# The database of SQLite, the files of tasks and the development key lie here.
VOLUME /data
ENV SERVER_HOST=0.0.0.0 \
    DATABASE_URL=sqlite:////data/taskwire.db \
    UPLOAD_DIR=/data/uploads
EXPOSE 8000
# SIGTERM lets running requests finish.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
    CMD /bin/busybox wget -q -O /dev/null "http://127.0.0.1:${SERVER_PORT:-${PORT:-8000}}/readyz"
ENTRYPOINT ["taskwire"]
