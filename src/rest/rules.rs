//! Rules that differ between dialects: what a request may do, and what its handler does with it.
//!
//! Handlers read them from the request and know nothing of dialects. Without any they are those of the canonical one.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use crate::domain::attachment::MAX_SIZE;
use crate::domain::page::MAX_PAGE_SIZE;
use crate::domain::task::{ErrorPolicy, Moves};
use crate::state::AppState;

/// The rules of one request.
#[derive(Clone, Copy, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a separate rule, and handlers read them by name"
)]
pub(super) struct Rules {
    /// Most rows of a list.
    pub(super) max_rows: u32,
    /// Whether an update may set a status that is two moves away.
    pub(super) moves: Moves,
    /// Whether `PUT` leaves fields as they are that the body does not name.
    pub(super) put_is_partial: bool,
    /// What a bulk change does with the other tasks when one fails.
    pub(super) bulk_errors: ErrorPolicy,
    /// Whether the response to removing a tag is the task.
    pub(super) untag_shows_task: bool,
    /// Most bytes of a file.
    pub(super) max_file: u64,
    /// Whether parts of a form other than the file are ignored.
    pub(super) ignores_form_parts: bool,
    /// Whether deleting a file by its name deletes all files of that name.
    pub(super) deletes_all_versions: bool,
    /// Whether `/async/*` works without an access token.
    pub(super) is_background_open: bool,
}

impl Rules {
    /// The rules of the canonical dialect.
    pub(super) const CANONICAL: Self = Self {
        max_rows: MAX_PAGE_SIZE,
        moves: Moves::Direct,
        put_is_partial: false,
        bulk_errors: ErrorPolicy::Partial,
        untag_shows_task: false,
        max_file: MAX_SIZE,
        ignores_form_parts: false,
        deletes_all_versions: false,
        is_background_open: false,
    };

    /// The rules of a request.
    pub(super) fn of(parts: &Parts) -> Self {
        parts.extensions.get().copied().unwrap_or(Self::CANONICAL)
    }
}

impl FromRequestParts<AppState> for Rules {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &AppState) -> Result<Self, Infallible> {
        Ok(Self::of(parts))
    }
}
