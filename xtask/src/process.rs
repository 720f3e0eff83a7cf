//! Runs other programs, and stops all of them.
//!
//! Every program gets a separate process group. A Ctrl-C at the terminal then reaches only this process, which stops its
//! children in order: first the tests, then their servers. A signal only sets a flag. Every wait checks the flag and
//! returns an error, and unwinding the call stack drops the guards. So success, failure, panic and Ctrl-C all clean up in
//! the same way.

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

/// The interval at which a wait checks its condition.
const INTERVAL: Duration = Duration::from_millis(25);

/// How long a program may take to end before the next signal.
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
    // The cargo that runs this tool sets variables that describe it. Build scripts would see a change, and rebuild.
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

/// Turns Ctrl-C, SIGTERM and SIGHUP into an orderly shutdown.
pub(crate) fn listen_for_interrupts() -> Result<()> {
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        signal_hook::flag::register(signal, Arc::clone(&INTERRUPTED)).context("cannot listen for signals")?;
    }
    Ok(())
}

/// Fails when a signal has asked this process to stop.
pub(crate) fn go_on() -> Result<()> {
    ensure!(!INTERRUPTED.load(Ordering::Relaxed), "interrupted");
    Ok(())
}

/// Runs a program to its end, and fails if it fails.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = finish(spawn(command.stdin(Stdio::null()))?)?;
    ensure!(status.success(), "`{}` failed: {status}", words(command));
    Ok(())
}

/// Runs a program to its end, and returns its standard output.
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
    String::from_utf8(output.stdout).with_context(|| format!("`{}` wrote output that is not UTF-8", words(command)))
}

/// Waits until `ready` returns true; fails after `limit`.
pub(crate) fn wait_until(what: &str, limit: Duration, mut ready: impl FnMut() -> Result<bool>) -> Result<()> {
    let start = Instant::now();
    while !ready()? {
        go_on()?;
        if start.elapsed() > limit {
            bail!("{what} took longer than {} s", limit.as_secs());
        }
        thread::sleep(INTERVAL);
    }
    Ok(())
}

/// A program that runs beside the tests. Dropping it stops it.
pub(crate) struct Background {
    child: Child,
    signals: &'static [Signal],
}

impl Background {
    /// Starts the program. `signals` are those that end it, the mildest first.
    pub(crate) fn start(command: &mut Command, signals: &'static [Signal]) -> Result<Self> {
        let child = spawn(command.stdin(Stdio::null()))?;
        Ok(Self { child, signals })
    }

    /// How the program ended, if it has.
    pub(crate) fn ended(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        stop(&mut self.child, self.signals, kill_process);
    }
}

fn spawn(command: &mut Command) -> Result<Child> {
    go_on()?;
    command
        .process_group(0)
        .spawn()
        .with_context(|| format!("cannot start `{}`", words(command)))
}

/// Waits for a program in the foreground. An interrupt stops its whole group, because `cargo` has children.
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
        thread::sleep(INTERVAL);
    }
}

/// Sends one signal after the other until the child has ended, and SIGKILL last.
///
/// The child is not reaped yet, so no other process can have its id.
fn stop(child: &mut Child, signals: &[Signal], send: fn(Pid, Signal) -> rustix::io::Result<()>) {
    for signal in signals.iter().chain([&Signal::KILL]) {
        if gone(child) || send(Pid::from_child(child), *signal).is_err() {
            break;
        }
        let start = Instant::now();
        while !gone(child) && start.elapsed() < PATIENCE {
            thread::sleep(INTERVAL);
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
    fn inner_cargo_has_no_variables_of_the_outer_one() {
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
