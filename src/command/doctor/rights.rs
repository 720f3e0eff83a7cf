//! Checks the rights of the database user, on PostgreSQL.

use super::{Report, failure};
use crate::domain::{Domain, MissingRights};

/// Returns whether the rights are sufficient for the server.
pub(super) async fn check(domain: &Domain, report: &mut Report) -> anyhow::Result<bool> {
    let found = match domain.diagnosis().missing_rights().await {
        Ok(None) => return Ok(true),
        Ok(Some(found)) => judge(&found),
        Err(error) => Err(failure(error)),
    };
    let is_enough = found.is_ok();
    report.add("rights", found)?;
    Ok(is_enough)
}

fn judge(found: &MissingRights) -> Result<String, String> {
    let user = &found.user;
    if found.missing.is_empty() {
        return Ok(format!("the user {user} can read and write every table"));
    }
    let same = found
        .missing
        .chunk_by(|one, next| (&one.kind, &one.rights) == (&next.kind, &next.rights));
    let grants = same.map(|missing| {
        let objects: Vec<&str> = missing.iter().map(|missing| missing.object.as_str()).collect();
        let (rights, kind) = (&missing[0].rights, &missing[0].kind);
        format!("GRANT {rights} ON {kind} {} TO {user};", objects.join(", "))
    });
    Err(format!(
        "the user {user} lacks rights. Their owner grants them with: {}",
        grants.collect::<Vec<_>>().join(" ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::MissingRight;

    #[test]
    fn objects_that_lack_the_same_rights_share_a_statement() {
        let missing = |kind: &str, object: &str, rights: &str| MissingRight {
            kind: kind.to_owned(),
            object: object.to_owned(),
            rights: rights.to_owned(),
        };
        let mut found = MissingRights {
            user: "app".to_owned(),
            missing: vec![
                missing("SEQUENCE", "tags_id_seq", "USAGE"),
                missing("TABLE", "tags", "DELETE"),
                missing("TABLE", "tasks", "DELETE"),
                missing("TABLE", "jobs", "INSERT, UPDATE"),
            ],
        };
        assert_eq!(
            judge(&found).unwrap_err(),
            "the user app lacks rights. Their owner grants them with: GRANT USAGE ON SEQUENCE tags_id_seq TO app; \
             GRANT DELETE ON TABLE tags, tasks TO app; GRANT INSERT, UPDATE ON TABLE jobs TO app;"
        );
        found.missing.clear();
        assert!(judge(&found).is_ok());
    }
}
