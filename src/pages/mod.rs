//! Pages for people: the GraphQL editors and the API documentation, served from the binary.
//!
//! | module | contents |
//! |---|---|
//! | `editor` | `GraphiQL` and Playground |
//! | `api_docs` | Swagger UI, `ReDoc` and the OpenAPI document |
//! | `page` | one page and its files |

pub(super) mod api_docs;
pub(super) mod editor;
pub(super) mod page;
