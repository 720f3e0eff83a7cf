//! A mail server on the loopback address, which keeps the emails that it accepts.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// The answer to an email.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Behaviour {
    Accepts,
    /// Code 451: try again later.
    IsBusy,
    /// Code 550, with a control character in the text.
    UnknownMailbox,
    /// Never answers.
    IsSilent,
    RefusesPassword,
}

/// An accepted email.
#[derive(Clone, Debug)]
pub struct Email {
    pub to: String,
    pub text: String,
}

impl Email {
    pub fn header(&self, name: &str) -> &str {
        let start = format!("{name}: ");
        let head = self.text.split("\r\n\r\n").next().unwrap();
        head.split("\r\n")
            .find_map(|line| line.strip_prefix(&start))
            .unwrap_or_else(|| panic!("no {name} in {}", self.text))
    }

    /// The text as a mail client shows it: long lines are sent as quoted-printable.
    pub fn shown(&self) -> String {
        self.text.replace("=\r\n", "").replace("=3D", "=")
    }
}

/// Dropping it stops the server and closes its connections.
pub struct MailServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    serving: JoinHandle<()>,
}

struct Shared {
    behaviour: Mutex<Behaviour>,
    emails: Mutex<Vec<Email>>,
    /// Number of emails that clients began to send.
    offers: Mutex<usize>,
}

impl MailServer {
    pub async fn start(behaviour: Behaviour) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let shared = Arc::new(Shared {
            behaviour: Mutex::new(behaviour),
            emails: Mutex::default(),
            offers: Mutex::default(),
        });
        Self {
            address: listener.local_addr().unwrap(),
            serving: tokio::spawn(serve(listener, Arc::clone(&shared))),
            shared,
        }
    }

    /// For `SMTP_URL`.
    pub fn url(&self) -> String {
        format!("smtp://{}", self.address)
    }

    pub fn set_behaviour(&self, behaviour: Behaviour) {
        *self.shared.behaviour.lock().unwrap() = behaviour;
    }

    pub fn emails(&self) -> Vec<Email> {
        self.shared.emails.lock().unwrap().clone()
    }

    /// Number of emails that clients began to send, accepted or not.
    pub fn offers(&self) -> usize {
        *self.shared.offers.lock().unwrap()
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        // A client may close the connection at any time.
        tokio::spawn(converse(stream, Arc::clone(&shared)));
    }
}

async fn converse(stream: TcpStream, shared: Arc<Shared>) -> Option<()> {
    let (reader, mut writer) = stream.into_split();
    let mut lines = BufReader::new(reader).lines();
    writer.write_all(b"220 mail.test ESMTP\r\n").await.ok()?;
    let mut to = String::new();
    while let Some(line) = lines.next_line().await.ok()? {
        let command = line.to_ascii_uppercase();
        let behaviour = *shared.behaviour.lock().unwrap();
        let answer = if command.starts_with("MAIL FROM") {
            *shared.offers.lock().unwrap() += 1;
            match behaviour {
                Behaviour::IsBusy => "451 try again later",
                Behaviour::IsSilent => std::future::pending::<&str>().await,
                Behaviour::Accepts | Behaviour::UnknownMailbox | Behaviour::RefusesPassword => "250 ok",
            }
        } else if command.starts_with("RCPT TO") {
            to = line.split(['<', '>']).nth(1)?.to_owned();
            if behaviour == Behaviour::UnknownMailbox {
                "550 no such mailbox\0here"
            } else {
                "250 ok"
            }
        } else if command == "DATA" {
            writer.write_all(b"354 go on\r\n").await.ok()?;
            let mut text = String::new();
            loop {
                match lines.next_line().await.ok()?? {
                    line if line == "." => break,
                    line => {
                        text += line.strip_prefix('.').unwrap_or(&line);
                        text += "\r\n";
                    }
                }
            }
            shared.emails.lock().unwrap().push(Email { to: to.clone(), text });
            "250 taken"
        } else if command.starts_with("EHLO") {
            "250-mail.test\r\n250 AUTH PLAIN LOGIN"
        } else if command.starts_with("AUTH") {
            if behaviour == Behaviour::RefusesPassword {
                "535 5.7.8 authentication failed"
            } else {
                "235 welcome"
            }
        } else if command == "QUIT" {
            "221 bye"
        } else {
            "250 mail.test"
        };
        writer.write_all(format!("{answer}\r\n").as_bytes()).await.ok()?;
    }
    Some(())
}
