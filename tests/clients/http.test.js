// GraphQL over HTTP to the letter: every audit of the package `graphql-http`, by POST and by GET.
//
// The audits grade themselves MUST, SHOULD and MAY. Here all of them must hold.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { serverAudits } from 'graphql-http';

import { serve } from './support/server.js';

describe('GraphQL over HTTP', () => {
  let server;
  const failures = [];

  before(async () => {
    server = await serve();
  });
  after(async () => {
    if (failures.length > 0) console.table(failures);
    await server.stop();
  });

  const audits = serverAudits({ url: () => server.endpoint, fetchFn: fetch });

  test('all the audits are here', () => {
    assert.ok(audits.length > 60, `there are ${audits.length}`);
  });

  for (const audit of audits) {
    test(`${audit.id} ${audit.name}`, async () => {
      const result = await audit.fn();
      if (result.status === 'ok') return;
      const { status: grade, reason, response } = result;
      failures.push({ id: audit.id, audit: audit.name, reason, status: response?.status });
      assert.fail(`${grade}: ${reason}; the server answered ${response?.status} ${await text(response)}`);
    });
  }
});

async function text(response) {
  return response.bodyUsed ? '' : response.text();
}
