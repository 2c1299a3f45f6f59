import { type Condition, holds, type Test, type Value } from './condition.ts';

/** A test, and where to go with its answer. Equal decisions are one object. */
export interface Decision {
  /** Greater than those of the decisions that it leads to. */
  readonly id: number;
  readonly test: Test;
  /** The loaded side as text, and all of the test: what has the same text has the same answer. */
  readonly value: string;
  readonly text: string;
  readonly yes: Verdict;
  readonly no: Verdict;
}

/** The end, or what is to be decided first. */
export type Verdict = boolean | Decision;

/** Makes decisions of conditions. */
export class Decisions {
  readonly #all = new Map<string, Decision>();

  of(condition: Condition, yes: Verdict = true, no: Verdict = false): Verdict {
    if (typeof condition === 'boolean') return condition ? yes : no;
    switch (condition.kind) {
      case 'not':
        return this.of(condition.of, no, yes);
      case 'and':
        return this.of(condition.left, this.of(condition.right, yes, no), no);
      case 'or':
        return this.of(condition.left, yes, this.of(condition.right, yes, no));
      case 'test':
        return this.test(condition.test, yes, no);
    }
  }

  test(test: Test, yes: Verdict, no: Verdict): Decision {
    const value = textOf(test.left);
    const text = `${value} ${test.comparison} ${textOf(test.right)}`;
    const key = `${text} ? ${nameOf(yes)} : ${nameOf(no)}`;
    let decision = this.#all.get(key);
    if (decision === undefined) {
      const id = this.#all.size;
      decision = { id, test, value, text, yes, no };
      this.#all.set(key, decision);
    }
    return decision;
  }
}

/** The decisions that are reached from one, each before those that it leads to. */
export function reachedFrom(root: Verdict): Decision[] {
  const seen = new Set<Decision>();
  const waiting = [root];
  for (;;) {
    const next = waiting.pop();
    if (next === undefined) break;
    if (typeof next === 'boolean' || seen.has(next)) continue;
    seen.add(next);
    waiting.push(next.yes, next.no);
  }
  return [...seen].sort((a, b) => b.id - a.id);
}

export function textOf(value: Value): string {
  switch (value.kind) {
    case 'constant':
      return `${value.constant}`;
    case 'length':
      return 'length';
    case 'load':
      return `[${value.index === null ? '' : `${textOf(value.index)} + `}${value.offset}:${value.size}]`;
    case 'header length':
      return `header(${value.offset})`;
    case 'ancillary':
      return `kernel(${value.number})`;
    case 'operation':
      return `(${textOf(value.left)} ${value.operator} ${textOf(value.right)})`;
  }
}

function nameOf(verdict: Verdict): string {
  return typeof verdict === 'boolean' ? `${verdict}` : `#${verdict.id}`;
}

/** Decisions beyond this number stay as they are; ways are told apart up to that number. */
const MAX_DECISIONS = 1500;
const MAX_WAYS = 6000;

/**
 * Leaves out tests whose answer is known from the way that leads to them: which EtherType it is, is asked once. A test
 * that is left out reads nothing that has not been read before, so no frame is refused for being short that would not
 * have been.
 */
export function withoutKnown(decisions: Decisions, root: Verdict): Verdict {
  const asked = new AskedBelow(root);
  if (asked.size > MAX_DECISIONS) return root;
  const done = new Map<string, Verdict>();
  const follow = (verdict: Verdict, facts: Facts): Verdict => {
    if (typeof verdict === 'boolean') return verdict;
    const known = facts.answer(verdict);
    if (known !== undefined) return follow(known ? verdict.yes : verdict.no, facts);
    const relevant = facts.only((text) => asked.has(verdict, text));
    const key = `${verdict.id} ${relevant.text}`;
    let result = done.get(key);
    if (result === undefined) {
      if (done.size >= MAX_WAYS) return verdict;
      const yes = follow(verdict.yes, relevant.with(verdict, true));
      const no = follow(verdict.no, relevant.with(verdict, false));
      result = decisions.test(verdict.test, yes, no);
      done.set(key, result);
    }
    return result;
  };
  return follow(root, new Facts(new Map(), new Map()));
}

/** Which values and tests are asked for at a decision and below: a row of bits each. */
class AskedBelow {
  readonly #numbers = new Map<string, number>();
  readonly #rows = new Map<Decision, Uint32Array>();

  constructor(root: Verdict) {
    const all = reachedFrom(root).reverse();
    for (const { value, text } of all)
      for (const each of [value, text])
        if (!this.#numbers.has(each)) this.#numbers.set(each, this.#numbers.size);
    const length = Math.ceil(this.#numbers.size / 32);
    for (const decision of all) {
      const row = new Uint32Array(length);
      for (const each of [decision.value, decision.text]) {
        const number = this.#numbers.get(each)!;
        row[number >>> 5]! |= 1 << (number & 31);
      }
      for (const side of [decision.yes, decision.no]) {
        if (typeof side === 'boolean') continue;
        const below = this.#rows.get(side)!;
        for (let i = 0; i < length; i++) row[i]! |= below[i]!;
      }
      this.#rows.set(decision, row);
    }
  }

  get size(): number {
    return this.#rows.size;
  }

  has(decision: Decision, text: string): boolean {
    const number = this.#numbers.get(text)!;
    return ((this.#rows.get(decision)![number >>> 5]! >>> (number & 31)) & 1) === 1;
  }
}

/** What the tests of a way have answered. */
class Facts {
  readonly #answers: ReadonlyMap<string, boolean>;
  /** Values that are known. */
  readonly #values: ReadonlyMap<string, number>;

  constructor(answers: ReadonlyMap<string, boolean>, values: ReadonlyMap<string, number>) {
    this.#answers = answers;
    this.#values = values;
  }

  get text(): string {
    return [...this.#answers, ...this.#values]
      .map(([text, is]) => `${text}: ${is}`)
      .sort()
      .join('; ');
  }

  answer({ text, value, test }: Decision): boolean | undefined {
    const known = this.#values.get(value);
    if (known !== undefined && test.right.kind === 'constant')
      return holds(test.comparison, known, test.right.constant);
    return this.#answers.get(text);
  }

  with({ text, value, test }: Decision, answer: boolean): Facts {
    if (answer && test.comparison === '=' && test.right.kind === 'constant')
      return new Facts(this.#answers, new Map(this.#values).set(value, test.right.constant));
    return new Facts(new Map(this.#answers).set(text, answer), this.#values);
  }

  only(matters: (text: string) => boolean): Facts {
    const filtered = <T>(map: ReadonlyMap<string, T>): Map<string, T> =>
      new Map([...map].filter(([text]) => matters(text)));
    return new Facts(filtered(this.#answers), filtered(this.#values));
  }
}
