//! `docs/TUTORIAL.md`: its commands give the output that it shows.

use crate::support::database::TestDatabase;
use crate::support::process::Sandbox;

use super::read;
use super::session::{run, steps};

#[tokio::test]
async fn the_tutorial_works_as_written() {
    let database = TestDatabase::create_empty().await;
    let sandbox = Sandbox::over(&database);
    let server = sandbox.serve().await;
    let steps = steps(&read("docs/TUTORIAL.md"));
    assert!(steps.len() > 8 && steps.iter().filter(|step| step.answer.is_some()).count() > 6);
    run(&steps, &server, sandbox.path().to_owned()).await;

    // At the end, both users have a task that is done, and one has a file.
    let done = "SELECT COUNT(*) AS number FROM tasks WHERE status = 3";
    assert_eq!(database.number(done).await, 2);
    let attached = "SELECT COUNT(*) AS number FROM attachments WHERE task_id IS NOT NULL AND size = 19";
    assert_eq!(database.number(attached).await, 1);
    assert_eq!(
        database.number("SELECT COUNT(*) AS number FROM tasks").await,
        2,
        "there is no other task"
    );
}
