// The positions that mutations change.

import * as ast from './ast.js';
import { LITERALS } from './mutation-material.js';

/** Selections that are valid on every composite type. */
export const leaf = () => ast.selectionsOf('{__typename}');

/** A literal of any type. */
export const pickLiteral = (random) => ast.literal(random.pick(LITERALS));

/** Picks one of these positions and changes it; false if there are none. */
export function change(random, candidates, effect) {
  if (candidates.length === 0) return false;
  return effect(random.pick(candidates));
}

const isValue = ({ node, parent, key }) =>
  /Value$|^Variable$/.test(node.kind) &&
  parent !== undefined &&
  parent.kind !== 'VariableDefinition' &&
  key !== 'description';

/** Values except descriptions and defaults. */
export const values = (at) =>
  at
    .of(
      'IntValue',
      'FloatValue',
      'StringValue',
      'BooleanValue',
      'NullValue',
      'EnumValue',
      'ListValue',
      'ObjectValue',
      'Variable',
    )
    .filter(isValue);

/** Fields with arguments. */
export const withArguments = (at) => at.of('Field').filter(({ node }) => node.arguments.length > 0);

/** Fields with selections. */
export const withSelections = (at) => at.of('Field').filter(({ node }) => node.selectionSet);
