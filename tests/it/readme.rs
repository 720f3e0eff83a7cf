//! What `README.md` promises: its first session, word for word, and its list of settings.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

use taskwire::config::example;

use crate::support::database::TestDatabase;
use crate::support::process::Place;

/// Where the server of the README listens.
const ADDRESS: &str = "http://localhost:8000";
/// What stands between the answers of two commands.
pub const MARK: &str = "-- next --";

fn file(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

/// The text from a heading of the second level to the next.
fn section(heading: &str) -> String {
    let readme = file("README.md");
    let start = readme.find(&format!("\n## {heading}\n")).unwrap() + 1;
    let rest = &readme[start..];
    rest[..rest[1..].find("\n## ").map_or(rest.len(), |end| end + 1)].to_owned()
}

/// A command, and the answer that a page shows for it, if any.
pub struct Step {
    pub command: String,
    pub answer: Option<String>,
}

pub fn steps(section: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    // Every second part is inside of a fence.
    for block in section.split("```").skip(1).step_by(2) {
        let (language, text) = block.split_once('\n').unwrap();
        match language {
            "sh" => steps.push(Step {
                command: text.to_owned(),
                answer: None,
            }),
            "json" => steps.last_mut().unwrap().answer = Some(text.to_owned()),
            other => panic!("a block of {other} among the commands"),
        }
    }
    steps
}

/// Whether the text is as shown, where `…` stands for anything.
pub fn is_as_shown(text: &str, shown: &str) -> bool {
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

#[tokio::test]
async fn the_first_session_goes_as_it_is_written() {
    let database = TestDatabase::create_empty().await;
    let place = Place::over(&database);
    let server = place.serve().await;
    let steps = steps(&section("A first session"));
    assert!(steps.len() > 8 && steps.iter().filter(|step| step.answer.is_some()).count() > 6);

    let script = steps
        .iter()
        .map(|step| format!("{}echo; echo '{MARK}'\n", step.command))
        .collect::<Vec<_>>()
        .concat();
    // By itself, `localhost` may be another machine's idea of an address.
    let script = script.replace(ADDRESS, &server.url(""));
    let home = place.path().to_owned();
    let output = tokio::task::spawn_blocking(move || {
        // A proxy of this machine must not come between.
        let mut bash = Command::new("bash");
        bash.args(["-c", &script])
            .current_dir(home)
            .env("no_proxy", "*")
            .output()
    });
    let output = output.await.unwrap().unwrap();
    let complaints = String::from_utf8(output.stderr).unwrap();
    assert_eq!(complaints, "");
    let answers = String::from_utf8(output.stdout).unwrap();
    let answers: Vec<&str> = answers.split(MARK).collect();
    assert_eq!(answers.len(), steps.len() + 1);
    for (step, answer) in steps.iter().zip(answers) {
        let shown = step.answer.as_deref().unwrap_or_default();
        let lines = |text: &str| -> Vec<String> {
            let lines = text.lines().map(|line| line.trim().to_owned());
            lines.filter(|line| !line.is_empty()).collect()
        };
        let (answer, shown) = (lines(answer), lines(shown));
        assert_eq!(answer.len(), shown.len(), "{}\n{answer:#?}", step.command);
        for (answer, shown) in answer.iter().zip(&shown) {
            assert!(
                is_as_shown(answer, shown),
                "{}\nanswers {answer}\ninstead of {shown}",
                step.command
            );
        }
    }
    // And what the session did is there: a task each, done, and a file.
    let done = "SELECT COUNT(*) AS number FROM tasks WHERE status = 3";
    assert_eq!(database.number(done).await, 2);
    let attached = "SELECT COUNT(*) AS number FROM attachments WHERE task_id IS NOT NULL AND size = 19";
    assert_eq!(database.number(attached).await, 1);
    assert_eq!(
        database.number("SELECT COUNT(*) AS number FROM tasks").await,
        2,
        "nothing else is"
    );
}

#[tokio::test]
async fn the_commands_for_production_work_on_a_new_database_in_their_order() {
    let database = TestDatabase::create_empty().await;
    let place = Place::bare()
        .with("DATABASE_URL", database.url())
        .with("SERVER_HOST", "127.0.0.1")
        .with("SERVER_PORT", "0");
    let section = section("In production");
    let block = section.split("```sh\n").nth(1).unwrap().split("```").next().unwrap();
    let commands: Vec<&str> = block
        .lines()
        .filter_map(|line| line.split(" #").next()?.trim().strip_prefix("taskwire"))
        .collect();
    let (serve, prepare) = commands.split_last().unwrap();
    assert_eq!((*serve, prepare.len()), ("", 4), "{block}");
    for command in prepare {
        place.run(command).await.printed();
    }
    let server = place.serve().await;
    assert_eq!(
        database.number("SELECT COUNT(*) AS number FROM users").await,
        1,
        "there is no other administrator"
    );
    server.stop().await;
}

/// The variables of the README's tables, with what it says of their defaults.
fn variables() -> BTreeMap<String, String> {
    let section = section("Settings");
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `"));
    let cells = rows.map(|row| row.split_once("` | ").unwrap());
    cells
        .map(|(name, rest)| (name.to_owned(), rest.split(" | ").next().unwrap().to_owned()))
        .collect()
}

#[test]
fn the_settings_are_those_of_the_example_file() {
    let example = file(".env.example");
    let default = |name: &'static str| {
        let lines = example.lines().map(|line| line.trim_start_matches('#'));
        let mut values = lines.filter_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        (name, values.next().unwrap())
    };
    let example: BTreeMap<&str, &str> = example::names().map(default).collect();
    let readme = variables();
    assert_eq!(
        readme.keys().map(String::as_str).collect::<BTreeSet<_>>(),
        example.keys().copied().collect()
    );
    for (name, default) in example.into_iter().filter(|(_, default)| !default.is_empty()) {
        let told = &readme[name];
        assert!(told.starts_with(&format!("`{default}`")), "{name} is {told}");
    }
}

#[tokio::test]
async fn the_defaults_are_those_that_take_effect() {
    let outcome = Place::bare().run("config").await;
    let printed = outcome.printed();
    for (name, told) in variables() {
        let Some(default) = told.strip_prefix('`').and_then(|told| told.split('`').next()) else {
            continue;
        };
        // Shown as the absolute directory in STORAGE_URL, and in the driver's spelling.
        if !["UPLOAD_DIR", "DATABASE_URL"].contains(&name.as_str()) {
            let line = format!("{name}={default}");
            assert!(printed.lines().any(|printed| printed == line), "{line} in {printed}");
        }
    }
}

#[test]
fn every_link_leads_to_a_file() {
    for page in [
        "README.md",
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "docs/ARCHITECTURE.md",
        "docs/BACKUP.md",
        "docs/FRONT-ENDS.md",
        "docs/LIVE.md",
        "docs/MIGRATING.md",
        "docs/OPERATIONS.md",
        "docs/SCALING.md",
        "docs/SECURITY.md",
    ] {
        let text = file(page);
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(page);
        let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        for target in targets.filter(|target| !target.contains("://")) {
            let target = target.split('#').next().unwrap();
            assert!(folder.parent().unwrap().join(target).exists(), "{target} in {page}");
        }
    }
}
