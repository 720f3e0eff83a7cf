//! Reads the parts of a form in order, within limits.

use std::collections::HashMap;

use axum::http::HeaderMap;
use multer::Field;
use tokio::fs::File;
use tokio::io::AsyncWriteExt as _;

use super::super::accept::{content_type, essence};
use super::super::request::too_large;
use crate::domain::attachment::MAX_SIZE;
use crate::graphql::execution::response::Refusal;
use crate::graphql::upload::{UploadedFile, Uploads};
use crate::http::body::{Exceeded, FormParts, HeadTooLarge, MAX_HEAD, Source, boundary_in};

/// Maximum bytes of the body per file.
const FILE_ALLOWANCE: u64 = MAX_SIZE + MAX_HEAD;

/// Maximum bytes of a form before the number of its files is known. One chunk can contain the end of `map` and the
/// start of a file.
pub(super) fn first_allowance(text_limit: usize) -> u64 {
    2 * (text_limit as u64 + MAX_HEAD) + FILE_ALLOWANCE
}

pub(super) struct Form {
    parts: FormParts,
    source: Source,
    /// Maximum bytes of `operations` and of `map`, each.
    text_limit: usize,
}

pub(in crate::graphql::transport::http) fn is_multipart(headers: &HeaderMap) -> bool {
    essence(content_type(headers)).eq_ignore_ascii_case("multipart/form-data")
}

impl Form {
    pub(super) fn open(headers: &HeaderMap, source: &Source, text_limit: usize) -> Result<Self, Refusal> {
        let boundary = boundary_in(content_type(headers)).map_err(malformed)?;
        Ok(Self {
            parts: FormParts::new(source, boundary),
            source: source.clone(),
            text_limit,
        })
    }

    /// Reads the next part, which must have this name.
    pub(super) async fn text(&mut self, name: &str) -> Result<Vec<u8>, Refusal> {
        let Some(mut part) = self.parts.next().await.map_err(malformed)? else {
            return Err(Refusal::bad_request(format!("{name} is missing; {ORDER}")));
        };
        if part.name() != Some(name) {
            return Err(Refusal::bad_request(format!(
                "The part '{}' is in the place of {name}; {ORDER}",
                part.name().unwrap_or_default()
            )));
        }
        let mut text = Vec::new();
        while let Some(piece) = part.chunk().await.map_err(malformed)? {
            text.extend_from_slice(&piece);
            if text.len() > self.text_limit {
                return Err(too_large(format!(
                    "{name} is larger than the {} bytes that are allowed",
                    self.text_limit
                )));
            }
        }
        Ok(text)
    }

    /// Reads the files with these names, up to the end of the form.
    pub(super) async fn files(mut self, names: impl Iterator<Item = &str>) -> Result<Uploads, Refusal> {
        let mut places: HashMap<String, usize> = names
            .enumerate()
            .map(|(place, name)| (name.to_owned(), place))
            .collect();
        let mut files: Vec<Option<UploadedFile>> = vec![None; places.len()];
        self.source
            .grow((places.len() as u64).saturating_sub(1) * FILE_ALLOWANCE);
        while let Some(part) = self.parts.next().await.map_err(malformed)? {
            let name = part.name().unwrap_or_default().to_owned();
            let Some(place) = places.remove(&name) else {
                return Err(Refusal::bad_request(format!(
                    "The file '{name}' is not in map, or was sent twice"
                )));
            };
            files[place] = Some(receive(&name, part).await?);
        }
        if let Some(missing) = places.keys().min() {
            return Err(Refusal::bad_request(format!(
                "map names the file '{missing}', which is missing"
            )));
        }
        Ok(Uploads::new(files.into_iter().flatten().collect()))
    }
}

/// The end of the error message for parts in the wrong order.
const ORDER: &str = "send operations first, then map, then the files";

/// Streams a file to an unnamed temporary file.
async fn receive(name: &str, mut part: Field<'static>) -> Result<UploadedFile, Refusal> {
    let Some(filename) = part.file_name().map(str::to_owned) else {
        return Err(Refusal::bad_request(format!(
            "The part '{name}' is no file: it has no filename"
        )));
    };
    let temporary = tokio::task::spawn_blocking(tempfile::tempfile).await;
    let mut file = File::from_std(temporary.map_err(Refusal::internal)?.map_err(Refusal::internal)?);
    let mut size = 0;
    while let Some(piece) = part.chunk().await.map_err(malformed)? {
        size += piece.len() as u64;
        if size > MAX_SIZE {
            return Err(too_large(format!(
                "The file '{name}' is larger than the {MAX_SIZE} bytes that are allowed"
            )));
        }
        file.write_all(&piece).await.map_err(Refusal::internal)?;
    }
    file.flush().await.map_err(Refusal::internal)?;
    Ok(UploadedFile::new(filename, file))
}

fn malformed(error: multer::Error) -> Refusal {
    match error {
        multer::Error::StreamReadFailed(cause) if cause.is::<Exceeded>() => {
            too_large("The body is larger than this server takes".to_owned())
        }
        multer::Error::StreamReadFailed(cause) if cause.is::<HeadTooLarge>() => too_large(format!(
            "The head of a part is larger than the {MAX_HEAD} bytes that are allowed"
        )),
        multer::Error::StreamReadFailed(_) => Refusal::bad_request("The body could not be read to its end"),
        other => Refusal::bad_request(format!("The body is not multipart/form-data as it should be: {other}")),
    }
}
