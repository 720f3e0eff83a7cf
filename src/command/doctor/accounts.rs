//! Checks whether an account has the known password of a development server.

use super::Report;
use crate::app::find_open_accounts;
use crate::config::Environment;
use crate::domain::Domain;
use crate::domain::error::{Result, described};

pub(super) async fn check(domain: &Domain, environment: Environment, report: &mut Report) -> anyhow::Result<()> {
    report.add("accounts", judge(domain, environment).await)
}

async fn judge(domain: &Domain, environment: Environment) -> Result<String, String> {
    let open = find_open_accounts(domain).await;
    match open.map_err(|error| format!("{:#}", described(error)))? {
        None => Ok("none has the known password of a development server".to_owned()),
        Some(accounts) if environment.is_production() => Err(accounts.to_string()),
        Some(_) => Ok("this development server has accounts with a known password".to_owned()),
    }
}
