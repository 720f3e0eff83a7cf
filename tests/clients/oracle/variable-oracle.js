// Compares the variables that Taskwire coerces with those of graphql 16 and 17.

import { getOperationAST, parse, visit } from 'graphql';

import { CoercionError, coerceVariableValues } from './coercion.js';
import { DocumentGenerator } from './documents.js';
import { print } from './printer.js';
import { Random } from './random.js';
import { check } from './taskwire.js';
import { ValueGenerator } from './variable-values.js';

const BATCH = 1000;

/** Sets of values per document. */
const SETS = 5;

const REPORTED = 10;

/** Generates sets of values for the variables of random documents. */
export class VariableOracle {
  #references;
  #generator;

  constructor(references) {
    this.#references = references;
    this.#generator = new DocumentGenerator(references[16].schema, {
      depths: [1],
      variableChance: 0.6,
      introspection: false,
    });
  }

  /** The cases of document `index`: none if it is not valid or has no variables. */
  cases(seed, index) {
    const random = Random.forItem(seed, index);
    const query = print(this.#generator.generate(random).document, random);
    const valid =
      query.isWellFormed() && [16, 17].every((version) => this.#references[version].judge(query).stage === 'valid');
    if (!valid) return [];
    const operations = parse(query).definitions.filter(({ kind }) => kind === 'OperationDefinition');
    const operation = random.pick(operations);
    if (operation.variableDefinitions.length === 0) return [];
    const operationName = operations.length > 1 || random.chance(0.2) ? operation.name?.value : undefined;
    const values = new ValueGenerator(this.#references[16].schema, random);
    return Array.from({ length: SETS }, () => ({
      index,
      query,
      operationName,
      variables: values.forVariables(operation.variableDefinitions),
    }));
  }

  /** Compares `count` sets. Returns the disagreements and a summary. */
  async run(seed, count) {
    const summary = { sets: 0, coerced: 0, refused: 0 };
    const disagreements = [];
    for (let index = 0; summary.sets < count;) {
      const batch = [];
      while (batch.length < Math.min(BATCH, count - summary.sets)) batch.push(...this.cases(seed, index++));
      for (const judged of await this.judge(batch)) {
        summary.sets += 1;
        summary[judged.by16.errors ? 'refused' : 'coerced'] += 1;
        if (judged.disagreement) disagreements.push(judged);
      }
    }
    return { summary, disagreements };
  }

  /** The three results for each case. */
  async judge(cases) {
    const verdicts = await check(cases.map(lineOf));
    return cases.map((item, at) => {
      const values = JSON.parse(item.variables);
      const [by16, by17] = [16, 17].map((version) =>
        this.#references[version].coerce(item.query, item.operationName, values),
      );
      const ours = verdicts[at];
      const conditions = nullConditions(item.query, by16.coerced ?? {});
      return { ...item, by16, by17, ours, disagreement: disagreement(by16, by17, ours, conditions) };
    });
  }

  /** The first of `count` sets that coercion.js coerces to other values than graphql 16. */
  contradiction(seed, count) {
    for (let index = 0, left = count; left > 0; index += 1) {
      const cases = this.cases(seed, index);
      left -= cases.length;
      const found = cases.find((item) => {
        const { coerced } = this.#references[16].coerce(item.query, item.operationName, JSON.parse(item.variables));
        return canonical(coerced) !== canonical(this.#byTheText(item));
      });
      if (found) return found;
    }
    return undefined;
  }

  #byTheText({ query, operationName, variables }) {
    const operation = getOperationAST(parse(query), operationName);
    try {
      return Object.fromEntries(coerceVariableValues(this.#references[16].schema, operation, JSON.parse(variables)));
    } catch (error) {
      if (error instanceof CoercionError) return undefined;
      throw error;
    }
  }

  report(seed, disagreements) {
    const shown = disagreements
      .slice(0, REPORTED)
      .map(({ index, query, operationName, variables, by16, by17, ours, disagreement: kind }) =>
        [
          `document ${index}: ${kind}`,
          query,
          `  variables:  ${variables}${operationName ? ` of ${operationName}` : ''}`,
          `  taskwire:   ${JSON.stringify(ours.valid ? ours.variables : ours.errors)}`,
          `  graphql 16: ${JSON.stringify(by16.errors ?? by16.coerced)}`,
          `  graphql 17: ${JSON.stringify(by17.errors ?? by17.coerced)}`,
        ].join('\n'),
      );
    return `${disagreements.length} disagreements; TASKWIRE_ORACLE_SEED=${seed} repeats them\n\n${shown.join('\n\n')}`;
  }
}

/** The line for `documents check`. JSON.stringify would change the spelling of numbers. */
export function lineOf({ query, operationName, variables }) {
  const name = operationName === undefined ? '' : `,"operationName":${JSON.stringify(operationName)}`;
  return `{"query":${JSON.stringify(query)}${name},"variables":${variables}}`;
}

/**
 * The variables that are null and the condition of @skip or @include. graphql-js coerces them and fails during execution,
 * when it reaches the directive; Taskwire refuses the operation before it runs anything.
 */
function nullConditions(query, coerced) {
  const names = new Set();
  visit(parse(query), {
    Directive({ name, arguments: [condition] }) {
      const variable = condition?.value.name?.value;
      if (/^(skip|include)$/.test(name.value) && coerced[variable] === null) names.add(variable);
    },
  });
  return names;
}

function disagreement(by16, by17, ours, conditions) {
  const [text16, text17] = [by16, by17].map(({ coerced }) => canonical(coerced));
  if (text16 !== text17) return 'graphql 16 and 17 differ';
  const condition = /^The variable '\$(\w+)' is null; the condition of @skip and @include/.exec(ours.errors?.[0].message);
  if (conditions.has(condition?.[1])) return undefined;
  if (ours.valid !== (text16 !== undefined))
    return ours.valid ? 'taskwire accepts what cannot be coerced' : 'taskwire refuses what can be coerced';
  if (ours.valid) return canonical(ours.variables) === text16 ? undefined : 'the coerced values differ';
  const [{ code }] = ours.errors;
  return code === 'BAD_USER_INPUT' ? undefined : `the code is ${code}`;
}

/** JSON with the keys of each object in one order. */
function canonical(value) {
  return JSON.stringify(value, (_, inner) => {
    if (inner === null || typeof inner !== 'object' || Array.isArray(inner)) return inner;
    return Object.fromEntries(
      Object.keys(inner)
        .sort()
        .map((key) => [key, inner[key]]),
    );
  });
}
