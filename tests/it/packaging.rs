//! Deployment files, for containers and for bare machines: they parse, and name only files and settings that exist.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use axum::body::Body;
use axum::http::{Method, Request};
use serde::Deserialize as _;
use serde_json::{Value, json};
use taskwire::config::{SECRETS, example};
use tower::ServiceExt as _;

use crate::support::TestApp;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

pub(crate) fn read(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// A compose file with its YAML merge keys resolved.
pub(crate) fn compose(name: &str) -> Value {
    let mut file: serde_yaml_ng::Value =
        serde_yaml_ng::from_str(&read(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    file.apply_merge().unwrap();
    serde_json::to_value(file).unwrap()
}

fn settings() -> BTreeSet<String> {
    example::names().map(str::to_owned).collect()
}

/// Whether a setting names the file of a secret, such as `SECRET_KEY_FILE`.
fn is_secret_file(name: &str) -> bool {
    name.strip_suffix("_FILE").is_some_and(|name| SECRETS.contains(&name))
}

#[test]
fn compose_files_use_existing_commands_and_settings() {
    let settings = settings();
    for (name, servers) in [
        ("docker-compose.yml", vec!["taskwire"]),
        ("docker-compose.prod.yml", vec!["one", "two"]),
    ] {
        let file = compose(name);
        let services = file["services"].as_object().unwrap();
        for server in servers {
            let build = &services[server]["build"];
            assert!(build == "." || build["context"] == ".", "{name}: {server}");
            for setting in services[server]["environment"].as_object().unwrap().keys() {
                assert!(
                    settings.contains(setting) || is_secret_file(setting),
                    "{name}: there is no setting {setting}"
                );
            }
        }
        for (service, definition) in services {
            check_service(name, service, definition, services);
            check_rights(name, service, definition);
        }
    }
}

/// Checks that a service has no unneeded rights, and bounded logs.
fn check_rights(file: &str, service: &str, definition: &Value) {
    assert_eq!(definition["read_only"], true, "{file}: {service}");
    assert_eq!(definition["cap_drop"], json!(["ALL"]), "{file}: {service}");
    assert_eq!(
        definition["security_opt"],
        json!(["no-new-privileges:true"]),
        "{file}: {service}"
    );
    for option in ["max-size", "max-file"] {
        let bound = &definition["logging"]["options"][option];
        assert!(bound.is_string(), "{file}: {service}: {option}");
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
            .is_some_and(|needed| needed.get("healthcheck").is_some() || needed.get("build").is_some());
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
fn the_image_is_built_from_existing_files() {
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
    assert!(dockerfile.contains("USER 10001"), "the image must not run as root");
    assert!(dockerfile.contains("ENV APP_ENV=production "));
    let version = format!("\nARG VERSION={}\n", env!("CARGO_PKG_VERSION"));
    assert!(dockerfile.contains(&version), "the image has another version");
    let ignored = read(".dockerignore");
    let kept: Vec<&str> = ignored.lines().filter_map(|line| line.strip_prefix('!')).collect();
    for copied in dockerfile.lines().filter_map(|line| line.strip_prefix("COPY ")) {
        let words: Vec<&str> = copied.split(' ').collect();
        for source in words[..words.len() - 1]
            .iter()
            .filter(|_| !copied.starts_with("--from"))
        {
            assert!(
                root().join(source).exists(),
                "the image copies {source}, which does not exist"
            );
            assert!(
                kept.iter().any(|kept| Path::new(source).starts_with(kept)),
                ".dockerignore excludes {source}"
            );
        }
    }
    // The stage that builds the dependencies has a stub of each workspace member.
    let workspace = read("Cargo.toml");
    let members = workspace
        .split_once("members = [")
        .unwrap()
        .1
        .split_once(']')
        .unwrap()
        .0;
    for member in members.split(", ").map(|member| member.trim_matches('"')) {
        assert!(
            dockerfile.contains(&format!("COPY {member}/Cargo.toml {member}/")),
            "{member}"
        );
    }
    for kept in kept {
        assert!(
            Path::new(&root()).join(kept).exists(),
            "there is no {kept} for the image"
        );
    }
}

#[test]
fn the_plain_dockerfile_lacks_only_the_cache_mounts() {
    // Skips the leading comments.
    let stages = |name: &str| {
        let file = read(name);
        let stages = file.find("# Builds the binary.").map(|start| file[start..].to_owned());
        stages.unwrap_or_else(|| panic!("{name} does not build the binary"))
    };
    let mut plain = String::new();
    let mut is_command = false;
    for line in stages("Dockerfile").lines() {
        let words = line.trim_start().trim_start_matches("RUN ");
        if words.starts_with("--mount=type=cache,") {
            assert!(words.ends_with(" \\"), "{line}");
            is_command = true;
        } else {
            let line = if is_command { &format!("RUN {words}") } else { line };
            plain.push_str(line);
            plain.push('\n');
            is_command = false;
        }
    }
    assert_eq!(stages("Dockerfile.plain"), plain);
}

fn documents(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap();
    let documents = serde_yaml_ng::Deserializer::from_str(&text);
    documents
        .map(|document| {
            let document = serde_yaml_ng::Value::deserialize(document).unwrap();
            serde_json::to_value(document).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
        })
        .collect()
}

/// All Kubernetes documents by kind, without the optional component.
pub(crate) fn kubernetes() -> Vec<(String, Value)> {
    let folder = root().join("deploy/kubernetes");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files
        .filter(|path| path.is_file())
        .flat_map(|path| documents(&path))
        .map(|document| (document["kind"].as_str().unwrap().to_owned(), document))
        .collect()
}

pub(crate) fn one_of_kind<'d>(documents: &'d [(String, Value)], kind: &str) -> &'d Value {
    let mut found = documents.iter().filter(|(other, _)| other == kind);
    let (Some((_, document)), None) = (found.next(), found.next()) else {
        panic!("not one {kind}")
    };
    document
}

/// Asserts that a deployment's variable is a setting of the server, or one of Amazon's tools (by prefix).
fn assert_is_setting(name: &str, whose: &str) {
    assert!(
        name.starts_with("AWS_") || settings().contains(name) || is_secret_file(name),
        "{whose}: there is no setting {name}"
    );
}

#[test]
fn kubernetes_files_are_valid_and_use_existing_settings() {
    let documents = kubernetes();
    let versions = [
        ("Kustomization", "kustomize.config.k8s.io/v1beta1"),
        ("Namespace", "v1"),
        ("ConfigMap", "v1"),
        ("Secret", "v1"),
        ("Deployment", "apps/v1"),
        ("Service", "v1"),
        ("Ingress", "networking.k8s.io/v1"),
        ("NetworkPolicy", "networking.k8s.io/v1"),
        ("PodDisruptionBudget", "policy/v1"),
        ("HorizontalPodAutoscaler", "autoscaling/v2"),
        ("CronJob", "batch/v1"),
        ("PersistentVolumeClaim", "v1"),
    ];
    assert_eq!(documents.len(), versions.len());
    for (kind, version) in versions {
        assert_eq!(one_of_kind(&documents, kind)["apiVersion"], version, "{kind}");
    }
    for (kind, values) in [("ConfigMap", "data"), ("Secret", "stringData")] {
        for (name, value) in one_of_kind(&documents, kind)[values].as_object().unwrap() {
            assert_is_setting(name, kind);
            assert!(value.is_string(), "{kind}: {name} must be a text");
        }
    }
    let resources = &one_of_kind(&documents, "Kustomization")["resources"];
    for resource in resources.as_array().unwrap() {
        let file = format!("deploy/kubernetes/{}", resource.as_str().unwrap());
        assert!(root().join(&file).is_file(), "there is no {file}");
    }
    // Labels and ports match.
    let deployment = &one_of_kind(&documents, "Deployment")["spec"];
    let labels = &deployment["template"]["metadata"]["labels"];
    for selector in [
        &deployment["selector"]["matchLabels"],
        &one_of_kind(&documents, "Service")["spec"]["selector"],
        &one_of_kind(&documents, "PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
    ] {
        assert_eq!(selector, labels);
    }
    let config = &one_of_kind(&documents, "ConfigMap")["data"];
    let pod = &deployment["template"]["spec"];
    let port = pod["containers"][0]["ports"][0]["containerPort"].to_string();
    assert_eq!(config["SERVER_PORT"], port.as_str());
    assert_eq!(config["APP_ENV"], "production");
    for pod in [
        pod,
        &one_of_kind(&documents, "CronJob")["spec"]["jobTemplate"]["spec"]["template"]["spec"],
    ] {
        let container = &pod["containers"][0]["securityContext"];
        assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
        assert_eq!(container["readOnlyRootFilesystem"], true);
        assert_eq!(container["capabilities"]["drop"], json!(["ALL"]));
    }
}

#[test]
fn kubernetes_limits_backups_and_monitors_the_servers_as_an_option() {
    let all = kubernetes();
    let backup = &one_of_kind(&all, "CronJob")["spec"];
    assert_eq!(backup["concurrencyPolicy"], "Forbid");
    assert!(backup["jobTemplate"]["spec"]["activeDeadlineSeconds"].is_u64());
    assert!(read("deploy/systemd/taskwire-backup.service").contains("\nTimeoutStartSec=2h\n"));
    // An optional component, because not every cluster has this kind.
    let folder = root().join("deploy/kubernetes/monitoring");
    let component = &documents(&folder.join("kustomization.yaml"))[0];
    assert_eq!(component["kind"], "Component");
    assert_eq!(component["resources"], json!(["servicemonitor.yaml"]));
    assert!(one_of_kind(&all, "Kustomization").get("components").is_none());
    let monitor = &documents(&folder.join("servicemonitor.yaml"))[0]["spec"];
    let service = one_of_kind(&all, "Service");
    assert_eq!(monitor["selector"]["matchLabels"], service["metadata"]["labels"]);
    assert_eq!(monitor["endpoints"][0]["port"], service["spec"]["ports"][0]["name"]);
}

#[tokio::test]
async fn health_checks_use_paths_that_the_server_answers() {
    let documents = kubernetes();
    let container = &one_of_kind(&documents, "Deployment")["spec"]["template"]["spec"]["containers"][0];
    let railway: Value = serde_json::from_str(&read("deploy/railway.json")).unwrap();
    let render = compose("deploy/render.yaml");
    let mut paths = BTreeSet::from([
        railway["deploy"]["healthcheckPath"].as_str().unwrap(),
        render["services"][1]["healthCheckPath"].as_str().unwrap(),
    ]);
    for probe in ["startupProbe", "readinessProbe", "livenessProbe"] {
        let asked = &container[probe]["httpGet"];
        assert_eq!(asked["port"], "http", "{probe}");
        paths.insert(asked["path"].as_str().unwrap());
    }
    assert_eq!(paths, BTreeSet::from(["/livez", "/readyz"]));
    assert!(read("Dockerfile").contains("/readyz"));
    assert!(read("deploy/Caddyfile").contains("health_uri /readyz"));
    let app = TestApp::start().await;
    for path in paths {
        let request = Request::builder().method(Method::GET).uri(path);
        let answer = app
            .router()
            .oneshot(request.body(Body::empty()).unwrap())
            .await
            .unwrap();
        assert_eq!(answer.status(), 200, "{path}");
    }
}

#[test]
fn platform_files_use_existing_settings() {
    let render = compose("deploy/render.yaml");
    let web = &render["services"][1];
    assert_eq!(
        (&web["runtime"], &web["dockerfilePath"]),
        (&json!("docker"), &json!("./Dockerfile"))
    );
    let names: BTreeSet<&str> = ["databases", "services"]
        .iter()
        .flat_map(|list| render[list].as_array().unwrap())
        .map(|entry| entry["name"].as_str().unwrap())
        .collect();
    for variable in web["envVars"].as_array().unwrap() {
        assert_is_setting(variable["key"].as_str().unwrap(), "Render");
        for source in ["fromDatabase", "fromService"] {
            let name = variable[source]["name"].as_str();
            assert!(name.is_none_or(|name| names.contains(name)), "{variable}");
        }
    }
    let heroku: Value = serde_json::from_str(&read("deploy/heroku/app.json")).unwrap();
    for name in heroku["env"].as_object().unwrap().keys() {
        assert_is_setting(name, "Heroku");
    }
    let built = compose("deploy/heroku/heroku.yml");
    // Neither platform supports our cache mounts. Heroku builds in the folder of the Dockerfile.
    let railway: Value = serde_json::from_str(&read("deploy/railway.json")).unwrap();
    for file in [&built["build"]["docker"]["web"], &railway["build"]["dockerfilePath"]] {
        assert_eq!(file, "Dockerfile.plain");
    }
    let procfile = read("deploy/heroku/Procfile");
    for (process, command) in procfile.lines().map(|line| line.split_once(": ").unwrap()) {
        let same = match process {
            "release" => &built["release"]["command"][0],
            other => &built["run"][other],
        };
        assert_eq!(same, command, "{process}");
    }
    // These platforms set the port as PORT, which SERVER_PORT would override.
    for file in ["Dockerfile", "deploy/render.yaml", "deploy/heroku/app.json"] {
        assert!(!read(file).contains("SERVER_PORT="), "{file}");
        assert!(
            !read(file).contains("key: SERVER_PORT") && !read(file).contains("\"SERVER_PORT\""),
            "{file}"
        );
    }
}

#[test]
fn systemd_units_use_existing_commands() {
    for name in ["taskwire.service", "taskwire-backup.service"] {
        let unit = read(&format!("deploy/systemd/{name}"));
        let values = |key: &str| {
            let lines = unit.lines().filter_map(|line| line.split_once('='));
            let values = lines
                .filter(|(name, _)| *name == key)
                .map(|(_, value)| value.to_owned());
            values.collect::<Vec<_>>()
        };
        // By `env`, because a settings file overrides `Environment=`.
        assert!(
            values("ExecStart")[0].contains("/usr/bin/env APP_ENV=production /usr/local/bin/taskwire"),
            "{name}"
        );
        for assignment in values("Environment").iter().flat_map(|line| line.split(' ')) {
            assert_is_setting(assignment.split_once('=').unwrap().0, name);
        }
        for (key, value) in [
            ("DynamicUser", "yes"),
            ("ProtectSystem", "strict"),
            ("NoNewPrivileges", "yes"),
        ] {
            assert_eq!(values(key), [value], "{name}: {key}");
        }
        assert!(values("StateDirectory")[0].starts_with("taskwire"), "{name}");
    }
}

#[test]
fn a_release_build_unwinds_on_panic() {
    // With `abort`, one request that panics would end the server.
    assert!(read("Cargo.toml").contains("[profile.release]") && read("Cargo.toml").contains("panic = \"unwind\""));
}
