// Lowers an operation to a plain one: no variables, fragments, directives or repeated fields.
//
// Follows the algorithms of the specification (September 2025), section 6.3. The response to the plain document is the one
// that the original must have. Fragments remain on abstract types only: one for each possible type.

import {
  getNamedType,
  isAbstractType,
  isCompositeType,
  isEnumType,
  isInputObjectType,
  isListType,
  isNonNullType,
  SchemaMetaFieldDef,
  TypeMetaFieldDef,
  TypeNameMetaFieldDef,
} from 'graphql';

import * as ast from './ast.js';
import { CoercionError, coerceArgumentValues, coerceVariableValues } from './coercion.js';

/** The alias that replaces an empty selection set, which the grammar does not allow. */
const EMPTY_SELECTION = 'emptySelection';

/** The response without the fields that replace empty selection sets. */
export const withoutEmptySelections = (text) => text.replaceAll(new RegExp(`"${EMPTY_SELECTION}":"\\w+"`, 'g'), '');

/** The operation as a plain document. Throws a `CoercionError` if it fails, as a whole or in one of its fields. */
export function lower(schema, document, operationName, variableValues) {
  const operations = document.definitions.filter(({ kind }) => kind === 'OperationDefinition');
  const operation = operationName ? operations.find(({ name }) => name?.value === operationName) : operations[0];
  if (!operation) throw new CoercionError(`there is no operation ${operationName}`);
  const fragments = new Map(
    document.definitions.filter(({ kind }) => kind === 'FragmentDefinition').map((node) => [node.name.value, node]),
  );
  const variables = coerceVariableValues(schema, operation, variableValues);
  const selections = new Lowering(schema, fragments, variables).selections(schema.getRootType(operation.operation), [
    operation.selectionSet,
  ]);
  const definition = {
    kind: 'OperationDefinition',
    operation: operation.operation,
    selectionSet: ast.selectionSet(selections),
  };
  return { kind: 'Document', definitions: [definition] };
}

class Lowering {
  #schema;
  #fragments;
  #variables;

  constructor(schema, fragments, variables) {
    this.#schema = schema;
    this.#fragments = fragments;
    this.#variables = variables;
  }

  /** The merged selections of all these sets on a type. */
  selections(type, selectionSets) {
    const lowered = isAbstractType(type)
      ? this.#perPossibleType(type, selectionSets)
      : this.#fields(type, selectionSets);
    return lowered.length > 0 ? lowered : [ast.field('__typename', { alias: EMPTY_SELECTION })];
  }

  #perPossibleType(type, selectionSets) {
    return this.#schema
      .getPossibleTypes(type)
      .map((possible) => ast.inlineFragment(possible.name, this.#fields(possible, selectionSets)))
      .filter((fragment) => fragment.selectionSet.selections.length > 0);
  }

  #fields(objectType, selectionSets) {
    // CollectSubfields: each set is collected by itself.
    const groupedFields = new Map();
    for (const selectionSet of selectionSets) this.#collectFields(objectType, selectionSet, groupedFields, new Set());
    return [...groupedFields].map(([responseName, fields]) => this.#field(objectType, responseName, fields));
  }

  /** CollectFields(objectType, selectionSet, variableValues, visitedFragments). */
  #collectFields(objectType, selectionSet, groupedFields, visitedFragments) {
    for (const selection of selectionSet.selections) {
      if (this.#condition(selection, 'skip') === true) continue;
      if (this.#condition(selection, 'include') === false) continue;
      if (selection.kind === 'Field') {
        const responseName = ast.responseName(selection);
        groupedFields.set(responseName, [...(groupedFields.get(responseName) ?? []), selection]);
      } else if (selection.kind === 'FragmentSpread') {
        const name = selection.name.value;
        if (visitedFragments.has(name)) continue;
        visitedFragments.add(name);
        const fragment = this.#fragments.get(name);
        if (this.#applies(objectType, fragment.typeCondition))
          this.#collectFields(objectType, fragment.selectionSet, groupedFields, visitedFragments);
      } else if (!selection.typeCondition || this.#applies(objectType, selection.typeCondition)) {
        this.#collectFields(objectType, selection.selectionSet, groupedFields, visitedFragments);
      }
    }
  }

  /** The `if` of a directive; undefined without the directive. */
  #condition({ directives = [] }, name) {
    const node = directives.find((directive) => directive.name.value === name);
    return (
      node && coerceArgumentValues(this.#schema.getDirective(name).args, node.arguments, this.#variables).get('if')
    );
  }

  /** DoesFragmentTypeApply(objectType, fragmentType). */
  #applies(objectType, typeCondition) {
    const type = this.#schema.getType(typeCondition.name.value);
    return isAbstractType(type) ? this.#schema.isSubType(type, objectType) : type === objectType;
  }

  #field(objectType, responseName, fields) {
    const [first] = fields;
    const definition = fieldDefinition(objectType, first.name.value);
    const values = coerceArgumentValues(definition.args, first.arguments, this.#variables);
    const args = definition.args
      .filter(({ name }) => values.has(name))
      .map(({ name, type }) => ast.argument(name, literalOf(type, values.get(name))));
    const named = getNamedType(definition.type);
    const selections = isCompositeType(named)
      ? this.selections(
          named,
          fields.map(({ selectionSet }) => selectionSet),
        )
      : undefined;
    const alias = responseName === definition.name ? undefined : responseName;
    return ast.field(definition.name, { alias, args, selections });
  }
}

function fieldDefinition(type, name) {
  const meta = [SchemaMetaFieldDef, TypeMetaFieldDef, TypeNameMetaFieldDef].find((field) => field.name === name);
  return meta ?? type.getFields()[name];
}

/** The literal that is coerced to this value. */
function literalOf(type, value) {
  if (value === null) {
    // The field fails. A plain document with this value would not be valid.
    if (isNonNullType(type)) throw new CoercionError(`null for ${type}`);
    return ast.nothing();
  }
  if (isNonNullType(type)) return literalOf(type.ofType, value);
  if (isListType(type)) return ast.list(value.map((item) => literalOf(type.ofType, item)));
  if (isInputObjectType(type)) {
    const fields = Object.values(type.getFields()).filter(({ name }) => Object.hasOwn(value, name));
    return ast.object(fields.map((field) => ast.objectField(field.name, literalOf(field.type, value[field.name]))));
  }
  if (isEnumType(type)) return ast.enumeration(value);
  switch (type.name) {
    case 'Int':
      return ast.integer(value);
    case 'Boolean':
      return ast.boolean(value);
    default:
      return ast.string(value);
  }
}
