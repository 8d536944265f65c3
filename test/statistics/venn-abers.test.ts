import { describe, expect, test } from 'vitest';
import { createRandom } from '#statistics/random';
import { toScored } from '#statistics/scored';
import { vennAbers } from '#statistics/venn-abers';

/** Isotonic regression by pooling, equal scores first: the value at each distinct score. */
function isotonic(scores: readonly number[], labels: readonly number[]): Map<number, number> {
  const distinct = [...new Set(scores)].sort((a, b) => a - b);
  const blocks: { scores: number[]; n: number; sum: number }[] = [];
  for (const score of distinct) {
    const members = labels.filter((_, i) => scores[i] === score);
    blocks.push({ scores: [score], n: members.length, sum: members.reduce((a, b) => a + b, 0) });
    for (;;) {
      const last = blocks.at(-1)!;
      const before = blocks.at(-2);
      if (before === undefined || before.sum / before.n < last.sum / last.n) break;
      blocks.splice(-2, 2, {
        scores: [...before.scores, ...last.scores],
        n: before.n + last.n,
        sum: before.sum + last.sum,
      });
    }
  }
  return new Map(blocks.flatMap((block) => block.scores.map((score) => [score, block.sum / block.n])));
}

/** The definition: the new score is added with either label and the regression is read off at it. */
function naive(scores: readonly number[], labels: readonly number[], score: number): [number, number] {
  const with0 = isotonic([...scores, score], [...labels, 0]).get(score)!;
  const with1 = isotonic([...scores, score], [...labels, 1]).get(score)!;
  return [with0, with1];
}

describe('inductive Venn-ABERS', () => {
  test('one positive above one negative, by hand', () => {
    const at = vennAbers(Float64Array.from([0, 1]), Uint8Array.from([0, 1]));
    // Between: label 0 pools with nothing (0, 0, 1), label 1 neither (0, 1, 1).
    expect(at(0.5)).toEqual({ probability: 0.5, interval: [0, 1] });
    // At the negative: label 1 gives that score one of each.
    expect(at(0)).toEqual({ probability: 0.5 / 1.5, interval: [0, 0.5] });
    expect(at(1)).toEqual({ probability: 1 / 1.5, interval: [0.5, 1] });
    // Below everything: label 1 pools with the negative above it.
    expect(at(-5)).toEqual({ probability: 0.5 / 1.5, interval: [0, 0.5] });
    expect(at(7)).toEqual({ probability: 1 / 1.5, interval: [0.5, 1] });
  });

  test('equals the definition on random scores with many ties', () => {
    const random = createRandom(17);
    for (let round = 0; round < 60; round++) {
      const n = 1 + random.below(25);
      const raw = Array.from({ length: n }, () => random.below(9));
      const rawLabels = raw.map((score) => (random.uniform() < (score + 1) / 11 ? 1 : 0));
      const { scores, labels } = toScored(raw, rawLabels);
      const at = vennAbers(scores, labels);
      for (let score = -0.5; score <= 9; score += 0.5) {
        const [low, high] = naive([...scores], [...labels], score);
        const { probability, interval } = at(score);
        expect(interval[0]).toBeCloseTo(low, 12);
        expect(interval[1]).toBeCloseTo(high, 12);
        expect(probability).toBeCloseTo(high / (1 - low + high), 12);
      }
    }
  });

  test('equals the definition on random scores without ties', () => {
    const random = createRandom(18);
    for (let round = 0; round < 20; round++) {
      const raw = Array.from({ length: 40 }, () => random.normal());
      const rawLabels = raw.map((score) => (random.uniform() < 1 / (1 + Math.exp(-2 * score)) ? 1 : 0));
      const { scores, labels } = toScored(raw, rawLabels);
      const at = vennAbers(scores, labels);
      for (const score of [...raw.slice(0, 10), ...Array.from({ length: 10 }, random.normal)]) {
        const [low, high] = naive([...scores], [...labels], score);
        expect(at(score).interval[0]).toBeCloseTo(low, 12);
        expect(at(score).interval[1]).toBeCloseTo(high, 12);
      }
    }
  });

  test('the probability lies in its interval and does not fall with the score', () => {
    const random = createRandom(19);
    const raw = Array.from({ length: 300 }, () => random.normal());
    const { scores, labels } = toScored(
      raw,
      raw.map((s) => (random.uniform() < 1 / (1 + Math.exp(-s)) ? 1 : 0)),
    );
    const at = vennAbers(scores, labels);
    let before = 0;
    for (let score = -4; score <= 4; score += 0.05) {
      const { probability, interval } = at(score);
      expect(interval[0]).toBeLessThanOrEqual(probability);
      expect(probability).toBeLessThanOrEqual(interval[1]);
      expect(probability).toBeGreaterThanOrEqual(before);
      before = probability;
    }
  });

  test('one class alone still leaves room for the other', () => {
    const positives = vennAbers(Float64Array.from([1, 2, 3]), Uint8Array.from([1, 1, 1]));
    expect(positives(2).interval[0]).toBeCloseTo(2 / 3, 12);
    expect(positives(2).interval[1]).toBe(1);
    expect(positives(2).probability).toBeCloseTo(0.75, 12);
    const negatives = vennAbers(Float64Array.from([1, 2, 3]), Uint8Array.from([0, 0, 0]));
    expect(negatives(2).interval[0]).toBe(0);
    expect(negatives(2).interval[1]).toBeCloseTo(1 / 3, 12);
  });

  test('is calibrated: among images of about one probability that share is positive', () => {
    const random = createRandom(20);
    const draw = (): [number, number] => {
      const score = random.normal() * 2;
      return [score, random.uniform() < 1 / (1 + Math.exp(-1.7 * score - 0.5)) ? 1 : 0];
    };
    const held = Array.from({ length: 2000 }, draw);
    const { scores, labels } = toScored(
      held.map(([s]) => s),
      held.map(([, l]) => l),
    );
    const at = vennAbers(scores, labels);
    const fresh = Array.from({ length: 6000 }, draw).map(([s, l]) => ({ p: at(s).probability, l }));
    for (const [low, high] of [
      [0, 0.2],
      [0.2, 0.5],
      [0.5, 0.8],
      [0.8, 1],
    ] as const) {
      const bin = fresh.filter(({ p }) => p >= low && p < high);
      const mean = bin.reduce((sum, { p }) => sum + p, 0) / bin.length;
      const rate = bin.reduce((sum, { l }) => sum + l, 0) / bin.length;
      expect(Math.abs(mean - rate)).toBeLessThan(0.05);
    }
  });
});
