//! Links between documents, with their anchors.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::{documents, read, root};

/// The anchors of a page, as GitHub derives them from headings.
fn anchors(page: &str) -> Vec<String> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut is_block = false;
    let mut anchors = Vec::new();
    for line in page.lines() {
        is_block ^= line.trim_start().starts_with("```");
        let Some(heading) = line.strip_prefix('#').filter(|_| !is_block) else {
            continue;
        };
        let kept = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = kept.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        let anchor: String = kept.map(|c| if c == ' ' { '-' } else { c }).collect();
        let count = seen.entry(anchor.clone()).or_default();
        anchors.push(if *count == 0 {
            anchor
        } else {
            format!("{anchor}-{count}")
        });
        *count += 1;
    }
    anchors
}

/// The targets of links and images, including reference links.
fn targets(page: &str) -> Vec<String> {
    let inline = page
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split([')', ' ']).next());
    let references = page.lines().filter_map(|line| {
        let (_, target) = line.strip_prefix('[')?.split_once("]: ")?;
        Some(target.trim())
    });
    inline.chain(references).map(str::to_owned).collect()
}

#[test]
fn every_link_has_a_file_and_every_anchor_a_heading() {
    let mut checked = 0;
    for document in documents() {
        let page = read(&document);
        for target in targets(&page).iter().filter(|target| !target.contains("://")) {
            let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
            let file = if path.is_empty() {
                document.clone()
            } else {
                document.parent().unwrap_or(Path::new("")).join(path)
            };
            assert!(root().join(&file).exists(), "{target} in {}", document.display());
            if !anchor.is_empty() {
                assert!(
                    has_anchor(&file, anchor),
                    "{target} in {} leads to no heading",
                    document.display()
                );
            }
            checked += 1;
        }
    }
    assert!(checked > 200, "{checked} links");
}

fn has_anchor(file: &PathBuf, anchor: &str) -> bool {
    anchors(&read(file)).iter().any(|heading| heading == anchor)
}

#[test]
fn anchors_are_those_of_github() {
    let page = "# What `taskwire doctor` checks\n## REST\n## REST\n```\n# no heading\n```\n### One's list: a, b\n";
    assert_eq!(
        anchors(page),
        ["what-taskwire-doctor-checks", "rest", "rest-1", "ones-list-a-b"]
    );
}
