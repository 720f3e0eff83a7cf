//! What `docs/MIGRATING.md` shows of this server, word for word.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::database::TestDatabase;
use crate::support::process::Place;

/// Where the server of the page listens.
const ADDRESS: &str = "http://localhost:8000";

/// The commands of each section, which are those in fences of `sh`.
fn sections() -> Vec<(String, String)> {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/MIGRATING.md")).unwrap();
    let sections = page.split("\n## ").skip(1).map(|section| {
        let (heading, text) = section.split_once('\n').unwrap();
        let commands = text.split("```sh\n").skip(1);
        let commands: Vec<&str> = commands.map(|block| block.split("```").next().unwrap()).collect();
        (heading.to_owned(), commands.concat())
    });
    sections.filter(|(_, commands)| !commands.is_empty()).collect()
}

#[tokio::test]
async fn every_command_of_the_page_does_what_it_is_there_for() {
    let database = TestDatabase::create().await;
    let place = Place::over(&database);
    let server = place.serve().await;
    let sections = sections();
    assert_eq!(sections.len(), 5);
    for (heading, commands) in sections {
        // An answer that reports an error ends the script; and `localhost` may be another machine's idea of an address.
        let script = commands
            .replace(ADDRESS, &server.url(""))
            .replace("curl -s", "curl --fail-with-body -sS");
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
        assert!(output.status.success(), "{heading}: {text}\n{complaint}");
        assert!(!text.contains("\"total\":0"), "{heading}: a list is empty: {text}");
        assert!(!text.contains("\"failed\":1"), "{heading}: {text}");
    }
}
