//! Media types: the content type of a request, and negotiation by the header `Accept`.

use axum::http::{HeaderMap, header};

use crate::graphql::transport::stream::StreamType;

const GRAPHQL_RESPONSE: &str = "application/graphql-response+json";
pub(super) const JSON: &str = "application/json";
const EVENT_STREAM: &str = "text/event-stream";
const MULTIPART_MIXED: &str = "multipart/mixed";
/// The supported version of Apollo's multipart protocol for subscriptions.
const SUBSCRIPTION_SPEC: &str = "1.0";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MediaType {
    GraphqlResponse,
    /// For older clients, and for those that name no media type.
    Json,
    /// For clients that accept only server-sent events.
    EventStream,
}

/// The preferred media type of a single response. The fallback is JSON: clients can often read it without naming it.
pub(super) fn negotiate(headers: &HeaderMap) -> MediaType {
    let specified = quality(headers, GRAPHQL_RESPONSE);
    let older = quality(headers, JSON);
    let events = quality(headers, EVENT_STREAM);
    if events > specified.max(older) {
        MediaType::EventStream
    } else if specified > 0.0 && specified >= older {
        MediaType::GraphqlResponse
    } else {
        MediaType::Json
    }
}

/// The preferred type of stream; events if both have the same quality.
pub(super) fn negotiate_stream(headers: &HeaderMap) -> Option<StreamType> {
    let events = quality(headers, EVENT_STREAM);
    let parts = best(ranges(headers, MULTIPART_MIXED).filter(|range| {
        // Apollo names its protocol, others do not. The server chooses the boundary.
        parameter(range, "subscriptionSpec").is_none_or(|version| version == SUBSCRIPTION_SPEC)
    }));
    if events > 0.0 && events >= parts {
        Some(StreamType::EventStream)
    } else {
        (parts > 0.0).then_some(StreamType::MultipartMixed)
    }
}

pub(super) fn accepts_html(headers: &HeaderMap) -> bool {
    quality(headers, "text/html") > 0.0
}

/// The quality of a media type, from 0 to 1; 0 if it is not named.
fn quality(headers: &HeaderMap, media_type: &str) -> f32 {
    best(ranges(headers, media_type))
}

/// The media ranges that name this type.
fn ranges<'a>(headers: &'a HeaderMap, media_type: &str) -> impl Iterator<Item = &'a str> {
    headers
        .get_all(header::ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter(move |range| essence(range).eq_ignore_ascii_case(media_type))
}

fn best<'a>(ranges: impl Iterator<Item = &'a str>) -> f32 {
    let qualities = ranges.map(|range| {
        let quality = parameter(range, "q").map(str::parse);
        quality.and_then(Result::ok).unwrap_or(1.0)
    });
    qualities.fold(0.0, f32::max)
}

/// A parameter of a media type, without its quotes.
fn parameter<'a>(media_type: &'a str, wanted: &str) -> Option<&'a str> {
    media_type.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim()
            .eq_ignore_ascii_case(wanted)
            .then(|| value.trim().trim_matches('"'))
    })
}

/// A media type without its parameters.
pub(super) fn essence(media_type: &str) -> &str {
    media_type.split(';').next().unwrap_or_default().trim()
}

pub(super) fn content_type(headers: &HeaderMap) -> &str {
    let value = headers.get(header::CONTENT_TYPE);
    value.and_then(|value| value.to_str().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(accept: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, accept.parse().unwrap());
        headers
    }

    #[test]
    fn the_preferred_media_type_is_chosen() {
        use MediaType::{EventStream, GraphqlResponse, Json};

        for (accept, expected) in [
            ("application/graphql-response+json", GraphqlResponse),
            ("application/graphql-response+json; charset=utf-8", GraphqlResponse),
            (
                "application/graphql-response+json, application/json;q=0.9",
                GraphqlResponse,
            ),
            ("application/json, application/graphql-response+json", GraphqlResponse),
            ("application/json, application/graphql-response+json; q=0.5", Json),
            ("application/graphql-response+json;q=0, application/json", Json),
            ("APPLICATION/JSON", Json),
            ("*/*", Json),
            ("text/html", Json),
            ("", Json),
            ("text/event-stream", EventStream),
            ("text/event-stream, */*", EventStream),
            ("text/event-stream, application/json;q=0.9", EventStream),
            // What urql sends with a query, and Apollo Client with a subscription.
            (
                "application/graphql-response+json, application/graphql+json, application/json, text/event-stream, multipart/mixed",
                GraphqlResponse,
            ),
            (
                "multipart/mixed;boundary=graphql;subscriptionSpec=1.0,application/json",
                Json,
            ),
        ] {
            assert_eq!(negotiate(&headers(accept)), expected, "{accept}");
        }
        assert_eq!(negotiate(&HeaderMap::new()), Json);
    }

    #[test]
    fn events_win_over_parts_unless_parts_are_preferred() {
        use StreamType::{EventStream, MultipartMixed};

        for (accept, expected) in [
            ("text/event-stream, multipart/mixed", Some(EventStream)),
            ("multipart/mixed, text/event-stream", Some(EventStream)),
            ("multipart/mixed, text/event-stream;q=0.5", Some(MultipartMixed)),
            ("text/event-stream;q=0, multipart/mixed", Some(MultipartMixed)),
            ("application/json, Text/Event-Stream", Some(EventStream)),
            ("multipart/mixed", Some(MultipartMixed)),
            (
                "multipart/mixed;boundary=graphql;subscriptionSpec=1.0,application/json",
                Some(MultipartMixed),
            ),
            (
                "multipart/mixed; boundary=\"graphql\"; subscriptionSpec=\"1.0\", application/json",
                Some(MultipartMixed),
            ),
            ("multipart/mixed;subscriptionSpec=2.0", None),
            ("multipart/mixed;q=0", None),
            ("application/json", None),
            ("*/*", None),
        ] {
            assert_eq!(negotiate_stream(&headers(accept)), expected, "{accept}");
        }
        assert_eq!(negotiate_stream(&HeaderMap::new()), None);
    }
}
