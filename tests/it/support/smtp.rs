//! A mail server on the loopback, which keeps what it takes.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// How it meets a letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    /// Takes it.
    Takes,
    /// Says that there is too much to do just now.
    IsBusy,
    /// Says that there is no such mailbox.
    KnowsNobody,
    /// Says nothing.
    IsSilent,
    /// Does not accept any password.
    RefusesPassword,
}

/// A letter that was taken.
#[derive(Clone, Debug)]
pub struct Letter {
    pub to: String,
    pub text: String,
}

impl Letter {
    /// What follows the name of a header.
    pub fn header(&self, name: &str) -> &str {
        let start = format!("{name}: ");
        let head = self.text.split("\r\n\r\n").next().unwrap();
        head.split("\r\n")
            .find_map(|line| line.strip_prefix(&start))
            .unwrap_or_else(|| panic!("no {name} in {}", self.text))
    }

    /// The text as a mail client shows it: long lines travel as quoted-printable.
    pub fn shown(&self) -> String {
        self.text.replace("=\r\n", "").replace("=3D", "=")
    }
}

/// The mail server. Dropping it ends it, and every conversation with it.
pub struct MailServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    serving: JoinHandle<()>,
}

struct Shared {
    mood: Mutex<Mood>,
    letters: Mutex<Vec<Letter>>,
    /// How many letters were begun.
    offers: Mutex<usize>,
}

impl MailServer {
    pub async fn start(mood: Mood) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let shared = Arc::new(Shared {
            mood: Mutex::new(mood),
            letters: Mutex::default(),
            offers: Mutex::default(),
        });
        Self {
            address: listener.local_addr().unwrap(),
            serving: tokio::spawn(serve(listener, Arc::clone(&shared))),
            shared,
        }
    }

    /// What `SMTP_URL` takes.
    pub fn url(&self) -> String {
        format!("smtp://{}", self.address)
    }

    pub fn set_mood(&self, mood: Mood) {
        *self.shared.mood.lock().unwrap() = mood;
    }

    /// The letters that were taken.
    pub fn letters(&self) -> Vec<Letter> {
        self.shared.letters.lock().unwrap().clone()
    }

    /// How many letters were offered, taken or not.
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
        // Whoever hangs up in the middle is no failure of the server's.
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
        let mood = *shared.mood.lock().unwrap();
        let answer = if command.starts_with("MAIL FROM") {
            *shared.offers.lock().unwrap() += 1;
            match mood {
                Mood::IsBusy => "451 try again later",
                Mood::IsSilent => std::future::pending::<&str>().await,
                Mood::Takes | Mood::KnowsNobody | Mood::RefusesPassword => "250 ok",
            }
        } else if command.starts_with("RCPT TO") {
            to = line.split(['<', '>']).nth(1)?.to_owned();
            if mood == Mood::KnowsNobody {
                "550 no such mailbox"
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
            shared.letters.lock().unwrap().push(Letter { to: to.clone(), text });
            "250 taken"
        } else if command.starts_with("EHLO") {
            "250-mail.test\r\n250 AUTH PLAIN LOGIN"
        } else if command.starts_with("AUTH") {
            if mood == Mood::RefusesPassword {
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
