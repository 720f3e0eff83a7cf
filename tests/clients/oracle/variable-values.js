// Random values for the variables of an operation, as JSON text: only text keeps spellings such as `5.0` and `1e1`.

import { isEnumType, isInputObjectType, isListType, isNonNullType, isRequiredInputField, typeFromAST } from 'graphql';

/** Numbers that doubles keep exactly, in all spellings. */
const NUMBERS = [
  '0',
  '1',
  '50',
  '-3',
  '-0',
  '-0.0',
  '5.0',
  '1e1',
  '1E+1',
  '1.0e0',
  '100e-2',
  '0.0',
  '5.5',
  '-1e-1',
  '2147483647',
  '2147483648',
  '-2147483648',
  '-2147483649',
  '2147483647.0',
  '2.147483647e9',
  '1e10',
  '9007199254740991',
  '-9007199254740991',
  '1e15',
];

const STRINGS = [
  '',
  'a',
  '5',
  '5.0',
  'TODO',
  'DONE',
  'true',
  'null',
  '\u{1F600}',
  'two\nlines',
  '\u0000',
  '$v0',
  '2030-01-01T00:00:00Z',
];

const OTHERS = [
  'null',
  'true',
  'false',
  '[]',
  '[null]',
  '[1]',
  '["a"]',
  '[[1]]',
  '[["a"]]',
  '{}',
  '{"a":1}',
  '{"eq":"TODO"}',
  '{"in":"DONE"}',
  '{"__proto__":1}',
  '{"title":"a"}',
];

const UNKNOWN_NAMES = ['nope', 'Title', '', '__typename', 'constructor', 'a b'];

const MAX_DEPTH = 6;

const quoted = (text) => JSON.stringify(text);
const objectText = (entries) => `{${entries.map(([key, value]) => `${quoted(key)}:${value}`).join(',')}}`;

/** Generates the values for one operation. */
export class ValueGenerator {
  #schema;
  #random;

  constructor(schema, random) {
    this.#schema = schema;
    this.#random = random;
  }

  /** A JSON object with a value for most of these variables. */
  forVariables(definitions) {
    const random = this.#random;
    const given = definitions.filter(() => !random.chance(0.1));
    const entries = given.map(({ variable, type }) => [
      variable.name.value,
      this.value(typeFromAST(this.#schema, type)),
    ]);
    if (random.chance(0.1)) entries.push([random.pick(['extra', ...UNKNOWN_NAMES]), this.#other()]);
    return objectText(random.shuffled(entries));
  }

  /** A value that mostly is of this type. */
  value(type, depth = 0) {
    const random = this.#random;
    if (random.chance(0.04)) return this.#other();
    if (isNonNullType(type)) return random.chance(0.02) ? 'null' : this.#nonNull(type.ofType, depth);
    return random.chance(0.08) ? 'null' : this.#nonNull(type, depth);
  }

  #nonNull(type, depth) {
    const random = this.#random;
    if (isListType(type)) {
      if (random.chance(0.2)) return this.value(type.ofType, depth);
      const items = Array.from({ length: depth > MAX_DEPTH ? 0 : random.below(4) }, () =>
        this.value(type.ofType, depth + 1),
      );
      return `[${items.join(',')}]`;
    }
    if (isInputObjectType(type)) return this.#object(type, depth);
    if (isEnumType(type)) return quoted(random.pick(type.getValues()).name);
    return this.#scalar(type.name);
  }

  #object(type, depth) {
    const random = this.#random;
    const chosen = Object.values(type.getFields()).filter((field) =>
      random.chance(isRequiredInputField(field) ? 0.97 : depth > MAX_DEPTH ? 0 : 0.2),
    );
    const entries = chosen.map((field) => [field.name, this.value(field.type, depth + 1)]);
    if (random.chance(0.03)) entries.push([random.pick(UNKNOWN_NAMES), this.#other()]);
    return objectText(random.shuffled(entries));
  }

  #scalar(name) {
    const random = this.#random;
    switch (name) {
      case 'Int':
        return random.chance(0.4) ? String(random.below(100)) : random.pick(NUMBERS);
      case 'ID':
        return random.chance(0.5) ? quoted(random.pick(STRINGS)) : random.pick(NUMBERS);
      case 'Boolean':
        return String(random.chance(0.5));
      case 'String':
        return quoted(random.pick(STRINGS));
      default:
        return this.#other();
    }
  }

  #other() {
    const random = this.#random;
    const kind = random.weighted({ number: 2, string: 2, other: 3 });
    if (kind === 'number') return random.pick(NUMBERS);
    return kind === 'string' ? quoted(random.pick(STRINGS)) : random.pick(OTHERS);
  }
}
