//! `docs/SETTINGS.md`, and the names of settings in documents. The unit tests of `config` compare the tables.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use taskwire::config::{SECRETS, example};

use crate::support::process::Sandbox;

use super::{documents, inline_code, read, root};

/// Each setting of the page, with the text of its default.
fn rows() -> BTreeMap<String, String> {
    let page = read("docs/SETTINGS.md");
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `"));
    let cells = rows.map(|row| row.split_once("` | ").unwrap());
    cells
        .map(|(name, rest)| (name.to_owned(), rest.split(" | ").next().unwrap().to_owned()))
        .collect()
}

#[tokio::test]
async fn the_defaults_of_the_page_take_effect() {
    let output = Sandbox::bare().run("config").await;
    let printed = output.printed();
    let rows = rows();
    assert_eq!(
        rows.keys().map(String::as_str).collect::<BTreeSet<_>>(),
        example::names().collect()
    );
    for (name, default) in rows {
        let value = match default.split_once('`') {
            Some(("", value)) => value.split('`').next().unwrap(),
            _ if default == "none" => "",
            _ => continue,
        };
        // The effective values are an absolute directory in STORAGE_URL, and a URL in the driver's spelling.
        if !["UPLOAD_DIR", "DATABASE_URL", "STORAGE_URL"].contains(&name.as_str()) {
            let line = format!("{name}={value}");
            assert!(printed.lines().any(|printed| printed == line), "{line} in {printed}");
        }
    }
}

#[tokio::test]
async fn the_reference_is_printed_as_markdown_and_as_an_env_file() {
    let sandbox = Sandbox::bare();
    assert!(read("docs/SETTINGS.md").ends_with(sandbox.run("config reference").await.printed()));
    assert_eq!(
        sandbox.run("config reference --env").await.printed(),
        read(".env.example")
    );
}

/// Whether the text can be the name of a setting, a code or a constant: upper case, with an underscore.
fn is_upper_name(text: &str) -> bool {
    let is_upper = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    text.contains('_') && text.starts_with(|c: char| c.is_ascii_uppercase()) && text.chars().all(is_upper)
}

#[test]
fn every_name_in_upper_case_is_a_setting_or_in_the_code() {
    let settings: BTreeSet<String> = example::names()
        .map(str::to_owned)
        .chain(SECRETS.map(|name| format!("{name}_FILE")))
        .collect();
    for document in documents() {
        for code in inline_code(&read(&document)) {
            let names = code.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
            for name in names.filter(|name| is_upper_name(name) && !settings.contains(*name)) {
                let mut grep = Command::new("git");
                grep.args(["grep", "--quiet", "--word-regexp", "--fixed-strings", name, "--"])
                    .args([
                        "src",
                        "xtask",
                        "bench/src",
                        "schema.graphql",
                        "tests",
                        "deploy",
                        "Dockerfile",
                    ])
                    .current_dir(root());
                assert!(grep.status().unwrap().success(), "{name} in {}", document.display());
            }
        }
    }
}
