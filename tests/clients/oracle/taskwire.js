// Runs `taskwire documents check`: one JSON document per line in, one verdict per line out.

import { spawn } from 'node:child_process';
import { once } from 'node:events';

import { binary } from '../support/server.js';

/** Limits that no generated document reaches. */
export const UNLIMITED = {
  GRAPHQL_MAX_BYTES: '16777216',
  GRAPHQL_MAX_TOKENS: '1000000',
  GRAPHQL_MAX_DEPTH: '100',
  GRAPHQL_MAX_FIELDS: '1000000',
  GRAPHQL_MAX_ALIASES: '1000000',
  GRAPHQL_MAX_DIRECTIVES: '1000000',
  GRAPHQL_MAX_COMPLEXITY: '1000000000',
};

/** The verdicts on these lines. */
export async function check(lines) {
  const child = spawn(binary(), ['documents', 'check', '-'], { env: UNLIMITED, stdio: ['pipe', 'pipe', 'pipe'] });
  const [output, complaints] = [child.stdout, child.stderr].map(collect);
  // A process that ends early is reported below; an unhandled error would end this process.
  child.stdin.on('error', () => {});
  child.stdin.end(lines.map((line) => `${line}\n`).join(''));
  const [code, signal] = await once(child, 'close');
  const verdicts = (await output).split('\n').filter(Boolean).map(parse);
  if (verdicts.length !== lines.length) {
    const next = lines[verdicts.length];
    throw new Error(
      `\`documents check\` ended with ${code ?? signal} after ${verdicts.length} of ${lines.length} lines. The next is:\n${next}\n${await complaints}`,
    );
  }
  const valid = verdicts.every((verdict) => verdict.valid);
  if (code !== (valid ? 0 : 1))
    throw new Error(`\`documents check\` ended with ${code ?? signal}; ${valid ? 0 : 1} was expected`);
  return verdicts;
}

function parse(line) {
  try {
    return JSON.parse(line);
  } catch (error) {
    throw new Error(`\`documents check\` printed a line that is not JSON: ${line}`, { cause: error });
  }
}

async function collect(stream) {
  let text = '';
  stream.setEncoding('utf8');
  for await (const part of stream) text += part;
  return text;
}
