// Compares the verdicts of Taskwire on documents with those of graphql 16 and 17.

import { setImmediate } from 'node:timers/promises';

import { parse } from 'graphql';

import { expected } from './differences.js';
import { DocumentGenerator } from './documents.js';
import { print } from './printer.js';
import { Random } from './random.js';
import { shrink } from './shrink.js';
import { check } from './taskwire.js';
import { mutateText } from './text-mutations.js';
import { MutationContext, mutateTree } from './tree-mutations.js';

/** Documents per process. */
const BATCH = 1000;

/** Disagreements in a report. Shrinking one takes seconds. */
const REPORTED = 5;

/** Type system definitions are refused by Taskwire's parser, and by a validation rule of the references. */
const NOT_EXECUTABLE = /definition is not executable\.$/;

const CODES = { syntax: 'GRAPHQL_PARSE_FAILED', rules: 'GRAPHQL_VALIDATION_FAILED' };

/** Generates documents and compares the three verdicts on them. */
export class DocumentOracle {
  #references;
  #generator;
  #context;

  constructor(references) {
    this.#references = references;
    this.#generator = new DocumentGenerator(references[16].schema);
    this.#context = new MutationContext(references[16].schema);
  }

  /** Document `index` of the run with this seed. */
  document(seed, index) {
    const random = Random.forItem(seed, index);
    const { document } = this.#generator.generate(random);
    const kind = random.weighted({ valid: 10, tree: 70, text: 20 });
    const changes = kind === 'tree' ? mutateTree(random, document, this.#context) : [kind];
    const text = print(document, random);
    return { index, changes, text: kind === 'text' ? mutateText(random, text) : text };
  }

  /** Compares `count` documents. Returns the disagreements, and a summary with the number of each verdict and difference. */
  async run(seed, count) {
    const summary = { documents: 0, valid: 0, syntax: 0, rules: 0, differences: {}, located: 0 };
    const disagreements = [];
    for (let start = 0; start < count; start += BATCH) {
      const length = Math.min(BATCH, count - start);
      const documents = Array.from({ length }, (_, at) => this.document(seed, start + at)).filter(({ text }) =>
        text.isWellFormed(),
      );
      const judged = await this.judge(documents.map(({ text }) => text));
      judged.forEach((judgement, at) => {
        tally(summary, judgement);
        if (judgement.disagreement) disagreements.push({ ...documents[at], ...judgement });
      });
    }
    return { summary, disagreements };
  }

  /** The disagreements about these texts. */
  async compare(texts) {
    const judged = await this.judge(texts);
    return judged
      .map((judgement, index) => ({ index, changes: ['given'], ...judgement }))
      .filter(({ disagreement }) => disagreement);
  }

  /** The three verdicts on each text. */
  async judge(texts) {
    const verdicts = check(texts.map((text) => JSON.stringify(text)));
    const references = [];
    for (const text of texts) {
      // Lets the process receive its input and return its output meanwhile.
      if (references.length % 20 === 0) await setImmediate();
      references.push([this.#references[16].judge(text), this.#references[17].judge(text)]);
    }
    const allOurs = await verdicts;
    return texts.map((text, at) => {
      const [by16, by17] = references[at];
      const due = expected(by16, by17);
      return { text, by16, by17, ours: allOurs[at], due, disagreement: disagreement(text, allOurs[at], due) };
    });
  }

  /** The first disagreements as text, reduced to small documents. */
  async report(disagreements, repeat = '') {
    const shown = [];
    for (const { index, changes, text, disagreement: kind } of disagreements.slice(0, REPORTED)) {
      const smallest = await shrink(text, async (candidates) =>
        (await this.judge(candidates)).map((judged) => judged.disagreement === kind),
      );
      const [{ by16, by17, ours }] = await this.judge([smallest]);
      const lines = [
        `document ${index} (${changes.join(', ')}): ${kind}`,
        smallest,
        `  taskwire:   ${ours.valid ? 'valid' : `${ours.errors[0].code}: ${ours.errors.map(({ message }) => message).join(' | ')}`}`,
        `  graphql 16: ${describe(by16)}`,
        `  graphql 17: ${describe(by17)}`,
      ];
      if (smallest !== text) lines.push(`  original: ${JSON.stringify(text)}`);
      shown.push(lines.join('\n'));
    }
    return `${disagreements.length} disagreements${repeat}\n\n${shown.join('\n\n')}`;
  }
}

function tally(summary, { due, ours, by17 }) {
  summary.documents += 1;
  if (!due) return;
  summary[due.verdict.stage] += 1;
  if (due.difference) summary.differences[due.difference.name] = (summary.differences[due.difference.name] ?? 0) + 1;
  if (!ours.valid && shareLocation(ours, by17)) summary.located += 1;
}

/** Whether one of the errors has the position of one of the reference's errors. */
function shareLocation(ours, reference) {
  const known = new Set(
    reference.errors.flatMap(({ locations }) => locations.map(({ line, column }) => `${line}:${column}`)),
  );
  return ours.errors.some(({ locations = [] }) => locations.some(({ line, column }) => known.has(`${line}:${column}`)));
}

/** How Taskwire's verdict differs from the expected one; undefined if it does not. */
function disagreement(text, ours, due) {
  if (!due) return 'graphql 16 and 17 disagree, and differences.js does not list the case';
  const { stage } = due.verdict;
  if (ours.valid !== (stage === 'valid'))
    return ours.valid ? 'taskwire accepts what is not valid' : 'taskwire refuses what is valid';
  if (!ours.valid) {
    const [{ code }] = ours.errors;
    const atParsing = due.verdict.errors.some(({ message }) => NOT_EXECUTABLE.test(message));
    const allowed = atParsing ? Object.values(CODES) : [CODES[stage]];
    return allowed.includes(code) ? undefined : `the code is ${code} instead of ${CODES[stage]}`;
  }
  return JSON.stringify(ours.operations.map(({ name, type }) => [name, type])) === JSON.stringify(operationsOf(text))
    ? undefined
    : 'the operations are not those of the document';
}

const operationsOf = (text) =>
  parse(text)
    .definitions.filter(({ kind }) => kind === 'OperationDefinition')
    .map(({ name, operation }) => [name?.value ?? null, operation]);

const describe = ({ stage, errors }) =>
  stage === 'valid' ? 'valid' : `${stage}: ${errors.map(({ message }) => message).join(' | ')}`;
