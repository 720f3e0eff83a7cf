//! Running other programs, and leaving none of them behind.
//!
//! Every program gets a process group of its own. A Ctrl-C at the terminal then reaches only this
//! process, which stops what it started in the right order: first the tests, then their servers.
//! A signal does no more than raise a flag; every wait in here looks at it, gives up with an error, and the
//! ordinary unwinding of the call stack drops the guards. So there is one way out for success, failure,
//! panic and Ctrl-C alike.

use std::env;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

/// How often a wait looks again.
const GLANCE: Duration = Duration::from_millis(25);

/// How long a program that is told to end may take before it is told more firmly.
const PATIENCE: Duration = Duration::from_secs(5);

static INTERRUPTED: LazyLock<Arc<AtomicBool>> = LazyLock::new(Arc::default);

/// The top of the workspace, where every `cargo` command runs.
pub(crate) fn workspace_root() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here)
}

/// `cargo` at the top of the workspace.
pub(crate) fn cargo<const N: usize>(args: [&str; N]) -> Command {
    let mut command = Command::new("cargo");
    command.args(args).current_dir(workspace_root());
    // The cargo that runs this tool describes it to it. Build scripts take that for a change of theirs, and what
    // was built by hand would be built anew.
    for (name, _) in env::vars_os() {
        if ["CARGO_MANIFEST_", "CARGO_PKG_"]
            .iter()
            .any(|start| name.to_string_lossy().starts_with(start))
        {
            command.env_remove(name);
        }
    }
    command
}

/// Makes Ctrl-C, SIGTERM and SIGHUP ask for a tidy end instead of bringing a sudden one.
pub(crate) fn listen_for_interrupts() -> Result<()> {
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        signal_hook::flag::register(signal, Arc::clone(&INTERRUPTED)).context("cannot listen for signals")?;
    }
    Ok(())
}

/// Fails when somebody has asked this process to stop.
pub(crate) fn go_on() -> Result<()> {
    ensure!(!INTERRUPTED.load(Ordering::Relaxed), "interrupted");
    Ok(())
}

/// Runs a program to its end and demands success.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = finish(spawn(command.stdin(Stdio::null()))?)?;
    ensure!(status.success(), "`{}` failed: {status}", words(command));
    Ok(())
}

/// Runs a program to its end and gives back what it wrote to standard output.
pub(crate) fn read(command: &mut Command) -> Result<String> {
    go_on()?;
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("cannot start `{}`", words(command)))?;
    go_on()?;
    ensure!(
        output.status.success(),
        "`{}` failed: {}",
        words(command),
        output.status
    );
    String::from_utf8(output.stdout).with_context(|| format!("`{}` wrote something that is not text", words(command)))
}

/// Waits until `ready` says so; an error when that takes longer than `limit`.
pub(crate) fn wait_until(what: &str, limit: Duration, mut ready: impl FnMut() -> Result<bool>) -> Result<()> {
    let start = Instant::now();
    while !ready()? {
        go_on()?;
        if start.elapsed() > limit {
            bail!("{what} took longer than {} s", limit.as_secs());
        }
        thread::sleep(GLANCE);
    }
    Ok(())
}

/// A program that runs beside the tests. Dropping it stops it.
pub(crate) struct Background {
    child: Child,
    farewell: &'static [Signal],
}

impl Background {
    /// Starts the program. `farewell` lists the signals that end it, the kindest first.
    pub(crate) fn start(command: &mut Command, farewell: &'static [Signal]) -> Result<Self> {
        let child = spawn(command.stdin(Stdio::null()))?;
        Ok(Self { child, farewell })
    }

    /// How the program ended, if it has.
    pub(crate) fn ended(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        stop(&mut self.child, self.farewell, kill_process);
    }
}

fn spawn(command: &mut Command) -> Result<Child> {
    go_on()?;
    command
        .process_group(0)
        .spawn()
        .with_context(|| format!("cannot start `{}`", words(command)))
}

/// Waits for a program in the foreground; an interrupt takes its whole group down, since `cargo` has
/// children of its own.
fn finish(mut child: Child) -> Result<ExitStatus> {
    loop {
        if let Some(status) = child.try_wait()? {
            go_on()?;
            return Ok(status);
        }
        if let Err(interrupt) = go_on() {
            stop(&mut child, &[Signal::TERM], kill_process_group);
            return Err(interrupt);
        }
        thread::sleep(GLANCE);
    }
}

/// Sends one signal after the other until the child is gone, and last the one nobody survives.
///
/// The child is ours and not yet reaped, so its number cannot have passed to another process.
fn stop(child: &mut Child, signals: &[Signal], send: fn(Pid, Signal) -> rustix::io::Result<()>) {
    for signal in signals.iter().chain([&Signal::KILL]) {
        if gone(child) || send(Pid::from_child(child), *signal).is_err() {
            break;
        }
        let start = Instant::now();
        while !gone(child) && start.elapsed() < PATIENCE {
            thread::sleep(GLANCE);
        }
    }
}

fn gone(child: &mut Child) -> bool {
    !matches!(child.try_wait(), Ok(None))
}

/// The command as one would type it, for messages.
fn words(command: &Command) -> String {
    let mut words = command.get_program().to_string_lossy().into_owned();
    for arg in command.get_args() {
        words.push(' ');
        words.push_str(&arg.to_string_lossy());
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failing_program_is_named_with_its_arguments() {
        let message = run(&mut Command::new("false")).map_err(|error| error.to_string());
        assert_eq!(message, Err("`false` failed: exit status: 1".to_owned()));
        assert_eq!(words(&cargo(["fmt", "--all"])), "cargo fmt --all");
    }

    #[test]
    fn inner_cargo_is_not_told_of_the_outer_one() {
        let command = cargo(["build"]);
        let removed: Vec<_> = command.get_envs().filter(|(_, value)| value.is_none()).collect();
        for name in ["CARGO_MANIFEST_DIR", "CARGO_PKG_NAME", "CARGO_PKG_VERSION_MAJOR"] {
            assert!(removed.iter().any(|(removed, _)| *removed == name), "{name}");
        }
    }

    #[test]
    fn background_program_is_gone_after_drop() -> Result<()> {
        let mut background = Background::start(Command::new("sleep").arg("60"), &[Signal::TERM])?;
        assert_eq!(background.ended()?, None);
        let pid = Pid::from_child(&background.child);
        drop(background);
        assert!(rustix::process::test_kill_process(pid).is_err());
        Ok(())
    }

    #[test]
    fn wait_has_a_bound() {
        let outcome = wait_until("never", Duration::ZERO, || Ok(false));
        assert_eq!(
            outcome.map_err(|error| error.to_string()),
            Err("never took longer than 0 s".to_owned())
        );
    }
}
