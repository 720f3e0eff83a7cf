// Prints a syntax tree with random spelling: white space, commas, comments, escapes, block strings.
//
// Every judge reads the text, so block strings need not keep the exact value.

const PUNCTUATOR = /^[{}()[\]:!=@$]$/;

/** Ignored tokens. */
const ODD_SEPARATORS = ['\n', ',', '\t', '\r\n', '\r', ' , ,', '# a "comment" {\n', '#\u{1F600}\r', '\uFEFF', '\n\n  '];

const SHORT_ESCAPES = {
  '"': '\\"',
  '\\': '\\\\',
  '/': '\\/',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
};

const hexadecimal = (number, digits) => number.toString(16).padStart(digits, '0');

/** Prints a document; without `random` plainly. */
export function print(document, random) {
  return new Printer(random).print(document);
}

class Printer {
  #tokens = [];
  #random;

  constructor(random) {
    this.#random = random;
  }

  print(document) {
    for (const definition of document.definitions) this.#definition(definition);
    return this.#join();
  }

  #join() {
    let text = '';
    let before = '{';
    // Half of the documents are plain, so that a fault of the lexer does not hide all others.
    const odd = this.#random?.chance(0.5) ? 0.1 : 0;
    for (const token of this.#tokens) {
      const optional = PUNCTUATOR.test(before) || PUNCTUATOR.test(token);
      if (odd > 0 && this.#random.chance(odd)) text += this.#random.pick(ODD_SEPARATORS);
      else if (!optional || before === '}' || token === '{') text += ' ';
      text += token;
      before = token;
    }
    return text;
  }

  #put(...tokens) {
    this.#tokens.push(...tokens);
  }

  #definition(node) {
    switch (node.kind) {
      case 'OperationDefinition':
        return this.#operation(node);
      case 'FragmentDefinition':
        this.#description(node);
        this.#put('fragment', node.name.value, 'on', node.typeCondition.name.value);
        this.#directives(node);
        return this.#selectionSet(node.selectionSet);
      default:
        // A type system definition, which only a mutation adds.
        return this.#put(node.text);
    }
  }

  #operation(node) {
    const { operation, variableDefinitions = [], directives = [] } = node;
    const shorthand = operation === 'query' && !node.name && !node.description;
    if (!shorthand || variableDefinitions.length > 0 || directives.length > 0 || this.#random?.chance(0.5)) {
      this.#description(node);
      this.#put(operation);
      if (node.name) this.#put(node.name.value);
      this.#parenthesized(variableDefinitions, (definition) => this.#variableDefinition(definition));
      this.#directives(node);
    }
    this.#selectionSet(node.selectionSet);
  }

  #description({ description }) {
    if (description) this.#value(description);
  }

  #parenthesized(nodes, print) {
    if (nodes.length === 0) return;
    this.#put('(');
    nodes.forEach(print);
    this.#put(')');
  }

  #variableDefinition(node) {
    this.#description(node);
    this.#put('$', node.variable.name.value, ':');
    this.#type(node.type);
    if (node.defaultValue) {
      this.#put('=');
      this.#value(node.defaultValue);
    }
    this.#directives(node);
  }

  #type(node) {
    if (node.kind === 'NamedType') this.#put(node.name.value);
    if (node.kind === 'ListType') this.#put('[');
    if (node.kind !== 'NamedType') this.#type(node.type);
    if (node.kind === 'ListType') this.#put(']');
    if (node.kind === 'NonNullType') this.#put('!');
  }

  #directives({ directives = [] }) {
    for (const directive of directives) {
      this.#put('@', directive.name.value);
      this.#arguments(directive);
    }
  }

  #arguments({ arguments: nodes = [] }) {
    this.#parenthesized(nodes, (node) => this.#named(node));
  }

  #named({ name, value }) {
    this.#put(name.value, ':');
    this.#value(value);
  }

  #selectionSet(node) {
    this.#put('{');
    for (const selection of node.selections) this.#selection(selection);
    this.#put('}');
  }

  #selection(node) {
    if (node.kind === 'Field') {
      if (node.alias) this.#put(node.alias.value, ':');
      this.#put(node.name.value);
      this.#arguments(node);
    } else {
      this.#put('...');
      if (node.kind === 'FragmentSpread') this.#put(node.name.value);
      if (node.typeCondition) this.#put('on', node.typeCondition.name.value);
    }
    this.#directives(node);
    if (node.selectionSet) this.#selectionSet(node.selectionSet);
  }

  #value(node) {
    switch (node.kind) {
      case 'Variable':
        return this.#put('$', node.name.value);
      case 'StringValue':
        return this.#put(node.block ? this.#blockString(node.value) : this.#string(node.value));
      case 'NullValue':
        return this.#put('null');
      case 'ListValue':
        this.#put('[');
        node.values.forEach((value) => this.#value(value));
        return this.#put(']');
      case 'ObjectValue':
        this.#put('{');
        node.fields.forEach((objectField) => this.#named(objectField));
        return this.#put('}');
      default:
        return this.#put(String(node.value));
    }
  }

  #string(value) {
    const escaped = Array.from(value, (character) => this.#character(character));
    return `"${escaped.join('')}"`;
  }

  #character(character) {
    const necessary = /["\\\n\r]/.test(character);
    if (!necessary && !this.#random?.chance(0.15)) return character;
    const short = SHORT_ESCAPES[character];
    if (short && (!this.#random || this.#random.chance(0.5))) return short;
    const codePoint = character.codePointAt(0);
    if (this.#random?.chance(0.4)) return `\\u{${hexadecimal(codePoint, this.#random.below(7))}}`;
    const units = Array.from({ length: character.length }, (_, at) => character.charCodeAt(at));
    return units.map((unit) => `\\u${hexadecimal(unit, 4)}`).join('');
  }

  #blockString(value) {
    const indent = this.#random?.pick(['', '', '  ', '\t']) ?? '';
    const text = value.replaceAll('"""', '\\"""').replaceAll('\n', `\n${indent}`);
    const [start, end] = this.#random?.chance(0.3)
      ? [`\n${indent}`, `\n${indent}`]
      : ['', /["\\]$/.test(value) ? '\n' : ''];
    return `"""${start}${text}${end}"""`;
  }
}
