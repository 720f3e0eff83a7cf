//! The binary: see [`taskwire::command`].

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// Hashing a password needs 19 MiB for a moment. This allocator returns them to the operating system; glibc's keeps
/// them for each thread that ever hashed. Huge pages are off: an idle server would use 14 MB more, and a busy one is
/// no faster with them.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    taskwire::command::run().await
}
