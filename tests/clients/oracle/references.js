// Two versions of the reference implementation, and their verdicts on documents and variables.

import { execFileSync } from 'node:child_process';

import * as graphql16 from 'graphql';
import * as graphql17 from 'graphql17';

import { binary } from '../support/server.js';

/** The schema as the server prints it. */
export const readSchema = () => execFileSync(binary(), ['schema'], { encoding: 'utf8', maxBuffer: 2 ** 24 });

/** Both versions, with the schema built by each. */
export function references(sdl) {
  return { 16: new Reference(graphql16, sdl), 17: new Reference(graphql17, sdl) };
}

class Reference {
  #library;
  #parsed = new Map();

  constructor(library, sdl) {
    this.#library = library;
    this.schema = library.buildSchema(sdl);
    alignIntrospection(library);
  }

  /** Judges a document. `stage` is `valid`, `syntax` or `rules`, or `threw` if `validate` throws. */
  judge(text) {
    let document;
    try {
      document = this.#library.parse(text);
    } catch (error) {
      return { stage: 'syntax', errors: [describe(error)] };
    }
    try {
      const errors = this.#library.validate(this.schema, document, undefined, { hideSuggestions: true });
      return { stage: errors.length > 0 ? 'rules' : 'valid', errors: errors.map(describe) };
    } catch (error) {
      return { stage: 'threw', errors: [{ message: error.message, locations: [] }] };
    }
  }

  /** The coerced variables of an operation, or the errors. */
  coerce(text, operationName, values) {
    const operation = this.#operation(text, operationName);
    const result = this.#library.getVariableValues(this.schema, operation.variableDefinitions ?? [], values);
    if (result.errors) return { errors: result.errors.map(describe) };
    // Version 17 also returns the source of each value.
    return { coerced: result.variableValues?.coerced ?? result.coerced };
  }

  #operation(text, operationName) {
    if (!this.#parsed.has(text)) {
      this.#parsed.clear();
      this.#parsed.set(text, this.#library.parse(text));
    }
    return this.#library.getOperationAST(this.#parsed.get(text), operationName);
  }
}

/** Replaces the introspection types by those of the specification of September 2025. */
function alignIntrospection({ __Directive, __Field, __Schema, __Type, GraphQLBoolean, GraphQLNonNull }) {
  // Both versions already have deprecated directives.
  delete __Directive.getFields().isDeprecated;
  delete __Directive.getFields().deprecationReason;
  __Schema.getFields().directives.args = [];
  // Version 16 has `includeDeprecated: Boolean = false`.
  for (const type of [__Directive, __Field, __Type]) {
    for (const { args } of Object.values(type.getFields())) {
      for (const arg of args) arg.type = new GraphQLNonNull(GraphQLBoolean);
    }
  }
}

function describe({ message, locations }) {
  return { message, locations: locations ?? [] };
}
