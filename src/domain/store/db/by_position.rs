//! Rows that are read by position.

/// A [`DerivePartialModel`](sea_orm::DerivePartialModel) whose columns are read by their position in the SELECT list,
/// which is the order of the fields. `SeaORM` looks each one up by name; decoding took a quarter of the instructions of a
/// list of 20 tasks.
macro_rules! by_position {
    (
        $(#[$attribute:meta])*
        $visibility:vis struct $Row:ident {
            $($(#[$of_field:meta])* $field:ident: $Type:ty,)*
        }
    ) => {
        #[derive(Debug, ::sea_orm::DerivePartialModel)]
        #[sea_orm(entity = "Entity", from_query_result = "false")]
        $(#[$attribute])*
        $visibility struct $Row {
            $($(#[$of_field])* $field: $Type,)*
        }

        impl ::sea_orm::FromQueryResult for $Row {
            fn from_query_result(row: &::sea_orm::QueryResult, _prefix: &str) -> Result<Self, ::sea_orm::DbErr> {
                let mut positions = 0..;
                Ok(Self {
                    $($field: row.try_get_by_index(positions.next().unwrap_or_default())?,)*
                })
            }
        }
    };
}

pub(in crate::domain::store) use by_position;
