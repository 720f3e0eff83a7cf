//! Counts of the database's content, to check that a request writes nothing.

use sea_orm::FromQueryResult;

use super::TestApp;
use crate::noun;

#[derive(FromQueryResult)]
struct Count {
    number: i64,
}

impl TestApp {
    /// The counts of all nouns, by their queries. Advance the clock before a request that should write nothing: a changed
    /// account is only visible by a new `updated_at`.
    pub async fn footprint(&self) -> Vec<(&'static str, i64)> {
        let queries: Vec<&'static str> = noun::ALL.iter().flat_map(|noun| noun.counts).copied().collect();
        let selects: Vec<String> = queries
            .iter()
            .enumerate()
            .map(|(ordinal, query)| format!("SELECT {ordinal} AS ordinal, ({query}) AS number"))
            .collect();
        let sql = format!("{} ORDER BY ordinal", selects.join(" UNION ALL "));
        let counts: Vec<Count> = self.database.rows(&sql).await;
        queries
            .into_iter()
            .zip(counts.into_iter().map(|count| count.number))
            .collect()
    }
}
