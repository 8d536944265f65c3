import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { type EvaluationRow, evaluateFinding, type Figure } from '#statistics/evaluation';

/** Rows with tied probabilities and several images a patient, with the figures that training computes of them. */
interface Fixture {
  readonly replicates: number;
  readonly rows: readonly {
    readonly probability: number;
    readonly score: number;
    readonly label: 0 | 1;
    readonly patient: string;
  }[];
  readonly figures: Readonly<Record<string, Figure>>;
}

const file = path.resolve(import.meta.dirname, '..', 'fixtures', 'statistics', 'figures.json');
const fixture = JSON.parse(readFileSync(file, 'utf8')) as Fixture;

describe('`fovea evaluate` and evaluation.json say the same under one name', () => {
  const rows = fixture.rows.map((row): EvaluationRow => ({ ...row, abstained: null }));
  const found = evaluateFinding(rows, { replicates: fixture.replicates }) as unknown as Record<
    string,
    Figure | null
  >;

  test('the rows have ties and patients with several images', () => {
    expect(new Set(rows.map((row) => row.probability)).size).toBeLessThan(rows.length);
    expect(new Set(rows.map((row) => row.patient)).size).toBeLessThan(rows.length);
    expect(Object.keys(fixture.figures)).toHaveLength(10);
  });

  test.each(Object.entries(fixture.figures))('%s: value, interval and n', (name, wanted) => {
    expect(found[name]!.value).toBeCloseTo(wanted.value, 5);
    expect(found[name]!.interval[0]).toBeCloseTo(wanted.interval[0], 5);
    expect(found[name]!.interval[1]).toBeCloseTo(wanted.interval[1], 5);
    expect(found[name]!.n).toBe(wanted.n);
  });

  test('the order of the rows changes no value', () => {
    const turned = evaluateFinding([...rows].reverse(), { replicates: 20 }) as unknown as typeof found;
    for (const [name, wanted] of Object.entries(fixture.figures))
      expect(turned[name]!.value).toBeCloseTo(wanted.value, 5);
  });
});
