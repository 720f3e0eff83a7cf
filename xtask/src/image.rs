//! `cargo xtask image`: builds the container image and runs it once, without a container engine.
//!
//! Buildah runs the Dockerfile with chroot isolation. mmdebstrap creates the base images from Debian's packages,
//! under the names that the Dockerfile uses, in a storage that is deleted afterwards; no registry is asked. Debian's Rust is
//! too old, so the `cargo` of the build stage is a script that hands out a binary from outside. The Dockerfile is used
//! without the digests of the base images, which the substitutes do not have.

use std::collections::BTreeSet;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tempfile::TempDir;

use crate::clients::executable;
use crate::process::{cargo, read, run as run_command, workspace_root};

/// The Debian release of the base images.
const SUITE: &str = "trixie";

/// The image, in its throw-away storage.
const IMAGE: &str = "taskwire";

/// The `cargo` of the build stage.
const CARGO: &str = "\
#!/bin/sh
set -eu
mkdir -p target/release
cp /opt/taskwire target/release/taskwire
";

/// Runs in a container: `$HEALTH` is the health check, the arguments are the entry point. `timeout` ends the server
/// even if this script is killed, because chroot isolation has no process namespace.
const SCRIPT: &str = r#"
set -eu
test "$(id -u)" != 0
/usr/lib/postgresql/17/bin/pg_dump --version
/usr/lib/postgresql/17/bin/pg_restore --version
if "$@" serve; then
    echo "the server starts without a SECRET_KEY" >&2
    exit 1
fi
SECRET_KEY=$(od -An -tx1 -N32 /dev/urandom | tr -d ' \n')
export SECRET_KEY
"$@" migrate up
timeout --kill-after=30 120 "$@" &
server=$!
trap 'kill "$server"' EXIT
tries=0
until sh -c "$HEALTH"; do
    tries=$((tries + 1))
    test "$tries" -lt 30
    sleep 1
done
"$@" doctor
test -f /data/taskwire.db
trap - EXIT
kill -TERM "$server"
wait "$server"
"#;

/// Builds the image around a binary, or around a release build of the workspace, and runs it.
pub(crate) fn check(binary: Option<PathBuf>) -> Result<()> {
    for program in ["buildah", "mmdebstrap"] {
        ensure!(
            which::which(program).is_ok(),
            "{program} is missing; on Debian get it with\n    sudo apt-get install buildah mmdebstrap"
        );
    }
    let binary = binary.map_or_else(release_build, Ok)?;
    let storage = Storage::create()?;
    let dockerfile = fs::read_to_string(workspace_root().join("Dockerfile")).context("cannot read the Dockerfile")?;
    let dockerfile = without_digests(&dockerfile);
    for base in bases(&dockerfile) {
        println!("xtask: creating the base image {base}");
        storage.create_base(base, &binary)?;
    }
    storage.build(&dockerfile)?;
    storage.try_out()?;
    println!("xtask: the image starts, is healthy and stops");
    println!(
        "xtask: not tried: cargo in the image, which {} replaced, and the official base images",
        binary.display()
    );
    Ok(())
}

fn release_build() -> Result<PathBuf> {
    let built = read(&mut cargo([
        "build",
        "--release",
        "--package=taskwire",
        "--message-format=json-render-diagnostics",
    ]))?;
    executable(&built, "taskwire").context("`cargo build` built no taskwire")
}

/// A folder with Buildah's storage, so that images with well-known names stay out of the user's. Dropping it deletes it.
struct Storage(TempDir);

impl Storage {
    fn create() -> Result<Self> {
        Ok(Self(TempDir::with_prefix("taskwire-image-")?))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn buildah<const N: usize>(&self, args: [&str; N]) -> Command {
        let mut buildah = Command::new("buildah");
        buildah.current_dir(workspace_root());
        // Its cache mounts are in the directory for temporary files.
        buildah.env("TMPDIR", self.0.path());
        buildah.arg("--root").arg(self.path("storage"));
        buildah.arg("--runroot").arg(self.path("run")).args(args);
        buildah
    }

    /// Creates a substitute for an official image.
    fn create_base(&self, name: &str, binary: &Path) -> Result<()> {
        let is_busybox = name.starts_with("busybox:");
        let archive = self.path(if is_busybox { "busybox.tar" } else { "debian.tar" });
        if !archive.exists() {
            let mut bootstrap = Command::new("mmdebstrap");
            if is_busybox {
                // Only the files of these packages. base-files has the link from /bin to /usr/bin.
                bootstrap.args(["--variant=extract", "--include=base-files,busybox-static"]);
            } else {
                bootstrap.arg("--variant=minbase");
            }
            run_command(bootstrap.arg(SUITE).arg(&archive))?;
        }
        let container = read(&mut self.buildah(["from", "scratch"]))?;
        let container = container.trim();
        run_command(self.buildah(["add", "--quiet", container]).arg(&archive).arg("/"))?;
        if name.starts_with("rust:") {
            let cargo = self.path("cargo");
            fs::write(&cargo, CARGO)?;
            let binary = fs::canonicalize(binary).with_context(|| format!("cannot find {}", binary.display()))?;
            for (file, place) in [(cargo, "/usr/local/bin/cargo"), (binary, "/opt/taskwire")] {
                let mut add = self.buildah(["add", "--quiet", "--chmod=755", container]);
                run_command(add.arg(file).arg(place))?;
            }
        }
        let image = format!("docker.io/library/{name}");
        run_command(&mut self.buildah(["commit", "--quiet", "--rm", container, &image]))
    }

    fn build(&self, dockerfile: &str) -> Result<()> {
        let file = self.path("Dockerfile");
        fs::write(&file, dockerfile)?;
        // The OCI format has no health check.
        let mut build = self.buildah(["build", "--isolation=chroot", "--format=docker", "--pull-never"]);
        build.arg("--file").arg(&file);
        run_command(build.arg(format!("--tag={IMAGE}")).arg("."))
    }

    /// Runs the image's entry point and health check as the image's user.
    fn try_out(&self) -> Result<()> {
        let image = read(&mut self.buildah(["inspect", "--type=image", IMAGE]))?;
        let image: Value = serde_json::from_str(&image).context("`buildah inspect` wrote no JSON")?;
        let config = &image["Docker"]["config"];
        let health = config["Healthcheck"]["Test"][1].as_str();
        let health = health.context("the image has no health check")?;
        let entry_point = config["Entrypoint"]
            .as_array()
            .context("the image has no entry point")?;
        let container = read(&mut self.buildah(["from", "--pull-never", IMAGE]))?;
        // Chroot isolation shares the network of this machine.
        let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let mut run = self.buildah(["run", "--isolation=chroot", "--env=SERVER_HOST=127.0.0.1"]);
        run.arg(format!("--env=SERVER_PORT={port}"));
        run.arg(format!("--env=HEALTH={health}")).arg(container.trim());
        run.args(["--", "sh", "-c", SCRIPT, "sh"]);
        run_command(run.args(entry_point.iter().filter_map(Value::as_str)))
    }
}

impl Drop for Storage {
    fn drop(&mut self) {
        // Unmounts what may still be mounted, so that the folder can be deleted.
        if let Err(error) = self.buildah(["rm", "--all"]).output() {
            eprintln!("xtask: buildah could not clean up: {error}");
        }
    }
}

/// The base images that a Dockerfile names.
fn bases(dockerfile: &str) -> BTreeSet<&str> {
    let froms = dockerfile.lines().filter_map(|line| line.strip_prefix("FROM "));
    froms.filter_map(|from| from.split(' ').next()).collect()
}

/// The Dockerfile with base images that are named by their tags alone.
fn without_digests(dockerfile: &str) -> String {
    let lines = dockerfile.lines().map(|line| match line.split_once("@sha256:") {
        Some((image, rest)) if line.starts_with("FROM ") => {
            let rest = rest.split_once(' ').map_or("", |(_, rest)| rest);
            format!("{image} {rest}\n")
        }
        _ => format!("{line}\n"),
    });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bases_are_named_once_each() {
        let bases = bases("FROM debian:13 AS one\nFROM busybox:1 AS two\nFROM debian:13\n");
        assert_eq!(bases, BTreeSet::from(["busybox:1", "debian:13"]));
    }

    #[test]
    fn digests_are_left_out_of_base_images_only() {
        let dockerfile = "FROM debian:13@sha256:0a AS one\nRUN echo x@sha256:0b\nFROM busybox:1@sha256:0c\n";
        let expected = "FROM debian:13 AS one\nRUN echo x@sha256:0b\nFROM busybox:1 \n";
        assert_eq!(without_digests(dockerfile), expected);
        assert_eq!(bases(expected), BTreeSet::from(["busybox:1", "debian:13"]));
    }
}
