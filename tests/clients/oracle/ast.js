// Constructors for the syntax trees of graphql-js, and the positions of nodes.

import { parse, parseType, parseValue } from 'graphql';

const WITHOUT_LOCATIONS = { noLocation: true };

export const name = (value) => ({ kind: 'Name', value });
export const namedType = (type) => ({ kind: 'NamedType', name: name(type) });
export const typeReference = (type) => parseType(String(type), WITHOUT_LOCATIONS);
export const literal = (text) => parseValue(text, WITHOUT_LOCATIONS);
export const document = (text) => parse(text, WITHOUT_LOCATIONS);
export const variable = (variableName) => ({ kind: 'Variable', name: name(variableName) });
export const integer = (value) => ({ kind: 'IntValue', value: String(value) });
export const string = (value, block = false) => ({ kind: 'StringValue', value, block });
export const boolean = (value) => ({ kind: 'BooleanValue', value });
export const enumeration = (value) => ({ kind: 'EnumValue', value });
export const nothing = () => ({ kind: 'NullValue' });
export const list = (values) => ({ kind: 'ListValue', values });
export const object = (fields) => ({ kind: 'ObjectValue', fields });
export const objectField = (key, value) => ({ kind: 'ObjectField', name: name(key), value });
export const argument = (key, value) => ({ kind: 'Argument', name: name(key), value });
export const directive = (key, args) => ({ kind: 'Directive', name: name(key), arguments: args });
export const selectionSet = (selections) => ({ kind: 'SelectionSet', selections });
export const spread = (fragment, directives = []) => ({ kind: 'FragmentSpread', name: name(fragment), directives });

export function field(fieldName, { alias, args = [], directives = [], selections } = {}) {
  return {
    kind: 'Field',
    alias: alias && name(alias),
    name: name(fieldName),
    arguments: args,
    directives,
    selectionSet: selections && selectionSet(selections),
  };
}

export function inlineFragment(type, selections, directives = []) {
  const typeCondition = type && namedType(type);
  return { kind: 'InlineFragment', typeCondition, directives, selectionSet: selectionSet(selections) };
}

/** The key of a field in the response. */
export const responseName = (node) => (node.alias ?? node.name).value;

/** The selections of a text such as `{ id title }`. */
export const selectionsOf = (text) => document(text).definitions[0].selectionSet.selections;

/** The directives of a text such as `@skip(if: true)`. */
export const directivesOf = (text) => document(`{ a ${text} }`).definitions[0].selectionSet.selections[0].directives;

/** Every node with its position, by kind. */
export class Positions {
  #byKind = new Map();

  constructor(root) {
    this.#walk(root, undefined, undefined, undefined);
  }

  #walk(node, parent, key, siblings) {
    const position = { node, parent, key, siblings };
    const known = this.#byKind.get(node.kind);
    if (known) known.push(position);
    else this.#byKind.set(node.kind, [position]);
    for (const [childKey, child] of Object.entries(node)) {
      if (Array.isArray(child)) for (const item of child) this.#walk(item, node, childKey, child);
      else if (child !== null && typeof child === 'object') this.#walk(child, node, childKey, undefined);
    }
  }

  /** The positions of these kinds. */
  of(...kinds) {
    return kinds.flatMap((kind) => this.#byKind.get(kind) ?? []);
  }
}

/** Replaces a node. */
export function replace({ node, parent, key, siblings }, other) {
  if (siblings) siblings[siblings.indexOf(node)] = other;
  else parent[key] = other;
}

/** Removes a node from the list that it is in. */
export function remove({ node, siblings }) {
  siblings.splice(siblings.indexOf(node), 1);
}
