//! Uploaded files, and the scalar `Upload`.
//!
//! The `Upload` of the library is not used, for two reasons: it keeps files in memory, and it panics if a client sends
//! the placeholder of a file as a string.

use std::pin::Pin;
use std::sync::Arc;

use async_graphql::{InputValueResult, Scalar, ScalarType, Value};
use bytes::Bytes;
use futures_util::{FutureExt as _, Stream, TryFutureExt as _, TryStreamExt as _};
use tokio::fs::File;
use tokio::io::AsyncSeekExt as _;
use tokio::sync::Mutex;
use tokio_util::io::ReaderStream;

use crate::domain::error::{Error, Result};

/// Prefix of a placeholder in the variables; the number of the file follows.
const PLACEHOLDER: &str = "upload:";
const NO_FILE: &str = "file: no file was sent; send it as a part of multipart/form-data, as the GraphQL multipart request \
                       specification says";

/// The number of a file of the request; `None` for any other value. The resolver reports it, because an error of the
/// library would fail the whole mutation and not name the field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Upload(Option<usize>);

/// An uploaded file. Send it as a part of multipart/form-data, as defined by the GraphQL multipart request
/// specification, with null as the value of its variable.
#[Scalar(
    name = "Upload",
    specified_by_url = "https://github.com/jaydenseric/graphql-multipart-request-spec"
)]
impl ScalarType for Upload {
    fn parse(value: Value) -> InputValueResult<Self> {
        Ok(Self(match &value {
            Value::String(text) => text.strip_prefix(PLACEHOLDER).and_then(|number| number.parse().ok()),
            _ => None,
        }))
    }

    fn to_value(&self) -> Value {
        Value::Null
    }
}

pub(super) fn placeholder(number: usize) -> String {
    format!("{PLACEHOLDER}{number}")
}

/// The files of a request, in the order of its `map`. The operations of a batch share them.
#[derive(Clone, Debug, Default)]
pub struct Uploads(Vec<UploadedFile>);

/// An uploaded file.
#[derive(Clone, Debug)]
pub struct UploadedFile {
    /// File name from the client.
    pub name: String,
    /// Unnamed temporary file; the operating system deletes it when it is closed. The lock lets one reader at a time
    /// use the file position.
    file: Arc<Mutex<File>>,
}

impl Uploads {
    /// Files in the order of `map`.
    #[must_use]
    pub fn new(files: Vec<UploadedFile>) -> Self {
        Self(files)
    }

    /// The file of an `Upload` value.
    pub fn get(&self, upload: Upload) -> Result<&UploadedFile> {
        let file = upload.0.and_then(|number| self.0.get(number));
        file.ok_or_else(|| Error::invalid("file", NO_FILE))
    }
}

impl UploadedFile {
    /// A file after it was received completely.
    #[must_use]
    pub fn new(name: String, file: File) -> Self {
        Self {
            name,
            file: Arc::new(Mutex::new(file)),
        }
    }

    /// The content, from the start.
    pub fn content(&self) -> impl Stream<Item = Result<Bytes>> + Send + use<> {
        Arc::clone(&self.file)
            .lock_owned()
            .then(async |mut file| -> std::io::Result<_> {
                file.rewind().await?;
                Ok(ReaderStream::new(Pin::new(file)))
            })
            .try_flatten_stream()
            .map_err(Error::internal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_placeholders_of_uploaded_files_are_files() {
        assert_eq!(Upload::parse(placeholder(3).into()).unwrap(), Upload(Some(3)));
        for wrong in [Value::Null, "".into(), "upload:".into(), "upload:-1".into(), 3.into()] {
            assert_eq!(Upload::parse(wrong).unwrap(), Upload(None));
        }
        for none in [Upload(Some(7)), Upload(None)] {
            let error = Uploads::default().get(none).unwrap_err().to_string();
            assert!(error.starts_with("file: no file was sent"), "{error}");
        }
    }
}
