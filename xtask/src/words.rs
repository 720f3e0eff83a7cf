//! Words that readers should not meet: `cargo xtask lint` refuses them in tracked files.
//!
//! Taskwire is written in plain technical English, with the standard term for each concept. Every phrase here hides a
//! standard term. A phrase matches in any case, as whole words, across line breaks, and inside of `snake_case` names.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::process::{read, workspace_root};

/// The phrases, each with what to write.
const BANNED: [(&str, &str); 28] = [
    ("whoever", "anyone who"),
    ("whomever", "anyone who"),
    ("whom", "who"),
    ("what there is", "that exists"),
    ("what became of", "result of"),
    ("mend", "fix"),
    ("mends", "fixes"),
    ("mended", "fixed"),
    ("whether or no", "whether"),
    ("hence", "so"),
    ("behind this cursor", "after this cursor"),
    ("behind that cursor", "after that cursor"),
    ("behind a cursor", "after a cursor"),
    ("behind the cursor", "after the cursor"),
    ("so many", "a number"),
    ("of its own", "own, separate"),
    ("of their own", "own, separate"),
    ("of our own", "own, separate"),
    ("at hand", "ready"),
    ("hears", "receives"),
    ("heeds", "handles"),
    ("told", "notified"),
    ("stands", "is"),
    ("concerns", "affects"),
    ("makes", "creates"),
    ("made", "created"),
    ("thing", "resource, or its name"),
    ("things", "resources, or their names"),
];

/// Files that are documents wherever they are.
const DOCUMENTS: [&str; 4] = [".md", ".yml", ".yaml", ".env.example"];

/// Folders and files that are checked in full, beside all documents.
const CHECKED: [&str; 10] = [
    ".ci/",
    "bench/",
    "deploy/",
    "examples/",
    "macros/",
    "migration/",
    "schema.graphql",
    "src/",
    "tests/",
    "xtask/",
];

/// Where a phrase may be. An empty phrase allows all of them.
struct Allowed {
    /// The start of a path.
    path: &'static str,
    phrase: &'static str,
    reason: &'static str,
}

const ALLOWED: [Allowed; 4] = [
    Allowed {
        path: "xtask/src/words.rs",
        phrase: "",
        reason: "it lists the phrases",
    },
    Allowed {
        path: "assets/",
        phrase: "",
        reason: "licences of vendored packages, word for word",
    },
    Allowed {
        path: "examples/board/package-lock.json",
        phrase: "",
        reason: "npm writes it",
    },
    Allowed {
        path: "tests/clients/package-lock.json",
        phrase: "",
        reason: "npm writes it",
    },
];

/// Fails when a tracked file has a banned phrase, and prints each with its place.
pub(crate) fn check() -> Result<()> {
    let banned = BANNED.map(|(phrase, instead)| (words(phrase), phrase, instead));
    let mut found = 0;
    for path in tracked()?.lines().filter(|path| is_checked(path)) {
        let text = fs::read_to_string(workspace_root().join(path)).with_context(|| format!("cannot read {path}"))?;
        let text = words(&text);
        for (words, phrase, instead) in &banned {
            for line in lines_of(&text, words).filter(|_| !is_allowed(path, phrase)) {
                println!("{path}:{line}: '{phrase}': write '{instead}'");
                found += 1;
            }
        }
    }
    ensure!(found == 0, "{found} words to replace; xtask/src/words.rs has the rules");
    Ok(())
}

fn tracked() -> Result<String> {
    read(Command::new("git").arg("ls-files").current_dir(workspace_root()))
}

fn is_checked(path: &str) -> bool {
    DOCUMENTS.iter().any(|ending| path.ends_with(ending)) || CHECKED.iter().any(|start| path.starts_with(start))
}

fn is_allowed(path: &str, phrase: &str) -> bool {
    ALLOWED.iter().any(|allowed| {
        debug_assert!(!allowed.reason.is_empty());
        path.starts_with(allowed.path) && (allowed.phrase.is_empty() || allowed.phrase == phrase)
    })
}

/// A word in lower case.
struct Word {
    text: String,
    /// Its line, counted from 1.
    line: usize,
    /// Whether a sentence or clause ends before it.
    is_first: bool,
}

/// The words of a text. Anything but letters separates them.
fn words(text: &str) -> Vec<Word> {
    let mut words: Vec<Word> = Vec::new();
    let (mut line, mut is_inside, mut is_first) = (1, false, true);
    for character in text.chars() {
        if character.is_alphabetic() {
            if !is_inside {
                let text = String::new();
                words.push(Word { text, line, is_first });
                (is_inside, is_first) = (true, false);
            }
            if let Some(word) = words.last_mut() {
                word.text.extend(character.to_lowercase());
            }
            continue;
        }
        is_inside = false;
        line += usize::from(character == '\n');
        is_first |= ".,;:!?()|`\"".contains(character);
    }
    words
}

/// The lines at which a phrase begins.
fn lines_of<'t>(text: &'t [Word], phrase: &'t [Word]) -> impl Iterator<Item = usize> + 't {
    text.windows(phrase.len())
        .filter(move |window| {
            window.iter().zip(phrase).all(|(word, wanted)| word.text == wanted.text)
                && !window[1..].iter().any(|word| word.is_first)
        })
        .map(|window| window[0].line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str, phrase: &str) -> Vec<usize> {
        lines_of(&words(text), &words(phrase)).collect()
    }

    #[test]
    fn phrase_is_found_in_any_case_across_lines_and_in_names() {
        assert_eq!(lines("One\nSo\n// MANY tasks", "so many"), [2]);
        assert_eq!(lines("fn is_told() {}", "told"), [1]);
        assert_eq!(lines("whether-or-no", "whether or no"), [1]);
    }

    #[test]
    fn part_of_a_word_and_words_of_two_sentences_do_not_match() {
        assert_eq!(lines("something, remade", "thing"), [0; 0]);
        assert_eq!(lines("It is so. Many are", "so many"), [0; 0]);
    }

    #[test]
    fn documents_are_checked_everywhere_and_code_in_listed_folders() {
        assert!(is_checked("tests/it/README.md") && is_checked("xtask/src/main.rs"));
        assert!(!is_checked("assets/swagger-ui/bundle.js"));
    }

    #[test]
    fn an_allowed_file_may_have_a_phrase() {
        assert!(is_allowed("xtask/src/words.rs", "thing"));
        assert!(!is_allowed("xtask/src/main.rs", "thing"));
    }
}
