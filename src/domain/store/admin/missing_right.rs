//! The rights that the database's user lacks, on PostgreSQL.

use sea_orm::{DbBackend, FromQueryResult, Statement};

use crate::config::Backend;
use crate::domain::error::Result;
use crate::domain::store::Store;

/// A table, sequence, schema or database on which the server needs more rights.
#[derive(Clone, Debug, PartialEq, Eq, FromQueryResult)]
pub struct MissingRight {
    /// `TABLE`, `SEQUENCE`, `SCHEMA` or `DATABASE`.
    pub kind: String,
    /// Its name, quoted for SQL where it must be.
    pub object: String,
    /// What is missing, such as `INSERT, UPDATE`.
    pub rights: String,
}

/// What a user of PostgreSQL may not do although the server does it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingRights {
    /// The user, quoted for SQL where it must be.
    pub user: String,
    /// What is missing, the same rights next to each other.
    pub missing: Vec<MissingRight>,
}

impl Store {
    /// The rights that the user of the settings lacks. None on SQLite, which has files instead.
    pub(in crate::domain) async fn missing_rights(&self) -> Result<Option<MissingRights>> {
        if self.backend() != Backend::Postgres {
            return Ok(None);
        }
        let found = MissingRight::find_by_statement(Statement::from_string(DbBackend::Postgres, missing()));
        Ok(Some(MissingRights {
            user: self.one("SELECT quote_ident(current_user)").await?,
            missing: found.all(&self.reader).await?,
        }))
    }
}

/// Only the catalog is read, which every user may do.
///
/// A row gets its number from an identity column, which needs no right of its own, or from the default of an older
/// `serial` column, which needs `USAGE` of its sequence. Without `USAGE` of their schema tables look as if they did not
/// exist. Without `CREATE` of the schema they cannot be created, and without that of the database the extension for the
/// search index cannot.
fn missing() -> String {
    const MIGRATIONS: &str = "seaql_migrations";

    let tables: Vec<String> = migration::TABLES.iter().map(|table| format!("('{table}')")).collect();
    format!(
        "WITH ours (id, rights) AS ( \
             SELECT to_regclass(name), ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE'] FROM (VALUES {}) AS tables (name) \
             UNION ALL SELECT to_regclass('{MIGRATIONS}'), ARRAY['SELECT']) \
         SELECT 'TABLE' AS kind, id::text AS object, string_agg(wanted, ', ' ORDER BY rank) AS rights \
         FROM ours CROSS JOIN unnest(rights) WITH ORDINALITY AS each (wanted, rank) \
         WHERE id IS NOT NULL AND NOT has_table_privilege(id, wanted) GROUP BY id \
         UNION ALL \
         SELECT 'SEQUENCE', sequence.oid::regclass::text, 'USAGE' \
         FROM ours JOIN pg_depend ON refobjid = id AND refclassid = 'pg_class'::regclass \
                   JOIN pg_class AS sequence ON sequence.oid = objid \
         WHERE classid = 'pg_class'::regclass AND deptype = 'a' \
               AND CASE WHEN sequence.relkind = 'S' THEN NOT has_sequence_privilege(sequence.oid, 'USAGE') END \
         UNION ALL \
         SELECT 'SCHEMA', quote_ident(nspname), 'USAGE' FROM pg_namespace \
         WHERE to_regclass('{MIGRATIONS}') IS NULL AND NOT has_schema_privilege(pg_namespace.oid, 'USAGE') \
               AND EXISTS (SELECT 1 FROM pg_class WHERE relnamespace = pg_namespace.oid AND relname = '{MIGRATIONS}') \
         UNION ALL \
         SELECT 'SCHEMA', quote_ident(current_schema()), 'CREATE' \
         WHERE to_regclass('{MIGRATIONS}') IS NULL AND NOT has_schema_privilege(current_schema(), 'CREATE') \
         UNION ALL \
         SELECT 'DATABASE', quote_ident(current_database()), 'CREATE' \
         WHERE to_regclass('{MIGRATIONS}') IS NULL AND NOT has_database_privilege(current_database(), 'CREATE') \
               AND NOT EXISTS (SELECT 1 FROM pg_extension WHERE extname = 'pg_trgm') \
               AND NOT EXISTS (SELECT 1 FROM pg_class WHERE relname = '{MIGRATIONS}') \
         ORDER BY kind, rights, object",
        tables.join(", ")
    )
}
