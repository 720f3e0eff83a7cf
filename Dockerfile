# syntax=docker/dockerfile:1

# Builds the one binary. Downloads and compiled dependencies are kept between builds.
FROM rust:1.95-slim-bookworm AS build
WORKDIR /build
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/build/target \
    cargo build --release --locked --package taskwire \
    && cp target/release/taskwire /taskwire

# For the health check, which is all that the image needs beside the binary.
FROM busybox:1.37-musl AS tools

FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --home-dir /data --create-home taskwire \
    && install --directory --owner taskwire /data/uploads
COPY --from=tools /bin/busybox /bin/busybox
COPY --from=build /taskwire /usr/local/bin/taskwire
USER taskwire
WORKDIR /data
# The database of SQLite, the files of tasks and the development key lie here.
VOLUME /data
ENV SERVER_HOST=0.0.0.0 \
    SERVER_PORT=8000 \
    DATABASE_URL=sqlite:////data/taskwire.db \
    UPLOAD_DIR=/data/uploads
EXPOSE 8000
# SIGTERM lets running requests finish.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
    CMD ["/bin/busybox", "wget", "-q", "-O", "/dev/null", "http://127.0.0.1:8000/readyz"]
ENTRYPOINT ["taskwire"]
