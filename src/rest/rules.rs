//! Behaviour that differs between dialects.
//!
//! Handlers read the rules from the request and know nothing of dialects. The default is [`Rules::CANONICAL`].

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use crate::domain::attachment::MAX_SIZE;
use crate::domain::page::MAX_PAGE_SIZE;
use crate::domain::task::{ErrorPolicy, Moves};
use crate::state::AppState;

#[derive(Clone, Copy, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a separate rule, and handlers read them by name"
)]
pub(super) struct Rules {
    pub(super) max_rows: u32,
    /// Whether an update may set a status that is two moves away.
    pub(super) moves: Moves,
    /// Whether `PUT` keeps omitted fields unchanged.
    pub(super) put_is_partial: bool,
    pub(super) bulk_errors: ErrorPolicy,
    pub(super) untag_shows_task: bool,
    /// In bytes.
    pub(super) max_file: u64,
    pub(super) ignores_form_parts: bool,
    /// Whether deleting a file by name deletes all files of that name.
    pub(super) deletes_all_versions: bool,
    /// Whether `/async/*` works without an access token.
    pub(super) is_background_open: bool,
}

impl Rules {
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
