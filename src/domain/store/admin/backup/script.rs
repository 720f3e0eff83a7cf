//! Parses the output of `pg_restore`: rows for `COPY`, and values of sequences.
//!
//! Everything else is ignored, so a manipulated archive can bring wrong rows but run no commands.

use std::path::Path;

use anyhow::anyhow;
use migration::TABLES;
use sea_orm::sqlx::{self, PgConnection, postgres::PgCopyIn};
use sea_orm::{DbErr, RuntimeErr};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};

use super::program::Program;
use crate::domain::error::{Error, Result};

/// Bytes sent to the server at once.
const CHUNK_BYTES: usize = 256 * 1024;

/// Loads the rows of a dump into the tables of the connection's schema.
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
    let stderr_text = tokio::spawn(async move {
        let mut text = Vec::new();
        // The text only explains a failure; the exit status decides.
        drop(stderr.read_to_end(&mut text).await);
        text
    });
    let mut script = Script {
        lines: BufReader::with_capacity(CHUNK_BYTES, stdout),
        line: Vec::new(),
    };
    script.run(connection).await?;
    let status = child.wait().await.map_err(Error::internal)?;
    if status.success() {
        return Ok(());
    }
    Err(program.failed(&stderr_text.await.map_err(Error::internal)?))
}

struct Script<R> {
    lines: BufReader<R>,
    line: Vec<u8>,
}

impl<R: tokio::io::AsyncRead + Unpin> Script<R> {
    /// Reads the next line with its line end. False at the end of the script.
    async fn next(&mut self) -> Result<bool> {
        self.line.clear();
        let read = self.lines.read_until(b'\n', &mut self.line).await;
        Ok(read.map_err(Error::internal)? > 0)
    }

    async fn run(&mut self, connection: &mut PgConnection) -> Result<()> {
        while self.next().await? {
            let line = String::from_utf8_lossy(&self.line).into_owned();
            match ScriptLine::of(line.trim_end()) {
                ScriptLine::Copy { table, columns } => {
                    if !TABLES.contains(&table.as_str()) {
                        return Err(Error::internal(anyhow!(
                            "the dump has rows of {table}, which is not a table of Taskwire"
                        )));
                    }
                    let columns: Vec<String> = columns.iter().map(|column| quoted(column)).collect();
                    let statement = format!("COPY {} ({}) FROM STDIN", quoted(&table), columns.join(", "));
                    let copy = connection.copy_in_raw(&statement).await.map_err(failed)?;
                    self.send_rows(copy).await?;
                }
                ScriptLine::Sequence { name, value, is_called } => {
                    sqlx::query("SELECT setval($1::regclass, $2, $3)")
                        .bind(quoted(&name))
                        .bind(value)
                        .bind(is_called)
                        .execute(&mut *connection)
                        .await
                        .map_err(failed)?;
                }
                ScriptLine::Other => {}
            }
        }
        Ok(())
    }

    /// Sends every line up to the end marker `\.`.
    async fn send_rows(&mut self, mut copy: PgCopyIn<&mut PgConnection>) -> Result<()> {
        let mut chunk = Vec::with_capacity(CHUNK_BYTES);
        loop {
            if !self.next().await? {
                return Err(Error::internal(anyhow!("the dump ends in the middle of a table")));
            }
            if self.line == b"\\.\n" {
                break;
            }
            chunk.extend_from_slice(&self.line);
            if chunk.len() >= CHUNK_BYTES {
                copy.send(chunk.as_slice()).await.map_err(failed)?;
                chunk.clear();
            }
        }
        copy.send(chunk.as_slice()).await.map_err(failed)?;
        copy.finish().await.map_err(failed)?;
        Ok(())
    }
}

pub(super) fn failed(error: sqlx::Error) -> Error {
    DbErr::Exec(RuntimeErr::SqlxError(std::sync::Arc::new(error))).into()
}

#[derive(Debug, PartialEq, Eq)]
enum ScriptLine {
    Copy {
        table: String,
        columns: Vec<String>,
    },
    Sequence {
        name: String,
        value: i64,
        is_called: bool,
    },
    /// Comments, and settings that we set ourselves.
    Other,
}

impl ScriptLine {
    fn of(line: &str) -> Self {
        copy(line).or_else(|| sequence(line)).unwrap_or(Self::Other)
    }
}

/// `COPY public.users (id, email) FROM stdin;`
fn copy(line: &str) -> Option<ScriptLine> {
    let (table, rest) = qualified(line.strip_prefix("COPY ")?)?;
    let mut rest = rest.strip_prefix(" (")?;
    let mut columns = Vec::new();
    loop {
        let (column, remaining) = identifier(rest)?;
        columns.push(column);
        match remaining.strip_prefix(", ") {
            Some(more) => rest = more,
            None => break (remaining == ") FROM stdin;").then_some(ScriptLine::Copy { table, columns }),
        }
    }
}

/// `SELECT pg_catalog.setval('public.users_id_seq', 7, true);`
fn sequence(line: &str) -> Option<ScriptLine> {
    let (name, rest) = line.strip_prefix("SELECT pg_catalog.setval('")?.split_once("', ")?;
    let name = name.replace("''", "'");
    let (name, "") = qualified(&name)? else { return None };
    let (value, is_called) = rest.strip_suffix(");")?.split_once(", ")?;
    Some(ScriptLine::Sequence {
        name,
        value: value.parse().ok()?,
        is_called: is_called.parse().ok()?,
    })
}

/// Parses `schema.name`. Returns the name and the remaining text.
fn qualified(text: &str) -> Option<(String, &str)> {
    let (_schema, rest) = identifier(text)?;
    identifier(rest.strip_prefix('.')?)
}

/// Parses an identifier, quoted or not. Returns it and the remaining text.
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
        let (part, remaining) = rest.split_once('"')?;
        name.push_str(part);
        match remaining.strip_prefix('"') {
            Some(more) => {
                name.push('"');
                rest = more;
            }
            None => return Some((name, remaining)),
        }
    }
}

/// A name as a quoted SQL identifier.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_and_sequences_are_parsed_in_any_schema() {
        for schema in ["public", "\"My.Schema\"", "\"a \"\"b\"\"\""] {
            assert_eq!(
                ScriptLine::of(&format!(
                    "COPY {schema}.task_events (id, \"type\", task_id) FROM stdin;"
                )),
                ScriptLine::Copy {
                    table: "task_events".to_owned(),
                    columns: ["id", "type", "task_id"].map(str::to_owned).to_vec()
                }
            );
            assert_eq!(
                ScriptLine::of(&format!("SELECT pg_catalog.setval('{schema}.users_id_seq', 41, true);")),
                ScriptLine::Sequence {
                    name: "users_id_seq".to_owned(),
                    value: 41,
                    is_called: true
                }
            );
        }
    }

    #[test]
    fn other_lines_are_ignored() {
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
            assert_eq!(ScriptLine::of(line), ScriptLine::Other, "{line}");
        }
    }

    #[test]
    fn a_quoted_name_is_one_identifier() {
        assert_eq!(quoted("a\"b"), "\"a\"\"b\"");
        assert_eq!(identifier(&quoted("a\"b c")), Some(("a\"b c".to_owned(), "")));
    }
}
