//! Signed URLs of files, for `<img src>` and `<a href>`, which cannot send an access token.
//!
//! A signature names one file and one session. Session, account and permissions are checked at each use.

use chrono::TimeDelta;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};

use super::Attachments;
use crate::domain::actor::Actor;
use crate::domain::clock::Timestamp;
use crate::domain::error::{Error, Result, SignedOut};
use crate::domain::id::{AttachmentId, SessionId, UserId};
use crate::domain::session::{Identity, identify};
use crate::domain::token::{Bearer, SigningKey};

/// Default lifetime of a signed URL in seconds.
pub const DEFAULT_LINK_SECONDS: i32 = 300;
/// Maximum lifetime of a signed URL in seconds.
pub const MAX_LINK_SECONDS: i32 = 3_600;
/// The query parameter of the signature.
pub const SIGNATURE: &str = "signature";

/// The `typ` of a signature, so that other tokens are not accepted.
const LINK_TYPE: &str = "file+jwt";
/// Derives a separate key for signed URLs.
const LINK_KEY: &[u8] = b"taskwire file link";

/// The claims of a signature.
#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    file: AttachmentId,
    user: UserId,
    session: SessionId,
    /// Expiry in Unix milliseconds: with whole seconds, a URL for one second could expire at once.
    until: i64,
}

/// The library prints no keys.
#[derive(Debug)]
pub(crate) struct LinkSigner {
    encoding: EncodingKey,
    decoding: DecodingKey,
    header: Header,
    validation: Validation,
    base_url: String,
}

impl LinkSigner {
    /// `base_url` is the prefix of all URLs.
    pub(crate) fn new(key: &SigningKey, base_url: &str) -> Self {
        let secret = key.derive(LINK_KEY);
        let mut header = Header::new(Algorithm::HS256);
        header.typ = Some(LINK_TYPE.to_owned());
        let mut validation = Validation::new(Algorithm::HS256);
        validation.required_spec_claims.clear();
        // Expiry is checked against the domain's clock.
        validation.validate_exp = false;
        Self {
            encoding: EncodingKey::from_secret(&secret),
            decoding: DecodingKey::from_secret(&secret),
            header,
            validation,
            base_url: base_url.to_owned(),
        }
    }

    fn check(&self, file: AttachmentId, signature: &str, now: Timestamp) -> Result<Bearer, SignedOut> {
        let data = jsonwebtoken::decode::<Claims>(signature, &self.decoding, &self.validation)
            .map_err(|_| SignedOut::NotALink)?;
        let expires_at = Timestamp::from_timestamp_millis(data.claims.until).ok_or(SignedOut::NotALink)?;
        if data.header.typ.as_deref() != Some(LINK_TYPE) || data.claims.file != file {
            return Err(SignedOut::NotALink);
        }
        if now >= expires_at {
            return Err(SignedOut::LinkExpired);
        }
        Ok(Bearer {
            user: data.claims.user,
            session: data.claims.session,
            expires_at,
        })
    }
}

impl Attachments<'_> {
    /// A URL from which the actor can download the file without an access token for `seconds`. `path` is the download
    /// path.
    pub fn signed_url(self, actor: &Actor, id: AttachmentId, path: &str, seconds: i32) -> Result<String> {
        let signed_in = actor.signed_in()?;
        if !(1..=MAX_LINK_SECONDS).contains(&seconds) {
            let message = format!("expiresIn: {seconds} is not allowed; 1 to {MAX_LINK_SECONDS} seconds are");
            return Err(Error::bad_input("expiresIn", message));
        }
        let until = self.core.clock.now() + TimeDelta::seconds(seconds.into());
        let claims = Claims {
            file: id,
            user: signed_in.id,
            session: signed_in.session,
            until: until.timestamp_millis(),
        };
        let links = &self.core.links;
        let signature = jsonwebtoken::encode(&links.header, &claims, &links.encoding).map_err(Error::internal)?;
        Ok(format!("{}{path}?{SIGNATURE}={signature}", links.base_url))
    }

    /// The identity behind a signed URL of this file. An invalid signature gives an anonymous identity with the reason.
    #[tracing::instrument(target = "taskwire::span", name = "attachment.authenticate", skip_all)]
    pub async fn authenticate(self, id: AttachmentId, signature: &str) -> Result<Identity> {
        let checked = self.core.links.check(id, signature, self.core.clock.now());
        identify(&self.core.store, checked).await
    }
}
