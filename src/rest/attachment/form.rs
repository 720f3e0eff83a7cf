//! Uploads: the part `file` of a multipart form.

use axum::body::Bytes;
use axum::extract::Request;
use axum::http::HeaderMap;
use futures_util::{Stream, stream};
use multer::Field;

use crate::domain::actor::Actor;
use crate::domain::attachment::Attachment;
use crate::domain::error::{self, Error, ViolationKind};
use crate::domain::id::TaskId;
use crate::http::body::{Exceeded, FormParts, HeadTooLarge, MAX_HEAD, Source};
use crate::rest::error::{Problem, Result};
use crate::rest::extract::{check_content_type, require_unencoded};
use crate::rest::form::{self, MULTIPART};
use crate::rest::rules::Rules;
use crate::state::AppState;

pub(super) const PART: &str = "file";
/// Maximum bytes of a form besides its file.
const FORM_OVERHEAD: u64 = 16 * 1024;

/// Stores the file of a request, for a task or only for the actor.
pub(super) async fn receive(
    app: &AppState,
    actor: &Actor,
    task: Option<TaskId>,
    rules: Rules,
    request: Request,
) -> Result<Attachment> {
    let (parts, body) = request.into_parts();
    let source = Source::new(body, rules.max_file + FORM_OVERHEAD);
    let (name, part, form) = open(&parts.headers, &source, rules).await?;
    let attachments = app.domain().attachments();
    let stored = attachments.upload_up_to(rules.max_file, actor, task, &name, content(part, form, rules));
    Ok(stored.await?)
}

/// Reads a form up to the start of its file.
async fn open(headers: &HeaderMap, source: &Source, rules: Rules) -> Result<(String, Field<'static>, FormParts)> {
    require_unencoded(headers)?;
    check_content_type(headers, |kind| kind == MULTIPART, MULTIPART)?;
    let broken = |error| broken(error, rules);
    let mut form = FormParts::new(source, form::boundary(headers).map_err(broken)?);
    let mut part = form.next().await.map_err(broken)?;
    while rules.ignores_form_parts
        && let Some(ignored) = part.take_if(|part| part.name() != Some(PART))
    {
        skip(ignored).await.map_err(broken)?;
        part = form.next().await.map_err(broken)?;
    }
    let Some(part) = part else {
        let message = format!("missing field `{PART}`; send the file as a part of that name");
        return Err(Problem::invalid(PART, ViolationKind::Missing, message));
    };
    if part.name() != Some(PART) {
        return Err(one_too_many(&part).into());
    }
    let Some(name) = part.file_name().map(str::to_owned) else {
        let message = format!("{PART}: the part has no filename; send one such as 'report.pdf'");
        return Err(Problem::invalid(PART, ViolationKind::Other, message));
    };
    Ok((name, part, form))
}

/// The bytes of the file. The form must end after them, or the upload fails.
fn content(part: Field<'static>, form: FormParts, rules: Rules) -> impl Stream<Item = error::Result<Bytes>> + Send {
    stream::try_unfold((form, Some(part), rules), async |(mut form, part, rules)| {
        let broken = |error| broken(error, rules);
        let Some(mut part) = part else { return Ok(None) };
        if let Some(piece) = part.chunk().await.map_err(broken)? {
            return Ok(Some((piece, (form, Some(part), rules))));
        }
        // The form yields its next part only after this one is dropped.
        drop(part);
        while let Some(another) = form.next().await.map_err(broken)? {
            if !rules.ignores_form_parts || another.name() == Some(PART) {
                return Err(one_too_many(&another));
            }
            skip(another).await.map_err(broken)?;
        }
        Ok(None)
    })
}

/// Reads a part to its end.
async fn skip(mut part: Field<'static>) -> multer::Result<()> {
    while part.chunk().await?.is_some() {}
    Ok(())
}

fn one_too_many(part: &Field<'_>) -> Error {
    let name = part.name().unwrap_or_default();
    let message = match name {
        PART => format!("{PART}: the form has more than one; send a form for each file"),
        _ => format!("{PART}: the form has a part `{name}`; send only the file, as the part `{PART}`"),
    };
    Error::invalid(PART, message)
}

fn broken(error: multer::Error, rules: Rules) -> Error {
    let message = match error {
        multer::Error::StreamReadFailed(cause) if cause.is::<Exceeded>() => {
            let max = rules.max_file;
            let message = format!("{PART}: the form is too large; a file of up to {max} bytes is allowed");
            return Error::PayloadTooLarge { field: PART, message };
        }
        multer::Error::StreamReadFailed(cause) if cause.is::<HeadTooLarge>() => {
            let message = format!("{PART}: the head of a part is larger than the {MAX_HEAD} bytes that are allowed");
            return Error::PayloadTooLarge { field: PART, message };
        }
        multer::Error::StreamReadFailed(_) => "The body broke off before its end".to_owned(),
        other => form::malformed(&other),
    };
    Error::BadInput { field: PART, message }
}
