// Random documents over a schema. They are valid, except for some fields in conflict.

import {
  doTypesOverlap,
  getNamedType,
  isCompositeType,
  isRequiredArgument,
  isUnionType,
  GraphQLBoolean,
  GraphQLNonNull,
} from 'graphql';

import * as ast from './ast.js';
import { InputGenerator, Variables } from './inputs.js';

const ALIASES = ['x', 'y', 'id', 'title', 'on', 'query', '__x'];

const BOOLEAN = new GraphQLNonNull(GraphQLBoolean);

const DESCRIPTIONS = ['Why.', '', 'two\nlines', 'a "quoted" word'];

/** The options of a generator with their defaults. */
const EVERYTHING = {
  operations: { query: 5, mutation: 3, subscription: 2 },
  introspection: true,
  /** Limits for the nesting of fields, one of which applies to an operation. */
  depths: [1, 2, 2, 3],
  /** Whether a field may be selected. */
  allows: () => true,
  /** Selects the arguments of a field. */
  chooseArguments: ({ args }, random) => args.filter((arg) => isRequiredArgument(arg) || random.chance(0.3)),
  /** Options of `InputGenerator`. */
  scalar: undefined,
  variableChance: undefined,
  /** Whether an input field may be given. */
  allowsInput: undefined,
};

/** Generates documents over a schema. */
export class DocumentGenerator {
  #schema;
  #options;
  #composites;

  constructor(schema, options = {}) {
    this.#schema = schema;
    this.#options = { ...EVERYTHING, ...options };
    this.#composites = Object.values(schema.getTypeMap()).filter(
      (type) => isCompositeType(type) && !type.name.startsWith('__'),
    );
  }

  /** A document and its variables. */
  generate(random) {
    const inputs = new InputGenerator(random, this.#options);
    const variables = new Variables(this.#schema, random, inputs);
    return new Draft(this.#schema, this.#options, this.#composites, random, inputs, variables).finish();
  }
}

/** One document under construction. */
class Draft {
  #schema;
  #options;
  #composites;
  #random;
  #inputs;
  #variables;
  #fragments = [];
  #aliases = 0;

  constructor(schema, options, composites, random, inputs, variables) {
    this.#schema = schema;
    this.#options = options;
    this.#composites = composites;
    this.#random = random;
    this.#inputs = inputs;
    this.#variables = variables;
  }

  finish() {
    const random = this.#random;
    const several = random.chance(0.1);
    const operations = (several ? ['First', 'Second'] : [random.chance(0.7) ? 'Only' : undefined]).map((name) =>
      this.#operation(name),
    );
    const fragments = new Map(this.#fragments.map((fragment) => [fragment.name.value, fragment]));
    for (const operation of operations) {
      operation.variableDefinitions = random
        .shuffled([...usedVariables(operation, fragments)])
        .map((name) => this.#variableDefinition(name));
    }
    const definitions = [...operations, ...this.#fragments];
    const document = { kind: 'Document', definitions: random.chance(0.2) ? random.shuffled(definitions) : definitions };
    return { document, variables: this.#variables };
  }

  #operation(name) {
    const random = this.#random;
    const operation = random.weighted(this.#options.operations);
    const root = this.#schema.getRootType(operation);
    const selections =
      operation === 'subscription'
        ? this.#subscriptionRoot(root)
        : this.#selections(root, random.pick(this.#options.depths));
    return {
      kind: 'OperationDefinition',
      operation,
      description: name && this.#description(),
      name: name && ast.name(name),
      variableDefinitions: [],
      directives: [],
      selectionSet: ast.selectionSet(selections),
    };
  }

  #description() {
    const random = this.#random;
    return random.chance(0.05) ? ast.string(random.pick(DESCRIPTIONS), random.chance(0.5)) : undefined;
  }

  #variableDefinition(name) {
    const { type, defaultValue } = this.#variables.declaration(name);
    return {
      kind: 'VariableDefinition',
      description: this.#description(),
      variable: ast.variable(name),
      type: ast.typeReference(type),
      defaultValue,
      directives: [],
    };
  }

  /** One root field, plainly, twice or in fragments. */
  #subscriptionRoot(root) {
    const random = this.#random;
    const field = this.#field(root, random.pick(Object.values(root.getFields())), 2, { directives: false });
    const selections = random.chance(0.1) ? [field, this.#again(field)] : [field];
    if (random.chance(0.1)) return [ast.inlineFragment(random.chance(0.5) ? root.name : undefined, selections)];
    if (random.chance(0.1)) return [ast.spread(this.#fragment(root, selections))];
    return selections;
  }

  #selections(type, depth) {
    const random = this.#random;
    const selections = [];
    if (!isUnionType(type)) {
      for (let left = 1 + random.below(3); left > 0; left -= 1) this.#addField(selections, type, depth);
    }
    if (random.chance(0.1)) selections.push(ast.field('__typename', { directives: this.#directives() }));
    if (type === this.#schema.getQueryType() && this.#options.introspection && random.chance(0.08))
      selections.push(this.#introspection());
    if (depth > 0 && random.chance(0.3)) this.#addFragment(selections, type, depth - 1);
    if (selections.length === 0) selections.push(ast.field('__typename'));
    return random.chance(0.2) ? random.shuffled(selections) : selections;
  }

  #addField(selections, type, depth) {
    const random = this.#random;
    const candidate = random.pick(Object.values(type.getFields()));
    if (!this.#options.allows(type, candidate)) return;
    if (isCompositeType(getNamedType(candidate.type)) && depth <= 0) return;
    const field = this.#field(type, candidate, depth);
    selections.push(field);
    if (random.chance(depth > 1 ? 0.05 : 0.15))
      selections.push(
        random.chance(0.5)
          ? this.#again(field)
          : ast.inlineFragment(type.name, [this.#again(field)], this.#directives()),
      );
  }

  #field(parent, definition, depth, { directives = true } = {}) {
    const random = this.#random;
    const args = this.#options.chooseArguments(definition, random).map((arg) => {
      const context = { variables: this.#variables, hasDefault: arg.defaultValue !== undefined };
      return ast.argument(
        arg.name,
        this.#inputs.literal(arg.type, `${parent.name}.${definition.name}(${arg.name}:)`, context),
      );
    });
    const named = getNamedType(definition.type);
    return ast.field(definition.name, {
      alias: this.#alias(args.length > 0),
      args: random.shuffled(args),
      directives: directives ? this.#directives() : [],
      selections: isCompositeType(named) ? this.#selections(named, depth - 1) : undefined,
    });
  }

  /** A copy of a field that mostly merges with it. */
  #again(field) {
    const copy = structuredClone(field);
    copy.arguments = this.#random.shuffled(copy.arguments);
    copy.directives = this.#directives();
    if (copy.selectionSet && this.#random.chance(0.5)) copy.selectionSet.selections.push(ast.field('__typename'));
    return copy;
  }

  /** Fields with arguments mostly get a unique alias, because two of them would conflict. */
  #alias(hasArguments) {
    const random = this.#random;
    if (random.chance(hasArguments ? 0.7 : 0.2)) return `a${this.#aliases++}`;
    return random.chance(0.03) ? random.pick(ALIASES) : undefined;
  }

  #directives() {
    const random = this.#random;
    if (!random.chance(0.1)) return [];
    const names = random.chance(0.1) ? random.shuffled(['skip', 'include']) : [random.pick(['skip', 'include'])];
    return names.map((name) =>
      ast.directive(name, [ast.argument('if', this.#inputs.literal(BOOLEAN, '@if', { variables: this.#variables }))]),
    );
  }

  #introspection() {
    const random = this.#random;
    const { args, ...field } = random.pick([
      { name: '__schema', type: '__Schema', args: [] },
      {
        name: '__type',
        type: '__Type',
        args: [ast.argument('name', ast.string(random.pick(['Task', 'Node', 'TaskFilter', 'Role', '__Type', 'Nope'])))],
      },
    ]);
    const selections = this.#selections(this.#schema.getType(field.type), 2);
    return ast.field(field.name, { alias: `a${this.#aliases++}`, args, selections });
  }

  #addFragment(selections, type, depth) {
    const random = this.#random;
    const reusable = this.#fragments.filter((fragment) =>
      doTypesOverlap(this.#schema, this.#schema.getType(fragment.typeCondition.name.value), type),
    );
    if (reusable.length > 0 && random.chance(0.2)) {
      selections.push(ast.spread(random.pick(reusable).name.value, this.#directives()));
      return;
    }
    const condition = type.name.startsWith('__')
      ? type
      : random.pick(this.#composites.filter((other) => doTypesOverlap(this.#schema, other, type)));
    const inner = this.#selections(condition, depth);
    if (random.chance(0.5)) {
      const plain = condition === type && random.chance(0.5);
      selections.push(ast.inlineFragment(plain ? undefined : condition.name, inner, this.#directives()));
    } else {
      const name = this.#fragment(condition, inner);
      selections.push(ast.spread(name, this.#directives()));
      if (random.chance(0.2)) selections.push(ast.spread(name, this.#directives()));
    }
  }

  #fragment(type, selections) {
    const name = `F${this.#fragments.length}`;
    this.#fragments.push({
      kind: 'FragmentDefinition',
      description: this.#description(),
      name: ast.name(name),
      typeCondition: ast.namedType(type.name),
      directives: [],
      selectionSet: ast.selectionSet(selections),
    });
    return name;
  }
}

/** The variables that an operation and its fragments use. */
function usedVariables(operation, fragments) {
  const used = new Set();
  const visited = new Set();
  const visit = (root) => {
    const positions = new ast.Positions(root);
    for (const { node } of positions.of('Variable')) used.add(node.name.value);
    for (const { node } of positions.of('FragmentSpread')) {
      const name = node.name.value;
      if (visited.has(name)) continue;
      visited.add(name);
      visit(fragments.get(name));
    }
  };
  visit(operation);
  return used;
}
