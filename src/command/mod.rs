//! The command line: a file or folder for each command, except `schema` and `openapi`, which are one line here.
//!
//! Results go to standard output, logs and progress to standard error. A failure is one line on standard error and
//! exit code 1; an invalid command line exits with code 2.
//!
//! Commands act as [`Actor::System`](crate::domain::actor::Actor::System): anyone who can start the binary can reach
//! the database anyway.

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
mod seed;
mod serve;
mod user;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use secrecy::SecretString;

use crate::domain::seed::DEFAULT_PASSWORD;
use crate::{graphql, rest};

const PROGRAM: &str = "taskwire";

/// Self-hosted GraphQL task server with live subscriptions. Without a command, it runs `serve`.
///
/// Settings come from environment variables and the file `.env`; `taskwire config` prints them.
#[derive(Debug, Parser)]
#[command(name = PROGRAM, version)]
struct CommandLine {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve GraphQL and REST until Ctrl-C or SIGTERM
    Serve,
    /// Apply, revert or list database migrations
    #[command(subcommand)]
    Migrate(Migrate),
    /// Create example users and tasks
    ///
    /// The users are user1@example.com, user2@example.com and so on, with the usernames user1, user2 and so on.
    /// A title is, for example, "Fix the login page of Atlas". Most descriptions end with a unique reference such as
    /// ATLAS-17, which a search finds. Runs with the same options on the same day create the same rows.
    ///
    /// Creates all rows or none. Until it ends, a running server cannot write (SQLite) or deliver live events
    /// (PostgreSQL).
    #[command(verbatim_doc_comment)]
    Seed(Seed),
    /// Create and manage accounts
    #[command(subcommand)]
    User(User),
    /// Write the database and the files to one archive, while servers run
    ///
    /// The archive contains every write that was acknowledged before the backup began, including password hashes.
    /// Only its owner may read it. PostgreSQL needs `pg_dump` of the server's version or a later one.
    #[command(verbatim_doc_comment)]
    Backup(Backup),
    /// Restore a backup, replacing all current data
    ///
    /// It checks the whole archive before it changes anything, and it replaces all data or nothing. Servers may run:
    /// they close live connections, and clients must load everything again. PostgreSQL needs `pg_restore`.
    #[command(verbatim_doc_comment)]
    Restore(Restore),
    /// Print the GraphQL schema (SDL)
    Schema,
    /// Print the OpenAPI document of the REST API (JSON)
    Openapi,
    /// Check GraphQL documents against the schema
    #[command(subcommand)]
    Documents(Documents),
    /// Print the settings that take effect, with secrets masked
    Config {
        #[command(subcommand)]
        command: Option<Config>,
    },
    /// Check settings, database, rights, clock, Redis, mail, storage and free disk
    Doctor,
}

#[derive(Debug, Subcommand)]
enum Migrate {
    /// Apply pending migrations, as a server does when it starts; create a missing SQLite file
    Up {
        /// Number of migrations to apply; default: all
        #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
        steps: Option<u32>,
    },
    /// Revert migrations, newest first, and delete the data in their tables
    Down {
        /// Number of migrations to revert
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
        steps: u32,
        /// Revert all migrations
        #[arg(long, conflicts_with = "steps")]
        all: bool,
    },
    /// List the migrations, oldest first
    Status,
    /// Delete all data and create the tables again
    Fresh {
        /// Confirm that all data is deleted
        #[arg(long, required = true)]
        yes: bool,
    },
}

#[derive(Debug, Subcommand)]
enum Documents {
    /// Validate documents, and print the cost of each operation
    ///
    /// Prints one line of JSON for each document: {"valid": true, "operations": [{"name", "type", "cost"}]}, or
    /// {"valid": false, "errors": [{"code", "message", "locations"}]}. Exits with code 1 if a document is not
    /// valid. The settings (`GRAPHQL_MAX_DEPTH` and others) set the limits. It needs no database.
    #[command(verbatim_doc_comment)]
    Check {
        /// File to check; - for standard input. Each line is a JSON string or {"query", "operationName", "variables"}.
        /// A manifest of persisted operations from Apollo, Relay or GraphQL Code Generator's client preset works too
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
    /// File to write, readable only by its owner; default: standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Replace the file if it exists
    #[arg(long, requires = "out")]
    force: bool,
}

#[derive(Debug, Args)]
struct Seed {
    /// Number of users
    #[arg(long, default_value_t = 10)]
    users: u32,
    /// Number of tasks, owned by the users in turn
    #[arg(long, default_value_t = 200)]
    tasks: u32,
    /// Password of every user
    #[arg(long, default_value = DEFAULT_PASSWORD)]
    password: SecretString,
}

#[derive(Debug, Args)]
struct Backup {
    /// Archive to write, such as taskwire.tar.gz
    file: PathBuf,
    /// Replace the file if it exists
    #[arg(long)]
    force: bool,
    /// Leave out files that are missing from the storage, instead of failing
    #[arg(long)]
    without_lost_files: bool,
}

#[derive(Debug, Args)]
struct Restore {
    /// Archive written by `taskwire backup`
    file: PathBuf,
    /// Replace the data of a database that is not empty
    #[arg(long)]
    force: bool,
}

#[derive(Debug, Subcommand)]
enum User {
    /// Create an account
    Create(NewUser),
    /// Give an account the role of an administrator
    Promote(Login),
    /// Deactivate an account and end its sessions
    Deactivate(Login),
    /// Set a new password and end the account's sessions
    ResetPassword {
        #[command(flatten)]
        login: Login,
        /// New password; default: a random one, which is printed
        #[arg(long)]
        password: Option<SecretString>,
    },
}

#[derive(Debug, Args)]
struct NewUser {
    /// Give the account the role of an administrator
    #[arg(long)]
    admin: bool,
    /// E-mail address, used to log in
    #[arg(long)]
    email: String,
    /// Username, also used to log in: 3 to 50 letters, digits or `_ . -`
    #[arg(long)]
    username: Option<String>,
    /// Full name of the person
    #[arg(long)]
    full_name: Option<String>,
    /// Password; default: a random one, which is printed
    #[arg(long)]
    password: Option<SecretString>,
}

#[derive(Debug, Args)]
struct Login {
    /// E-mail address or username of the account
    login: String,
}

/// Runs the command of the process. An invalid command line ends the process with exit code 2.
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
        Command::Schema => output::line(graphql::sdl().trim_end())?,
        Command::Openapi => output::line(&serde_json::to_string_pretty(rest::openapi::document())?)?,
        Command::Documents(Documents::Check { file }) => documents::run(&file)?,
        Command::Config { command } => match command {
            None => config::show()?,
            Some(Config::Init(settings)) => config::init(&settings)?,
            Some(Config::Reference { env }) => config::reference(env)?,
        },
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
    fn migrate_down_reverts_one_migration_by_default() {
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
    fn debug_output_of_a_command_has_no_password() {
        let command = parse("user reset-password ada --password Sesame123").unwrap();
        assert!(!format!("{command:?}").contains("Sesame"));
    }
}
