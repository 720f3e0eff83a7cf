//! Mail servers that accept or refuse the login.

use tokio::net::TcpListener;

use super::{DEAD, fails, finding};
use crate::support::database::TestDatabase;
use crate::support::process::Sandbox;
use crate::support::smtp::{Behaviour, MailServer};

fn with_password(server: &MailServer) -> String {
    server.url().replace("smtp://", "smtp://me:hunter2@")
}

#[tokio::test]
async fn a_mail_server_is_checked_without_sending_a_mail() {
    let database = TestDatabase::create().await;
    let server = MailServer::start(Behaviour::Accepts).await;
    for (url, shown) in [
        (server.url(), server.url()),
        (
            with_password(&server),
            server.url().replace("smtp://", "smtp://me:***@"),
        ),
    ] {
        let output = Sandbox::over(&database).with("SMTP_URL", &url).run("doctor").await;
        let expected = format!("{shown} accepts this server; no mail was sent");
        assert_eq!(finding(&output, "mail"), ("ok", expected.as_str()), "{output:?}");
    }
    assert_eq!((server.offers(), server.emails().len()), (0, 0));
    let output = Sandbox::over(&database).run("doctor").await;
    assert_eq!(
        finding(&output, "mail"),
        ("ok", "none, as SMTP_URL is not set; notifications are not sent by mail")
    );
}

#[tokio::test]
async fn a_mail_server_that_refuses_fails_with_the_cause() {
    let database = TestDatabase::create().await;
    let refusing = MailServer::start(Behaviour::RefusesPassword).await;
    let plain = MailServer::start(Behaviour::Accepts).await;
    for (url, cause) in [
        (with_password(&refusing), "5.7.8 authentication failed"),
        (format!("{}?tls=required", plain.url()), "STARTTLS is not supported"),
        (plain.url().replace("smtp://", "smtps://"), "corrupt message"),
        (format!("smtp://me:hunter2@{DEAD}"), "Connection refused"),
    ] {
        let sandbox = Sandbox::over(&database).with("SMTP_URL", &url);
        let output = fails(
            &sandbox,
            "mail",
            &[" does not accept this server: ", cause, "check SMTP_URL"],
        )
        .await;
        assert!(!output.stdout.contains("hunter2"), "{output:?}");
    }
}

#[tokio::test]
async fn the_check_of_a_silent_mail_server_times_out() {
    let database = TestDatabase::create().await;
    // The operating system accepts the connection, and no program answers.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("smtp://{}", silent.local_addr().unwrap());
    let sandbox = Sandbox::over(&database).with("SMTP_URL", &url);
    fails(&sandbox, "mail", &["no answer within 15 s"]).await;
}
