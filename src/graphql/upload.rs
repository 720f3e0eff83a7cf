//! Files that came with a request, and the scalar that stands for one of them.
//!
//! The library has such a scalar of its own, but it trusts the text that stands for a file: a client that sends
//! it by hand would make the server panic. And it holds files in memory.

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

/// What stands for a file among the variables, before its number.
const PLACEHOLDER: &str = "upload:";
/// The error of a value that is not a file of the request.
const NO_FILE: &str = "file: no file was sent; send it as a part of multipart/form-data, as the GraphQL multipart request \
                       specification says";

/// The number of a file of the request; `None` for any other value. The resolver reports it, because an error of the
/// library would fail the whole mutation and not name the field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Upload(Option<usize>);

/// A file. It comes as a part of a request in multipart/form-data, by the GraphQL multipart request specification;
/// among the variables stands null in its place.
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

/// What stands for the file with this number among the variables.
pub(super) fn placeholder(number: usize) -> String {
    format!("{PLACEHOLDER}{number}")
}

/// The files of a request, in the order of its `map`.
#[derive(Debug, Default)]
pub struct Uploads(Vec<UploadedFile>);

/// A file that came with a request.
#[derive(Clone, Debug)]
pub struct UploadedFile {
    /// What the client calls it.
    pub name: String,
    /// On the disk, without a name there: the system removes it with the last of its readers. They read it one
    /// after the other.
    file: Arc<Mutex<File>>,
}

impl Uploads {
    /// These files.
    #[must_use]
    pub fn new(files: Vec<UploadedFile>) -> Self {
        Self(files)
    }

    /// The file that is meant.
    pub fn get(&self, upload: Upload) -> Result<&UploadedFile> {
        let file = upload.0.and_then(|number| self.0.get(number));
        file.ok_or_else(|| Error::invalid("file", NO_FILE))
    }

    /// The same files for another operation of the request.
    #[must_use]
    pub fn share(&self) -> Self {
        Self(self.0.clone())
    }
}

impl UploadedFile {
    /// A file that has been received.
    #[must_use]
    pub fn new(name: String, file: File) -> Self {
        Self {
            name,
            file: Arc::new(Mutex::new(file)),
        }
    }

    /// What is in it.
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
    fn only_a_placeholder_is_a_file_and_one_that_was_made_up_is_none() {
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
