//! The real binary, as people run it: in a working directory of its own, and with an environment that
//! holds only what a test sets.
//!
//! Every wait is for a condition and has a bound, so a slow machine is no failure and a process that
//! hangs is.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use axum::http::Method;
use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::answer::Answer;
use super::database::TestDatabase;
use super::redis::{REDIS_TIMEOUT, RedisServer, beside_server};

/// The longest wait for anything. Only what hangs takes as long.
const PATIENCE: Duration = Duration::from_mins(1);
/// How often a wait looks again.
const GLANCE: Duration = Duration::from_millis(10);

/// Looks until there is something to see.
pub async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(start.elapsed() < PATIENCE, "gave up waiting for {what}");
        tokio::time::sleep(GLANCE).await;
    }
}

/// A working directory, and the settings of whatever runs in it.
pub struct Place {
    folder: TempDir,
    settings: BTreeMap<String, String>,
    /// Runs as long as the place is there.
    _redis: Option<RedisServer>,
}

impl Place {
    /// Without any settings.
    pub fn bare() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            settings: BTreeMap::new(),
            _redis: None,
        }
    }

    /// For this database, on any free port.
    pub fn over(database: &TestDatabase) -> Self {
        let redis = beside_server();
        let place = match &redis {
            Some(redis) => Self::bare()
                .with("REDIS_URL", &redis.url())
                .with(REDIS_TIMEOUT.0, REDIS_TIMEOUT.1),
            None => Self::bare(),
        };
        Self { _redis: redis, ..place }
            .with("DATABASE_URL", database.url())
            .with("DATABASE_MAX_CONNECTIONS", "5")
            .with("SERVER_PORT", "0")
            // Tests are in a hurry; those of the limits switch them on.
            .with("RATE_LIMIT_ENABLED", "false")
    }

    /// With one more setting, in the place of an earlier one of that name.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.settings.insert(name.to_owned(), value.to_owned());
        self
    }

    /// The working directory.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Runs a command by a program whose arguments end with the binary, such as `setpriv`.
    pub async fn run_in(&self, program: Command, command: &str) -> Outcome {
        self.finish(self.spawn(program, command, &[])).await
    }

    /// The same for a process that may write no file of more than so many KiB, as on a disk that is full.
    pub async fn run_limited(&self, command: &str, kibibytes: u32) -> Outcome {
        self.run_in(limited(&format!("-S -f {kibibytes}")), command).await
    }

    /// The same for a process that may open no more than this many files.
    pub async fn run_with_open_files(&self, command: &str, files: u32) -> Outcome {
        self.run_in(limited(&format!("-n {files}")), command).await
    }

    /// Starts a server so, and waits until it is ready.
    pub async fn serve_limited(&self, kibibytes: u32) -> Server {
        let program = limited(&format!("-S -f {kibibytes}"));
        self.ready(self.spawn(program, "", &[])).await
    }

    /// Starts a server that may open no more than this many files, and waits until it is ready.
    pub async fn serve_with_open_files(&self, files: u32) -> Server {
        let program = limited(&format!("-n {files}"));
        self.ready(self.spawn(program, "", &[])).await
    }

    /// Runs a command, whose words have spaces between them, to its end.
    pub async fn run(&self, command: &str) -> Outcome {
        self.run_with(command, &[]).await
    }

    /// The same, with more settings this once.
    pub async fn run_with(&self, command: &str, settings: &[(&str, &str)]) -> Outcome {
        self.finish(self.start(command, settings)).await
    }

    async fn finish(&self, mut process: Process) -> Outcome {
        let code = process.end().await;
        Outcome {
            code,
            stdout: process.stdout.finish(),
            stderr: process.stderr.finish(),
        }
    }

    /// Creates an account on the command line, whose address is verified by that.
    pub async fn creates_user(&self, name: &str) {
        let password = super::PASSWORD;
        let create = format!("user create --email {name}@example.com --username {name} --password {password}");
        self.run(&create).await.printed();
    }

    /// Starts a server and waits until it is ready.
    pub async fn serve(&self) -> Server {
        self.ready(self.start("", &[])).await
    }

    /// The same in a directory of the working directory.
    pub async fn serve_in(&self, directory: &str) -> Server {
        let mut program = Command::new(env!("CARGO_BIN_EXE_taskwire"));
        program.current_dir(self.path().join(directory));
        self.ready(self.spawn(program, "", &[])).await
    }

    async fn ready(&self, mut process: Process) -> Server {
        let address = until("the server to listen", async || {
            let log = process.stderr.text();
            assert!(process.is_running(), "the server ended: {log}");
            listens_on(&log)
        })
        .await;
        let server = Server {
            process,
            address,
            client: client(),
        };
        until("the server to be ready", async || {
            let answer = server.client.get(server.url("/readyz")).send().await.ok()?;
            answer.status().is_success().then_some(())
        })
        .await;
        server
    }

    fn start(&self, command: &str, settings: &[(&str, &str)]) -> Process {
        self.spawn(Command::new(env!("CARGO_BIN_EXE_taskwire")), command, settings)
    }

    fn spawn(&self, mut program: Command, command: &str, settings: &[(&str, &str)]) -> Process {
        if program.get_current_dir().is_none() {
            program.current_dir(self.path());
        }
        let mut child = program
            .args(command.split_whitespace())
            .env_clear()
            .envs(&self.settings)
            .envs(settings.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Process {
            stdout: Output::of(child.stdout.take().unwrap()),
            stderr: Output::of(child.stderr.take().unwrap()),
            child,
        }
    }
}

/// The binary, under a limit of `ulimit`. A file that is larger than that allows fails as on a full disk, without a signal.
fn limited(limit: &str) -> Command {
    let mut bash = Command::new("bash");
    let script = format!("trap '' XFSZ; ulimit {limit}; exec \"$0\" \"$@\"");
    bash.args(["-c", &script, env!("CARGO_BIN_EXE_taskwire")]);
    bash
}

/// The address in the line that says so.
fn listens_on(log: &str) -> Option<String> {
    let (_, after) = log.split_once("listening on http://")?;
    let end = after.find(|c: char| !c.is_ascii_digit() && !matches!(c, '.' | ':'))?;
    Some(after[..end].to_owned())
}

/// A client with connections of its own, which no proxy of this machine comes between.
pub fn client() -> Client {
    Client::builder().no_proxy().timeout(PATIENCE).build().unwrap()
}

/// What became of a command.
#[derive(Debug)]
pub struct Outcome {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Outcome {
    /// What it printed, if it went well.
    #[track_caller]
    pub fn printed(&self) -> &str {
        assert_eq!(self.code, Some(0), "{self:?}");
        &self.stdout
    }

    /// The one line that says what is wrong. It is all that the command printed.
    #[track_caller]
    pub fn complaint(&self) -> &str {
        assert_eq!((self.code, self.stdout.as_str()), (Some(1), ""), "{self:?}");
        let line = self.stderr.strip_suffix('\n').unwrap_or_default();
        assert!(!line.contains('\n'), "more than a line: {self:?}");
        line.strip_prefix("taskwire: ").unwrap_or_else(|| panic!("{self:?}"))
    }
}

/// Sends a signal to a process that was started here.
pub fn signal(process: u32, name: &str) {
    let mut kill = Command::new("kill");
    kill.arg(format!("-{name}")).arg(process.to_string());
    assert!(kill.status().unwrap().success());
}

/// A process. Dropping it kills it.
struct Process {
    child: Child,
    stdout: Output,
    stderr: Output,
}

impl Process {
    fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Waits for its end, and gives its exit code; none when a signal ended it.
    async fn end(&mut self) -> Option<i32> {
        let child = &mut self.child;
        until("a process to end", async || child.try_wait().unwrap())
            .await
            .code()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a process has written up to now, collected by a thread.
struct Output {
    text: Arc<Mutex<String>>,
    reader: Option<JoinHandle<()>>,
}

impl Output {
    fn of(stream: impl Read + Send + 'static) -> Self {
        let text = Arc::<Mutex<String>>::default();
        let written = Arc::clone(&text);
        let reader = thread::spawn(move || {
            let mut stream = BufReader::new(stream);
            let mut line = Vec::new();
            while stream.read_until(b'\n', &mut line).is_ok_and(|length| length > 0) {
                written
                    .lock()
                    .unwrap()
                    .write_str(&String::from_utf8_lossy(&line))
                    .unwrap();
                line.clear();
            }
        });
        Self {
            text,
            reader: Some(reader),
        }
    }

    fn text(&self) -> String {
        self.text.lock().unwrap().clone()
    }

    /// All of it, when the process has ended.
    fn finish(&mut self) -> String {
        if let Some(reader) = self.reader.take() {
            reader.join().unwrap();
        }
        self.text()
    }
}

/// A server that runs. Dropping it kills it.
pub struct Server {
    process: Process,
    /// Where it listens, such as `127.0.0.1:40123`.
    pub address: String,
    client: Client,
}

impl Server {
    /// The address of a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// What it has logged up to now.
    pub fn log(&self) -> String {
        self.process.stderr.text()
    }

    /// Waits until the log holds this text.
    pub async fn until_logged(&self, text: &str) {
        until(text, async || self.log().contains(text).then_some(())).await;
    }

    /// A request with the token, unless that is empty.
    pub fn request(&self, token: &str, method: Method, path: &str) -> RequestBuilder {
        let request = self.client.request(method, self.url(path));
        if token.is_empty() {
            request
        } else {
            request.bearer_auth(token)
        }
    }

    /// Runs a GraphQL operation.
    pub async fn graphql(&self, token: &str, query: &str, variables: Value) -> Answer {
        let request = self.request(token, Method::POST, "/graphql");
        let body = json!({ "query": query, "variables": variables });
        read(request.json(&body)).await.unwrap()
    }

    /// Sends a REST request; null is no body.
    pub async fn rest(&self, token: &str, method: Method, path: &str, body: Value) -> Answer {
        let request = self.request(token, method, path);
        let request = if body.is_null() { request } else { request.json(&body) };
        read(request).await.unwrap()
    }

    /// Makes an account, and gives its access token.
    pub async fn registers(&self, email: &str, password: &str) -> String {
        let account = json!({ "email": email, "password": password });
        let answer = self.rest("", Method::POST, "/api/v1/auth/register", account).await;
        answer.at("/access_token").as_str().unwrap().to_owned()
    }

    /// Signs in an account of [`Place::creates_user`], and gives its access token.
    pub async fn enters(&self, name: &str) -> String {
        let answer = self.login(name, super::PASSWORD).await;
        answer.at("/access_token").as_str().unwrap().to_owned()
    }

    /// Signs in by e-mail address or username.
    pub async fn login(&self, name: &str, password: &str) -> Answer {
        let login = json!({ "username": name, "password": password });
        self.rest("", Method::POST, "/api/v1/auth/login", login).await
    }

    /// Ends it as a power cut does.
    pub async fn kill(mut self) {
        self.process.child.kill().unwrap();
        assert_eq!(self.process.end().await, None, "{}", self.log());
    }

    /// Asks it to stop, as whatever runs it does.
    pub fn terminate(&self) {
        signal(self.process.child.id(), "TERM");
    }

    /// Stops it from running, without a connection ending.
    pub fn freeze(&self) {
        signal(self.process.child.id(), "STOP");
    }

    /// Lets it run again after [`Self::freeze`].
    pub fn thaw(&self) {
        signal(self.process.child.id(), "CONT");
    }

    /// From now on it may write no file beyond its first pages. It has to be one of [`Place::serve_limited`].
    pub fn fill_disk(&self) {
        self.change_limit("--fsize=16384:");
    }

    /// Lets it write files of any size again.
    pub fn free_disk(&self) {
        self.change_limit("--fsize=unlimited:");
    }

    /// Lets it open no more than this many files from now on; `None` is as many as any test needs.
    pub fn limit_open_files(&self, files: Option<u32>) {
        let files = files.map_or("4096".to_owned(), |files| files.to_string());
        self.change_limit(&format!("--nofile={files}:"));
    }

    fn change_limit(&self, limit: &str) {
        let process = self.process.child.id().to_string();
        let changed = Command::new("prlimit")
            .args(["--pid", &process, limit])
            .status()
            .unwrap();
        assert!(changed.success());
    }

    /// Waits for its end. Gives its exit code and all that it logged.
    pub async fn end(&mut self) -> (Option<i32>, String) {
        let code = self.process.end().await;
        (code, self.process.stderr.finish())
    }

    /// Asks it to stop, and waits until it has.
    pub async fn stop(mut self) -> String {
        self.terminate();
        let (code, log) = self.end().await;
        assert_eq!(code, Some(0), "{log}");
        log
    }
}

/// Sends a request, and reads the answer to its end.
pub async fn read(request: RequestBuilder) -> reqwest::Result<Answer> {
    let response = request.send().await?;
    let (status, headers) = (response.status(), response.headers().clone());
    let text = response.text().await?;
    Ok(Answer {
        status,
        headers,
        body: serde_json::from_str(&text).unwrap_or_default(),
        text,
    })
}
