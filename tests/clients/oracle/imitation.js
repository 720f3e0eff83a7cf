// Executes operations with graphql-js over generated data, without a server.
//
// A value depends on the fields and arguments of its path: other arguments give another value.

import { createHash } from 'node:crypto';

import { execute, isAbstractType, isCompositeType, isEnumType, isListType, isNonNullType, parse } from 'graphql';

/** The response of graphql-js to an operation, as text. */
export function imitate(schema, { query, operationName, variables = '{}' }) {
  const variableValues = JSON.parse(variables);
  const fieldResolver = (source, args, _, { fieldName, returnType }) =>
    valueOf(schema, returnType, `${source?.path ?? ''}/${fieldName}${JSON.stringify(args)}`);
  return JSON.stringify(execute({ schema, document: parse(query), operationName, variableValues, fieldResolver }));
}

function valueOf(schema, type, path) {
  if (isNonNullType(type)) return valueOf(schema, type.ofType, path);
  const number = createHash('sha256').update(path).digest().readUInt32BE();
  if (isListType(type))
    return Array.from({ length: number % 3 }, (_, at) => valueOf(schema, type.ofType, `${path}/${at}`));
  if (isEnumType(type)) return choose(type.getValues(), number).value;
  if (isAbstractType(type)) return valueOf(schema, choose(schema.getPossibleTypes(type), number), path);
  if (isCompositeType(type)) return { path, __typename: type.name };
  return type.name === 'Boolean' ? number % 2 === 0 : number % 1000;
}

const choose = (list, number) => list[number % list.length];
