//! Finds and runs the client programs of PostgreSQL.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, anyhow};
use percent_encoding::percent_decode_str;
use tokio::process::Command;
use url::Url;

use crate::domain::error::{Error, Result};

/// Where systems install programs outside of `PATH`, with one folder for each version.
const FOLDERS: [&str; 4] = ["/usr/lib/postgresql", "/usr", "/opt/homebrew/opt", "/usr/local/opt"];

#[derive(Debug)]
pub(super) struct Program {
    name: &'static str,
    path: PathBuf,
    pub(super) major: u32,
}

impl Program {
    /// Searches `PATH` first, then [`FOLDERS`]. Fails if no version is `at_least` this major version.
    pub(super) async fn find(name: &'static str, at_least: u32) -> Result<Self> {
        let mut found = Vec::new();
        for path in candidates(name) {
            if let Some(major) = version_of(&path).await {
                found.push(Self { name, path, major });
            }
        }
        choose(name, found, at_least).map_err(Error::internal)
    }

    /// The process is killed when its handle is dropped.
    pub(super) fn command(&self) -> Command {
        let mut command = Command::new(&self.path);
        command.stdin(Stdio::null()).kill_on_drop(true);
        command
    }

    pub(super) async fn run(&self, command: &mut Command) -> Result<()> {
        let output = command.output().await.with_context(|| self.shown());
        let output = output.map_err(Error::internal)?;
        if output.status.success() {
            return Ok(());
        }
        Err(self.failed(&output.stderr))
    }

    pub(super) fn failed(&self, stderr: &[u8]) -> Error {
        let stderr = String::from_utf8_lossy(stderr);
        Error::internal(anyhow!("{} failed: {}", self.shown(), stderr.trim()))
    }

    fn shown(&self) -> String {
        format!("{} {}", self.name, self.major)
    }
}

fn candidates(name: &str) -> Vec<PathBuf> {
    let folders = FOLDERS.iter().flat_map(|folder| versions_in(Path::new(folder)));
    let elsewhere = folders.map(|folder| folder.join(name)).filter(|path| path.is_file());
    // Without a folder the system searches `PATH`.
    [PathBuf::from(name)].into_iter().chain(elsewhere).collect()
}

/// `bin` folders of all versions, newest first. Debian names a version `15`, Red Hat `pgsql-15`, Homebrew
/// `postgresql@15`.
fn versions_in(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut found: Vec<(u32, PathBuf)> = entries
        .filter_map(|entry| {
            let name = entry.file_name();
            let name = name.to_str()?;
            let number = name
                .strip_prefix("pgsql-")
                .or_else(|| name.strip_prefix("postgresql@"))
                .unwrap_or(name);
            Some((number.parse().ok()?, entry.path().join("bin")))
        })
        .collect();
    found.sort_unstable_by(|left, right| right.cmp(left));
    found.into_iter().map(|(_, folder)| folder).collect()
}

/// Parses `pg_dump (PostgreSQL) 15.8 (Debian 15.8-0)`.
async fn version_of(path: &Path) -> Option<u32> {
    let output = Command::new(path)
        .arg("--version")
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .ok()?;
    major_in(&String::from_utf8_lossy(&output.stdout))
}

fn major_in(text: &str) -> Option<u32> {
    let (_, version) = text.split_once("(PostgreSQL) ")?;
    let end = version.find(|c: char| !c.is_ascii_digit()).unwrap_or(version.len());
    version[..end].parse().ok()
}

/// Picks the first program that is new enough.
fn choose(name: &str, found: Vec<Program>, at_least: u32) -> anyhow::Result<Program> {
    let newest = found.iter().map(|program| program.major).max();
    let chosen = found.into_iter().find(|program| program.major >= at_least);
    chosen.ok_or_else(|| {
        let problem = newest.map_or_else(
            || format!("{name} was not found in the search path or in /usr/lib/postgresql"),
            |newest| format!("{name} has the version {newest}, which is too old"),
        );
        anyhow!("{problem}: install PostgreSQL's client programs, version {at_least} or later")
    })
}

/// Passes the database URL as environment variables. A command line would show the password to every user of the
/// machine.
pub(super) fn environment(url: &str) -> anyhow::Result<Vec<(&'static str, String)>> {
    let url = Url::parse(url)?;
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let parts = [
        // A URL has brackets around an IPv6 address; the programs expect none.
        (
            "PGHOST",
            url.host_str()
                .map(|host| decoded(host.trim_start_matches('[').trim_end_matches(']'))),
        ),
        ("PGPORT", url.port().map(|port| port.to_string())),
        ("PGUSER", Some(decoded(url.username()))),
        ("PGPASSWORD", url.password().map(decoded)),
        ("PGDATABASE", Some(decoded(url.path().trim_start_matches('/')))),
    ];
    let parts = parts.into_iter().filter_map(|(name, value)| Some((name, value?)));
    let parameters = url
        .query_pairs()
        .filter_map(|(name, value)| Some((variable(&name)?, value.into_owned())));
    Ok(parts.chain(parameters).filter(|(_, value)| !value.is_empty()).collect())
}

/// Maps a query parameter of the URL.
fn variable(parameter: &str) -> Option<&'static str> {
    Some(match parameter {
        "host" | "hostaddr" => "PGHOST",
        "port" => "PGPORT",
        "user" => "PGUSER",
        "password" => "PGPASSWORD",
        "dbname" => "PGDATABASE",
        "sslmode" | "ssl-mode" => "PGSSLMODE",
        "sslrootcert" | "ssl-root-cert" | "ssl-ca" => "PGSSLROOTCERT",
        "sslcert" | "ssl-cert" => "PGSSLCERT",
        "sslkey" | "ssl-key" => "PGSSLKEY",
        "options" => "PGOPTIONS",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program(path: &str, major: u32) -> Program {
        Program {
            name: "pg_dump",
            path: path.into(),
            major,
        }
    }

    #[test]
    fn the_first_new_enough_program_is_chosen() {
        let chosen = choose("pg_dump", vec![program("old", 13), program("new", 17)], 15).unwrap();
        assert_eq!(chosen.path, Path::new("new"));
        let chosen = choose("pg_dump", vec![program("old", 13), program("new", 17)], 13).unwrap();
        assert_eq!(chosen.path, Path::new("old"));
    }

    #[test]
    fn a_missing_or_old_program_is_reported_in_one_line() {
        for (found, start) in [
            (vec![], "pg_dump was not found in the search path"),
            (
                vec![program("old", 13)],
                "pg_dump has the version 13, which is too old: install",
            ),
        ] {
            let error = choose("pg_dump", found, 17).unwrap_err().to_string();
            assert!(error.starts_with(start), "{error}");
            assert!(error.ends_with("version 17 or later"), "{error}");
        }
    }

    #[test]
    fn versions_of_all_distributions_are_parsed() {
        for (text, major) in [
            ("pg_dump (PostgreSQL) 15.8 (Debian 15.8-0+deb12u1)\n", Some(15)),
            ("pg_dump (PostgreSQL) 18beta1\n", Some(18)),
            ("Error: You must install at least one postgresql-client", None),
        ] {
            assert_eq!(major_in(text), major, "{text}");
        }
    }

    #[test]
    fn a_url_becomes_environment_variables() {
        let url = "postgres://me:h%40nter2@db.example.com:6432/my%20tasks?sslmode=verify-full&sslrootcert=/ca.pem";
        assert_eq!(
            environment(url).unwrap(),
            [
                ("PGHOST", "db.example.com"),
                ("PGPORT", "6432"),
                ("PGUSER", "me"),
                ("PGPASSWORD", "h@nter2"),
                ("PGDATABASE", "my tasks"),
                ("PGSSLMODE", "verify-full"),
                ("PGSSLROOTCERT", "/ca.pem"),
            ]
            .map(|(name, value)| (name, value.to_owned()))
        );
        let address = environment("postgres://[fd00::7]:6432/tasks").unwrap();
        assert_eq!(address[0], ("PGHOST", "fd00::7".to_owned()));
        let socket = environment("postgres:///tasks?host=/run/postgresql").unwrap();
        assert_eq!(
            socket,
            [
                ("PGDATABASE", "tasks".to_owned()),
                ("PGHOST", "/run/postgresql".to_owned())
            ]
        );
    }
}
