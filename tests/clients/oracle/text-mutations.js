// Changes to the text of a document, token by token. They test the lexer and the parser.

const TOKEN = /"""(?:\\"""|[^"]|"(?!""))*"""|"(?:\\.|[^"\\\n])*"|\.\.\.|[A-Za-z_]\w*|-?\d[\w.+-]*|#[^\n\r]*|[^\s,]/gu;

const PUNCTUATION = [
  '{',
  '}',
  '(',
  ')',
  ':',
  '$',
  '!',
  '[',
  ']',
  '@',
  '...',
  '..',
  '.',
  '=',
  '|',
  '&',
  '{}',
  '()',
  '[]',
  ',',
  '<',
  '?',
  '%',
  '\\',
  "'",
  '-',
  '+',
];

const WORDS = [
  'on',
  'query',
  'mutation',
  'subscription',
  'fragment',
  'null',
  'true',
  'false',
  'extend',
  'type',
  'id',
  '__typename',
  '...on',
  '... on Task',
  'fragment on on User {id}',
  'fragment F on User {id}',
  '"description" ',
  '"""description""" ',
  '"" query',
  'é',
  '$é',
  '_',
  '__',
];

const NUMBERS = [
  '0',
  '-0',
  '00',
  '05',
  '-05',
  '5abc',
  '5_',
  '1.',
  '.5',
  '1e',
  '1e+',
  '1e1',
  '1E-2',
  '0x1',
  '1_000',
  '0.0e0',
  '1e5a',
  '1.5.5',
  '1.e1',
  '--1',
  '-',
  '1\u00e9',
  '99999999999999999999',
];

const STRINGS = [
  '"\\u00e9"',
  '"\\u{1F600}"',
  '"\\uD83D\\uDE00"',
  '"\\uD83D"',
  '"\\uDE00"',
  '"\\uDE00\\uD83D"',
  '"\\uD83D\\u0041"',
  '"\\uD83D\\u{DE00}"',
  '"\\u{D83D}\\u{DE00}"',
  '"\\u{D83D}"',
  '"\\u{110000}"',
  '"\\u{10FFFF}"',
  '"\\u{}"',
  '"\\u{00000041}"',
  '"\\u{000000000000041}"',
  '"\\u{41"',
  '"\\u{4 1}"',
  '"\\u{g}"',
  '"\\u12"',
  '"\\u12g4"',
  '"\\x41"',
  '"\\U0041"',
  '"\\a"',
  '"\\/\\b\\f\\n\\r\\t"',
  '"\\\'"',
  '"a\nb"',
  '"a\rb"',
  '"a\\\nb"',
  '"open',
  '"',
  '""',
  '""""',
  '"""open',
  '"""',
  '""""""',
  '"""a"""',
  '""""a"""',
  '"""a\\"""',
  '"""a \\""" b"""',
  '"""\\u0041 \\n"""',
  '"""\n  a\n    b\n\n  """',
  '"""\u0007"""',
  '"\u0007"',
  '"\u0000"',
  '"\u007F"',
  '"\u2028"',
  '"\u{1F600}"',
  '"\uFEFF"',
  '"\uFFFF"',
  '"""a\rb\r\nc"""',
];

const CHARACTERS = [
  '\uFEFF',
  '\u0000',
  '\u0007',
  '\u000B',
  '\u000C',
  '\u007F',
  '\u0085',
  '\u00A0',
  '\u2028',
  '\u200B',
  '\u{1F600}',
  '#c\n',
  '# c\r',
  '#',
  '# \u{1F600}\n',
  '#\u0000\n',
  '\n',
  '\r',
  '\t',
];

const MATERIAL = { punctuation: PUNCTUATION, words: WORDS, numbers: NUMBERS, strings: STRINGS, characters: CHARACTERS };

const KINDS = Object.fromEntries(Object.keys(MATERIAL).map((kind) => [kind, 1]));

/** Changes a text once or twice. */
export function mutateText(random, text) {
  const changed = changeToken(random, text);
  return random.chance(0.3) ? changeToken(random, changed) : changed;
}

function changeToken(random, text) {
  const tokens = [...text.matchAll(TOKEN)];
  if (tokens.length === 0) return text;
  const token = random.pick(tokens);
  const before = text.slice(0, token.index);
  const after = text.slice(token.index + token[0].length);
  const replacement = replacements(random, token[0], tokens);
  return before + replacement + after;
}

function replacements(random, token, tokens) {
  const foreign = () => random.pick(MATERIAL[random.weighted(KINDS)]);
  switch (random.below(7)) {
    case 0:
      return '';
    case 1:
      return `${token} ${token}`;
    case 2:
      return foreign() + token;
    case 3:
      return random.pick(tokens)[0];
    case 4:
      return sameKind(random, token);
    case 5:
      return cut(random, token);
    default:
      return foreign();
  }
}

/** Another token of the same kind: the grammar often still accepts the text. */
function sameKind(random, token) {
  if (token.startsWith('"')) return random.pick(STRINGS);
  if (/^-?\d/.test(token)) return random.pick(NUMBERS);
  if (/^[A-Za-z_]/.test(token)) return random.pick(WORDS);
  return random.pick(PUNCTUATION);
}

function cut(random, token) {
  const characters = [...token];
  return characters.slice(0, random.below(characters.length)).join('');
}
