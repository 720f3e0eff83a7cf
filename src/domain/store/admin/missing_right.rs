//! Privileges that the PostgreSQL user lacks.

use sea_orm::{DbBackend, FromQueryResult, Statement};

use crate::config::Backend;
use crate::domain::error::Result;
use crate::domain::store::Store;

/// A table, sequence, schema or database on which the server lacks privileges.
#[derive(Clone, Debug, PartialEq, Eq, FromQueryResult)]
pub struct MissingRight {
    /// `TABLE`, `SEQUENCE`, `SCHEMA` or `DATABASE`.
    pub kind: String,
    /// The name, quoted for SQL where necessary.
    pub object: String,
    /// The missing privileges, such as `INSERT, UPDATE`.
    pub rights: String,
}

/// Privileges that the server needs and its PostgreSQL user lacks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingRights {
    /// The user, quoted for SQL where necessary.
    pub user: String,
    /// Sorted by kind, rights and object.
    pub missing: Vec<MissingRight>,
}

impl Store {
    /// `None` on SQLite, which has file permissions instead.
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

/// Reads only the catalog, which every user may do.
///
/// Ids come from identity columns, which need no privilege, or from an older `serial` column, which needs `USAGE` of
/// its sequence. Without `USAGE` of the schema, tables seem not to exist. Creating them needs `CREATE` on the schema;
/// creating the search extension needs `CREATE` on the database.
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
