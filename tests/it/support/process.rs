//! The real binary, in a separate working directory, with an environment that has only the settings of the test.
//!
//! Every wait is for a condition and has a long timeout: a slow machine passes, a process that hangs fails.

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

/// Timeout of every wait.
const PATIENCE: Duration = Duration::from_mins(1);
const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// Polls until `poll` returns a value.
pub async fn until<T>(what: &str, mut poll: impl AsyncFnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = poll().await {
            return found;
        }
        assert!(start.elapsed() < PATIENCE, "gave up waiting for {what}");
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}

/// A working directory, and the settings of processes that run in it.
pub struct Sandbox {
    folder: TempDir,
    settings: BTreeMap<String, String>,
    /// Runs until this is dropped.
    _redis: Option<RedisServer>,
}

impl Sandbox {
    /// Without any settings.
    pub fn bare() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            settings: BTreeMap::new(),
            _redis: None,
        }
    }

    /// With settings for this database and any free port.
    pub fn over(database: &TestDatabase) -> Self {
        let redis = beside_server();
        let sandbox = match &redis {
            Some(redis) => Self::bare()
                .with("REDIS_URL", &redis.url())
                .with(REDIS_TIMEOUT.0, REDIS_TIMEOUT.1),
            None => Self::bare(),
        };
        Self {
            _redis: redis,
            ..sandbox
        }
        .with("DATABASE_URL", database.url())
        .with("DATABASE_MAX_CONNECTIONS", "5")
        .with("SERVER_PORT", "0")
        // Tests send many requests; tests of the limits enable them.
        .with("RATE_LIMIT_ENABLED", "false")
    }

    /// Adds or replaces a setting.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.settings.insert(name.to_owned(), value.to_owned());
        self
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Runs a command by a program whose arguments end with the binary, such as `setpriv`.
    pub async fn run_in(&self, program: Command, command: &str) -> CommandOutput {
        self.finish(self.spawn(program, command, &[])).await
    }

    /// Runs a command that may not write a file beyond `kibibytes`, as on a full disk.
    pub async fn run_limited(&self, command: &str, kibibytes: u32) -> CommandOutput {
        self.run_in(limited(&format!("-S -f {kibibytes}")), command).await
    }

    /// Runs a command that may open at most `files` files.
    pub async fn run_with_open_files(&self, command: &str, files: u32) -> CommandOutput {
        self.run_in(limited(&format!("-n {files}")), command).await
    }

    /// Starts a server that may not write a file beyond `kibibytes`, and waits until it is ready.
    pub async fn serve_limited(&self, kibibytes: u32) -> Server {
        let program = limited(&format!("-S -f {kibibytes}"));
        self.ready(self.spawn(program, "", &[])).await
    }

    /// Starts a server that may open at most `files` files, and waits until it is ready.
    pub async fn serve_with_open_files(&self, files: u32) -> Server {
        let program = limited(&format!("-n {files}"));
        self.ready(self.spawn(program, "", &[])).await
    }

    /// Runs a command, with words separated by spaces, to its end.
    pub async fn run(&self, command: &str) -> CommandOutput {
        self.run_with(command, &[]).await
    }

    /// Runs a command with additional settings.
    pub async fn run_with(&self, command: &str, settings: &[(&str, &str)]) -> CommandOutput {
        self.finish(self.start(command, settings)).await
    }

    async fn finish(&self, mut process: Process) -> CommandOutput {
        let code = process.end().await;
        CommandOutput {
            code,
            stdout: process.stdout.finish(),
            stderr: process.stderr.finish(),
        }
    }

    /// Creates an account on the command line, with a verified e-mail address.
    pub async fn creates_user(&self, name: &str) {
        let password = super::PASSWORD;
        let create = format!("user create --email {name}@example.com --username {name} --password {password}");
        self.run(&create).await.printed();
    }

    /// Starts a server and waits until it is ready.
    pub async fn serve(&self) -> Server {
        self.ready(self.start("", &[])).await
    }

    /// Starts a server in a subdirectory of the working directory, and waits until it is ready.
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

/// The binary under a limit of `ulimit`. Writing beyond a file size limit fails with an error, without a signal.
fn limited(limit: &str) -> Command {
    let mut bash = Command::new("bash");
    let script = format!("trap '' XFSZ; ulimit {limit}; exec \"$0\" \"$@\"");
    bash.args(["-c", &script, env!("CARGO_BIN_EXE_taskwire")]);
    bash
}

fn listens_on(log: &str) -> Option<String> {
    let (_, after) = log.split_once("listening on http://")?;
    let end = after.find(|c: char| !c.is_ascii_digit() && !matches!(c, '.' | ':'))?;
    Some(after[..end].to_owned())
}

/// A client with a new connection pool, which ignores the proxy settings of this machine.
pub fn client() -> Client {
    Client::builder().no_proxy().timeout(PATIENCE).build().unwrap()
}

#[derive(Debug)]
pub struct CommandOutput {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl CommandOutput {
    /// Standard output of a successful command.
    #[track_caller]
    pub fn printed(&self) -> &str {
        assert_eq!(self.code, Some(0), "{self:?}");
        &self.stdout
    }

    /// The error line of a failed command, which printed nothing else.
    #[track_caller]
    pub fn complaint(&self) -> &str {
        assert_eq!((self.code, self.stdout.as_str()), (Some(1), ""), "{self:?}");
        let line = self.stderr.strip_suffix('\n').unwrap_or_default();
        assert!(!line.contains('\n'), "more than a line: {self:?}");
        line.strip_prefix("taskwire: ").unwrap_or_else(|| panic!("{self:?}"))
    }
}

pub fn signal(process: u32, name: &str) {
    let mut kill = Command::new("kill");
    kill.arg(format!("-{name}")).arg(process.to_string());
    assert!(kill.status().unwrap().success());
}

/// Dropping it kills the process.
struct Process {
    child: Child,
    stdout: Output,
    stderr: Output,
}

impl Process {
    fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Waits for its end. Returns its exit code; `None` if a signal ended it.
    async fn end(&mut self) -> Option<i32> {
        let child = &mut self.child;
        until("a process to end", async || child.try_wait().unwrap())
            .await
            .code()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The output of a process until now, collected by a thread.
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

    /// The complete output, after the process has ended.
    fn finish(&mut self) -> String {
        if let Some(reader) = self.reader.take() {
            reader.join().unwrap();
        }
        self.text()
    }
}

/// Dropping it kills the server.
pub struct Server {
    process: Process,
    /// Such as `127.0.0.1:40123`.
    pub address: String,
    client: Client,
}

impl Server {
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The log until now.
    pub fn log(&self) -> String {
        self.process.stderr.text()
    }

    /// Waits until the log contains this text.
    pub async fn until_logged(&self, text: &str) {
        until(text, async || self.log().contains(text).then_some(())).await;
    }

    /// A request with the token, unless the token is empty.
    pub fn request(&self, token: &str, method: Method, path: &str) -> RequestBuilder {
        let request = self.client.request(method, self.url(path));
        if token.is_empty() {
            request
        } else {
            request.bearer_auth(token)
        }
    }

    pub async fn graphql(&self, token: &str, query: &str, variables: Value) -> Answer {
        let request = self.request(token, Method::POST, "/graphql");
        let body = json!({ "query": query, "variables": variables });
        read(request.json(&body)).await.unwrap()
    }

    /// Sends a REST request; a null `body` sends none.
    pub async fn rest(&self, token: &str, method: Method, path: &str, body: Value) -> Answer {
        let request = self.request(token, method, path);
        let request = if body.is_null() { request } else { request.json(&body) };
        read(request).await.unwrap()
    }

    /// Creates an account. Returns its access token.
    pub async fn registers(&self, email: &str, password: &str) -> String {
        let account = json!({ "email": email, "password": password });
        let answer = self.rest("", Method::POST, "/api/v1/auth/register", account).await;
        answer.at("/access_token").as_str().unwrap().to_owned()
    }

    /// Logs in an account of [`Sandbox::creates_user`]. Returns its access token.
    pub async fn access_token_of(&self, name: &str) -> String {
        let answer = self.login(name, super::PASSWORD).await;
        answer.at("/access_token").as_str().unwrap().to_owned()
    }

    /// `name` is an e-mail address or username.
    pub async fn login(&self, name: &str, password: &str) -> Answer {
        let login = json!({ "username": name, "password": password });
        self.rest("", Method::POST, "/api/v1/auth/login", login).await
    }

    /// Ends it without a shutdown, as a power cut does.
    pub async fn kill(mut self) {
        self.process.child.kill().unwrap();
        assert_eq!(self.process.end().await, None, "{}", self.log());
    }

    /// Sends SIGTERM.
    pub fn terminate(&self) {
        signal(self.process.child.id(), "TERM");
    }

    /// Pauses it. Connections stay open.
    pub fn freeze(&self) {
        signal(self.process.child.id(), "STOP");
    }

    /// Continues after [`Self::freeze`].
    pub fn thaw(&self) {
        signal(self.process.child.id(), "CONT");
    }

    /// From now on, it may not write a file beyond 16 KiB. Needs [`Sandbox::serve_limited`].
    pub fn fill_disk(&self) {
        self.change_limit("--fsize=16384:");
    }

    pub fn free_disk(&self) {
        self.change_limit("--fsize=unlimited:");
    }

    /// Limits its open files from now on; `None` is more than any test needs.
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

    /// Waits for its end. Returns its exit code and its complete log.
    pub async fn end(&mut self) -> (Option<i32>, String) {
        let code = self.process.end().await;
        (code, self.process.stderr.finish())
    }

    /// Sends SIGTERM, and waits until it has ended without an error. Returns its complete log.
    pub async fn stop(mut self) -> String {
        self.terminate();
        let (code, log) = self.end().await;
        assert_eq!(code, Some(0), "{log}");
        log
    }
}

/// Sends a request, and reads the complete response.
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
