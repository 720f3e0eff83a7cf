// Changes to fields and their selections.

import { getNamedType, isCompositeType } from 'graphql';

import * as ast from './ast.js';
import { INTROSPECTIONS, SUBSCRIPTIONS } from './mutation-material.js';
import { change, leaf, pickLiteral, withArguments, withSelections } from './mutation-positions.js';

/** A field with the response name of another. */
function rival(random, node, { composites }) {
  const type = random.pick(composites.filter((candidate) => candidate.getFields));
  const definition = random.pick(Object.values(type.getFields()));
  const composite = isCompositeType(getNamedType(definition.type));
  const field = ast.field(definition.name, {
    alias: ast.responseName(node),
    selections: composite ? leaf() : undefined,
  });
  return { type, field };
}

export const FIELD_MUTATIONS = {
  fieldDropped: (random, at) =>
    change(
      random,
      at.of('Field').filter(({ siblings }) => siblings.length > 1 || random.chance(0.3)),
      ast.remove,
    ),
  fieldRepeated: (random, at) =>
    change(random, at.of('Field'), ({ node, siblings }) => siblings.push(structuredClone(node))),
  fieldRepeatedWithoutAlias: (random, at) =>
    change(random, at.of('Field'), ({ node, siblings }) =>
      siblings.push({ ...structuredClone(node), alias: undefined }),
    ),
  fieldRepeatedWithOtherArguments: (random, at) =>
    change(random, withArguments(at), ({ node, siblings }) => {
      const copy = structuredClone(node);
      if (random.chance(0.6)) random.pick(copy.arguments).value = pickLiteral(random);
      else copy.arguments.splice(random.below(copy.arguments.length), 1);
      siblings.push(copy);
    }),
  fieldRepeatedWithOtherSelections: (random, at) =>
    change(random, withSelections(at), ({ node, siblings }) => {
      const copy = structuredClone(node);
      for (const selection of copy.selectionSet.selections) {
        if (selection.kind !== 'Field' || random.chance(0.5)) continue;
        if (random.chance(0.5)) selection.alias = ast.name(random.pick(['id', 'x', 'title', 'status']));
        else
          Object.assign(selection, {
            alias: selection.alias ?? selection.name,
            name: ast.name('__typename'),
            arguments: [],
            selectionSet: undefined,
          });
      }
      siblings.push(copy);
    }),
  fieldRepeatedWithObjectFieldsShuffled: (random, at) =>
    change(random, withArguments(at), ({ node, siblings }) => {
      const copy = structuredClone(node);
      for (const { node: value } of new ast.Positions(copy).of('ObjectValue'))
        value.fields = random.shuffled(value.fields);
      siblings.push(copy);
    }),
  fieldRenamed: (random, at, { fieldNames }) =>
    change(random, at.of('Field'), ({ node }) => void (node.name = ast.name(random.pick(fieldNames)))),
  aliasTaken: (random, at) =>
    change(random, at.of('Field'), ({ node, siblings }) => {
      const others = siblings.filter(({ kind }) => kind === 'Field');
      node.alias = ast.name(ast.responseName(random.pick(others)));
    }),
  aliasesFewer: (random, at) => {
    for (let left = 1 + random.below(4); left > 0; left -= 1) {
      if (
        change(random, at.of('Field'), ({ node }) => void (node.alias = ast.name(random.pick(['x', 'y', 'id'])))) ===
        false
      )
        return false;
    }
    return true;
  },
  aliasDropped: (random, at) =>
    change(
      random,
      at.of('Field').filter(({ node }) => node.alias),
      ({ node }) => void (node.alias = undefined),
    ),
  rivalBeside: (random, at, context) =>
    change(random, at.of('Field'), ({ node, siblings }) => siblings.push(rival(random, node, context).field)),
  rivalInFragment: (random, at, context) =>
    change(random, at.of('Field'), ({ node, siblings }) => {
      const { type, field } = rival(random, node, context);
      const copy = random.chance(0.3) ? structuredClone(node) : field;
      siblings.push(ast.inlineFragment(random.chance(0.9) ? type.name : undefined, [copy]));
    }),
  rivalsOfExclusiveTypes: (random, at, { composites }) =>
    change(random, at.of('SelectionSet'), ({ node }) => {
      const nodeTypes = composites.filter((type) => type.getInterfaces?.().length > 0);
      const branches = [0, 1].map(() => {
        const type = random.pick(nodeTypes);
        const definition = random.pick(Object.values(type.getFields()));
        const composite = isCompositeType(getNamedType(definition.type));
        return ast.inlineFragment(type.name, [
          ast.field(definition.name, { alias: 'x', selections: composite ? leaf() : undefined }),
        ]);
      });
      const nodes = ast.field('nodes', {
        args: [ast.argument('ids', ast.literal('["a"]'))],
        alias: 'rivals',
        selections: branches,
      });
      node.selections.push(nodes);
    }),
  selectionsDropped: (random, at) => change(random, at.of('Field'), ({ node }) => void (node.selectionSet = undefined)),
  selectionsEmptied: (random, at) => change(random, at.of('SelectionSet'), ({ node }) => void (node.selections = [])),
  selectionsAdded: (random, at) =>
    change(random, at.of('Field'), ({ node }) => {
      node.selectionSet = ast.selectionSet(
        ast.selectionsOf(random.pick(['{id}', '{__typename}', '{x}', '{nodes{id}}'])),
      );
    }),
  subscriptionRootChanged: (random, at) =>
    change(random, at.of('OperationDefinition'), ({ node }) => {
      node.operation = 'subscription';
      node.selectionSet = ast.selectionSet(ast.selectionsOf(random.pick(SUBSCRIPTIONS)));
    }),
  introspected: (random, at) =>
    change(
      random,
      at.of('SelectionSet'),
      ({ node }) => void node.selections.push(...ast.selectionsOf(random.pick(INTROSPECTIONS))),
    ),
  rootIntrospected: (random, at) =>
    change(
      random,
      at.of('OperationDefinition'),
      ({ node }) => void node.selectionSet.selections.push(...ast.selectionsOf(random.pick(INTROSPECTIONS))),
    ),
};
