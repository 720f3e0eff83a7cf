//! Open transactions of other programs that delay live events.

use sea_orm::{ConnectionTrait as _, TransactionTrait as _};

use super::{finding, has_line};
use crate::support::database::{OLDEST_TRANSACTION, TestDatabase, is_postgres};
use crate::support::process::{CommandOutput, Sandbox, until};
use crate::support::role::Role;

/// Runs doctor until the oldest transaction has this name: other tests have transactions in the same cluster.
async fn until_named(sandbox: &Sandbox, name: &str) -> CommandOutput {
    until(name, async || {
        let output = sandbox.run("doctor").await;
        finding(&output, "transactions").1.contains(name).then_some(output)
    })
    .await
}

#[tokio::test]
async fn a_transaction_that_delays_events_is_named() {
    let database = TestDatabase::create().await;
    if !is_postgres() {
        assert!(!has_line(&Sandbox::over(&database).run("doctor").await, "transactions"));
        return;
    }
    let user = Role::create(&database).await;
    user.grant_everything(&database).await;
    let (as_owner, as_user) = (
        Sandbox::over(&database),
        Sandbox::over(&database).with("DATABASE_URL", user.url()),
    );
    // A transaction in another database of the cluster.
    let neighbour = TestDatabase::create_empty().await;
    let elsewhere = neighbour.connect().await;
    let name = format!("nightly report {}", std::process::id());
    let _oldest = OLDEST_TRANSACTION.lock().await;
    let open = elsewhere.begin().await.unwrap();
    let named = format!("SET LOCAL application_name = '{name}'; SELECT pg_current_xact_id()");
    open.execute_unprepared(&named).await.unwrap();

    let output = until_named(&as_owner, &name).await;
    let (verdict, text) = finding(&output, "transactions");
    assert_eq!((output.code, verdict), (Some(0), "warn"), "{output:?}");
    for part in [
        "process ",
        "(user ",
        ", idle in transaction) holds a transaction open for ",
        "To end it: SELECT pg_terminate_backend(",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }

    // PostgreSQL does not show age and state of other users' transactions to an ordinary user.
    let output = until_named(&as_user, &name).await;
    let (verdict, text) = finding(&output, "transactions");
    assert_eq!((output.code, verdict), (Some(0), "warn"), "{output:?}");
    assert!(
        text.contains("state unknown) holds a transaction open for more than 5 s"),
        "{text}"
    );

    open.commit().await.unwrap();
    for sandbox in [as_owner, as_user] {
        let output = sandbox.run("doctor").await;
        assert!(!finding(&output, "transactions").1.contains(&name), "{output:?}");
    }
    user.remove(&database).await;
}
