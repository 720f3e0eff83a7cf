//! The accounts: whether one is open to everybody.

use super::Report;
use crate::app::{described, find_open_account};
use crate::config::Environment;
use crate::domain::Domain;
use crate::domain::error::Result;

/// Looks for the administrator of a development server. In development it belongs there.
pub(super) async fn check(domain: &Domain, environment: Environment, report: &mut Report) -> anyhow::Result<()> {
    report.add("accounts", judge(domain, environment).await)
}

async fn judge(domain: &Domain, environment: Environment) -> Result<String, String> {
    let open = find_open_account(domain).await;
    match open.map_err(|error| format!("{:#}", described(error)))? {
        None => Ok("none has the password of a development server".to_owned()),
        Some(account) if environment.is_production() => Err(account.to_string()),
        Some(_) => Ok("the administrator of this development server has the password that everybody knows".to_owned()),
    }
}
