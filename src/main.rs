//! The binary: see [`taskwire::command`].

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// Hashing a password takes 19 MiB for a moment. This allocator gives them back to the system; that of glibc
/// keeps them, once for each thread that ever hashed. It does not ask for huge pages: an idle server would hold 14 MB
/// more, and a busy one is no faster with them.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    taskwire::command::run().await
}
