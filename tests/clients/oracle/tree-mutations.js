// Changes to the syntax tree of a document. Most break a validation rule; some keep the document valid.
//
// Each function changes the tree in place, and returns false if there was nothing to change.

import { isCompositeType } from 'graphql';

import * as ast from './ast.js';
import { FIELD_MUTATIONS } from './field-mutations.js';
import { ARGUMENT_MUTATIONS, VARIABLE_MUTATIONS } from './input-mutations.js';
import { DEFINITIONS, DIRECTIVES } from './mutation-material.js';
import { change, leaf } from './mutation-positions.js';

/** The names of the schema that mutations choose from. */
export class MutationContext {
  constructor(schema) {
    const types = Object.values(schema.getTypeMap());
    this.composites = types.filter(isCompositeType);
    this.typeNames = [...types.map(({ name }) => name), 'Nope'];
    this.fieldNames = [
      ...new Set(this.composites.flatMap((type) => Object.keys(type.getFields?.() ?? {}))),
      '__typename',
      '__schema',
      '__type',
      'nope',
    ];
    const described = this.composites.flatMap((type) => Object.values(type.getFields?.() ?? {}));
    this.argumentNames = [...new Set(described.flatMap(({ args }) => args.map(({ name }) => name))), 'if', 'nope'];
    this.inputFieldNames = [
      'eq',
      'in',
      'title',
      'nope',
      'status',
      'search',
      'and',
      'not',
      'field',
      'direction',
      'tags',
    ];
  }
}

const FRAGMENT_MUTATIONS = {
  fragmentDropped: (random, at) => change(random, at.of('FragmentDefinition'), ast.remove),
  fragmentRepeated: (random, at) =>
    change(random, at.of('FragmentDefinition'), ({ node, siblings }) => siblings.push(structuredClone(node))),
  fragmentRetyped: (random, at, { typeNames, composites }) =>
    change(random, at.of('FragmentDefinition', 'InlineFragment'), ({ node }) => {
      node.typeCondition = ast.namedType(random.chance(0.7) ? random.pick(composites).name : random.pick(typeNames));
    }),
  fragmentRenamed: (random, at) =>
    change(
      random,
      at.of('FragmentDefinition', 'FragmentSpread'),
      ({ node }) => void (node.name = ast.name(random.pick(['F0', 'F1', 'Nope', 'x', 'on', 'Only']))),
    ),
  fragmentSpread: (random, at) =>
    change(random, at.of('SelectionSet'), ({ node }) => {
      const names = at.of('FragmentDefinition').map((position) => position.node.name.value);
      node.selections.push(ast.spread(random.pick([...names, 'Nope'])));
    }),
  fragmentInlined: (random, at, { composites }) =>
    change(random, at.of('SelectionSet'), ({ node }) => {
      node.selections.push(ast.inlineFragment(random.pick(composites).name, leaf()));
    }),
  fragmentAdded: (random, at, { composites }) => {
    const [{ node: root }] = at.of('Document');
    const name = `N${random.below(3)}`;
    root.definitions.push(
      ast.document(`fragment ${name} on ${random.pick(composites).name} {__typename}`).definitions[0],
    );
    if (random.chance(0.7)) random.pick(at.of('SelectionSet')).node.selections.push(ast.spread(`N${random.below(3)}`));
    return true;
  },
  spreadRepeated: (random, at) =>
    change(random, at.of('FragmentSpread', 'InlineFragment'), ({ node, siblings }) =>
      siblings.push(structuredClone(node)),
    ),
};

const DOCUMENT_MUTATIONS = {
  directiveAdded: (random, at) =>
    change(
      random,
      at.of('Field', 'FragmentSpread', 'InlineFragment', 'OperationDefinition', 'FragmentDefinition'),
      ({ node }) => {
        node.directives = ast.directivesOf(random.pick(DIRECTIVES));
      },
    ),
  operationRenamed: (random, at) =>
    change(
      random,
      at.of('OperationDefinition'),
      ({ node }) =>
        void (node.name = random.chance(0.5) ? undefined : ast.name(random.pick(['First', 'Second', 'Only', 'F0']))),
    ),
  operationRepeated: (random, at) =>
    change(random, at.of('OperationDefinition'), ({ node, siblings }) => {
      const copy = structuredClone(node);
      if (random.chance(0.6)) copy.name = ast.name('Other');
      siblings.push(copy);
    }),
  operationRetyped: (random, at) =>
    change(
      random,
      at.of('OperationDefinition'),
      ({ node }) => void (node.operation = random.pick(['query', 'mutation', 'subscription'])),
    ),
  described: (random, at) =>
    change(
      random,
      at.of('OperationDefinition', 'FragmentDefinition', 'VariableDefinition'),
      ({ node }) => void (node.description = ast.string('d', random.chance(0.5))),
    ),
  definitionAdded: (random, at) => {
    const [{ node: root }] = at.of('Document');
    const text = random.pick(DEFINITIONS);
    root.definitions.splice(random.below(root.definitions.length + 1), 0, { kind: 'Text', text });
    return true;
  },
};

const MUTATIONS = {
  ...FIELD_MUTATIONS,
  ...ARGUMENT_MUTATIONS,
  ...VARIABLE_MUTATIONS,
  ...FRAGMENT_MUTATIONS,
  ...DOCUMENT_MUTATIONS,
};

/** Changes a document up to three times, and returns the names of the changes. */
export function mutateTree(random, document, context) {
  const applied = [];
  for (let left = random.chance(0.7) ? 1 : 2 + random.below(2); left > 0; left -= 1) {
    const name = random.pick(Object.keys(MUTATIONS));
    if (MUTATIONS[name](random, new ast.Positions(document), context) !== false) applied.push(name);
  }
  return applied;
}
