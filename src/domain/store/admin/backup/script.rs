//! What `pg_restore` makes of a dump: rows for `COPY`, and where sequences stand.
//!
//! Nothing else of it is done. So an archive that somebody tampered with can bring wrong rows, but no commands.

use std::path::Path;

use anyhow::anyhow;
use migration::TABLES;
use sea_orm::sqlx::{self, PgConnection, postgres::PgCopyIn};
use sea_orm::{DbErr, RuntimeErr};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};

use super::program::Program;
use crate::domain::error::{Error, Result};

/// So much is sent to the server at once.
const PIECE: usize = 256 * 1024;

/// Loads the rows of a dump into tables of the connection's schema.
pub(super) async fn load(program: &Program, dump: &Path, connection: &mut PgConnection) -> Result<()> {
    let mut command = program.command();
    command
        .args(["--data-only", "--no-owner", "--file=-"])
        .arg(dump)
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped());
    let mut child = command.spawn().map_err(Error::internal)?;
    let (Some(stdout), Some(mut stderr)) = (child.stdout.take(), child.stderr.take()) else {
        return Err(program.failed(b"it has no output"));
    };
    let complaints = tokio::spawn(async move {
        let mut text = Vec::new();
        // What it says is only for people: whatever came of it counts.
        drop(stderr.read_to_end(&mut text).await);
        text
    });
    let mut script = Script {
        lines: BufReader::with_capacity(PIECE, stdout),
        line: Vec::new(),
    };
    script.run(connection).await?;
    let status = child.wait().await.map_err(Error::internal)?;
    if status.success() {
        return Ok(());
    }
    Err(program.failed(&complaints.await.map_err(Error::internal)?))
}

struct Script<R> {
    lines: BufReader<R>,
    line: Vec<u8>,
}

impl<R: tokio::io::AsyncRead + Unpin> Script<R> {
    /// Reads the next line, its end included. False at the end of all.
    async fn next(&mut self) -> Result<bool> {
        self.line.clear();
        let read = self.lines.read_until(b'\n', &mut self.line).await;
        Ok(read.map_err(Error::internal)? > 0)
    }

    async fn run(&mut self, connection: &mut PgConnection) -> Result<()> {
        while self.next().await? {
            let line = String::from_utf8_lossy(&self.line).into_owned();
            match Step::of(line.trim_end()) {
                Step::Copy { table, columns } => {
                    if !TABLES.contains(&table.as_str()) {
                        return Err(Error::internal(anyhow!(
                            "the dump has rows of {table}, which is no table of ours"
                        )));
                    }
                    let columns: Vec<String> = columns.iter().map(|column| quoted(column)).collect();
                    let statement = format!("COPY {} ({}) FROM STDIN", quoted(&table), columns.join(", "));
                    let copy = connection.copy_in_raw(&statement).await.map_err(failed)?;
                    self.send_rows(copy).await?;
                }
                Step::Sequence { name, value, is_called } => {
                    sqlx::query("SELECT setval($1::regclass, $2, $3)")
                        .bind(quoted(&name))
                        .bind(value)
                        .bind(is_called)
                        .execute(&mut *connection)
                        .await
                        .map_err(failed)?;
                }
                Step::Other => {}
            }
        }
        Ok(())
    }

    /// Every line up to the one that says that these were all.
    async fn send_rows(&mut self, mut copy: PgCopyIn<&mut PgConnection>) -> Result<()> {
        let mut piece = Vec::with_capacity(PIECE);
        loop {
            if !self.next().await? {
                return Err(Error::internal(anyhow!("the dump ends in the middle of a table")));
            }
            if self.line == b"\\.\n" {
                break;
            }
            piece.extend_from_slice(&self.line);
            if piece.len() >= PIECE {
                copy.send(piece.as_slice()).await.map_err(failed)?;
                piece.clear();
            }
        }
        copy.send(piece.as_slice()).await.map_err(failed)?;
        copy.finish().await.map_err(failed)?;
        Ok(())
    }
}

/// The error that the rest of the store has for it.
pub(super) fn failed(error: sqlx::Error) -> Error {
    DbErr::Exec(RuntimeErr::SqlxError(std::sync::Arc::new(error))).into()
}

/// One step of a script.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    /// Rows follow.
    Copy { table: String, columns: Vec<String> },
    /// A sequence stands there.
    Sequence { name: String, value: i64, is_called: bool },
    /// Comments, and settings that we make ourselves.
    Other,
}

impl Step {
    fn of(line: &str) -> Self {
        copy(line).or_else(|| sequence(line)).unwrap_or(Self::Other)
    }
}

/// `COPY public.users (id, email) FROM stdin;`
fn copy(line: &str) -> Option<Step> {
    let (table, rest) = qualified(line.strip_prefix("COPY ")?)?;
    let mut rest = rest.strip_prefix(" (")?;
    let mut columns = Vec::new();
    loop {
        let (column, behind) = identifier(rest)?;
        columns.push(column);
        match behind.strip_prefix(", ") {
            Some(more) => rest = more,
            None => break (behind == ") FROM stdin;").then_some(Step::Copy { table, columns }),
        }
    }
}

/// `SELECT pg_catalog.setval('public.users_id_seq', 7, true);`
fn sequence(line: &str) -> Option<Step> {
    let (name, rest) = line.strip_prefix("SELECT pg_catalog.setval('")?.split_once("', ")?;
    let name = name.replace("''", "'");
    let (name, "") = qualified(&name)? else { return None };
    let (value, is_called) = rest.strip_suffix(");")?.split_once(", ")?;
    Some(Step::Sequence {
        name,
        value: value.parse().ok()?,
        is_called: is_called.parse().ok()?,
    })
}

/// The name behind the schema, and what follows.
fn qualified(text: &str) -> Option<(String, &str)> {
    let (_schema, rest) = identifier(text)?;
    identifier(rest.strip_prefix('.')?)
}

/// An identifier, in quotation marks or not, and what follows.
fn identifier(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text
            .find(|c: char| !c.is_alphanumeric() && !matches!(c, '_' | '$'))
            .unwrap_or(text.len());
        return (end > 0).then(|| (text[..end].to_owned(), &text[end..]));
    };
    let mut name = String::new();
    let mut rest = quoted;
    loop {
        let (part, behind) = rest.split_once('"')?;
        name.push_str(part);
        match behind.strip_prefix('"') {
            Some(more) => {
                name.push('"');
                rest = more;
            }
            None => return Some((name, behind)),
        }
    }
}

/// A name as it stands in a statement, whatever is in it.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_and_sequences_are_found_in_any_schema() {
        for schema in ["public", "\"My.Schema\"", "\"a \"\"b\"\"\""] {
            assert_eq!(
                Step::of(&format!(
                    "COPY {schema}.task_events (id, \"type\", task_id) FROM stdin;"
                )),
                Step::Copy {
                    table: "task_events".to_owned(),
                    columns: ["id", "type", "task_id"].map(str::to_owned).to_vec()
                }
            );
            assert_eq!(
                Step::of(&format!("SELECT pg_catalog.setval('{schema}.users_id_seq', 41, true);")),
                Step::Sequence {
                    name: "users_id_seq".to_owned(),
                    value: 41,
                    is_called: true
                }
            );
        }
    }

    #[test]
    fn nothing_else_is_a_step() {
        for line in [
            "",
            "-- COPY public.users (id) FROM stdin;",
            "DROP TABLE public.users;",
            "COPY public.users (id) FROM PROGRAM 'rm -r /';",
            "COPY public.users (id) FROM stdin; DROP TABLE users;",
            "COPY users (id) FROM stdin;",
            "SELECT pg_catalog.setval('public.users_id_seq', 41, true); DROP TABLE users;",
            "SELECT pg_catalog.set_config('search_path', '', false);",
        ] {
            assert_eq!(Step::of(line), Step::Other, "{line}");
        }
    }

    #[test]
    fn a_name_stays_one_name() {
        assert_eq!(quoted("a\"b"), "\"a\"\"b\"");
        assert_eq!(identifier(&quoted("a\"b c")), Some(("a\"b c".to_owned(), "")));
    }
}
