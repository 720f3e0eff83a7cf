//! A PostgreSQL cluster for one test run: find, create, start, stop, delete.

use std::fs::{self, File};
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use rustix::process::{Signal, geteuid};
use tempfile::TempDir;

use super::{free_port, last_lines, with_retries};
use crate::process::{self, Background};

/// The name of the log in the server's folder.
const LOG: &str = "log";

const READY_LIMIT: Duration = Duration::from_secs(30);

/// SIGINT is the "fast" shutdown, which ends the sessions; SIGQUIT the "immediate" one.
const FAREWELL: &[Signal] = &[Signal::INT, Signal::QUIT];

/// The locales tried in turn. The last one always exists, but knows letter case in ASCII alone.
const LOCALES: [&str; 3] = ["C.UTF-8", "en_US.UTF-8", "C"];

const SETTINGS: [&str; 2] = ["max_connections=300", "listen_addresses=127.0.0.1"];

/// No data outlives a test run, so none needs to reach the disk, and none needs to be vacuumed or kept in a log: the tests
/// create about 900 databases, one after the other.
const CARELESS: [&str; 5] = [
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "autovacuum=off",
    "max_wal_size=128MB",
];

/// Whether what is written reaches the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Durability {
    /// No: for tests, which are faster this way.
    Careless,
    /// Yes, the default of PostgreSQL: for measurements.
    AsShipped,
}

impl Durability {
    fn settings(self) -> &'static [&'static str] {
        match self {
            Self::Careless => &CARELESS,
            Self::AsShipped => &[],
        }
    }
}

/// The folder with PostgreSQL's server programs.
pub(super) struct Binaries(PathBuf);

impl Binaries {
    /// Searches the search path, `pg_config`, then the folders of distributions.
    pub(super) fn find() -> Option<Self> {
        let mut folders = Vec::new();
        // The search path may contain a link to this one program of the folder.
        folders.extend(
            which::which("initdb")
                .ok()
                .and_then(|path| path.canonicalize().ok()?.parent().map(Path::to_owned)),
        );
        folders.extend(folder_by_pg_config());
        for parent in ["/usr/lib/postgresql", "/usr/local/opt", "/opt/homebrew/opt", "/usr"] {
            folders.extend(versions_in(Path::new(parent)));
        }
        folders.into_iter().find(|folder| is_complete(folder)).map(Self)
    }

    /// The folder.
    pub(super) fn folder(&self) -> &Path {
        &self.0
    }

    fn command(&self, program: &str) -> Command {
        Command::new(self.0.join(program))
    }
}

fn folder_by_pg_config() -> Option<PathBuf> {
    let output = Command::new("pg_config")
        .arg("--bindir")
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let folder = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| PathBuf::from(folder.trim_end()))
}

/// The `bin` folders of the versions in a folder, the newest first: Debian has `15`, Red Hat's family
/// `pgsql-15`, Homebrew `postgresql@15`.
fn versions_in(parent: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(parent).into_iter().flatten().flatten();
    let mut found: Vec<(u32, PathBuf)> = entries
        .filter_map(|entry| Some((version(entry.file_name().to_str()?)?, entry.path().join("bin"))))
        .collect();
    found.sort_unstable_by(|left, right| right.cmp(left));
    found.into_iter().map(|(_, folder)| folder).collect()
}

fn version(folder: &str) -> Option<u32> {
    let number = folder
        .strip_prefix("pgsql-")
        .or_else(|| folder.strip_prefix("postgresql@"))
        .unwrap_or(folder);
    number.parse().ok()
}

fn is_complete(folder: &Path) -> bool {
    ["initdb", "postgres", "pg_isready"]
        .iter()
        .all(|program| folder.join(program).is_file())
}

/// A running cluster. Dropping it stops the server, then removes its files.
pub(super) struct Postgres {
    // Fields drop in this order: the server must be gone before its folder.
    _server: Background,
    folder: TempDir,
    port: u16,
}

impl Postgres {
    /// Creates an empty cluster, and waits until its server accepts connections.
    pub(super) fn start(binaries: &Binaries, durability: Durability) -> Result<Self> {
        let owner = Owner::choose()?;
        let folder = tempfile::Builder::new().prefix("taskwire-postgres-").tempdir()?;
        if let Some(owner) = owner {
            chown(folder.path(), Some(owner.uid), Some(owner.gid))
                .context("cannot change the owner of the cluster's folder")?;
        }
        init(binaries, folder.path(), owner)?;
        let (server, port) = with_retries(|| serve(binaries, durability, folder.path(), owner))?;
        Ok(Self {
            _server: server,
            folder,
            port,
        })
    }

    /// The server's log.
    pub(super) fn log(&self) -> PathBuf {
        self.folder.path().join(LOG)
    }

    pub(super) fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }
}

/// The account that runs the server if we are root: PostgreSQL refuses to start as root.
#[derive(Clone, Copy)]
struct Owner {
    uid: u32,
    gid: u32,
}

impl Owner {
    fn choose() -> Result<Option<Self>> {
        if !geteuid().is_root() {
            return Ok(None);
        }
        let owner = ["postgres", "nobody"].into_iter().find_map(Self::named);
        let owner = owner
            .context("PostgreSQL does not run as root, and there is no user `postgres` or `nobody` to run it as")?;
        Ok(Some(owner))
    }

    fn named(name: &str) -> Option<Self> {
        Some(Self {
            uid: account_number("-u", name)?,
            gid: account_number("-g", name)?,
        })
    }
}

fn account_number(which: &str, name: &str) -> Option<u32> {
    let output = Command::new("id")
        .args([which, name])
        .stderr(Stdio::null())
        .output()
        .ok()?;
    String::from_utf8(output.stdout).ok()?.trim_end().parse().ok()
}

/// Runs a command as the cluster's owner, in a folder that the owner may enter.
fn run_as(command: &mut Command, owner: Option<Owner>, folder: &Path) {
    command.current_dir(folder);
    if let Some(Owner { uid, gid }) = owner {
        command.uid(uid).gid(gid);
    }
}

fn init(binaries: &Binaries, folder: &Path, owner: Option<Owner>) -> Result<()> {
    let mut complaint = String::new();
    for locale in LOCALES {
        process::go_on()?;
        let mut initdb = binaries.command("initdb");
        initdb.args([
            "--auth=trust",
            "--username=postgres",
            "--encoding=UTF8",
            "--no-sync",
            "--locale",
            locale,
        ]);
        initdb.arg("--pgdata").arg(folder.join("data"));
        run_as(&mut initdb, owner, folder);
        let output = initdb.stdin(Stdio::null()).output().context("cannot start initdb")?;
        if output.status.success() {
            return Ok(());
        }
        complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    }
    Err(anyhow!("initdb could not make a cluster:\n{complaint}"))
}

fn serve(
    binaries: &Binaries,
    durability: Durability,
    folder: &Path,
    owner: Option<Owner>,
) -> Result<(Background, u16)> {
    let port = free_port()?;
    let log = folder.join(LOG);
    let output = File::create(&log)?;
    let mut postgres = binaries.command("postgres");
    postgres
        .arg("-D")
        .arg(folder.join("data"))
        .args(["-p", &port.to_string()]);
    for setting in SETTINGS.iter().chain(durability.settings()) {
        postgres.args(["-c", setting]);
    }
    // The usual folder of the socket belongs to the system's own cluster.
    postgres
        .arg("-c")
        .arg(format!("unix_socket_directories={}", folder.display()));
    postgres.stdout(output.try_clone()?).stderr(output);
    run_as(&mut postgres, owner, folder);
    let mut server = Background::start(&mut postgres, FAREWELL)?;
    process::wait_until("the start of PostgreSQL", READY_LIMIT, || {
        let ended = server.ended()?;
        ensure!(
            ended.is_none(),
            "PostgreSQL ended while it started:\n{}",
            last_lines(&log)
        );
        is_ready(binaries, port)
    })?;
    Ok((server, port))
}

fn is_ready(binaries: &Binaries, port: u16) -> Result<bool> {
    let mut command = binaries.command("pg_isready");
    command.args([
        "--quiet",
        "--host=127.0.0.1",
        "--username=postgres",
        "--port",
        &port.to_string(),
    ]);
    let status = command.status().context("cannot start pg_isready")?;
    Ok(status.success())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpStream;

    #[test]
    fn folders_of_every_distribution_tell_their_version() {
        assert_eq!(version("15"), Some(15));
        assert_eq!(version("pgsql-17"), Some(17));
        assert_eq!(version("postgresql@16"), Some(16));
        assert_eq!(version("postgresql-common"), None);
    }

    #[test]
    fn newest_version_comes_first() -> Result<()> {
        let folder = tempfile::tempdir()?;
        for name in ["9", "15", "common"] {
            fs::create_dir(folder.path().join(name))?;
        }
        let found = versions_in(folder.path());
        assert_eq!(found, [folder.path().join("15/bin"), folder.path().join("9/bin")]);
        assert!(versions_in(Path::new("/nowhere")).is_empty());
        Ok(())
    }

    #[test]
    fn started_cluster_answers_and_is_gone_after_drop() -> Result<()> {
        let binaries = Binaries::find().context("no PostgreSQL on this machine; `cargo xtask test` installs it")?;
        let postgres = Postgres::start(&binaries, Durability::Careless)?;
        let (port, folder) = (postgres.port, postgres.folder.path().to_owned());
        assert!(is_ready(&binaries, port)?);
        drop(postgres);
        assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
        assert!(!folder.exists());
        Ok(())
    }
}
