import { type Static, Type } from '@sinclair/typebox';
import { quantile } from './support/numbers.ts';

/** One line of `npm run bench`. Fields may be added, none renamed; docs/schemas/bench.json is generated from here. */
const rowSchema = Type.Object({
  name: Type.String({ pattern: '^[a-z0-9-]+(\\.[a-z0-9-]+)?$' }),
  value: Type.Union([Type.Number(), Type.Null()], { description: 'null where the row was skipped.' }),
  unit: Type.String({ description: '`×` for a ratio, else ms, s, % or kB.' }),
  goal: Type.String({ pattern: '^[≤≥] -?[0-9.]+$' }),
  holds: Type.Union([Type.Boolean(), Type.Null()], { description: 'null where the row was skipped.' }),
  n: Type.Integer({ minimum: 0, description: 'Measurements on each side of the ratio.' }),
  spread: Type.Optional(
    Type.Tuple([Type.Number(), Type.Number()], {
      description:
        'How far the repeated measurements lie apart, in the unit of the value: their quartiles, or the lowest and the highest of less than ten.',
    }),
  ),
  parts: Type.Optional(
    Type.Record(Type.String(), Type.Number(), {
      description: 'What the value is made of, each with its unit in its name.',
    }),
  ),
  note: Type.Optional(Type.String({ description: 'What differs from the row as it is meant.' })),
  skipped: Type.Optional(Type.String({ description: 'Why there is no value.' })),
});

export type Row = Static<typeof rowSchema>;

/** The output of `npm run bench -- --json`; docs/schemas holds it for others' programs. @internal */
export const benchSchema = Type.Array(rowSchema, {
  $id: 'https://fovea.health/schemas/bench.json',
  title: 'npm run bench -- --json',
});

/** What a row promises: the bound and on which side of it a value must lie. */
export interface Goal {
  readonly name: string;
  readonly unit: string;
  readonly bound: number;
  readonly side: 'least' | 'most';
}

/** A goal that a value must not exceed. */
export function atMost(name: string, bound: number, unit: string): Goal {
  return { name, unit, bound, side: 'most' };
}

/** A goal that a value must reach. */
export function atLeast(name: string, bound: number, unit: string): Goal {
  return { name, unit, bound, side: 'least' };
}

/** What was measured for one goal. */
export interface Measured {
  readonly value: number;
  readonly n: number;
  /** Each repeated measurement in the unit of the value; a row without repetitions leaves it out. */
  readonly each?: readonly number[];
  readonly parts?: Readonly<Record<string, number>>;
  readonly note?: string;
}

export function measuredRow(goal: Goal, { value, n, each = [], parts, note }: Measured): Row {
  return {
    name: goal.name,
    value: round(value),
    unit: goal.unit,
    goal: goalInWords(goal),
    holds: goal.side === 'least' ? value >= goal.bound : value <= goal.bound,
    n,
    ...(each.length > 1 && { spread: spreadOf(each) }),
    ...(parts !== undefined && {
      parts: Object.fromEntries(Object.entries(parts).map(([name, part]) => [name, round(part)])),
    }),
    ...(note !== undefined && { note }),
  };
}

/** @param reason why it was not measured, e.g. `dcmcjpls is not installed` */
export function skippedRow(goal: Goal, reason: string): Row {
  return {
    name: goal.name,
    value: null,
    unit: goal.unit,
    goal: goalInWords(goal),
    holds: null,
    n: 0,
    skipped: reason,
  };
}

function goalInWords({ side, bound }: Goal): string {
  return `${side === 'least' ? '≥' : '≤'} ${round(bound)}`;
}

function spreadOf(values: readonly number[]): [number, number] {
  const q = values.length < 10 ? 0 : 0.25;
  return [round(quantile(values, q)), round(quantile(values, 1 - q))];
}

/** Four significant digits: more would claim more than a run can tell. */
function round(value: number): number {
  return Number(value.toPrecision(4));
}
