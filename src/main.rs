//! The binary: see [`taskwire::command`].

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    taskwire::command::run().await
}
