//! `taskwire config`.

use std::io::Write as _;
use std::path::Path;

use anyhow::{Context as _, bail};
use tempfile::NamedTempFile;

use super::backup::folder_of;
use super::{NewSettings, output};
use crate::config::{Config, Environment, example, reference};
use crate::domain::random::{SystemRandomness, hexadecimal};

/// Random bytes of a new `SECRET_KEY`.
const KEY_BYTES: usize = 32;

pub(super) fn show() -> anyhow::Result<()> {
    for (name, value) in Config::load()?.effective() {
        output::line(&format!("{name}={value}"))?;
    }
    Ok(())
}

pub(super) fn reference(as_env_file: bool) -> anyhow::Result<()> {
    let text = if as_env_file {
        example::text()?
    } else {
        reference::markdown()?
    };
    output::line(text.trim_end())
}

pub(super) fn init(settings: &NewSettings) -> anyhow::Result<()> {
    let environment = if settings.production {
        Environment::Production
    } else {
        Environment::Development
    };
    let key = hexadecimal(&SystemRandomness, KEY_BYTES);
    let mut values = vec![("APP_ENV", environment.as_str())];
    values.extend(settings.production.then_some(("SECRET_KEY", key.as_str())));
    let text = example::filled_in(&values)?;
    match &settings.out {
        Some(file) => {
            write(file, &text, settings.force)?;
            output::line(&format!("Wrote {} for {}", file.display(), environment.as_str()))
        }
        None => output::line(text.trim_end()),
    }
}

/// Writes the whole file or nothing. The file was a temporary one, which only its owner may read.
fn write(file: &Path, text: &str, force: bool) -> anyhow::Result<()> {
    let cannot = || format!("cannot write {}", file.display());
    let mut new = NamedTempFile::new_in(folder_of(file)).with_context(cannot)?;
    new.write_all(text.as_bytes()).with_context(cannot)?;
    new.as_file().sync_all().with_context(cannot)?;
    if force {
        new.persist(file).with_context(cannot)?;
    } else if let Err(error) = new.persist_noclobber(file) {
        if error.error.kind() == std::io::ErrorKind::AlreadyExists {
            bail!("{} exists already; --force replaces it", file.display());
        }
        return Err(error).with_context(cannot);
    }
    Ok(())
}
