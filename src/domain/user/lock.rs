//! Locks of accounts.

use crate::domain::actor::Actor;
use crate::domain::error::{Error, Result, SignedOut};
use crate::domain::policy;
use crate::domain::store::{self, WriteTransaction};

/// Locks the actor's account until the transaction ends, for a row that refers to it. The account may have been deleted
/// or deactivated since the request began. Locks of tasks come first.
pub(in crate::domain) async fn lock_account(transaction: &WriteTransaction, actor: &Actor) -> Result<()> {
    let (account, scope) = (actor.signed_in()?.id, policy::scope(actor)?);
    if store::user::is_active(transaction.connection(), &scope, account).await? {
        Ok(())
    } else {
        Err(Error::Unauthenticated(SignedOut::Revoked))
    }
}
