//! Disks that are almost full.

use std::path::Path;
use std::process::Command;

use crate::support::database::{TestDatabase, is_postgres};
use crate::support::process::{CommandOutput, Sandbox};

/// Runs doctor with a small disk mounted at a folder, and a copy of a file on it. Only this process sees the disk.
async fn run_on_disk(sandbox: &Sandbox, folder: &Path, mebibytes: u32, file: &str) -> CommandOutput {
    let script = format!(
        "mount -t tmpfs -o size={mebibytes}m tmpfs '{0}' && cp '{file}' '{0}'; exec \"$0\" \"$@\"",
        folder.display()
    );
    let mut program = in_own_mounts();
    program.args(["sh", "-c", &script, env!("CARGO_BIN_EXE_taskwire")]);
    sandbox.run_in(program, "doctor").await
}

/// Runs a program in a separate mount and user namespace, where it is root.
fn in_own_mounts() -> Command {
    let mut program = Command::new("unshare");
    program.args(["--mount", "--map-root-user"]);
    program
}

#[tokio::test]
async fn a_disk_that_is_almost_full_is_named() {
    if !in_own_mounts()
        .arg("true")
        .status()
        .is_ok_and(|status| status.success())
    {
        // This system has no unprivileged namespaces. Unit tests check the limits.
        return;
    }
    let database = TestDatabase::create().await;
    let sandbox = Sandbox::over(&database).with("UPLOAD_DIR", "small");
    let folder = sandbox.path().join("small");
    std::fs::create_dir(&folder).unwrap();
    for (mebibytes, code, verdict, text) in [
        (90, Some(1), "FAILED", "writes will fail soon"),
        (900, Some(0), "warn", "at least 1 GiB and 5 % should be free"),
        (1_100, Some(0), "ok", " 1 GiB ("),
    ] {
        let output = run_on_disk(&sandbox, &folder, mebibytes, "/dev/null").await;
        let (found, line) = about(&output, "uploads");
        assert_eq!((output.code, found), (code, verdict), "{output:?}");
        assert!(
            line.contains(text) && line.contains(folder.to_str().unwrap()),
            "{output:?}"
        );
    }
    if is_postgres() {
        // The disk of PostgreSQL may be on another machine.
        return;
    }
    let file = database.url().trim_start_matches("sqlite:");
    let copy = format!("sqlite:{}/taskwire.db", folder.display());
    let sandbox = sandbox.with("DATABASE_URL", &copy).with("UPLOAD_DIR", "elsewhere");
    let output = run_on_disk(&sandbox, &folder, 90, file).await;
    let (verdict, text) = about(&output, "database");
    assert_eq!((output.code, verdict), (Some(1), "FAILED"), "{output:?}");
    assert!(text.starts_with(" 8") && text.contains(" MiB ("), "{output:?}");
}

/// Verdict and text of the line about the disk with this content.
fn about<'a>(output: &'a CommandOutput, content: &str) -> (&'a str, &'a str) {
    let start = format!("disk: {content}:");
    let mut lines = output.stdout.lines().map(|line| line.split_at(8));
    let found = lines.find_map(|(verdict, text)| Some((verdict.trim_end(), text.strip_prefix(&start)?)));
    found.unwrap_or_else(|| panic!("{output:?}"))
}
