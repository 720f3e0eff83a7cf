//! Commands in documents: the shell can parse them, and their subcommands and options exist.

use std::collections::BTreeSet;
use std::process::Command;

use crate::support::process::Sandbox;

use super::{blocks, documents, inline_code, read, section};

#[test]
fn every_shell_snippet_parses() {
    let mut checked = 0;
    for document in documents() {
        for (language, text) in blocks(&read(&document)) {
            if language == "sh" {
                let parsed = Command::new("bash").args(["-n", "-c", &text]).output().unwrap();
                let complaint = String::from_utf8_lossy(&parsed.stderr);
                assert!(
                    parsed.status.success() && complaint.is_empty(),
                    "{}: {complaint}\n{text}",
                    document.display()
                );
                checked += 1;
            }
        }
    }
    assert!(checked > 30, "{checked} snippets");
}

/// The words after `taskwire` in a line of shell, without comments, redirections and pipes. `None` for another program.
fn arguments(line: &str) -> Option<String> {
    let line = line.split(" #").next()?.split([';', '|', '>', '&']).next()?;
    let mut words = line.split_whitespace().peekable();
    let is_assignment = |word: &&str| word.split_once('=').is_some_and(|(name, _)| !name.starts_with('-'));
    while words.peek().is_some_and(is_assignment) {
        words.next();
    }
    (words.next()? == "taskwire").then(|| words.collect::<Vec<_>>().join(" "))
}

#[tokio::test]
async fn every_command_of_the_server_has_the_subcommands_and_options_that_documents_use() {
    let mut commands = BTreeSet::new();
    for document in documents() {
        let page = read(&document);
        let lines = blocks(&page)
            .into_iter()
            .filter(|(language, _)| matches!(language.as_str(), "sh" | "text"));
        let lines: Vec<String> = lines
            .flat_map(|(_, text)| text.lines().map(str::to_owned).collect::<Vec<_>>())
            .collect();
        let inline = inline_code(&page);
        commands.extend(lines.iter().chain(&inline).filter_map(|line| arguments(line)));
    }
    assert!(commands.len() > 20, "{commands:?}");
    let sandbox = Sandbox::bare();
    for command in commands {
        // clap reaches `--help` only if it knows all words before it.
        let output = sandbox.run(&format!("{command} --help")).await;
        assert_eq!(output.code, Some(0), "taskwire {command}: {}", output.stderr);
    }
}

#[test]
fn the_quick_start_has_the_test_command_of_continuous_integration() {
    let quick_start = section(&read("README.md"), "Quick start");
    let commands = blocks(&quick_start);
    let commands: Vec<&str> = commands.iter().flat_map(|(_, text)| text.lines()).collect();
    assert_eq!(commands, ["cargo run", "cargo xtask test"]);
    let integration = read(".ci/run");
    assert!(
        integration.lines().any(|line| line == "cargo xtask test"),
        "{integration}"
    );
}

#[test]
fn arguments_are_those_of_the_server() {
    assert_eq!(arguments("A=b taskwire restore x # why").as_deref(), Some("restore x"));
    assert_eq!(arguments("taskwire schema > file").as_deref(), Some("schema"));
    assert_eq!(arguments("cargo run"), None);
}
