//! Parts of a path.

use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request::Parts;
use utoipa::openapi::path::{Parameter, ParameterIn};
use utoipa::{IntoParams, PartialSchema as _};

use crate::rest::error::{Problem, Result};
use crate::rest::openapi::{self, schema};
use crate::rest::value::whole_number;
use crate::state::AppState as App;

/// The number `{id}` of a path.
pub(in crate::rest) struct PathId(pub(in crate::rest) i32);

impl FromRequestParts<App> for PathId {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let text = path_parameter(parts, app, "id").await?;
        let number = whole_number(&text).ok_or_else(|| {
            Problem::invalid(
                "id",
                format!("The id '{text}' in the path is not a whole number up to {}", i32::MAX),
            )
        })?;
        Ok(Self(number))
    }
}

impl IntoParams for PathId {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![openapi::path_parameter(
            "id",
            "Which one: its number.",
            i32::schema(),
            1.into(),
        )]
    }
}

/// The text `{tag}` of a path.
pub(in crate::rest) struct PathTag(pub(in crate::rest) String);

impl FromRequestParts<App> for PathTag {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        Ok(Self(path_parameter(parts, app, "tag").await?))
    }
}

impl IntoParams for PathTag {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let schema = schema::TagName::schema();
        vec![openapi::path_parameter("tag", "Which tag.", schema, "work".into())]
    }
}

/// The text `{filename}` of a path.
pub(in crate::rest) struct PathFilename(pub(in crate::rest) String);

impl FromRequestParts<App> for PathFilename {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        Ok(Self(path_parameter(parts, app, "filename").await?))
    }
}

impl IntoParams for PathFilename {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let text = "Which file: the name with which it came.";
        vec![openapi::path_parameter(
            "filename",
            text,
            String::schema(),
            "report.pdf".into(),
        )]
    }
}

async fn path_parameter(parts: &mut Parts, app: &App, name: &str) -> Result<String> {
    let parameters = RawPathParams::from_request_parts(parts, app)
        .await
        .map_err(|rejection| Problem::bad_request(rejection.body_text()))?;
    let found = parameters.iter().find(|(key, _)| *key == name);
    found
        .map(|(_, value)| value.to_owned())
        .ok_or_else(|| Problem::unknown_path(parts.uri.path()))
}
