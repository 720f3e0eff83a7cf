//! The schema that stands at the top of the project is the one that is served.

#[test]
fn the_schema_file_is_what_the_server_serves() {
    let file = include_str!("../../schema.graphql");
    assert!(
        file.trim() == taskwire::graphql::sdl().trim(),
        "schema.graphql is out of date: run `cargo xtask schema`"
    );
}
