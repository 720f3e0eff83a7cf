// Reduces a document while it keeps a property.

import { parse, print, stripIgnoredCharacters } from 'graphql';

import { Positions } from './ast.js';

/** Each round starts a process. About ten are enough for most documents. */
const ROUNDS = 40;

/** Kinds of nodes that are removed. */
const REMOVABLE = [
  'OperationDefinition',
  'FragmentDefinition',
  'VariableDefinition',
  'Field',
  'InlineFragment',
  'FragmentSpread',
  'Directive',
  'Argument',
  'ObjectField',
];

/** The smallest text found. `keeps` returns for each of several texts whether it has the property. */
export async function shrink(text, keeps) {
  let smallest = text;
  for (let round = 0; round < ROUNDS; round += 1) {
    const candidates = smaller(smallest);
    if (candidates.length === 0) break;
    const kept = await keeps(candidates);
    const [best] = candidates.filter((_, at) => kept[at]).sort((one, other) => one.length - other.length);
    if (best === undefined) break;
    smallest = best;
  }
  return smallest;
}

const compact = (document) => stripIgnoredCharacters(print(document));

function smaller(text) {
  let document;
  try {
    document = parse(text, { noLocation: true });
  } catch {
    return withoutToken(text);
  }
  const candidates = [compact(document), ...withoutNode(document)];
  return candidates.filter((candidate) => candidate.length < text.length);
}

function withoutNode(document) {
  const total = new Positions(document).of(...REMOVABLE).length;
  const texts = Array.from({ length: total }, (_, at) => {
    const copy = structuredClone(document);
    const { node, siblings } = new Positions(copy).of(...REMOVABLE)[at];
    siblings.splice(siblings.indexOf(node), 1);
    return [compact(copy), compact(withoutUnused(copy))];
  });
  return [...new Set(texts.flat())].filter((candidate) => !/\{\s*\}/.test(candidate));
}

/** Removes unused variables and fragments, in place. */
function withoutUnused(document) {
  const names = (...kinds) => new Set(new Positions(document).of(...kinds).map(({ node }) => node.name.value));
  for (let before = -1; document.definitions.length !== before;) {
    before = document.definitions.length;
    const spread = names('FragmentSpread');
    document.definitions = document.definitions.filter(
      ({ kind, name }) => kind !== 'FragmentDefinition' || spread.has(name.value),
    );
  }
  const uses = new Positions(document).of('Variable').filter(({ key }) => key !== 'variable');
  const used = new Set(uses.map(({ node }) => node.name.value));
  for (const { node } of new Positions(document).of('OperationDefinition')) {
    node.variableDefinitions = node.variableDefinitions?.filter(({ variable }) => used.has(variable.name.value));
  }
  return document;
}

/** Removes runs of tokens from a text that cannot be parsed. */
function withoutToken(text) {
  const tokens = [...text.matchAll(/\w+|\s+|[^\w\s]/gu)];
  const spans = [1, 2, 5, 20, 80].flatMap((length) =>
    tokens.slice(0, Math.max(0, tokens.length - length + 1)).map((_, at) => [at, at + length]),
  );
  const place = (at) => tokens[at]?.index ?? text.length;
  return spans.map(([from, to]) => text.slice(0, place(from)) + text.slice(place(to)));
}
