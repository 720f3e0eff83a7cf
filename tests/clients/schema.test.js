// The schema by the rules of graphql-eslint, Relay's among them.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';

import plugin from '@graphql-eslint/eslint-plugin';
import { ESLint } from 'eslint';

import { workspace } from './support/server.js';

const FILE = join(workspace, 'schema.graphql');

/** Where we differ from `schema-all` and `schema-relay`, and why. */
const OURS = {
  // Fields stand in the order in which one reads about them, what belongs together side by side.
  alphabetize: 'off',
  // Mutations are object-first: the id beside the input, so that `input` alone can be the contents of a form.
  'input-name': 'off',
  // It is for services that only read.
  'no-root-type': 'off',
  // Apollo and urql find what changed by its id; a second query inside of a mutation is nothing they ask for.
  'require-field-of-type-query-in-mutation-result': 'off',
  // A payload is there even when nothing was done: it says why. Where it cannot be, nothing else is of use.
  'require-nullable-result-in-root': 'off',
  // Beside `edges` connections have `nodes`, as GitHub's and Shopify's do; and what they list need not have an identity.
  'relay-edge-types': ['error', { listTypeCanWrapOnlyEdgeType: false, shouldImplementNode: false }],
  // Not things with an identity, but parts of an answer. A tag is its name, and an event its place in the log.
  'strict-id-in-types': [
    'error',
    {
      exceptions: {
        types: ['PageInfo', 'RateLimit', 'Tag', 'TaskEvent', 'TaskEventChange', 'TaskStatistics'],
        suffixes: ['Connection', 'Count', 'Edge', 'Error', 'Payload'],
      },
    },
  ],
  // More than the rule asks for by itself: fields, arguments and values too.
  'require-description': [
    'error',
    {
      types: true,
      rootField: true,
      DirectiveDefinition: true,
      EnumValueDefinition: true,
      FieldDefinition: true,
      InputValueDefinition: true,
    },
  ],
};

/** Single places where a rule is wrong. */
const ACCEPTED = [
  // A username is a word of its own, not the name of a user.
  /^Field "username" starts with the name of the parent type "User"$/,
  // These are GraphQL's own; the library writes them down without a word about their arguments.
  /^Description is required for input value "(if|url)" in directive "(include|skip|specifiedBy)"$/,
];

const NAMESPACE = '@graphql-eslint';

function linter(schema) {
  const ours = Object.entries(OURS).map(([rule, setting]) => [`${NAMESPACE}/${rule}`, setting]);
  return new ESLint({
    cwd: workspace,
    overrideConfigFile: true,
    overrideConfig: {
      files: ['**/*.graphql'],
      plugins: { [NAMESPACE]: plugin },
      languageOptions: { parser: plugin.parser, parserOptions: { graphQLConfig: { schema } } },
      rules: {
        ...plugin.configs['flat/schema-all'].rules,
        ...plugin.configs['flat/schema-relay'].rules,
        ...Object.fromEntries(ours),
      },
    },
  });
}

test('schema.graphql keeps the rules', async () => {
  const [{ messages }] = await linter(FILE).lintFiles(FILE);
  const found = messages.filter(({ message }) => !ACCEPTED.some((accepted) => accepted.test(message)));
  assert.deepEqual(
    found.map(({ line, ruleId, message }) => `line ${line}: ${ruleId}: ${message}`),
    [],
  );
  for (const accepted of ACCEPTED) {
    assert.ok(messages.some(({ message }) => accepted.test(message)), `nothing is left to accept: ${accepted}`);
  }
});

test('the rules are in force', async () => {
  const schema = `
    type Query { "Pages." things(first: Int): ThingConnection }
    "A page." type ThingConnection { "Edges." edges: [ThingEdge] "Where it is." pageInfo: PageInfo! }
    "An edge." type ThingEdge { "The thing." node: Thing }
    "A page's place." type PageInfo { "Whether." hasNextPage: Boolean! }
    "A thing." type Thing { "Its name." thing_name: String }
  `;
  const [{ messages }] = await linter(schema).lintText(schema, { filePath: 'broken.graphql' });
  const broken = new Set(messages.map(({ ruleId }) => ruleId?.replace(`${NAMESPACE}/`, '')));
  for (const rule of [
    'naming-convention',
    'relay-arguments',
    'relay-edge-types',
    'relay-page-info',
    'require-description',
    'strict-id-in-types',
  ]) {
    assert.ok(broken.has(rule), `${rule} is not among ${[...broken].join(', ')}`);
  }
});
