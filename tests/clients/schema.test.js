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
  // Values of enums only. Fields and arguments are in reading order: related ones are next to each other.
  alphabetize: ['error', { values: true }],
  // By the name of the argument only. `TaskUpdateInput` serves two mutations.
  'input-name': ['error', { checkInputType: false }],
  // It is for services that only read.
  'no-root-type': 'off',
  // Apollo and urql find what changed by its id; a second query inside of a mutation is nothing they ask for.
  'require-field-of-type-query-in-mutation-result': 'off',
  // Beside `edges` connections have `nodes`, as GitHub's and Shopify's do; and what they list need not have an identity.
  'relay-edge-types': ['error', { listTypeCanWrapOnlyEdgeType: false, shouldImplementNode: false }],
  // Parts of an answer, without an identity. A tag is its name, and an event its place in the log.
  'strict-id-in-types': [
    'error',
    {
      exceptions: {
        types: [
          ...['NotificationEvent', 'PageInfo', 'RateLimit', 'Tag', 'TaskBulkCreateResult', 'TaskBulkResult', 'TaskEvent'],
          ...['TaskEventChange', 'TaskSnapshot', 'TaskSnapshotUser', 'TaskStatistics'],
        ],
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

/** The arguments of mutations beside `input`: which object, and under which condition. `input` alone can be the contents
 * of a form. A mutation that takes one or two values has no `input`. */
const BESIDE_INPUT = [
  ...['id', 'ids', 'inputs', 'expectedVersion', 'expectedVersions', 'errorPolicy'],
  ...['assigneeId', 'everywhere', 'isActive', 'role', 'status', 'tags', 'transferTo'],
  ...['currentPassword', 'newPassword', 'refreshToken', 'token'],
];

/** Single places where a rule is wrong. */
const ACCEPTED = [
  new RegExp(`^Input "(${BESIDE_INPUT.join('|')})" should be named "input" for "Mutation\\.\\w+"$`),
  // A payload exists even when nothing was done: it has the errors that the client can fix.
  /^Unexpected non-null result type "\w+Payload" in type "Mutation"$/,
  // `username` is one word, not the name of a user.
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
    type Query { "Pages." items(first: Int): ItemConnection "A page." page: ItemConnection! }
    type Mutation { "Renames." itemRename(name: Colour): Item }
    enum Colour { RED BLUE }
    "A page." type ItemConnection { "Edges." edges: [ItemEdge] "Where it is." pageInfo: PageInfo! }
    "An edge." type ItemEdge { "The item." node: Item }
    "A page's place." type PageInfo { "Whether." hasNextPage: Boolean! }
    "An item." type Item { "Its name." item_name: String }
  `;
  const [{ messages }] = await linter(schema).lintText(schema, { filePath: 'broken.graphql' });
  const broken = new Set(messages.map(({ ruleId }) => ruleId?.replace(`${NAMESPACE}/`, '')));
  for (const rule of [
    'alphabetize',
    'input-name',
    'naming-convention',
    'relay-arguments',
    'relay-edge-types',
    'relay-page-info',
    'require-description',
    'require-nullable-result-in-root',
    'strict-id-in-types',
  ]) {
    assert.ok(broken.has(rule), `${rule} is not among ${[...broken].join(', ')}`);
  }
});
