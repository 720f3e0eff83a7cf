//! Writes HTTP responses: the negotiated media type, and the status that this type requires.

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};

use super::Answer;
use super::accept::{MediaType, negotiate};
use crate::graphql::execution::response::{Body, Refusal, code_of};
use crate::graphql::transport::stream;
use crate::http::idempotency::REPLAYED;

pub(super) fn respond(headers: &HeaderMap, answer: Result<Answer, Refusal>) -> Response {
    let media_type = negotiate(headers);
    let answer = match media_type {
        MediaType::EventStream => event(answer),
        MediaType::GraphqlResponse | MediaType::Json => Err(answer),
    };
    answer.unwrap_or_else(|answer| write(media_type, answer))
}

/// The answer as a stream of one event. Returns it as `Err` if it cannot be an event, such as the refusal of a
/// malformed request: see [`stream`].
fn event(answer: Result<Answer, Refusal>) -> Result<Response, Result<Answer, Refusal>> {
    match answer {
        Ok(Answer::One(body)) => Ok(stream::single(&body.to_json())),
        Ok(Answer::Replayed(body)) => Ok(with_replayed(stream::single(body.get().as_bytes()))),
        Err(refusal) if refusal.is_of_document() => Ok(stream::single(&Body::from(refusal).to_json())),
        other => Err(other),
    }
}

fn write(media_type: MediaType, answer: Result<Answer, Refusal>) -> Response {
    let mut response = match answer {
        Ok(Answer::Stream(response)) => return *response,
        Ok(Answer::One(body)) => {
            let status = if body.is_executed() {
                StatusCode::OK
            } else {
                StatusCode::BAD_REQUEST
            };
            (softened(status, media_type, &body), body.to_json()).into_response()
        }
        Ok(Answer::Replayed(body)) => with_replayed(String::from(Box::<str>::from(body)).into_response()),
        // Each operation reports its own errors.
        Ok(Answer::Many(bodies)) => {
            let bodies: Vec<Vec<u8>> = bodies.iter().map(Body::to_json).collect();
            [b"[", bodies.join(&b","[..]).as_slice(), b"]"].concat().into_response()
        }
        Err(refusal) => {
            let (status, header) = (refusal.status, refusal.header.clone());
            let body = Body::from(refusal);
            let mut response = (softened(status, media_type, &body), body.to_json()).into_response();
            response.headers_mut().extend(header);
            response
        }
    };
    let content_type = match media_type {
        MediaType::GraphqlResponse => "application/graphql-response+json; charset=utf-8",
        MediaType::Json | MediaType::EventStream => "application/json; charset=utf-8",
    };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::VARY, HeaderValue::from_static("Accept"));
    response
}

/// Marks the response as that of an earlier request.
fn with_replayed(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(REPLAYED, HeaderValue::from_static("true"));
    response
}

/// Older clients treat every status but 200 as a network error and ignore the errors. They get 200 for every
/// well-formed GraphQL request.
fn softened(status: StatusCode, media_type: MediaType, body: &Body) -> StatusCode {
    let is_well_formed = body.errors().first().and_then(code_of) != Some("BAD_REQUEST");
    if media_type == MediaType::Json && status == StatusCode::BAD_REQUEST && is_well_formed {
        StatusCode::OK
    } else {
        status
    }
}
