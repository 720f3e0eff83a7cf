// Repeatable random numbers: equal seeds give equal documents on every machine.

import process from 'node:process';

/** A pseudo-random generator (Mulberry32). */
export class Random {
  #state;

  constructor(seed) {
    this.#state = seed | 0;
  }

  /** A generator for item `index` of a run. It does not depend on the items before. */
  static forItem(seed, index) {
    const random = new Random(Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(index + 1, 0xc2b2ae35));
    random.next();
    return random;
  }

  /** A number from 0 up to, and without, 1. */
  next() {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  /** An integer from 0 up to, and without, `limit`. */
  below(limit) {
    return Math.floor(this.next() * limit);
  }

  chance(probability) {
    return this.next() < probability;
  }

  pick(list) {
    return list[this.below(list.length)];
  }

  /** One of the keys of an object whose values are weights. */
  weighted(weights) {
    const entries = Object.entries(weights);
    let rest = this.next() * entries.reduce((sum, [, weight]) => sum + weight, 0);
    return entries.find(([, weight]) => (rest -= weight) < 0)?.[0] ?? entries[0][0];
  }

  shuffled(list) {
    const copy = [...list];
    for (let last = copy.length - 1; last > 0; last -= 1) {
      const other = this.below(last + 1);
      [copy[last], copy[other]] = [copy[other], copy[last]];
    }
    return copy;
  }
}

/** The seed of this run: TASKWIRE_ORACLE_SEED, or the current time. */
export function seed() {
  const given = process.env.TASKWIRE_ORACLE_SEED;
  return given === undefined ? Date.now() % 2 ** 31 : number('TASKWIRE_ORACLE_SEED', given);
}

/** A count from the environment. */
export function count(name, fallback) {
  const given = process.env[name];
  return given === undefined ? fallback : number(name, given);
}

function number(name, text) {
  if (!/^\d+$/.test(text)) throw new Error(`${name} is '${text}'; give a whole number`);
  return Number(text);
}
