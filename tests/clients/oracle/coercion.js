// Input coercion as the specification (September 2025) writes it down: section 3, "Input Coercion", and 6.1.2, 6.4.1.
//
// Follows the text of the specification, not a library. The lowering of documents uses it.

import { isEnumType, isInputObjectType, isListType, isNonNullType, isScalarType, typeFromAST } from 'graphql';

/** An operation fails before it runs, or one of its fields fails. */
export class CoercionError extends Error {}

const isRecord = (value) => value !== null && typeof value === 'object' && !Array.isArray(value);
const isInt32 = (value) => Number.isInteger(value) && Math.abs(value + 0.5) < 2 ** 31;

/** CoerceVariableValues(schema, operation, variableValues). Absent variables are not in the result. */
export function coerceVariableValues(schema, operation, variableValues) {
  const coercedValues = new Map();
  for (const { variable, type, defaultValue } of operation.variableDefinitions ?? []) {
    const variableName = variable.name.value;
    const variableType = typeFromAST(schema, type);
    const hasValue = Object.hasOwn(variableValues, variableName);
    const value = variableValues[variableName];
    if (!hasValue && defaultValue) {
      coercedValues.set(variableName, coerceLiteral(variableType, defaultValue, new Map()));
    } else if (isNonNullType(variableType) && (!hasValue || value === null)) {
      throw new CoercionError(`$${variableName} is required`);
    } else if (hasValue) {
      coercedValues.set(variableName, value === null ? null : coerceValue(variableType, value));
    }
  }
  return coercedValues;
}

/** Coerces a JSON value. */
function coerceValue(type, value) {
  if (isNonNullType(type)) {
    if (value === null) throw new CoercionError(`null for ${type}`);
    return coerceValue(type.ofType, value);
  }
  if (value === null) return null;
  if (isListType(type))
    return Array.isArray(value)
      ? value.map((item) => coerceValue(type.ofType, item))
      : [coerceValue(type.ofType, value)];
  if (isInputObjectType(type)) return coerceObject(type, value);
  if (isEnumType(type)) return oneOf(type, value);
  return coerceScalar(type, value);
}

function coerceObject(type, value) {
  if (!isRecord(value)) throw new CoercionError(`${type} is no ${typeof value}`);
  const fields = type.getFields();
  const unknown = Object.keys(value).find((name) => !Object.hasOwn(fields, name));
  if (unknown !== undefined) throw new CoercionError(`${type}.${unknown} is unknown`);
  const coerced = {};
  for (const field of Object.values(fields)) {
    if (Object.hasOwn(value, field.name)) coerced[field.name] = coerceValue(field.type, value[field.name]);
    else fillIn(coerced, field);
  }
  return coerced;
}

/** Sets the default of an input field without a value. */
function fillIn(coerced, { name, type, defaultValue }) {
  if (defaultValue !== undefined) coerced[name] = defaultValue;
  else if (isNonNullType(type)) throw new CoercionError(`${name} is required`);
}

function oneOf(type, value) {
  if (typeof value !== 'string' || !type.getValue(value)) throw new CoercionError(`${type} has no ${value}`);
  return value;
}

function coerceScalar(type, value) {
  switch (type.name) {
    case 'Int':
      if (!isInt32(value)) break;
      return value;
    case 'Float':
      if (typeof value !== 'number' || !Number.isFinite(value)) break;
      return value;
    case 'Boolean':
      if (typeof value !== 'boolean') break;
      return value;
    case 'String':
      if (typeof value !== 'string') break;
      return value;
    case 'ID':
      if (typeof value !== 'string' && !Number.isInteger(value)) break;
      return String(value);
    default:
      return value;
  }
  throw new CoercionError(`${type} is no ${value}`);
}

/** Coerces a literal, with the variables in it. */
export function coerceLiteral(type, node, variables) {
  if (node.kind === 'Variable') {
    const value = variables.has(node.name.value) ? variables.get(node.name.value) : null;
    if (isNonNullType(type) && value === null) throw new CoercionError(`$${node.name.value} is null for ${type}`);
    return value;
  }
  if (isNonNullType(type)) {
    if (node.kind === 'NullValue') throw new CoercionError(`null for ${type}`);
    return coerceLiteral(type.ofType, node, variables);
  }
  if (node.kind === 'NullValue') return null;
  if (isListType(type)) {
    const items = node.kind === 'ListValue' ? node.values : [node];
    return items.map((item) => coerceLiteral(type.ofType, item, variables));
  }
  if (isInputObjectType(type)) return coerceObjectLiteral(type, node, variables);
  if (isEnumType(type)) return oneOf(type, node.value);
  return coerceScalarLiteral(type, node, variables);
}

function coerceObjectLiteral(type, node, variables) {
  const given = new Map(node.fields.map(({ name, value }) => [name.value, value]));
  const coerced = {};
  for (const field of Object.values(type.getFields())) {
    const value = given.get(field.name);
    if (value === undefined || isAbsent(value, variables)) fillIn(coerced, field);
    else coerced[field.name] = coerceLiteral(field.type, value, variables);
  }
  return coerced;
}

const isAbsent = (node, variables) => node.kind === 'Variable' && !variables.has(node.name.value);

function coerceScalarLiteral(type, node, variables) {
  if (!isScalarType(type)) throw new TypeError(`${type} is no input type`);
  switch (type.name) {
    case 'Int':
    case 'Float':
      return Number(node.value);
    case 'ID':
    case 'String':
    case 'Boolean':
      return node.value;
    default:
      return untyped(node, variables);
  }
}

/** The value of a literal for a custom scalar. */
function untyped(node, variables) {
  switch (node.kind) {
    case 'IntValue':
    case 'FloatValue':
      return Number(node.value);
    case 'NullValue':
      return null;
    case 'ListValue':
      return node.values.map((item) => untyped(item, variables));
    case 'ObjectValue':
      return Object.fromEntries(node.fields.map(({ name, value }) => [name.value, untyped(value, variables)]));
    case 'Variable':
      return variables.get(node.name.value) ?? null;
    default:
      return node.value;
  }
}

/** CoerceArgumentValues(objectType, field, variableValues). Arguments without a value are not in the result. */
export function coerceArgumentValues(definitions, nodes, variables) {
  const given = new Map(nodes.map(({ name, value }) => [name.value, value]));
  const coercedValues = new Map();
  for (const { name, type, defaultValue } of definitions) {
    const node = given.get(name);
    const hasValue = node !== undefined && !isAbsent(node, variables);
    if (!hasValue && defaultValue !== undefined) coercedValues.set(name, defaultValue);
    else if (!hasValue && isNonNullType(type)) throw new CoercionError(`argument ${name} is required`);
    else if (hasValue) coercedValues.set(name, coerceLiteral(type, node, variables));
  }
  return coercedValues;
}
