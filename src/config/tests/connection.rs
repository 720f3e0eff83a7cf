//! Limits of client connections.

use super::*;

const POSTGRES: (&str, &str) = ("DATABASE_URL", "postgres://db/tasks");

fn limits(pairs: &[(&str, &str)], open_files: u64) -> Result<ConnectionLimits, ConfigError> {
    let config = config(pairs);
    config.http.connections.limits(&config.database, open_files)
}

#[test]
fn the_default_follows_from_the_open_files() {
    // A quarter of the files is reserved for uploads and downloads, if that is more than the server itself needs.
    for (open_files, total, per_address) in [
        (1_024, 768, 192),
        (4_096, 3_072, 768),
        (20_000, 15_904, 3_976),
        (65_536, 40_000, 10_000),
        (1_048_576, 40_000, 10_000),
        (64, 16, 4),
    ] {
        let expected = ConnectionLimits { total, per_address };
        assert_eq!(limits(&[], open_files), Ok(expected), "{open_files}");
    }
    let pool = [POSTGRES, ("DATABASE_MAX_CONNECTIONS", "500")];
    assert_eq!(limits(&pool, 1_024).unwrap().total, 1_024 - 64 - 501);
}

#[test]
fn a_limit_that_needs_more_files_is_refused() {
    let set = |connections| limits(&[POSTGRES, ("MAX_CONNECTIONS", connections)], 1_024);
    let most = ConnectionLimits {
        total: 949,
        per_address: 237,
    };
    assert_eq!(set("949"), Ok(most));
    let expected = "MAX_CONNECTIONS is \"950\"; allowed: a whole number from 1 to 949, because the process may open 1024 \
                    files (`ulimit -n`), of which the server needs 75 itself";
    assert_eq!(set("950").unwrap_err().to_string(), expected);
}

#[test]
fn an_address_may_have_all_connections_if_the_settings_say_so() {
    let set = |connections| limits(&[("MAX_CONNECTIONS_PER_ADDRESS", connections)], 1_024).unwrap();
    assert_eq!(set("1").per_address, 1);
    assert_eq!(set("768").per_address, 768);
    let one = limits(&[("MAX_CONNECTIONS", "1")], 1_024).unwrap();
    assert_eq!((one.total, one.per_address), (1, 1));
}
