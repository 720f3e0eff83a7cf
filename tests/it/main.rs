//! Integration tests, in one binary.
//!
//! Each test has its own server and database. `cargo xtask test` runs all of them on SQLite and on PostgreSQL.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

mod backup;
mod borders;
mod chaos;
mod command;
mod coverage;
mod database_trouble;
mod delivery;
mod docs;
mod doctor;
mod events;
mod exposure;
mod filter_limits;
mod graphql;
mod health;
mod job;
mod live;
mod locale;
mod migrations;
mod monitor;
mod noun;
mod older_clients;
mod packaging;
mod paging;
mod parity;
mod policy;
mod queries;
mod reads;
mod redis;
mod rest;
mod root_path;
mod schema;
mod security;
mod server;
mod settings;
mod storage;
mod storage_trouble;
mod support;
mod time_limit;
mod trace;
mod upload;
mod workflow;
