//! What is allowed, said where the library only says what is not: the values of an enum, the fields
//! of an input. The names come from the schema itself, so they cannot go out of date.

use std::collections::HashMap;
use std::sync::LazyLock;

use async_graphql::parser::parse_schema;
use async_graphql::parser::types::{TypeDefinition, TypeKind, TypeSystemDefinition};

/// The hint for each enum and each input of the schema.
static HINTS: LazyLock<HashMap<String, String>> = LazyLock::new(|| {
    // The schema's own text always parses; without it there would be no hints, and no harm.
    let definitions = parse_schema(super::builder().finish().sdl()).map(|document| document.definitions);
    let types = definitions
        .unwrap_or_default()
        .into_iter()
        .filter_map(|definition| match definition {
            TypeSystemDefinition::Type(definition) => Some(definition.node),
            _ => None,
        });
    types
        .filter_map(|definition| Some((definition.name.node.to_string(), hint_of(&definition)?)))
        .collect()
});

fn hint_of(definition: &TypeDefinition) -> Option<String> {
    match &definition.kind {
        TypeKind::Enum(the) => {
            let values: Vec<&str> = the.values.iter().map(|value| value.node.value.node.as_str()).collect();
            Some(format!("use one of {}", values.join(", ")))
        }
        TypeKind::InputObject(the) => {
            let fields: Vec<&str> = the.fields.iter().map(|field| field.node.name.node.as_str()).collect();
            Some(format!("its fields are {}", fields.join(", ")))
        }
        _ => None,
    }
}

/// Adds what is allowed to the library's message about a value that is not.
pub(super) fn explain(message: &mut String) {
    if let Some(hint) = type_at_fault(message).and_then(|name| HINTS.get(name)) {
        message.push_str("; ");
        message.push_str(hint);
    }
}

/// The enum or input that the message says a value is not one of. Values are quoted by the client's
/// choice, so the words around the name decide, and the last of them.
fn type_at_fault(message: &str) -> Option<&str> {
    const ENUM: (&str, &str) = ("enumeration type \"", "\" does not contain the value ");
    const INPUT: (&str, &str) = ("unknown field \"", "\" of type \"");
    const TYPE: &str = "expected type \"";

    if let Some((_, rest)) = message.split_once(ENUM.0) {
        return rest.split_once(ENUM.1).map(|(name, _)| name);
    }
    if let Some((_, rest)) = message.split_once(INPUT.0) {
        return rest.rsplit_once(INPUT.1)?.1.strip_suffix('"');
    }
    message.split_once(TYPE)?.1.strip_suffix('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn explained(message: &str) -> String {
        let mut message = message.to_owned();
        explain(&mut message);
        message
    }

    #[test]
    fn an_unknown_value_is_answered_with_those_that_there_are() {
        assert_eq!(
            explained(r#""a.status", enumeration type "TaskStatus" does not contain the value "OPEN""#),
            r#""a.status", enumeration type "TaskStatus" does not contain the value "OPEN"; use one of TODO, IN_PROGRESS, DONE, CANCELLED"#
        );
        assert!(explained(r#""a.role", expected type "Role""#).ends_with("; use one of USER, ADMIN"));
    }

    #[test]
    fn an_unknown_field_is_answered_with_those_that_there_are() {
        let message = explained(r#""a", unknown field "colour" of type "TaskOrder""#);
        assert!(message.ends_with("; its fields are field, direction"), "{message}");
    }

    #[test]
    fn other_messages_stay_as_they_are() {
        for message in ["Syntax error", r#""a", expected type "Int""#, "expected type \""] {
            assert_eq!(explained(message), message);
        }
    }
}
