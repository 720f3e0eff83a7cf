//! What `docs/MIGRATING.md` shows of this server, word for word.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::readme::{MARK, is_as_shown, steps};
use crate::support::database::TestDatabase;
use crate::support::process::Place;

/// Where the server of the page listens.
const ADDRESS: &str = "http://localhost:8000";

/// The dialects of the page, each with the text of its section.
fn sections() -> Vec<(String, String)> {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/MIGRATING.md")).unwrap();
    let sections = page.split("\n## ").skip(1).filter_map(|section| {
        let (_, after) = section.split_once("\n`REST_DIALECT=")?;
        let (dialect, text) = after.split_once('`')?;
        Some((dialect.to_owned(), text.to_owned()))
    });
    sections.collect()
}

#[tokio::test]
async fn every_command_of_the_page_is_answered_as_it_shows() {
    let sections = sections();
    let names: Vec<&str> = sections.iter().map(|(dialect, _)| dialect.as_str()).collect();
    assert_eq!(
        names,
        ["skip-limit", "accounts", "due-dates", "tags-files-paged", "workflow"]
    );
    for (dialect, text) in sections {
        let database = TestDatabase::create_empty().await;
        let place = Place::over(&database).with("REST_DIALECT", &dialect);
        let server = place.serve().await;
        let steps = steps(&text);
        let script: Vec<String> = steps
            .iter()
            .map(|step| format!("{}echo; echo '{MARK}'\n", step.command))
            .collect();
        // `localhost` may be another machine's idea of an address.
        let script = script.concat().replace(ADDRESS, &server.url(""));
        let home = place.path().to_owned();
        let output = tokio::task::spawn_blocking(move || {
            Command::new("bash")
                .args(["-euo", "pipefail", "-c", &script])
                .current_dir(home)
                .env("no_proxy", "*")
                .output()
                .unwrap()
        });
        let output = output.await.unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{dialect}: {text}\n{complaint}");
        for (step, answer) in steps.iter().zip(text.split(MARK)) {
            let lines = |text: &str| -> Vec<String> {
                let lines = text.lines().map(|line| line.trim().to_owned());
                lines.filter(|line| !line.is_empty()).collect()
            };
            let (answer, shown) = (lines(answer), lines(step.answer.as_deref().unwrap_or_default()));
            assert_eq!(answer.len(), shown.len(), "{dialect}: {}\n{answer:#?}", step.command);
            for (answer, shown) in answer.iter().zip(&shown) {
                assert!(
                    is_as_shown(answer, shown),
                    "{dialect}: {}\nanswers {answer}\ninstead of {shown}",
                    step.command
                );
            }
        }
    }
}
