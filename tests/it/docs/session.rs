//! Commands in a page, each with the output that the page shows.

use std::path::PathBuf;
use std::process::Command;

use crate::support::process::Server;

use super::blocks;

/// The address of the server in the pages.
const ADDRESS: &str = "http://localhost:8000";
/// Separates the output of two commands.
const MARK: &str = "-- next --";

/// A command, and the output that the page shows for it, if any.
pub(super) struct Step {
    pub(super) command: String,
    pub(super) answer: Option<String>,
}

pub(super) fn steps(page: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for (language, text) in blocks(page) {
        match language.as_str() {
            "sh" => steps.push(Step {
                command: text,
                answer: None,
            }),
            "json" => steps.last_mut().unwrap().answer = Some(text),
            other => panic!("a block of {other} among the commands"),
        }
    }
    steps
}

/// Runs the commands in one shell, and compares the output with the page.
pub(super) async fn run(steps: &[Step], server: &Server, home: PathBuf) {
    let script = steps
        .iter()
        .map(|step| format!("{}echo; echo '{MARK}'\n", step.command))
        .collect::<Vec<_>>()
        .concat();
    // `localhost` may resolve to an address where the server does not listen.
    let script = script.replace(ADDRESS, &server.url(""));
    let output = tokio::task::spawn_blocking(move || {
        // The requests must not use a proxy of this machine.
        let mut bash = Command::new("bash");
        bash.args(["-euo", "pipefail", "-c", &script])
            .current_dir(home)
            .env("no_proxy", "*")
            .output()
    });
    let output = output.await.unwrap().unwrap();
    let answers = String::from_utf8(output.stdout).unwrap();
    let complaints = String::from_utf8(output.stderr).unwrap();
    assert!(
        output.status.success() && complaints.is_empty(),
        "{answers}\n{complaints}"
    );
    let answers: Vec<&str> = answers.split(MARK).collect();
    assert_eq!(answers.len(), steps.len() + 1);
    for (step, answer) in steps.iter().zip(answers) {
        compare(step, answer);
    }
}

fn compare(step: &Step, answer: &str) {
    let lines = |text: &str| -> Vec<String> {
        let lines = text.lines().map(|line| line.trim().to_owned());
        lines.filter(|line| !line.is_empty()).collect()
    };
    let (answer, shown) = (lines(answer), lines(step.answer.as_deref().unwrap_or_default()));
    assert_eq!(answer.len(), shown.len(), "{}\n{answer:#?}", step.command);
    for (answer, shown) in answer.iter().zip(&shown) {
        assert!(
            is_as_shown(answer, shown),
            "{}\nanswers {answer}\ninstead of {shown}",
            step.command
        );
    }
}

/// In `shown`, `…` matches any text.
fn is_as_shown(text: &str, shown: &str) -> bool {
    let mut parts = shown.split('…');
    let Some(mut rest) = parts.next().and_then(|start| text.strip_prefix(start)) else {
        return false;
    };
    let parts: Vec<&str> = parts.collect();
    let Some((end, middle)) = parts.split_last() else {
        return rest.is_empty();
    };
    for part in middle {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(end)
}
