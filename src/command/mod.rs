//! The command line: one file a command.
//!
//! What a command has to say goes to standard output, logs and progress to standard error. A
//! failure is one line there, and the exit code 1; a command line that cannot be read exits with 2.
//!
//! Commands act as [`Actor::System`](crate::domain::actor::Actor::System): whoever can start the
//! binary can reach the database anyway.

mod backup;
mod config;
mod database;
mod doctor;
mod documents;
mod migrate;
mod output;
mod password;
mod progress;
mod restore;
mod schema;
mod seed;
mod serve;
mod user;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use secrecy::SecretString;

use crate::domain::seed::DEFAULT_PASSWORD;

/// The name of the program in what it prints.
const PROGRAM: &str = "taskwire";

/// A self-hosted GraphQL task server with live subscriptions. Without a command it serves.
///
/// Settings come from environment variables and the file `.env`; `taskwire config` shows them.
#[derive(Debug, Parser)]
#[command(name = PROGRAM, version)]
struct CommandLine {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serves GraphQL and REST until it is told to stop
    Serve,
    /// Brings the database's tables up to date, or back
    #[command(subcommand)]
    Migrate(Migrate),
    /// Fills the database with example users and tasks
    ///
    /// The users are user1@example.com, user2@example.com and so on, with the usernames user1, user2 and so on.
    /// Titles read like "Fix the login page of Atlas"; most descriptions end with a reference of their own, such
    /// as ATLAS-17, which a search finds. The same numbers on the same day give the same rows.
    ///
    /// It is all or nothing. Meanwhile a running server's writes wait (SQLite), or its live events (PostgreSQL).
    #[command(verbatim_doc_comment)]
    Seed(Seed),
    /// Makes and manages accounts
    #[command(subcommand)]
    User(User),
    /// Writes the database and the files to one archive, while servers run
    ///
    /// What was acknowledged before it began is in it. The archive holds password hashes and everything that people
    /// wrote: only its owner may read it. On PostgreSQL it takes `pg_dump`, of the server's version or a later one.
    #[command(verbatim_doc_comment)]
    Backup(Backup),
    /// Puts what a backup holds in the place of what there is
    ///
    /// The whole archive is checked before anything is changed, and it is all or nothing. Servers may run: they
    /// close connections that watch, and clients begin anew. On PostgreSQL it takes `pg_restore`.
    #[command(verbatim_doc_comment)]
    Restore(Restore),
    /// Prints the GraphQL schema (SDL)
    Schema,
    /// Prints the OpenAPI document of the REST face (JSON)
    Openapi,
    /// Check GraphQL documents against the schema
    #[command(subcommand)]
    Documents(Documents),
    /// Print the settings as they take effect, secrets masked
    Config {
        #[command(subcommand)]
        command: Option<Config>,
    },
    /// Checks settings, database, Redis, storage and clock
    Doctor,
}

#[derive(Debug, Subcommand)]
enum Migrate {
    /// Apply pending migrations, as a server does when it starts; create a missing SQLite file
    Up {
        /// How many; all when left out
        #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
        steps: Option<u32>,
    },
    /// Undoes migrations, the newest first, and deletes the data in their tables
    Down {
        /// How many
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
        steps: u32,
        /// All of them
        #[arg(long, conflicts_with = "steps")]
        all: bool,
    },
    /// Lists the migrations, the oldest first
    Status,
    /// Deletes all data and makes the tables anew
    Fresh {
        /// Yes, delete everything
        #[arg(long, required = true)]
        yes: bool,
    },
}

#[derive(Debug, Subcommand)]
enum Documents {
    /// Check whether documents are valid, and what their operations cost
    ///
    /// Prints a line of JSON for each document: {"valid": true, "operations": [{"name", "type", "cost"}]}, or
    /// {"valid": false, "errors": [{"code", "message", "locations"}]}. Exits with 1 if one is not valid. The limits are
    /// those of the settings (`GRAPHQL_MAX_DEPTH` and others). It needs no database.
    #[command(verbatim_doc_comment)]
    Check {
        /// One JSON document a line: a string, or {"query", "operationName", "variables"}; or a manifest of persisted
        /// operations by Apollo, Relay or the code generator's client preset; - for standard input
        file: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
enum Config {
    /// Write a commented `.env` file for a new installation
    Init(NewSettings),
    /// Print every setting with its default, allowed values and description, as Markdown
    Reference {
        /// Print a commented `.env` file instead, as in `.env.example`
        #[arg(long)]
        env: bool,
    },
}

#[derive(Debug, Args)]
struct NewSettings {
    /// Write settings for production, with a new random `SECRET_KEY`
    #[arg(long)]
    production: bool,
    /// The file to write, which only its owner may read; standard output by default
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Replace the file if it exists
    #[arg(long, requires = "out")]
    force: bool,
}

#[derive(Debug, Args)]
struct Seed {
    /// How many users
    #[arg(long, default_value_t = 10)]
    users: u32,
    /// How many tasks; the users own them in turn
    #[arg(long, default_value_t = 200)]
    tasks: u32,
    /// The password of every user
    #[arg(long, default_value = DEFAULT_PASSWORD)]
    password: SecretString,
}

#[derive(Debug, Args)]
struct Backup {
    /// The archive to write, such as taskwire.tar.gz
    file: PathBuf,
    /// Replace the file if there is one
    #[arg(long)]
    force: bool,
    /// Go on without files that the storage has lost
    #[arg(long)]
    without_lost_files: bool,
}

#[derive(Debug, Args)]
struct Restore {
    /// The archive that `backup` wrote
    file: PathBuf,
    /// Replace what is in the database
    #[arg(long)]
    force: bool,
}

#[derive(Debug, Subcommand)]
enum User {
    /// Makes an account
    Create(NewUser),
    /// Makes an account an administrator's
    Promote(Login),
    /// Deactivates an account, which ends its sessions at once
    Deactivate(Login),
    /// Sets a new password and ends the account's sessions
    ResetPassword {
        #[command(flatten)]
        login: Login,
        /// The new password; a random one is made and printed when left out
        #[arg(long)]
        password: Option<SecretString>,
    },
}

#[derive(Debug, Args)]
struct NewUser {
    /// Make it an administrator's
    #[arg(long)]
    admin: bool,
    /// The e-mail address, to sign in with
    #[arg(long)]
    email: String,
    /// The username, to sign in with too: 3 to 50 of letters, digits, `_ . -`
    #[arg(long)]
    username: Option<String>,
    /// The person's name
    #[arg(long)]
    full_name: Option<String>,
    /// The password; a random one is made and printed when left out
    #[arg(long)]
    password: Option<SecretString>,
}

#[derive(Debug, Args)]
struct Login {
    /// The account's e-mail address or username
    login: String,
}

/// Does what the process was started for. Exits by itself when the command line cannot be read.
pub async fn run() -> ExitCode {
    let command = CommandLine::parse().command.unwrap_or(Command::Serve);
    match dispatch(command).await {
        Ok(code) => code,
        Err(error) => {
            output::error(&error);
            ExitCode::FAILURE
        }
    }
}

async fn dispatch(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Serve => serve::run().await?,
        Command::Migrate(migrate) => migrate::run(migrate).await?,
        Command::Seed(seed) => seed::run(seed).await?,
        Command::User(user) => user::run(user).await?,
        Command::Backup(backup) => backup::run(backup).await?,
        Command::Restore(restore) => restore::run(restore).await?,
        Command::Schema => schema::run()?,
        Command::Openapi => schema::run_openapi()?,
        Command::Documents(Documents::Check { file }) => documents::run(&file)?,
        Command::Config { command: None } => config::show()?,
        Command::Config {
            command: Some(Config::Init(settings)),
        } => config::init(&settings)?,
        Command::Config {
            command: Some(Config::Reference { env }),
        } => config::reference(env)?,
        Command::Doctor => return doctor::run().await,
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    fn parse(arguments: &str) -> Result<CommandLine, clap::Error> {
        CommandLine::try_parse_from([PROGRAM].into_iter().chain(arguments.split_whitespace()))
    }

    #[test]
    fn the_command_line_is_consistent() {
        CommandLine::command().debug_assert();
    }

    #[test]
    fn without_a_command_it_serves() {
        assert!(parse("").unwrap().command.is_none());
    }

    #[test]
    fn deleting_everything_wants_a_yes() {
        assert!(parse("migrate fresh").is_err());
        assert!(parse("migrate fresh --yes").is_ok());
    }

    #[test]
    fn one_migration_is_undone_unless_more_is_said() {
        for (arguments, expected) in [("", (1, false)), ("--steps 3", (3, false)), ("--all", (1, true))] {
            match parse(&format!("migrate down {arguments}")).unwrap().command {
                Some(Command::Migrate(Migrate::Down { steps, all })) => assert_eq!((steps, all), expected),
                other => panic!("{other:?}"),
            }
        }
        assert!(parse("migrate down --all --steps 2").is_err());
        assert!(parse("migrate down --steps 0").is_err());
    }

    #[test]
    fn passwords_are_not_shown_in_what_is_logged_of_a_command() {
        let command = parse("user reset-password ada --password Sesame123").unwrap();
        assert!(!format!("{command:?}").contains("Sesame"));
    }
}
