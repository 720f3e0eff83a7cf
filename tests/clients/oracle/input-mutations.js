// Changes to arguments, values and variables.

import * as ast from './ast.js';
import { DIRECTIVES, TYPES } from './mutation-material.js';
import { change, pickLiteral, values } from './mutation-positions.js';

export const ARGUMENT_MUTATIONS = {
  argumentDropped: (random, at) => change(random, at.of('Argument'), ast.remove),
  argumentRepeated: (random, at) =>
    change(random, at.of('Argument'), ({ node, siblings }) => siblings.push(structuredClone(node))),
  argumentRenamed: (random, at, { argumentNames }) =>
    change(random, at.of('Argument'), ({ node }) => void (node.name = ast.name(random.pick(argumentNames)))),
  argumentAdded: (random, at, { argumentNames }) =>
    change(
      random,
      at.of('Field'),
      ({ node }) => void node.arguments.push(ast.argument(random.pick(argumentNames), pickLiteral(random))),
    ),
  argumentChanged: (random, at) =>
    change(random, at.of('Argument'), ({ node }) => void (node.value = pickLiteral(random))),
  valueChanged: (random, at) =>
    change(random, values(at), (position) => void ast.replace(position, pickLiteral(random))),
  valueListed: (random, at) =>
    change(random, values(at), (position) => void ast.replace(position, ast.list([position.node]))),
  valueRepeated: (random, at) =>
    change(
      random,
      at.of('ListValue'),
      ({ node }) =>
        void node.values.push(
          ...(node.values.length > 0 ? [structuredClone(random.pick(node.values))] : [ast.nothing()]),
        ),
    ),
  stringQuotedOtherwise: (random, at) =>
    change(random, at.of('StringValue'), ({ node }) => void (node.block = !node.block)),
  enumQuoted: (random, at) =>
    change(random, at.of('EnumValue'), (position) => void ast.replace(position, ast.string(position.node.value))),
  objectFieldDropped: (random, at) => change(random, at.of('ObjectField'), ast.remove),
  objectFieldRepeated: (random, at) =>
    change(random, at.of('ObjectField'), ({ node, siblings }) => siblings.push(structuredClone(node))),
  objectFieldRenamed: (random, at, { inputFieldNames }) =>
    change(random, at.of('ObjectField'), ({ node }) => void (node.name = ast.name(random.pick(inputFieldNames)))),
  objectFieldAdded: (random, at, { inputFieldNames }) =>
    change(
      random,
      at.of('ObjectValue'),
      ({ node }) => void node.fields.push(ast.objectField(random.pick(inputFieldNames), pickLiteral(random))),
    ),
};

export const VARIABLE_MUTATIONS = {
  variableDropped: (random, at) => change(random, at.of('VariableDefinition'), ast.remove),
  variableRepeated: (random, at) =>
    change(random, at.of('VariableDefinition'), ({ node, siblings }) => {
      const copy = structuredClone(node);
      if (random.chance(0.5)) copy.type = ast.typeReference(random.pick(TYPES));
      siblings.push(copy);
    }),
  variableRetyped: (random, at) =>
    change(random, at.of('VariableDefinition'), ({ node }) => void (node.type = ast.typeReference(random.pick(TYPES)))),
  nullabilityChanged: (random, at) =>
    change(
      random,
      at.of('NamedType', 'ListType').filter(({ key, parent }) => key === 'type' && parent.kind !== 'NonNullType'),
      (position) => void ast.replace(position, { kind: 'NonNullType', type: position.node }),
    ),
  nullabilityDropped: (random, at) =>
    change(random, at.of('NonNullType'), (position) => void ast.replace(position, position.node.type)),
  typeListed: (random, at) =>
    change(
      random,
      at.of('NamedType').filter(({ key }) => key === 'type'),
      (position) => void ast.replace(position, { kind: 'ListType', type: position.node }),
    ),
  defaultChanged: (random, at) =>
    change(
      random,
      at.of('VariableDefinition'),
      ({ node }) =>
        void (node.defaultValue = node.defaultValue && random.chance(0.4) ? undefined : pickLiteral(random)),
    ),
  variableUnused: (random, at) =>
    change(random, at.of('OperationDefinition'), ({ node }) => {
      const type = ast.typeReference(random.pick(TYPES));
      node.variableDefinitions.push({
        kind: 'VariableDefinition',
        variable: ast.variable(random.pick(['unused', 'v0', 'v1'])),
        type,
        directives: [],
      });
    }),
  variableRenamed: (random, at) =>
    change(
      random,
      at.of('Variable'),
      ({ node }) => void (node.name = ast.name(random.pick(['v0', 'v1', 'v2', 'nope']))),
    ),
  variableDirected: (random, at) =>
    change(
      random,
      at.of('VariableDefinition'),
      ({ node }) => void (node.directives = ast.directivesOf(random.pick(DIRECTIVES))),
    ),
  valueMadeVariable: (random, at) =>
    change(random, values(at), (position) => void ast.replace(position, ast.variable(random.pick(['v0', 'v1', 'v2'])))),
};
