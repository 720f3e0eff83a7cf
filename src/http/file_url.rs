//! Download URLs of files, for both APIs.

use crate::domain::Domain;
use crate::domain::actor::Actor;
use crate::domain::error::Result;
use crate::domain::id::AttachmentId;

pub(crate) fn path_of(id: AttachmentId) -> String {
    format!("/api/v1/files/{}", id.0)
}

/// The URL works without an access token for `seconds`.
pub(crate) fn url_of(domain: &Domain, actor: &Actor, id: AttachmentId, seconds: i32) -> Result<String> {
    domain.attachments().signed_url(actor, id, &path_of(id), seconds)
}
