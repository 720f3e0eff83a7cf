//! `docs/MIGRATING.md`: its commands give the responses that it shows.

use crate::support::database::TestDatabase;
use crate::support::process::Sandbox;

use super::read;
use super::session::{run, steps};

/// Each dialect of the page, with the text of its section.
fn sections() -> Vec<(String, String)> {
    let page = read("docs/MIGRATING.md");
    let sections = page.split("\n## ").skip(1).filter_map(|section| {
        let (_, after) = section.split_once("\n`REST_DIALECT=")?;
        let (dialect, text) = after.split_once('`')?;
        Some((dialect.to_owned(), text.to_owned()))
    });
    sections.collect()
}

#[tokio::test]
async fn every_command_of_the_page_has_the_output_that_it_shows() {
    let sections = sections();
    let names: Vec<&str> = sections.iter().map(|(dialect, _)| dialect.as_str()).collect();
    assert_eq!(
        names,
        ["skip-limit", "accounts", "due-dates", "tags-files-paged", "workflow"]
    );
    for (dialect, text) in sections {
        let database = TestDatabase::create_empty().await;
        let sandbox = Sandbox::over(&database).with("REST_DIALECT", &dialect);
        let server = sandbox.serve().await;
        run(&steps(&text), &server, sandbox.path().to_owned()).await;
    }
}
