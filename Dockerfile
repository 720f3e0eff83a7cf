# syntax=docker/dockerfile:1

# Base images are pinned by version and digest, so that builds are repeatable. Security updates have new digests:
# `docker buildx imagetools inspect debian:13.6-slim` prints the current one, or that of another version.
#
# The cache mounts need BuildKit or Buildah. Dockerfile.plain is this file without them, for other builders.

# Builds the binary. The dependencies have a separate layer, which is built again only when they change; the caches
# keep what cargo downloaded and compiled between builds on the same machine.
FROM rust:1.95.0-slim-trixie@sha256:e14e87345b4d5964ddcc3491d27ee046a0f23820f340c3c1e24da6880141f7c0 AS build
WORKDIR /build
COPY Cargo.toml Cargo.lock ./
COPY .cargo .cargo
COPY bench/Cargo.toml bench/
COPY macros/Cargo.toml macros/
COPY macros/src macros/src
COPY migration/Cargo.toml migration/
COPY xtask/Cargo.toml xtask/
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/build/target,sharing=locked \
    mkdir -p src bench/benches bench/src migration/src xtask/src tests/it \
    && echo 'fn main() {}' | tee src/main.rs bench/benches/micro.rs bench/src/main.rs xtask/src/main.rs tests/it/main.rs \
    && touch src/lib.rs migration/src/lib.rs \
    && cargo build --release --locked --package taskwire
COPY assets assets
COPY migration migration
COPY src src
# The copied files are older than the build of the empty ones, so `touch`. A cache is not part of the image, so the binary
# is copied.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/build/target,sharing=locked \
    touch src/main.rs src/lib.rs migration/src/lib.rs \
    && cargo build --release --locked --package taskwire \
    && install target/release/taskwire /taskwire

# For backups of PostgreSQL, up to this version.
FROM debian:13.6-slim@sha256:d7e12182ce18b85b93007c1dedf31f2d29e01ccf3182cc4017c709b6259bc132 AS postgres
RUN apt-get update && apt-get install --yes --no-install-recommends postgresql-client-17

# For the health check.
FROM busybox:1.37.0-musl@sha256:222ad6d973c0d198014546a65cd02c5fdedcc172123c5b4c2bf0af636550bd94 AS tools

FROM debian:13.6-slim@sha256:d7e12182ce18b85b93007c1dedf31f2d29e01ccf3182cc4017c709b6259bc132
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates libpq5 liblz4-1 libzstd1 zlib1g \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --home-dir /data --create-home taskwire \
    && install --directory --owner taskwire /data/uploads
COPY --from=tools /bin/busybox /bin/busybox
COPY --from=postgres /usr/lib/postgresql/17/bin/pg_dump /usr/lib/postgresql/17/bin/pg_restore /usr/lib/postgresql/17/bin/
COPY --from=build /taskwire /usr/local/bin/taskwire
# By number, so that Kubernetes can check that it is not root.
USER 10001
WORKDIR /data
# The SQLite database and the files of tasks. Only temporary files in /tmp are written beside them, so the root file
# system can be read-only.
VOLUME /data
# The image is for production, which does not start without a SECRET_KEY.
ENV APP_ENV=production \
    SERVER_HOST=0.0.0.0 \
    DATABASE_URL=sqlite:////data/taskwire.db \
    UPLOAD_DIR=/data/uploads
EXPOSE 8000
# SIGTERM drains the server, which takes 20 s at most by default. Docker kills after 10 s unless you give it more:
# `docker run --stop-timeout 30`. See "Stopping" in docs/OPERATIONS.md.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
    CMD /bin/busybox wget -q -O /dev/null "http://127.0.0.1:${SERVER_PORT:-${PORT:-8000}}/readyz"
ENTRYPOINT ["taskwire"]
# Last, because a new revision would build all layers after it again. SOURCE is the address of the repository:
#
#   docker build --build-arg REVISION=$(git rev-parse HEAD) --build-arg SOURCE=https://git.example.com/taskwire .
ARG VERSION=0.1.0
ARG REVISION=unknown
ARG SOURCE=unknown
LABEL org.opencontainers.image.title="Taskwire" \
      org.opencontainers.image.description="A self-hostable GraphQL task server with live subscriptions and a REST compatibility router" \
      org.opencontainers.image.licenses="MIT OR Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.source="${SOURCE}"
