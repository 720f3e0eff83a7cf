//! Where files are downloaded: REST serves them, and every API shows their URLs.

use crate::domain::Domain;
use crate::domain::actor::Actor;
use crate::domain::error::Result;
use crate::domain::id::AttachmentId;

/// The path under which a file is downloaded.
pub(crate) fn path_of(id: AttachmentId) -> String {
    format!("/api/v1/files/{}", id.0)
}

/// The URL at which the actor can download a file without an access token, for this many seconds.
pub(crate) fn url_of(domain: &Domain, actor: &Actor, id: AttachmentId, seconds: i32) -> Result<String> {
    domain.attachments().signed_url(actor, id, &path_of(id), seconds)
}
