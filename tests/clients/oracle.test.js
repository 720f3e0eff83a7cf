// Compares validation and variable coercion with the reference implementation, graphql 16 and 17.
//
// TASKWIRE_ORACLE_SEED repeats a run. TASKWIRE_ORACLE_DOCUMENTS and TASKWIRE_ORACLE_VARIABLES set its length.

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';

import { CORPUS } from './oracle/corpus.js';
import { DocumentOracle } from './oracle/document-oracle.js';
import { compareImitations } from './oracle/execution-oracle.js';
import { count, seed } from './oracle/random.js';
import { readSchema, references } from './oracle/references.js';
import { check } from './oracle/taskwire.js';
import { lineOf, VariableOracle } from './oracle/variable-oracle.js';

const SEED = seed();

describe('graphql 16 and 17 as oracles', () => {
  let both;

  before(() => {
    both = references(readSchema());
  });

  test('edge cases of the specification get the same verdict', async () => {
    const oracle = new DocumentOracle(both);
    const disagreements = await oracle.compare(CORPUS);
    if (disagreements.length > 0) assert.fail(await oracle.report(disagreements));
  });

  test('random documents get the same verdict', async (context) => {
    const documents = count('TASKWIRE_ORACLE_DOCUMENTS', 5000);
    context.diagnostic(`seed ${SEED}, ${documents} documents`);
    const oracle = new DocumentOracle(both);
    const { summary, disagreements } = await oracle.run(SEED, documents);
    context.diagnostic(JSON.stringify(summary));
    if (disagreements.length > 0)
      assert.fail(await oracle.report(disagreements, `; TASKWIRE_ORACLE_SEED=${SEED} repeats them`));
    assert.ok(
      summary.valid > documents / 10 && summary.syntax > documents / 20 && summary.rules > documents / 4,
      'too few documents of one kind',
    );
  });

  test('random variables are coerced to the same values', async (context) => {
    const sets = count('TASKWIRE_ORACLE_VARIABLES', 5000);
    context.diagnostic(`seed ${SEED}, ${sets} sets of variables`);
    const oracle = new VariableOracle(both);
    const { summary, disagreements } = await oracle.run(SEED, sets);
    context.diagnostic(JSON.stringify(summary));
    if (disagreements.length > 0) assert.fail(oracle.report(SEED, disagreements));
    assert.ok(summary.coerced > sets / 4 && summary.refused > sets / 10, 'too few values of one kind');
  });

  test('an integer for an id keeps the digits that a double would lose', async () => {
    const query = 'query ($id: ID!) { node(id: $id) { id } }';
    const [{ variables }] = await check([lineOf({ query, variables: '{"id":9007199254740993}' })]);
    assert.deepEqual(variables, { id: '9007199254740993' });
  });

  test('the lowering of operations coerces to the same values', () => {
    assert.equal(new VariableOracle(both).contradiction(SEED, 1000), undefined, `seed ${SEED}`);
  });

  test('the lowering of operations keeps their response', () => {
    const run = compareImitations(both, SEED, 300);
    assert.deepEqual(run.disagreements, [], run.report);
  });
});
