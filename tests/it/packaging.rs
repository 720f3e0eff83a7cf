//! The files that run the server in containers: they parse, and speak of what there is.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// A compose file, with what it shares between services put in its place.
fn compose(name: &str) -> Value {
    let mut file: serde_yaml_ng::Value =
        serde_yaml_ng::from_str(&read(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    file.apply_merge().unwrap();
    serde_json::to_value(file).unwrap()
}

/// The settings that the server knows.
fn settings() -> BTreeSet<String> {
    let example = read(".env.example");
    let names = example
        .lines()
        .filter_map(|line| line.split_once('=').map(|(name, _)| name.to_owned()));
    names.filter(|name| !name.starts_with('#')).collect()
}

#[test]
fn compose_files_start_what_there_is_with_settings_that_there_are() {
    let settings = settings();
    for (name, servers) in [
        ("docker-compose.yml", vec!["taskwire"]),
        ("docker-compose.prod.yml", vec!["one", "two"]),
    ] {
        let file = compose(name);
        let services = file["services"].as_object().unwrap();
        for server in servers {
            assert_eq!(services[server]["build"], ".", "{name}: {server}");
            for setting in services[server]["environment"].as_object().unwrap().keys() {
                assert!(settings.contains(setting), "{name}: there is no setting {setting}");
            }
        }
        for (service, definition) in services {
            check_service(name, service, definition, services);
        }
    }
}

fn check_service(file: &str, service: &str, definition: &Value, services: &serde_json::Map<String, Value>) {
    if let Some(image) = definition["image"].as_str().filter(|image| *image != "taskwire") {
        assert!(image.contains(':'), "{file}: {service} has an image without a version");
    }
    for needed in definition["depends_on"]
        .as_object()
        .into_iter()
        .flat_map(|needed| needed.keys())
    {
        let is_watched = services
            .get(needed)
            .is_some_and(|needed| needed.get("healthcheck").is_some() || needed["build"] == ".");
        assert!(
            is_watched,
            "{file}: {service} waits for {needed}, which says nothing of its health"
        );
    }
    for volume in definition["volumes"].as_array().into_iter().flatten() {
        let source = volume.as_str().unwrap().split(':').next().unwrap();
        if let Some(path) = source.strip_prefix("./") {
            assert!(
                root().join(path).is_file(),
                "{file}: {service} mounts {path}, which there is not"
            );
        }
    }
}

#[test]
fn the_image_is_built_of_what_there_is() {
    let dockerfile = read("Dockerfile");
    for setting in dockerfile
        .lines()
        .filter_map(|line| line.trim_start_matches("ENV ").trim().split_once('='))
    {
        if setting
            .0
            .chars()
            .all(|character| character.is_ascii_uppercase() || character == '_')
        {
            assert!(
                settings().contains(setting.0),
                "the image sets {}, which is no setting",
                setting.0
            );
        }
    }
    assert!(dockerfile.contains("USER taskwire"), "the image must not run as root");
    for kept in read(".dockerignore").lines().filter_map(|line| line.strip_prefix('!')) {
        assert!(
            Path::new(&root()).join(kept).exists(),
            "there is no {kept} for the image"
        );
    }
}
