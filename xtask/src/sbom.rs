//! `cargo xtask sbom`: the software bill of materials of the server, as `CycloneDX` JSON.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::process::{cargo, read, run as run_command, workspace_root};

/// The version of cargo-cyclonedx; others may write other files.
const VERSION: &str = "0.5.9";

/// The name of the file without `.json`, which the tool appends.
const NAME: &str = "taskwire.cdx";

/// Writes `target/sbom/taskwire.cdx.json`.
pub(crate) fn write() -> Result<()> {
    let tool = installed_tool()?;
    let folders = package_folders()?;
    let mut describe = Command::new(tool);
    describe.current_dir(workspace_root()).args(["cyclonedx", "--quiet"]);
    describe.args(["--format", "json", "--spec-version", "1.5"]);
    let described = run_command(describe.args(["--override-filename", NAME]));
    // The tool writes a file beside each manifest of the workspace. Only the server's is wanted.
    let written = folders
        .iter()
        .map(|folder| (folder, folder.join(format!("{NAME}.json"))));
    let mut server = None;
    for (folder, file) in written.filter(|(_, file)| file.is_file()) {
        if folder == workspace_root() {
            server = Some(fs::read_to_string(&file)?);
        }
        fs::remove_file(&file)?;
    }
    described?;
    let text = server.context("cargo-cyclonedx wrote no file for the server")?;
    let out = workspace_root().join("target/sbom");
    fs::create_dir_all(&out)?;
    let out = out.join(format!("{NAME}.json"));
    fs::write(&out, without_path(&text, workspace_root()))?;
    println!("xtask: the bill of materials is in {}", out.display());
    Ok(())
}

/// The tool below `target`, installed there if it is missing: no other project's version is replaced.
fn installed_tool() -> Result<PathBuf> {
    let root = workspace_root().join(format!("target/tools/cargo-cyclonedx-{VERSION}"));
    let tool = root.join("bin/cargo-cyclonedx");
    if !tool.is_file() {
        let mut install = cargo(["install", "--locked", "cargo-cyclonedx", "--version", VERSION]);
        run_command(install.arg("--root").arg(&root))?;
    }
    Ok(tool)
}

/// Where the packages of the workspace are.
fn package_folders() -> Result<Vec<PathBuf>> {
    let metadata = read(&mut cargo(["metadata", "--format-version", "1", "--no-deps"]))?;
    let metadata: Value = serde_json::from_str(&metadata).context("`cargo metadata` wrote no JSON")?;
    let packages = metadata["packages"]
        .as_array()
        .context("the workspace has no packages")?;
    let manifests = packages.iter().filter_map(|package| package["manifest_path"].as_str());
    let folders = manifests.filter_map(|manifest| Path::new(manifest).parent().map(Path::to_owned));
    Ok(folders.collect())
}

/// The text without the path of this checkout, which is part of the references to packages of the workspace.
fn without_path(text: &str, root: &Path) -> String {
    text.replace(&format!("path+file://{}", root.display()), "path+file:///taskwire")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_do_not_name_the_checkout() {
        let text = r#"{"bom-ref": "path+file:///home/ada/code/migration#0.1.0"}"#;
        assert_eq!(
            without_path(text, Path::new("/home/ada/code")),
            r#"{"bom-ref": "path+file:///taskwire/migration#0.1.0"}"#
        );
    }

    #[test]
    fn every_package_of_the_workspace_is_found() -> Result<()> {
        let folders = package_folders()?;
        for name in ["", "bench", "macros", "migration", "xtask"] {
            assert!(folders.contains(&workspace_root().join(name)), "{name}");
        }
        Ok(())
    }
}
