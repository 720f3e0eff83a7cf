//! `cargo xtask assets`: the browser files kept in `assets/`, so that the server's pages need no CDN.
//!
//! The list below pins each package by version and by the digest of its archive, as in a lock file of npm.
//! `assets/manifest.json` has the digest of every file, after the replacements in the list. The files that Taskwire adds
//! (`start.js`, `page.css`) are not part of the manifest.

use std::collections::HashMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::read::GzDecoder;
use serde_json::{Value, json};
use sha2::{Digest, Sha256, Sha512};

use crate::process::{read, workspace_root};

/// One package and the files that are copied from it.
struct Package {
    name: &'static str,
    version: &'static str,
    licence: &'static str,
    /// SHA-512 of the archive, in base64.
    integrity: &'static str,
    files: &'static [Vendored],
    /// Texts that are replaced in its files, each found exactly once.
    replaced: &'static [(&'static str, &'static str)],
}

/// A file's path in the package's archive, and where it goes below `assets/`.
type Vendored = (&'static str, &'static str);

const PACKAGES: &[Package] = &[
    Package {
        name: "graphiql",
        version: "4.1.2",
        licence: "MIT",
        integrity: "rNlzQIAzm6i2KBXmVQWBgLvt0TloxFVB2d18bukvdsvjEuFDHsKx5IVOomL1W1o5WW+tE54+ioHb2AEKzO2cUg==",
        files: &[
            ("package/graphiql.min.js", "graphiql/graphiql.min.js"),
            ("package/graphiql.min.css", "graphiql/graphiql.min.css"),
            ("package/LICENSE", "graphiql/LICENSE-graphiql"),
        ],
        replaced: &[],
    },
    Package {
        name: "react",
        version: "18.3.1",
        licence: "MIT",
        integrity: "wS+hAgJShR0KhEvPJArfuPVN1+Hz1t0Y6n5jLrGQbkb4urgPE/0Rve+1kMB1v/oWgHgm4WIcV+i7F2pTVj+2iQ==",
        files: &[
            (
                "package/umd/react.production.min.js",
                "graphiql/react.production.min.js",
            ),
            ("package/LICENSE", "graphiql/LICENSE-react"),
        ],
        replaced: &[],
    },
    Package {
        name: "react-dom",
        version: "18.3.1",
        licence: "MIT",
        integrity: "5m4nQKp+rZRb09LNH59GM4BxTh9251/ylbKIbpe7TpGxfJ+9kv6BLkLBXIjjspbgbnIBNqlI23tRnTWT0snUIw==",
        files: &[
            (
                "package/umd/react-dom.production.min.js",
                "graphiql/react-dom.production.min.js",
            ),
            ("package/LICENSE", "graphiql/LICENSE-react-dom"),
        ],
        replaced: &[],
    },
    Package {
        name: "graphql-playground-react",
        version: "1.7.28",
        licence: "MIT",
        integrity: "YPR33Ph9kuKlFOMpc8mKGsL/fOiX0ltgzV1BokXYNsBLtTVQnhdCSKQuZg80CcxWKD8syNuWXDkGZSAdFkwmRg==",
        files: &[
            ("package/build/static/js/middleware.js", "playground/middleware.js"),
            ("package/build/static/css/middleware.css", "playground/middleware.css"),
            ("package/LICENSE", "playground/LICENSE-graphql-playground"),
        ],
        replaced: &[],
    },
    Package {
        name: "swagger-ui-dist",
        version: "5.35.0",
        licence: "Apache-2.0",
        integrity: "U06rpMtW9V3XPGOBeamTUSr0Z09jMX4IJuANpE/EZbAhw0G8CgwrzU4YmXkn/h0wCDNsXdGarTNNHC3sU8yVUQ==",
        files: &[
            ("package/swagger-ui-bundle.js", "swagger-ui/swagger-ui-bundle.js"),
            (
                "package/swagger-ui-bundle.js.LICENSE.txt",
                "swagger-ui/swagger-ui-bundle.js.LICENSE.txt",
            ),
            ("package/swagger-ui.css", "swagger-ui/swagger-ui.css"),
            ("package/LICENSE", "swagger-ui/LICENSE-swagger-ui"),
            ("package/NOTICE", "swagger-ui/NOTICE-swagger-ui"),
        ],
        replaced: &[],
    },
    Package {
        name: "redoc",
        version: "2.5.4",
        licence: "MIT",
        integrity: "M6jWhG1qoBnH6TFmzJnstyCZ87HmOY/UzDm78mHiYihEdlV/YcS9ogOo1NlElnJMeLsyxHFe2yFc4sNjHTrABQ==",
        files: &[
            ("package/bundles/redoc.standalone.js", "redoc/redoc.standalone.js"),
            (
                "package/bundles/redoc.standalone.js.LICENSE.txt",
                "redoc/redoc.standalone.js.LICENSE.txt",
            ),
            ("package/LICENSE", "redoc/LICENSE-redoc"),
        ],
        // The vendor's logo. It would report every reader to the vendor, and the page's content policy refuses it.
        replaced: &[("https://cdn.redoc.ly/redoc/logo-mini.svg", "data:,")],
    },
];

/// Downloads every package, and writes the files and the manifest.
pub(crate) fn fetch() -> Result<()> {
    let mut entries = Vec::new();
    for package in PACKAGES {
        println!("xtask: {}@{}", package.name, package.version);
        let archive = download(package)?;
        ensure!(
            STANDARD.encode(Sha512::digest(&archive)) == package.integrity,
            "the archive of {}@{} is not the one that was pinned",
            package.name,
            package.version,
        );
        entries.extend(unpack(package, &archive)?);
    }
    let manifest = format!("{:#}\n", Value::Array(entries));
    fs::write(manifest_path(), manifest).context("cannot write the manifest")
}

/// Fails when the manifest has other packages, or a file differs from the manifest.
pub(crate) fn check() -> Result<()> {
    let manifest = fs::read_to_string(manifest_path()).context("cannot read the manifest")?;
    let manifest: Vec<Value> = serde_json::from_str(&manifest).context("the manifest is not a list in JSON")?;
    let mut wanted = Vec::new();
    for package in PACKAGES {
        for (_, to) in package.files {
            let path = assets().join(to);
            let content = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
            wanted.push(entry(package, to, &content));
        }
    }
    for wanted in &wanted {
        ensure!(
            manifest.contains(wanted),
            "{} is not as the manifest says; run `cargo xtask assets`",
            wanted["file"]
        );
    }
    ensure!(
        manifest.len() == wanted.len(),
        "the manifest lists files that nobody wants; run `cargo xtask assets`"
    );
    Ok(())
}

/// The package's archive, downloaded by npm from its configured registry.
fn download(package: &Package) -> Result<Vec<u8>> {
    let folder = tempfile::tempdir()?;
    let name = format!("{}@{}", package.name, package.version);
    let mut npm = Command::new("npm");
    let printed = read(npm.args(["pack", "--silent", &name]).current_dir(folder.path()))?;
    let file = printed.lines().last().context("`npm pack` named no file")?;
    fs::read(folder.path().join(file)).with_context(|| format!("`npm pack` left no {file}"))
}

/// Writes the wanted files of an archive and gives back their lines of the manifest.
fn unpack(package: &Package, archive: &[u8]) -> Result<Vec<Value>> {
    let mut contents = wanted_contents(package, archive)?;
    let mut entries = Vec::new();
    for (from, to) in package.files {
        let content = contents
            .remove(from)
            .with_context(|| format!("{} has no {from}", package.name))?;
        let path = assets().join(to);
        fs::create_dir_all(path.parent().unwrap_or(&path))?;
        fs::write(&path, &content).with_context(|| format!("cannot write {}", path.display()))?;
        entries.push(entry(package, to, &content));
    }
    Ok(entries)
}

fn wanted_contents(package: &Package, archive: &[u8]) -> Result<HashMap<&'static str, Vec<u8>>> {
    let mut contents = HashMap::new();
    for member in tar::Archive::new(GzDecoder::new(archive)).entries()? {
        let mut member = member?;
        let path = member.path()?.into_owned();
        if let Some((from, _)) = package.files.iter().find(|(from, _)| Path::new(from) == path) {
            let mut content = Vec::new();
            member.read_to_end(&mut content)?;
            contents.insert(*from, content);
        }
    }
    for (text, replacement) in package.replaced {
        replace(&mut contents, text, replacement).with_context(|| format!("in the files of {}", package.name))?;
    }
    Ok(contents)
}

/// Replaces a text that must occur exactly once.
fn replace(contents: &mut HashMap<&'static str, Vec<u8>>, text: &str, replacement: &str) -> Result<()> {
    let places = |content: &[u8]| String::from_utf8_lossy(content).matches(text).count();
    let found: usize = contents.values().map(|content| places(content)).sum();
    ensure!(found == 1, "{text} occurs {found} times, not once");
    if let Some(content) = contents.values_mut().find(|content| places(content) == 1) {
        let changed = std::str::from_utf8(content)
            .context("the file is not UTF-8")?
            .replace(text, replacement);
        *content = changed.into_bytes();
    }
    Ok(())
}

/// What the manifest says of one file.
fn entry(package: &Package, file: &str, content: &[u8]) -> Value {
    json!({
        "package": package.name,
        "version": package.version,
        "licence": package.licence,
        "file": file,
        "sha256": hex(&Sha256::digest(content)),
    })
}

fn hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect()
}

fn assets() -> PathBuf {
    workspace_root().join("assets")
}

fn manifest_path() -> PathBuf {
    assets().join("manifest.json")
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder};

    const SAMPLE: Package = Package {
        name: "sample",
        version: "1.0.0",
        licence: "MIT",
        integrity: "",
        files: &[("package/a.js", "sample/a.js")],
        replaced: &[("https://elsewhere.example/logo.svg", "data:,")],
    };

    #[test]
    fn only_wanted_files_leave_the_archive_and_texts_are_replaced() -> Result<()> {
        let mut builder = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
        let logo = "a https://elsewhere.example/logo.svg";
        for (path, content) in [("package/a.js", logo), ("package/b.js", "not wanted")] {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            builder.append_data(&mut header, path, content.as_bytes())?;
        }
        let archive = builder.into_inner()?.finish()?;
        let contents = wanted_contents(&SAMPLE, &archive)?;
        assert_eq!(contents, HashMap::from([("package/a.js", b"a data:,".to_vec())]));
        Ok(())
    }

    #[test]
    fn manifest_tells_where_a_file_comes_from() {
        let entry = entry(&SAMPLE, "sample/a.js", b"abc");
        assert_eq!(entry["file"], "sample/a.js");
        assert_eq!(
            entry["sha256"],
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }

    #[test]
    fn kept_files_are_those_that_were_taken() -> Result<()> {
        check()
    }
}
