// Random input: literals for documents, and values for variables.

import {
  getNamedType,
  getNullableType,
  GraphQLList,
  GraphQLNonNull,
  isEnumType,
  isInputObjectType,
  isListType,
  isNonNullType,
  isRequiredInputField,
  isTypeSubTypeOf,
} from 'graphql';

import * as ast from './ast.js';

const STRINGS = [
  'a',
  '',
  'TODO',
  'x y',
  '5',
  'é',
  'VGFzazox',
  '\u{1F600}',
  'say "hi"',
  'back\\slash',
  'two\nlines',
  ' \n\t',
  '\u0007',
  '"""',
  '\u2028',
];

const CUSTOM_SCALARS = [
  '"2030-01-01T00:00:00Z"',
  '"x"',
  '5',
  '-0.5e3',
  'true',
  'NAME',
  '[1, [null]]',
  '{a: 1}',
  '{a: {b: [NAME, 1.5, null]}}',
  '{}',
];

const INTEGERS = ['0', '1', '2', '50', '-3', '-0', '2147483647', '-2147483648'];

const MAX_DEPTH = 6;

/** Any value of a scalar type. */
export function anyScalar(typeName, random) {
  switch (typeName) {
    case 'Int':
      return ast.integer(random.pick(INTEGERS));
    case 'Float':
      return ast.literal(random.pick(['1.5', '2', '-0.5e3', '0.0E+0']));
    case 'Boolean':
      return ast.boolean(random.chance(0.5));
    case 'ID':
      return random.chance(0.3) ? ast.integer(random.below(99)) : ast.string(random.pick(STRINGS), random.chance(0.05));
    case 'String':
      return ast.string(random.pick(STRINGS), random.chance(0.1));
    default:
      return ast.literal(random.pick(CUSTOM_SCALARS));
  }
}

/** Generates literals of a type. `scalar(typeName, random, place)` gives the leaves; `place` is the coordinate of the argument or
 * input field, such as `Query.task(id:)` or `TaskFilter.search`. */
export class InputGenerator {
  #random;
  #scalar;
  #variableChance;
  #allowsInput;

  constructor(random, { scalar = anyScalar, variableChance = 0.25, allowsInput = () => true } = {}) {
    this.#random = random;
    this.#scalar = scalar;
    this.#variableChance = variableChance;
    this.#allowsInput = allowsInput;
  }

  /** A literal of this type. With `variables`, parts of it or all of it may be variables. */
  literal(type, place, { variables, hasDefault = false, depth = 0 } = {}) {
    const random = this.#random;
    if (variables && random.chance(this.#variableChance)) return variables.use(type, place, hasDefault);
    const nested = (inner, innerPlace, more = {}) =>
      this.literal(inner, innerPlace, { variables, depth: depth + 1, ...more });
    if (isNonNullType(type)) {
      // The value is not a variable: see above.
      return this.#value(type.ofType, place, nested, depth);
    }
    return random.chance(0.07) ? ast.nothing() : this.#value(type, place, nested, depth);
  }

  #value(type, place, nested, depth) {
    const random = this.#random;
    if (isListType(type)) {
      // A single value is coerced to a list of one. A variable there would need the list type.
      if (random.chance(0.15)) return this.literal(type.ofType, place, { depth: depth + 1 });
      const length = depth > MAX_DEPTH ? 0 : random.below(4);
      return ast.list(Array.from({ length }, () => nested(type.ofType, place)));
    }
    if (isInputObjectType(type)) {
      const chosen = Object.values(type.getFields()).filter(
        (field) => isRequiredInputField(field) || this.#chooses(type, field, depth),
      );
      const fields = chosen.map((field) =>
        ast.objectField(
          field.name,
          nested(field.type, `${type.name}.${field.name}`, { hasDefault: field.defaultValue !== undefined }),
        ),
      );
      return ast.object(random.shuffled(fields));
    }
    if (isEnumType(type)) return ast.enumeration(random.pick(type.getValues()).name);
    return this.#scalar(type.name, random, place);
  }

  #chooses(type, field, depth) {
    if (!this.#allowsInput(type, field, depth)) return false;
    if (depth > MAX_DEPTH && isInputObjectType(getNamedType(field.type))) return false;
    return this.#random.chance(0.2);
  }
}

/** The variables of one document. A variable has one type in all operations. */
export class Variables {
  #schema;
  #random;
  #inputs;
  #declared = new Map();

  constructor(schema, random, inputs) {
    this.#schema = schema;
    this.#random = random;
    this.#inputs = inputs;
  }

  /** A variable that is allowed at a position of this type. */
  use(type, place, hasDefault) {
    const fitting = [...this.#declared.values()].filter((declared) => this.#fits(declared, type, hasDefault));
    const { name } =
      fitting.length > 0 && this.#random.chance(0.3)
        ? this.#random.pick(fitting)
        : this.#declare(type, place, hasDefault);
    return ast.variable(name);
  }

  /** The declaration with this name. */
  declaration(name) {
    return this.#declared.get(name);
  }

  #declare(type, place, hasDefault) {
    const random = this.#random;
    const name = `v${this.#declared.size}`;
    const declared = { name, place, type: this.#stricter(type), defaultValue: undefined };
    this.#declared.set(name, declared);
    if (isNonNullType(type)) {
      const nullable = declared.type.ofType;
      if (hasDefault && random.chance(0.4)) declared.type = nullable;
      else if (random.chance(0.3))
        Object.assign(declared, { type: nullable, defaultValue: this.#default(new GraphQLNonNull(nullable), place) });
      else if (random.chance(0.2)) declared.defaultValue = this.#default(declared.type, place);
    } else if (random.chance(0.3)) {
      declared.defaultValue = this.#default(declared.type, place);
    }
    return declared;
  }

  /** The type, or one that is allowed in its place. */
  #stricter(type) {
    const nullable = getNullableType(type);
    const inner = isListType(nullable) ? new GraphQLList(this.#stricter(nullable.ofType)) : nullable;
    return isNonNullType(type) || this.#random.chance(0.2) ? new GraphQLNonNull(inner) : inner;
  }

  #default(type, place) {
    return this.#inputs.literal(type, place);
  }

  /** AllowedVariableUsage of the specification. */
  #fits({ type, defaultValue }, location, hasDefault) {
    if (isNonNullType(location) && !isNonNullType(type)) {
      const filled = defaultValue !== undefined && defaultValue.kind !== 'NullValue';
      return (filled || hasDefault) && isTypeSubTypeOf(this.#schema, type, location.ofType);
    }
    return isTypeSubTypeOf(this.#schema, type, location);
  }
}
