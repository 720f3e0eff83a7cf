//! The binary: see [`taskwire::command`].

use std::io;
use std::process::ExitCode;
use std::time::Duration;

use mimalloc::MiMalloc;
use tokio::runtime::Builder;

/// Hashing a password needs 19 MiB for a moment. This allocator returns them to the operating system; glibc's keeps
/// them for each thread that ever hashed. Huge pages are off: an idle server would use 14 MB more, and a busy one is
/// no faster with them.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Time limit for blocking calls when the process ends. They cannot be cancelled, and a name lookup can take minutes.
const BLOCKING: Duration = Duration::from_secs(1);

fn main() -> io::Result<ExitCode> {
    let runtime = Builder::new_multi_thread().enable_all().build()?;
    let code = runtime.block_on(taskwire::command::run());
    // Every command has awaited what must end. Dropping the runtime would wait for blocking calls without a limit.
    runtime.shutdown_timeout(BLOCKING);
    Ok(code)
}
