// Documents on which graphql 16 and graphql 17 disagree, and the version that Taskwire follows.
//
// The test fails on a disagreement that is not listed here.

const EMPTY_SELECTIONS = /^Syntax Error: Expected Name, found "}"\.$/;

const DIRECTIVE_AT_ROOT = /must not use `@skip` or `@include` directives in the top level selection\.$/;

const CUSTOM_SCALAR_POSITION =
  /^Variable "\$\w+" of type "[^"]+" used in position expecting type "(?:Date|DateTime|JSON|Upload)!?"\.$/;

const includes = ({ errors }, pattern) => errors.some(({ message }) => pattern.test(message));

/** Each case with the version to follow. */
export const DIFFERENCES = [
  {
    name: 'an empty selection set',
    // Version 17 accepts `{}`. The grammar of the specification asks for one selection or more.
    follow: 16,
    applies: (by16, by17) => by16.stage === 'syntax' && includes(by16, EMPTY_SELECTIONS) && by17.stage !== 'syntax',
  },
  {
    name: '@skip or @include at the root of a subscription',
    // The specification of September 2025 forbids both. Version 16 accepts them, or throws if the condition is a variable.
    follow: 17,
    applies: (by16, by17) =>
      ['valid', 'threw'].includes(by16.stage) && by17.stage === 'rules' && includes(by17, DIRECTIVE_AT_ROOT),
  },
  {
    name: 'a variable in a list that is the value of a custom scalar',
    // The list has no item type by which the variable could be judged. Version 16 uses the scalar as the item type.
    follow: 17,
    applies: (by16, by17) =>
      by16.stage === 'rules' &&
      by16.errors.every(({ message }) => CUSTOM_SCALAR_POSITION.test(message)) &&
      by17.stage === 'valid',
  },
];

/** The verdict that Taskwire has to agree with; undefined if the two differ and no case applies. */
export function expected(by16, by17) {
  if (by16.stage === by17.stage) return { verdict: by17 };
  const difference = DIFFERENCES.find(({ applies }) => applies(by16, by17));
  return difference && { verdict: difference.follow === 16 ? by16 : by17, difference };
}
