//! The types of the schema, read from its SDL. Validation, coercion and costs use them.

use std::collections::HashMap;

use async_graphql::parser::parse_schema;
use async_graphql::parser::types::{
    BaseType, FieldDefinition, InputValueDefinition, OperationType, Type, TypeDefinition, TypeKind,
    TypeSystemDefinition,
};
use async_graphql::{Name, Positioned};
use async_graphql_value::ConstValue;

/// The introspection types, which the SDL does not define. `__Root` has the fields that introspection adds, and
/// `__Directives` the argument of `@skip` and `@include`.
const INTROSPECTION: &str = include_str!("introspection.graphql");

/// The built-in scalars.
const SCALARS: [(&str, Scalar); 5] = [
    ("Int", Scalar::Int),
    ("Float", Scalar::Float),
    ("String", Scalar::String),
    ("Boolean", Scalar::Boolean),
    ("ID", Scalar::Id),
];

/// Index of a type in the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(in crate::graphql) struct TypeId(usize);

#[derive(Debug)]
pub(in crate::graphql) struct Model {
    types: Vec<TypeModel>,
    by_name: HashMap<Name, TypeId>,
    roots: [Option<TypeId>; 3],
    introspection: Option<TypeId>,
    directive_arguments: Vec<InputModel>,
    /// Whether introspection and suggestions of names are enabled.
    is_introspectable: bool,
}

#[derive(Debug)]
pub(in crate::graphql) struct TypeModel {
    pub(in crate::graphql) name: Name,
    pub(in crate::graphql) kind: KindModel,
}

#[derive(Debug)]
pub(in crate::graphql) enum KindModel {
    Scalar(Scalar),
    Enum(Vec<Name>),
    Input(Vec<InputModel>),
    Object(Fields),
    /// With the objects that implement it.
    Interface(Fields, Vec<TypeId>),
}

type Fields = HashMap<Name, FieldModel>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::graphql) enum Scalar {
    Int,
    Float,
    String,
    Boolean,
    Id,
    /// Any value; the resolver validates it.
    Custom,
}

#[derive(Debug)]
pub(in crate::graphql) struct FieldModel {
    pub(in crate::graphql) kind: TypeRef,
    pub(in crate::graphql) arguments: Vec<InputModel>,
}

/// An argument, or a field of an input object.
#[derive(Debug)]
pub(in crate::graphql) struct InputModel {
    pub(in crate::graphql) name: Name,
    pub(in crate::graphql) kind: TypeRef,
    pub(in crate::graphql) default: Option<ConstValue>,
}

impl InputModel {
    pub(in crate::graphql) fn is_required(&self) -> bool {
        self.kind.is_non_null() && self.default.is_none()
    }
}

pub(in crate::graphql) fn input<'a>(inputs: &'a [InputModel], name: &str) -> Option<&'a InputModel> {
    inputs.iter().find(|input| input.name == name)
}

/// A reference to a named type, possibly within lists. The flags are true for non-null types.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::graphql) enum TypeRef {
    Named(TypeId, bool),
    List(Box<TypeRef>, bool),
}

impl TypeRef {
    pub(in crate::graphql) fn is_non_null(&self) -> bool {
        match self {
            Self::Named(_, is_non_null) | Self::List(_, is_non_null) => *is_non_null,
        }
    }

    pub(in crate::graphql) fn item(&self) -> Option<&Self> {
        match self {
            Self::Named(..) => None,
            Self::List(item, _) => Some(item),
        }
    }

    /// The named type within the lists.
    pub(in crate::graphql) fn named(&self) -> TypeId {
        match self {
            Self::Named(id, _) => *id,
            Self::List(item, _) => item.named(),
        }
    }

    /// Whether every value of this type is valid for `other`. `is_non_null` overrides the nullability of this type.
    pub(in crate::graphql) fn is_subtype_of(&self, other: &Self, is_non_null: bool) -> bool {
        if other.is_non_null() && !is_non_null {
            return false;
        }
        match (self, other) {
            (Self::Named(id, _), Self::Named(other, _)) => id == other,
            (Self::List(item, _), Self::List(other, _)) => item.is_subtype_of(other, item.is_non_null()),
            _ => false,
        }
    }
}

impl Model {
    /// Builds the model from SDL. SDL that cannot be parsed gives a model with only the built-in types.
    pub(in crate::graphql) fn new(sdl: &str, is_introspectable: bool) -> Self {
        let definitions = [sdl, INTROSPECTION].into_iter().flat_map(|text| {
            parse_schema(text)
                .map(|document| document.definitions)
                .unwrap_or_default()
        });
        let definitions: Vec<TypeDefinition> = definitions
            .filter_map(|definition| match definition {
                TypeSystemDefinition::Type(definition) => Some(definition.node),
                _ => None,
            })
            .filter(|definition| SCALARS.iter().all(|(name, _)| definition.name.node != *name))
            .collect();
        let names = SCALARS.iter().map(|(name, _)| Name::new(name));
        let names = names.chain(definitions.iter().map(|definition| definition.name.node.clone()));
        let by_name: HashMap<Name, TypeId> = names.enumerate().map(|(index, name)| (name, TypeId(index))).collect();
        let scalars = SCALARS.iter().map(|(name, scalar)| TypeModel {
            name: Name::new(name),
            kind: KindModel::Scalar(*scalar),
        });
        let types = definitions.iter().map(|definition| TypeModel {
            name: definition.name.node.clone(),
            kind: kind_of(definition, &definitions, &by_name),
        });
        let mut model = Self {
            types: scalars.chain(types).collect(),
            roots: ["Query", "Mutation", "Subscription"].map(|name| by_name.get(name).copied()),
            introspection: by_name.get("__Root").copied(),
            directive_arguments: Vec::new(),
            by_name,
            is_introspectable,
        };
        model.by_name.remove("__Root");
        if let Some(directives) = model.by_name.remove("__Directives")
            && let KindModel::Input(inputs) = &mut model.types[directives.0].kind
        {
            model.directive_arguments = std::mem::take(inputs);
        }
        model
    }

    pub(in crate::graphql) fn is_introspectable(&self) -> bool {
        self.is_introspectable
    }

    pub(in crate::graphql) fn get(&self, id: TypeId) -> &TypeModel {
        &self.types[id.0]
    }

    pub(in crate::graphql) fn name(&self, id: TypeId) -> &Name {
        &self.get(id).name
    }

    pub(in crate::graphql) fn find(&self, name: &str) -> Option<TypeId> {
        self.by_name.get(name).copied()
    }

    pub(in crate::graphql) fn root(&self, kind: OperationType) -> Option<TypeId> {
        self.roots[match kind {
            OperationType::Query => 0,
            OperationType::Mutation => 1,
            OperationType::Subscription => 2,
        }]
    }

    /// The arguments of `@skip` and `@include`.
    pub(in crate::graphql) fn directive_arguments(&self) -> &[InputModel] {
        &self.directive_arguments
    }

    fn fields(&self, id: TypeId) -> Option<&Fields> {
        match &self.get(id).kind {
            KindModel::Object(fields) | KindModel::Interface(fields, _) => Some(fields),
            _ => None,
        }
    }

    /// A field of a type, including the fields of introspection.
    pub(in crate::graphql) fn field(&self, parent: TypeId, name: &str) -> Option<&FieldModel> {
        let fields = self.fields(parent)?;
        let is_query = self.root(OperationType::Query) == Some(parent);
        match name {
            "__typename" => self.fields(self.introspection?)?.get(name),
            "__schema" | "__type" if is_query && self.is_introspectable => self.fields(self.introspection?)?.get(name),
            _ => fields.get(name),
        }
    }

    pub(in crate::graphql) fn field_names(&self, parent: TypeId) -> impl Iterator<Item = &str> {
        self.fields(parent)
            .into_iter()
            .flat_map(|fields| fields.keys().map(Name::as_str))
    }

    pub(in crate::graphql) fn type_names(&self) -> impl Iterator<Item = &str> {
        self.by_name.keys().map(Name::as_str)
    }

    pub(in crate::graphql) fn is_leaf(&self, id: TypeId) -> bool {
        matches!(self.get(id).kind, KindModel::Scalar(_) | KindModel::Enum(_))
    }

    pub(in crate::graphql) fn is_input(&self, id: TypeId) -> bool {
        self.is_leaf(id) || matches!(self.get(id).kind, KindModel::Input(_))
    }

    pub(in crate::graphql) fn is_composite(&self, id: TypeId) -> bool {
        self.fields(id).is_some()
    }

    pub(in crate::graphql) fn is_object(&self, id: TypeId) -> bool {
        matches!(self.get(id).kind, KindModel::Object(_))
    }

    /// The object types that a value of this composite type can have.
    pub(in crate::graphql) fn possible<'a>(&'a self, id: &'a TypeId) -> &'a [TypeId] {
        match &self.get(*id).kind {
            KindModel::Interface(_, objects) => objects,
            _ => std::slice::from_ref(id),
        }
    }

    /// Whether an object can be of both types.
    pub(in crate::graphql) fn overlap(&self, one: TypeId, other: TypeId) -> bool {
        let others = self.possible(&other);
        self.possible(&one).iter().any(|object| others.contains(object))
    }

    /// Resolves a type of a document. `None` if its named type does not exist.
    pub(in crate::graphql) fn resolve(&self, kind: &Type) -> Option<TypeRef> {
        reference(kind, &self.by_name)
    }

    /// The type in GraphQL syntax, such as `[Int!]!`.
    pub(in crate::graphql) fn shown(&self, kind: &TypeRef) -> String {
        let shown = match kind {
            TypeRef::Named(id, _) => self.name(*id).to_string(),
            TypeRef::List(item, _) => format!("[{}]", self.shown(item)),
        };
        if kind.is_non_null() { shown + "!" } else { shown }
    }
}

fn kind_of(definition: &TypeDefinition, all: &[TypeDefinition], types: &HashMap<Name, TypeId>) -> KindModel {
    match &definition.kind {
        TypeKind::Enum(the) => KindModel::Enum(the.values.iter().map(|value| value.node.value.node.clone()).collect()),
        TypeKind::InputObject(the) => KindModel::Input(inputs(&the.fields, types)),
        TypeKind::Object(the) => KindModel::Object(fields(&the.fields, types)),
        TypeKind::Interface(the) => {
            let implementing = all.iter().filter(|other| match &other.kind {
                TypeKind::Object(object) => object
                    .implements
                    .iter()
                    .any(|interface| interface.node == definition.name.node),
                _ => false,
            });
            let implementing = implementing.filter_map(|object| types.get(&object.name.node).copied());
            KindModel::Interface(fields(&the.fields, types), implementing.collect())
        }
        // The schema has no unions.
        TypeKind::Scalar | TypeKind::Union(_) => KindModel::Scalar(Scalar::Custom),
    }
}

fn fields(definitions: &[Positioned<FieldDefinition>], types: &HashMap<Name, TypeId>) -> Fields {
    let fields = definitions.iter().filter_map(|field| {
        let field = &field.node;
        let model = FieldModel {
            kind: reference(&field.ty.node, types)?,
            arguments: inputs(&field.arguments, types),
        };
        Some((field.name.node.clone(), model))
    });
    fields.collect()
}

fn inputs(definitions: &[Positioned<InputValueDefinition>], types: &HashMap<Name, TypeId>) -> Vec<InputModel> {
    let inputs = definitions.iter().filter_map(|input| {
        Some(InputModel {
            name: input.node.name.node.clone(),
            kind: reference(&input.node.ty.node, types)?,
            default: input.node.default_value.as_ref().map(|value| value.node.clone()),
        })
    });
    inputs.collect()
}

fn reference(kind: &Type, types: &HashMap<Name, TypeId>) -> Option<TypeRef> {
    Some(match &kind.base {
        BaseType::Named(name) => TypeRef::Named(*types.get(name)?, !kind.nullable),
        BaseType::List(item) => TypeRef::List(Box::new(reference(item, types)?), !kind.nullable),
    })
}
