//! Uploads by the GraphQL multipart request specification: `operations`, then `map`, then the files.
//!
//! With this order, the operations are checked and paid and the caller is authenticated before a file is read. Files
//! are streamed to unnamed temporary files, which the operating system always removes. A form that is malformed or does
//! not match `map` is refused as a whole.

mod form;
mod map;

use axum::body::Body as RequestBody;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName};
use futures_util::future::join_all;

use self::form::Form;
use self::map::FileMap;
use super::request::{Posted, read, require_unencoded};
use super::{Answer, caller, idempotency, shows_cost};
use crate::graphql::execution::operation::Operation;
use crate::graphql::execution::response::{Body, Refusal};
use crate::graphql::transport::state::GraphqlState;
use crate::graphql::upload::Uploads;
use crate::http::body::Source;
use crate::http::caller::Caller;
use crate::http::idempotency::NOT_WITH_FILES;

pub(super) use self::form::is_multipart;

/// Pages of other origins cannot send these headers without a preflight request; an HTML form could send the rest.
const PREFLIGHTED: [HeaderName; 3] = [
    HeaderName::from_static("apollo-require-preflight"),
    HeaderName::from_static("x-apollo-operation-name"),
    HeaderName::from_static("graphql-preflight"),
];

pub(super) async fn answer(state: &GraphqlState, parts: &Parts, body: RequestBody) -> Result<Answer, Refusal> {
    let text_limit = state.config().http.body_limit;
    let source = Source::new(body, form::first_allowance(text_limit));
    require_unencoded(&parts.headers)?;
    require_preflight(&parts.headers)?;
    idempotency::refuse_key(&parts.headers, NOT_WITH_FILES)?;
    let mut form = Form::open(&parts.headers, &source, text_limit)?;
    let operations = form.text("operations").await?;
    let map = form.text("map").await?;
    let limits = state.config().graphql.limits;
    let files = FileMap::read(&map, limits.batch)?;
    let mut posted = read("operations", &operations, limits.batch)?;
    files.place(&mut posted)?;
    let caller = caller(state, parts).await?;
    match posted {
        Posted::One(parameters) => {
            let operation = state.executor().prepare(parameters, shows_cost(parts)).await?;
            files.check_count(operation.uploads())?;
            let admitted = state.executor().admit(caller.clone(), operation).await?;
            let uploads = receive(&caller, form, files).await?;
            Ok(Answer::One(state.executor().execute(admitted, uploads).await))
        }
        Posted::Many(batch) => {
            let size = state.executor().response_size();
            let prepared = state.executor().prepare_batch(batch, shows_cost(parts)).await?;
            files.check_count(prepared.iter().flatten().map(Operation::uploads).sum())?;
            let admitted = prepared.into_iter().map(async |operation| {
                let operation = operation?.within(&size);
                state.executor().admit(caller.clone(), operation).await
            });
            let admitted = join_all(admitted).await;
            let uploads = receive(&caller, form, files).await?;
            let bodies = admitted.into_iter().map(async |admitted| match admitted {
                Ok(admitted) => state.executor().execute(admitted, uploads.clone()).await,
                // A refused operation does not affect the others.
                Err(refusal) => Body::from(refusal),
            });
            Ok(Answer::Many(join_all(bodies).await))
        }
    }
}

/// Receives files only from signed-in users: the operations of anonymous clients use none.
async fn receive(caller: &Caller, form: Form, files: FileMap) -> Result<Uploads, Refusal> {
    if caller.actor.user_id().is_some() {
        form.files(files.names()).await
    } else {
        Ok(Uploads::default())
    }
}

fn require_preflight(headers: &HeaderMap) -> Result<(), Refusal> {
    let is_preflighted = PREFLIGHTED
        .iter()
        .any(|name| headers.get(name).is_some_and(|value| !value.is_empty()));
    if is_preflighted {
        return Ok(());
    }
    Err(Refusal::unsupported_media_type(
        "multipart/form-data is accepted only with one of the headers Apollo-Require-Preflight, \
         X-Apollo-Operation-Name or GraphQL-Preflight, with any value; pages of other sites cannot send them",
    ))
}
