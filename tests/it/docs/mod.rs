//! Documents: their examples work, and the names in them exist.
//!
//! `tests/clients` compares the examples of `docs/LIVE.md` and `docs/FRONT-ENDS.md` with the files that it runs.

mod commands;
mod figures;
mod links;
mod migrating;
mod operations;
mod session;
mod settings;
mod tutorial;

use std::fs;
use std::path::{Path, PathBuf};

/// The root of the repository.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(name: impl AsRef<Path>) -> String {
    let name = name.as_ref();
    fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{}: {error}", name.display()))
}

/// Every document, relative to the root of the repository.
fn documents() -> Vec<PathBuf> {
    let mut documents = Vec::new();
    for folder in [
        ".",
        "docs",
        "docs/decisions",
        "bench",
        "bench/results",
        "examples/board",
    ] {
        for entry in fs::read_dir(root().join(folder)).unwrap() {
            let name = PathBuf::from(folder).join(entry.unwrap().file_name());
            if name.extension().is_some_and(|extension| extension == "md") {
                documents.push(name);
            }
        }
    }
    assert!(documents.len() > 15, "{documents:?}");
    documents
}

/// The text from a heading of level 2 to the next.
fn section(page: &str, heading: &str) -> String {
    let start = page
        .find(&format!("\n## {heading}\n"))
        .unwrap_or_else(|| panic!("no section '{heading}'"))
        + 1;
    let rest = &page[start..];
    rest[..rest[1..].find("\n## ").map_or(rest.len(), |end| end + 1)].to_owned()
}

/// The code blocks of a page: language and text, without the indentation of lists.
fn blocks(page: &str) -> Vec<(String, String)> {
    let mut blocks: Vec<(String, String)> = Vec::new();
    let mut open: Option<usize> = None;
    for line in page.lines() {
        let indent = line.len() - line.trim_start().len();
        match (line.trim_start().strip_prefix("```"), open) {
            (Some(language), None) => {
                blocks.push((language.to_owned(), String::new()));
                open = Some(indent);
            }
            (Some(_), Some(_)) => open = None,
            (None, Some(indent)) => {
                let (_, text) = blocks.last_mut().unwrap();
                text.push_str(line.get(indent..).unwrap_or_default());
                text.push('\n');
            }
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a block of code has no end");
    blocks
}

/// The inline code of a page, without code blocks.
fn inline_code(page: &str) -> Vec<String> {
    let mut is_block = false;
    let prose = page.lines().filter(|line| {
        let is_fence = line.trim_start().starts_with("```");
        is_block ^= is_fence;
        !is_block && !is_fence
    });
    let prose = prose.collect::<Vec<_>>().join("\n");
    prose.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}
