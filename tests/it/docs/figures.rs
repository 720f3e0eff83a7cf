//! Each number in `README.md` is in the file that its bullet links to.

use super::{read, section};

/// The numbers of a text, such as `2,359`, `0.80` and `38`, but not in names such as `p95` or `argon2id`.
fn numbers(text: &str) -> Vec<String> {
    let words = text.split(|c: char| !(c.is_alphanumeric() || ".,".contains(c)));
    words
        .map(|word| word.trim_matches(['.', ',']))
        .filter(|word| word.starts_with(|c: char| c.is_ascii_digit()) && !word.contains(char::is_alphabetic))
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_figure_of_the_readme_is_in_its_linked_file() {
    let section = section(&read("README.md"), "Measured");
    let bullets: Vec<&str> = section.split("\n- ").skip(1).collect();
    assert_eq!(bullets.len(), 8);
    for bullet in bullets {
        let (text, link) = bullet
            .rsplit_once("\n  ([")
            .unwrap_or_else(|| bullet.rsplit_once("([").unwrap());
        let file = link.split("](").nth(1).unwrap().split([')', '#']).next().unwrap();
        let source = numbers(&read(file));
        let figures = numbers(text);
        assert!(!figures.is_empty(), "no figure in: {bullet}");
        for figure in figures {
            assert!(source.contains(&figure), "{figure} is not in {file}: {bullet}");
        }
    }
}

#[test]
fn numbers_in_names_are_no_figures() {
    assert_eq!(numbers("p95 7.0 ms, 10,000 of argon2id (38)."), ["7.0", "10,000", "38"]);
}
