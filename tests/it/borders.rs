//! Allowed dependencies between modules, checked against the paths in every source file.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

/// Top-level modules, lowest first, with the modules that each may use. A module uses only modules listed before it,
/// so there is no cycle.
const ALLOWED: [(&str, &[&str]); 14] = [
    ("config", &[]),
    ("tls", &[]),
    ("telemetry", &["config"]),
    ("redis", &["telemetry", "tls"]),
    ("domain", &["config", "redis", "telemetry", "tls"]),
    ("rate_limit", &["config", "domain", "redis", "telemetry"]),
    ("state", &["config", "domain", "rate_limit", "redis", "telemetry"]),
    ("http", &["config", "domain", "rate_limit", "state", "telemetry"]),
    ("ops", &["domain", "state", "telemetry"]),
    ("rest", &["config", "domain", "http", "ops", "rate_limit", "state"]),
    (
        "graphql",
        &["config", "domain", "http", "rate_limit", "redis", "state", "telemetry"],
    ),
    ("pages", &["rest", "state"]),
    (
        "app",
        &[
            "config",
            "domain",
            "graphql",
            "http",
            "ops",
            "pages",
            "rate_limit",
            "redis",
            "rest",
            "state",
        ],
    ),
    (
        "command",
        &[
            "app",
            "config",
            "domain",
            "graphql",
            "http",
            "redis",
            "rest",
            "telemetry",
        ],
    ),
];

/// Folders whose modules must not have cyclic dependencies.
const WITHOUT_CYCLES: [&[&str]; 6] = [
    &["graphql"],
    &["graphql", "execution"],
    &["graphql", "transport"],
    &["http"],
    &["ops"],
    &["pages"],
];

/// A path in the source, with its file and module. All paths are without `crate`.
struct Named {
    file: PathBuf,
    line: usize,
    from: Vec<String>,
    to: Vec<String>,
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, to, .. } = self;
        write!(f, "{}:{line} names crate::{}", file.display(), to.join("::"))
    }
}

#[test]
fn top_level_modules_use_only_the_modules_that_the_table_allows() {
    let allowed: BTreeMap<_, _> = ALLOWED.into_iter().collect();
    let mut used: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut trespasses = Vec::new();
    let source = source();
    for named in &source {
        let (Some(from), Some(to)) = (named.from.first(), named.to.first()) else {
            continue;
        };
        if from == to {
            continue;
        }
        let Some(may) = allowed.get(from.as_str()) else {
            trespasses.push(format!("{named}; add `{from}` to the table of allowed dependencies"));
            continue;
        };
        if may.contains(&to.as_str()) {
            used.entry(from).or_default().insert(to);
        } else {
            trespasses.push(format!("{named}; `{from}` may name only: {}", may.join(", ")));
        }
    }
    assert!(trespasses.is_empty(), "forbidden borders:\n{}", trespasses.join("\n"));
    for (module, may) in ALLOWED {
        let used = used.remove(module).unwrap_or_default();
        assert_eq!(
            used,
            may.iter().copied().collect(),
            "the table allows `{module}` more than it needs"
        );
    }
}

#[test]
fn the_table_of_allowed_dependencies_has_no_cycle() {
    for (place, (module, may)) in ALLOWED.iter().enumerate() {
        for lower in *may {
            assert!(
                ALLOWED[..place].iter().any(|(name, _)| name == lower),
                "`{module}` may name `{lower}`, which must then be above it in the table"
            );
        }
    }
}

#[test]
fn only_the_domain_uses_the_store() {
    for named in source() {
        assert!(
            !named.to.starts_with(&["domain".to_owned(), "store".to_owned()]) || named.from[0] == "domain",
            "{named}; only the domain may name its store"
        );
    }
}

#[test]
fn modules_have_no_cyclic_dependencies() {
    let source = source();
    for folder in WITHOUT_CYCLES {
        let mut edges: BTreeMap<&str, BTreeMap<&str, &Named>> = BTreeMap::new();
        for named in &source {
            let (Some([from, ..]), Some([to, ..])) = (below(folder, &named.from), below(folder, &named.to)) else {
                continue;
            };
            if from != to {
                edges.entry(from).or_default().entry(to).or_insert(named);
            }
        }
        // Removes modules without incoming or outgoing dependencies until only cycles, and modules between cycles, are left.
        loop {
            let named: BTreeSet<&str> = edges.values().flat_map(BTreeMap::keys).copied().collect();
            let free = edges
                .iter()
                .find(|(from, to)| !named.contains(*from) || !to.keys().any(|to| edges.contains_key(to)));
            let Some((free, _)) = free.map(|(from, to)| (*from, to)) else {
                break;
            };
            edges.remove(free);
        }
        let left: Vec<String> = edges
            .values()
            .flat_map(|to| to.iter().filter(|(to, _)| edges.contains_key(*to)))
            .map(|(_, named)| named.to_string())
            .collect();
        assert!(
            left.is_empty(),
            "modules of `{}` depend on each other in a cycle:\n{}",
            folder.join("::"),
            left.join("\n")
        );
    }
}

fn below<'p>(folder: &[&str], path: &'p [String]) -> Option<&'p [String]> {
    let (above, rest) = path.split_at_checked(folder.len())?;
    (above == folder).then_some(rest)
}

/// All paths of all source files, except `main.rs` and unit tests.
fn source() -> Vec<Named> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut named = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if path.is_dir() {
                if name != "tests" {
                    folders.push(path);
                }
            } else if path.extension().is_some_and(|extension| extension == "rs")
                && !["main.rs", "tests.rs"].contains(&name)
            {
                named.extend(paths_of(&root, &path));
            }
        }
    }
    assert!(named.len() > 1_000, "the source has more paths than {}", named.len());
    named
}

/// All paths of a file that begin with `crate`, `self` or `super`, in `use` items and in code.
fn paths_of(root: &Path, file: &Path) -> Vec<Named> {
    let relative = file.strip_prefix(root).unwrap().with_extension("");
    let mut module: Vec<String> = relative.iter().map(|part| part.to_str().unwrap().to_owned()).collect();
    module.pop_if(|last| ["mod", "lib"].contains(&last.as_str()));
    let tokens = tokens(&fs::read_to_string(file).unwrap());
    let mut named = Vec::new();
    let mut at = 0;
    while let Some((line, token)) = tokens.get(at) {
        let is_path = ["crate", "self", "super"].contains(&token.as_str());
        if !is_path || tokens.get(at + 1).is_none_or(|(_, next)| next != "::") {
            at += 1;
            continue;
        }
        let mut written = Vec::new();
        at = read_tree(&tokens, at, &[], &mut written);
        named.extend(written.into_iter().map(|path| Named {
            file: Path::new("src").join(file.strip_prefix(root).unwrap()),
            line: *line,
            from: module.clone(),
            to: absolute(&module, &path),
        }));
    }
    named
}

/// Parses a path or a tree of paths; returns the position after it.
fn read_tree(tokens: &[(usize, String)], mut at: usize, above: &[String], named: &mut Vec<Vec<String>>) -> usize {
    let token = |at: usize| tokens.get(at).map_or("", |(_, token)| token.as_str());
    let mut path = above.to_vec();
    loop {
        if token(at) == "{" {
            at += 1;
            while token(at) != "}" {
                at = read_tree(tokens, at, &path, named);
                if token(at) == "," {
                    at += 1;
                }
            }
            return at + 1;
        }
        if token(at).starts_with(|first: char| first.is_alphabetic() || first == '_') {
            path.push(token(at).to_owned());
        }
        at += 1;
        let goes_on = token(at) == "::" && (token(at + 1) == "{" || token(at + 1).starts_with(char::is_alphabetic));
        if !goes_on {
            break;
        }
        at += 1;
    }
    if token(at) == "as" {
        at += 2;
    }
    named.push(path);
    at
}

fn absolute(module: &[String], path: &[String]) -> Vec<String> {
    let mut absolute = module.to_vec();
    for segment in path {
        match segment.as_str() {
            "crate" => absolute.clear(),
            "self" => {}
            "super" => {
                absolute.pop();
            }
            _ => absolute.push(segment.clone()),
        }
    }
    absolute
}

/// Tokens with their line numbers, without comments, literals and unit test modules.
fn tokens(text: &str) -> Vec<(usize, String)> {
    const TESTS: &str = "#[cfg(test)]\nmod tests {";

    let text = text.split(TESTS).next().unwrap_or_default();
    let mut tokens = Vec::new();
    let (mut rest, mut line) = (text, 1);
    while let Some(first) = rest.chars().next() {
        let literal = literal(rest);
        let is_code = literal.is_none() && !first.is_whitespace() && !rest.starts_with("//");
        let length = if let Some(length) = literal {
            length
        } else if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if first.is_alphanumeric() || first == '_' {
            rest.find(|c: char| !c.is_alphanumeric() && c != '_')
                .unwrap_or(rest.len())
        } else if rest.starts_with("::") {
            2
        } else {
            first.len_utf8()
        };
        let (token, behind) = rest.split_at(length);
        if is_code {
            tokens.push((line, token.to_owned()));
        }
        line += token.matches('\n').count();
        rest = behind;
    }
    tokens
}

/// Length of the string or character literal at the start, if there is one.
fn literal(text: &str) -> Option<usize> {
    let raw = text.strip_prefix("br").or_else(|| text.strip_prefix('r'));
    let marks = raw.map(|raw| raw.len() - raw.trim_start_matches('#').len());
    if let (Some(raw), Some(marks)) = (raw, marks)
        && raw[marks..].starts_with('"')
    {
        let end = format!("\"{}", "#".repeat(marks));
        let begin = text.len() - raw.len() + marks + 1;
        return Some(begin + text[begin..].find(&end)? + end.len());
    }
    if let Some(character) = text.strip_prefix('\'') {
        let length = match character.strip_prefix('\\') {
            Some(escaped) => 2 + escaped.char_indices().nth(1)?.0.max(escaped.find('\'')?),
            None => 1 + character.chars().next()?.len_utf8(),
        };
        return text[length..].starts_with('\'').then_some(length + 1);
    }
    let string = text.strip_prefix('b').unwrap_or(text).strip_prefix('"')?;
    let mut escaped = false;
    let end = string.find(|c| {
        let ends = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        ends
    })?;
    Some(text.len() - string.len() + end + 1)
}
