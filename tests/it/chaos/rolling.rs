//! A rolling update: servers restart one after the other behind a proxy, with the shipped proxy configurations. The new
//! version migrates while the old one runs.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use sea_orm::{ConnectionTrait as _, TransactionTrait as _};
use serde_json::json;
use taskwire::domain::error::Code;
use tempfile::TempDir;
use tokio::net::TcpStream;

use tokio::time::{sleep, timeout};

use super::cluster::Cluster;
use crate::packaging::read;
use crate::support::TestApp;
use crate::support::database::is_postgres;
use crate::support::port::free_port;
use crate::support::process::{signal, until};

const RESTARTS: usize = 6;
/// Time from the start of one server to the stop of the other: an update waits until the proxy uses the new one.
const APART: Duration = Duration::from_secs(5);

/// Dropping it ends the proxy.
struct ShippedProxy {
    process: Child,
    port: u16,
    folder: TempDir,
}

impl ShippedProxy {
    async fn start(folder: TempDir, port: u16, command: &mut Command) -> Self {
        let process = command
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(fs::File::create(folder.path().join("log")).unwrap())
            .spawn()
            .expect("the proxy is in the search path; `cargo xtask chaos` installs it");
        let mut proxy = Self { process, port, folder };
        until("the proxy to listen", async || {
            assert_eq!(
                proxy.process.try_wait().unwrap(),
                None,
                "the proxy ended while it started"
            );
            TcpStream::connect(proxy.address()).await.ok()
        })
        .await;
        proxy
    }

    async fn caddy(upstreams: &[String]) -> Self {
        let (folder, port) = (tempfile::tempdir().unwrap(), free_port());
        fs::write(folder.path().join("Caddyfile"), read("deploy/Caddyfile")).unwrap();
        let mut caddy = Command::new("caddy");
        caddy.args(["run", "--config", "Caddyfile"]);
        caddy.env("SITE", format!("http://127.0.0.1:{port}"));
        caddy.env("UPSTREAMS", upstreams.join(" "));
        caddy.env("CADDY_ADMIN", format!("unix/{}", folder.path().join("admin").display()));
        caddy.env("HOME", folder.path());
        Self::start(folder, port, &mut caddy).await
    }

    async fn nginx(upstreams: &[String]) -> Self {
        let (folder, port) = (tempfile::tempdir().unwrap(), free_port());
        let configuration = nginx_configuration(folder.path(), port, upstreams);
        fs::write(folder.path().join("nginx.conf"), configuration).unwrap();
        let mut nginx = Command::new("nginx");
        nginx
            .arg("-p")
            .arg(folder.path())
            .args(["-c", "nginx.conf", "-g", "daemon off;"]);
        Self::start(folder, port, &mut nginx).await
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap()
    }

    fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }
}

impl Drop for ShippedProxy {
    fn drop(&mut self) {
        // Not SIGKILL: nginx would leave its workers behind.
        signal(self.process.id(), "TERM");
        let _ = self.process.wait();
    }
}

/// The shipped configuration without TLS, for these servers.
fn nginx_configuration(folder: &Path, port: u16, upstreams: &[String]) -> String {
    let shipped = read("deploy/nginx/taskwire.conf");
    let (before, after) = shipped.split_once("server {\n    listen 80;").unwrap();
    let (_, after) = after.split_once("}\n").unwrap();
    let servers = upstreams
        .iter()
        .map(|server| format!("server {server} fail_timeout=2s;"));
    let servers: Vec<String> = servers.collect();
    let site = format!("{before}{after}")
        .replace("server 127.0.0.1:8000 fail_timeout=2s;", &servers.join("\n    "))
        .replace("listen 443 ssl http2;", &format!("listen 127.0.0.1:{port};"));
    let is_kept = |line: &&str| {
        !["ssl_", "listen [::]", "access_log"]
            .iter()
            .any(|start| line.trim_start().starts_with(start))
    };
    let site: Vec<&str> = site.lines().filter(is_kept).collect();
    let folder = folder.display();
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
    let temporary = temporary
        .map(|kind| format!("{kind}_temp_path {folder}/{kind};\n"))
        .concat();
    format!(
        "pid {folder}/pid;\nerror_log stderr;\nevents {{}}\nhttp {{\naccess_log off;\n{temporary}{}\n}}\n",
        site.join("\n")
    )
}

async fn restarts_fail_nothing(cluster: &mut Cluster, proxy: ShippedProxy, fault: &str) {
    let mut trial = cluster.under_load_through(vec![proxy.address()]).await;
    for number in 0..RESTARTS {
        let node = number % cluster.count();
        cluster.stop(node).await;
        cluster.run(node).await;
        sleep(APART).await;
    }
    trial.until_recovered(cluster).await;
    let failures = trial.reckon(fault, cluster).await;
    assert!(failures.is_empty(), "{failures:?}\n{}", proxy.log());
}

#[tokio::test]
#[ignore = "takes long; `cargo xtask chaos` runs it"]
async fn a_migration_that_cannot_lock_its_tables_fails_and_servers_continue() {
    if !is_postgres() {
        return;
    }
    let app = TestApp::start().await;
    let ann = app.member().await;
    let domain = app.app.domain();
    domain.migrate_down(Some(1)).await.unwrap();
    let connection = app.database.connect().await;
    // As a backup does.
    let reader = connection.begin().await.unwrap();
    let lock = format!("LOCK TABLE {} IN ACCESS SHARE MODE", migration::TABLES.join(", "));
    reader.execute_unprepared(&lock).await.unwrap();
    let migrated = timeout(Duration::from_mins(1), domain.migrate_up(None)).await;
    assert_eq!(migrated.unwrap().unwrap_err().code(), Code::Unavailable);
    ann.creates_task(json!({ "title": "T" })).await;
    reader.rollback().await.unwrap();
    domain.migrate_up(None).await.unwrap();
}

/// The default of production.
const DRAIN: (&str, &str) = ("SHUTDOWN_DRAIN_SECONDS", "5");

#[tokio::test]
#[ignore = "takes long and needs Caddy; `cargo xtask chaos` runs it"]
async fn restarts_behind_caddy_fail_no_request() {
    if !is_postgres() {
        return;
    }
    let mut cluster = Cluster::start_with(&[DRAIN]).await;
    let proxy = ShippedProxy::caddy(&cluster.addresses()).await;
    restarts_fail_nothing(&mut cluster, proxy, "six restarts behind Caddy").await;
}

#[tokio::test]
#[ignore = "takes long and needs nginx; `cargo xtask chaos` runs it"]
async fn restarts_behind_nginx_fail_no_request() {
    if !is_postgres() {
        return;
    }
    let mut cluster = Cluster::start_with(&[DRAIN]).await;
    let proxy = ShippedProxy::nginx(&cluster.addresses()).await;
    restarts_fail_nothing(&mut cluster, proxy, "six restarts behind nginx").await;
}
