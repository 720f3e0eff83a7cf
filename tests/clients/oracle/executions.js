// Random operations with variable values, each with its plain form.

import {
  getNamedType,
  isCompositeType,
  isNonNullType,
  isRequiredArgument,
  parse,
  print as printPlainly,
  stripIgnoredCharacters,
} from 'graphql';

import * as ast from './ast.js';
import { CoercionError } from './coercion.js';
import { DocumentGenerator } from './documents.js';
import { InputGenerator } from './inputs.js';
import { lower } from './lowering.js';
import { print } from './printer.js';

/** Fields that change between two requests, and one for administrators only. */
const VOLATILE = new Set(['Query.rateLimit', 'Query.eventCursor', 'Query.sessions', 'Query.users', 'Attachment.url']);

/** The id of a task that does not exist. */
const MISSING = 'VGFzazo5OTk5OTk';

/** Sets of variables per operation. */
const SETS = 3;

const TEXTS = ['fix', 'the', 'Review the plan', 'say "hi"', 'two\nlines', '\u{1F600}', 'b\u00e9'];

// In the far future: tasks that are due get notifications in the background.
const MOMENTS = ['2099-01-01T00:00:00Z', '2098-06-01T12:00:00.5Z', '2096-02-29T23:59:59+01:00'];
const DAYS = ['2099-01-01', '2096-02-29'];

/** Generates operations. Most of their arguments are ids and cursors that exist. */
export class ExecutionGenerator {
  #references;
  #generator;
  #scalar;

  /** `pools` has ids and cursors, `operations` the weights of the operation types, `roots` selects mutations, `scalars`
   * goes before the usual scalars. */
  constructor(references, pools, { operations, roots = () => true, volatile = VOLATILE, scalars }) {
    this.#references = references;
    this.#scalar = (typeName, random, place) =>
      scalars?.(typeName, random, place) ?? scalar(pools, typeName, random, place);
    this.#generator = new DocumentGenerator(references[16].schema, {
      operations,
      depths: [2, 3, 3, 4],
      scalar: this.#scalar,
      allows: (type, field) =>
        !volatile.has(`${type.name}.${field.name}`) &&
        (type !== references[16].schema.getMutationType() || roots(field.name)),
      allowsInput: ({ name }, field, depth) => name !== 'TaskFilter' || field.name !== 'includeDeleted' || depth === 0,
      chooseArguments: (field, random) => chooseArguments(field, random, pools.taskCursor.length > 0),
    });
  }

  /** An operation with several sets of variables: a server caches what it prepared for the first. Empty if it cannot be
   * compared. */
  generate(random) {
    const { document, variables } = this.#generator.generate(random);
    const query = print(document, random);
    const operations = document.definitions.filter(({ kind }) => kind === 'OperationDefinition');
    const operation = random.pick(operations);
    const operationName = operations.length > 1 ? operation.name.value : undefined;
    const sets = Array.from({ length: SETS }, () => this.#values(random, operation, variables));
    return [...new Set(sets)]
      .map((values) => this.withPlainForm({ query, operationName, variables: values }))
      .filter((item) => item !== undefined);
  }

  /** Adds the plain form. Undefined if the document is not valid or its variables cannot be coerced. */
  withPlainForm({ query, operationName, variables }) {
    const valid = [16, 17].every((version) => this.#references[version].judge(query).stage === 'valid');
    if (!valid) return undefined;
    try {
      const plain = lower(this.#references[16].schema, parse(query), operationName, JSON.parse(variables));
      return { query, operationName, variables, plain: stripIgnoredCharacters(printPlainly(plain)) };
    } catch (error) {
      if (error instanceof CoercionError) return undefined;
      throw error;
    }
  }

  #values(random, operation, variables) {
    const inputs = new InputGenerator(random, { scalar: this.#scalar });
    const entries = operation.variableDefinitions.flatMap(({ variable }) => {
      const name = variable.name.value;
      const { type, place, defaultValue } = variables.declaration(name);
      const optional = defaultValue !== undefined || !isNonNullType(type);
      if (optional && random.chance(0.4)) return [];
      return [`${JSON.stringify(name)}:${jsonOf(inputs.literal(type, place))}`];
    });
    return `{${entries.join(',')}}`;
  }
}

/** The required arguments and some others, but not `first` together with `last`. */
function chooseArguments({ args, type }, random, hasCursors) {
  const optional = args.filter((arg) => !isRequiredArgument(arg));
  const backwards = random.chance(0.2);
  const excluded = backwards ? ['first', 'after'] : ['last', 'before'];
  const fits = ({ name }) =>
    !excluded.includes(name) && (!/^(after|before)$/.test(name) || (hasCursors && random.chance(0.15)));
  const likelihood = isCompositeType(getNamedType(type)) ? 0.4 : 0.3;
  return args.filter((arg) => !optional.includes(arg) || (fits(arg) && random.chance(likelihood)));
}

function scalar(pools, typeName, random, place) {
  switch (typeName) {
    case 'Int':
      return ast.integer(/expectedVersion/.test(place) ? 1 + random.below(3) : random.below(6));
    case 'Boolean':
      return ast.boolean(random.chance(0.5));
    case 'DateTime':
      return ast.string(random.pick(MOMENTS));
    case 'Date':
      return ast.string(random.pick(DAYS));
    case 'ID':
      return ast.string(random.chance(0.03) ? MISSING : random.pick(idsFor(pools, random, place)));
    default:
      if (/\((after|before):\)/.test(place)) return ast.string(random.pick(pools.taskCursor));
      if (/tag/i.test(place)) return ast.string(random.pick(['web', 'bug', 'docs', 'Docs', 'new']));
      return ast.string(random.pick(TEXTS), random.chance(0.1));
  }
}

function idsFor(pools, random, place) {
  if (/assignee|user\(|user[A-Z]\w*\(|UserIdFilter/.test(place)) return pools.user;
  if (/attachment/i.test(place)) return pools.attachment;
  if (/notification/i.test(place)) return pools.notification;
  if (/nodes?\(/.test(place))
    return random.pick([pools.task, pools.task, pools.user, pools.attachment, pools.notification]);
  return random.chance(0.1) ? pools.trash : pools.task;
}

/** A literal as JSON text. */
function jsonOf(node) {
  switch (node.kind) {
    case 'ListValue':
      return `[${node.values.map(jsonOf).join(',')}]`;
    case 'ObjectValue':
      return `{${node.fields.map(({ name, value }) => `${JSON.stringify(name.value)}:${jsonOf(value)}`).join(',')}}`;
    case 'NullValue':
      return 'null';
    case 'IntValue':
      return node.value;
    case 'BooleanValue':
      return String(node.value);
    default:
      return JSON.stringify(node.value);
  }
}
