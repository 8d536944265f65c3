import { describe, expect, test } from 'vitest';
import { expectedCalibrationError } from '#statistics/calibration';
import { type EvaluationRow, evaluateFinding } from '#statistics/evaluation';
import { deLong, wilson } from '#statistics/intervals';
import { createRandom } from '#statistics/random';
import { evaluateSubgroups } from '#statistics/subgroups';
import { reference, referenceLabels, referenceScores } from './reference.ts';

const rows: EvaluationRow[] = referenceScores.map((probability, i) => ({
  probability,
  label: referenceLabels[i] as 0 | 1,
  patient: `p${Math.floor(i / 2)}`,
  abstained: null,
}));
const quick = { replicates: 60 };

describe('evaluation of one finding', () => {
  test('every figure has its value, interval and n', () => {
    const found = evaluateFinding(rows, quick);
    expect(found).toMatchObject({ n: 60, positives: 27, unlabelled: 0, sufficient: false });
    expect(found.auroc!.value).toBeCloseTo(0.9685746352413019, 12);
    expect(found.auroc!.n).toBe(60);
    expect(found.aurocDeLong).toEqual({
      value: deLong(reference).value,
      interval: deLong(reference).interval,
      n: 60,
    });
    expect(found.auprc!.value).toBeCloseTo(0.9636601534479319, 12);
    expect(found.ece!.value).toBeCloseTo(expectedCalibrationError(reference), 12);
    expect(found.eceDebiased!.value).toBeLessThan(found.ece!.value);
    expect(found.brier!.value).toBeCloseTo(0.09964833333333334, 12);
    expect(found.slope!.value).toBeCloseTo(3.40258256, 6);
    expect(found.intercept!.value).toBeCloseTo(-0.68975358, 6);
    expect(found.reliability).toHaveLength(15);
    for (const figure of [found.auroc, found.auprc, found.brier, found.slope]) {
      expect(figure!.interval[0]).toBeLessThan(figure!.value);
      expect(figure!.interval[1]).toBeGreaterThan(figure!.value);
    }
  });

  test('accuracy, sensitivity and specificity are at p >= .5 with Wilson intervals', () => {
    const called = (label: number): number =>
      rows.filter((row) => row.label === label && row.probability! >= 0.5).length;
    const found = evaluateFinding(rows, quick);
    expect(found.sensitivity).toEqual({ value: called(1) / 27, interval: wilson(called(1), 27), n: 27 });
    const rejected = 33 - called(0);
    expect(found.specificity).toEqual({ value: rejected / 33, interval: wilson(rejected, 33), n: 33 });
    const right = called(1) + rejected;
    expect(found.accuracy).toEqual({ value: right / 60, interval: wilson(right, 60), n: 60 });
  });

  test('operating points have their own sensitivity and specificity', () => {
    const { operatingPoints } = evaluateFinding(rows, {
      ...quick,
      operatingPoints: [
        { name: 'rule-out', threshold: 0 },
        { name: 'rule-in', threshold: 2 },
      ],
    });
    expect(operatingPoints).toEqual([
      {
        name: 'rule-out',
        threshold: 0,
        sensitivity: { value: 1, interval: wilson(27, 27), n: 27 },
        specificity: { value: 0, interval: wilson(0, 33), n: 33 },
      },
      {
        name: 'rule-in',
        threshold: 2,
        sensitivity: { value: 0, interval: wilson(0, 27), n: 27 },
        specificity: { value: 1, interval: wilson(33, 33), n: 33 },
      },
    ]);
    expect(evaluateFinding(rows, quick).operatingPoints).toEqual([]);
  });

  test('figures are over what was spoken; beside them over all that passed the header gates', () => {
    const refused = rows.map((row, i) => (i < 6 ? { ...row, abstained: 'GATE_QUALITY' } : row));
    const unseen: EvaluationRow = { probability: null, label: 1, patient: 'x', abstained: 'GATE_AGE' };
    const found = evaluateFinding([...refused, unseen], quick);
    expect(found.n).toBe(54);
    expect(found.withoutPixelGates.n).toBe(60);
    expect(found.withoutPixelGates.auroc!.value).toBeCloseTo(0.9685746352413019, 12);
    expect(found.abstained).toEqual({ value: 7 / 61, interval: wilson(7, 61), n: 61 });
    expect(found.auroc!.value).toBe(evaluateFinding(rows.slice(6), quick).auroc!.value);
  });

  test('unlabelled images are counted and left out', () => {
    const found = evaluateFinding(
      [...rows, { probability: 0.9, label: null, patient: 'y', abstained: null }],
      quick,
    );
    expect(found.unlabelled).toBe(1);
    expect(found.n).toBe(60);
    expect(found.auroc).toEqual(evaluateFinding(rows, quick).auroc);
  });

  test('the score ranks, the probability is judged for calibration', () => {
    const coarse = rows.map((row) => ({
      ...row,
      score: row.probability!,
      probability: row.probability! >= 0.5 ? 0.8 : 0.1,
    }));
    const found = evaluateFinding(coarse, quick);
    expect(found.auroc!.value).toBeCloseTo(0.9685746352413019, 12);
    expect(found.aurocDeLong!.value).toBeCloseTo(0.9685746352413019, 12);
    expect(found.brier!.value).not.toBeCloseTo(0.09964833333333334, 3);
    expect(JSON.stringify(found)).not.toContain('score');
  });

  test('the same rows and seed give the same result; images of one patient are drawn together', () => {
    expect(evaluateFinding(rows, { ...quick, seed: 4 })).toEqual(
      evaluateFinding(rows, { ...quick, seed: 4 }),
    );
    expect(evaluateFinding(rows, { ...quick, seed: 4 }).auroc).not.toEqual(
      evaluateFinding(rows, { ...quick, seed: 5 }).auroc,
    );
    const apart = rows.map((row, i) => ({ ...row, patient: `q${i}` }));
    expect(evaluateFinding(apart, quick).auroc).not.toEqual(evaluateFinding(rows, quick).auroc);
  });

  test('what cannot be computed is null, never a number', () => {
    const positives = rows.filter((row) => row.label === 1);
    const found = evaluateFinding(positives, quick);
    expect(found).toMatchObject({
      auroc: null,
      aurocDeLong: null,
      specificity: null,
      slope: null,
      intercept: null,
      noRecalibration: 'a class is missing',
    });
    expect(evaluateFinding(rows, quick).noRecalibration).toBeNull();
    expect(found.sensitivity).not.toBeNull();
    const none = evaluateFinding([], quick);
    expect(none).toMatchObject({
      n: 0,
      positives: 0,
      auroc: null,
      ece: null,
      accuracy: null,
      abstained: null,
      reliability: [],
    });
  });

  test('100 positives and 100 negatives are sufficient, 99 are not', () => {
    const make = (positives: number, negatives: number): EvaluationRow[] =>
      Array.from({ length: positives + negatives }, (_, i) => ({
        probability: (i % 10) / 10,
        label: i < positives ? 1 : 0,
        patient: `${i}`,
        abstained: null,
      }));
    const once = { replicates: 10 };
    expect(evaluateFinding(make(100, 100), once).sufficient).toBe(true);
    expect(evaluateFinding(make(99, 100), once).sufficient).toBe(false);
    expect(evaluateFinding(make(100, 99), once).sufficient).toBe(false);
  });
});

describe('subgroups', () => {
  interface Row extends EvaluationRow {
    readonly sex: string | null;
  }
  const random = createRandom(9);
  const group = (sex: string | null, positives: number, negatives: number): Row[] =>
    Array.from({ length: positives + negatives }, (_, i) => ({
      probability: random.uniform(),
      label: i < positives ? 1 : 0,
      patient: `${sex}${i}`,
      abstained: null,
      sex,
    }));
  const bySex = [{ by: 'sex', valueIn: (row: Row) => row.sex }];
  const shown = (all: Row[], leastCount?: number) =>
    evaluateSubgroups(all, bySex, { replicates: 20, ...(leastCount !== undefined && { leastCount }) }).map(
      (s) => [s.value, s.n],
    );

  test('each group has the figures of its own rows; the unknown are a group', () => {
    const female = group('F', 20, 30);
    const all = [...group('M', 25, 25), ...female, ...group(null, 15, 15)];
    const found = evaluateSubgroups(all, bySex, { replicates: 20 });
    expect(found.map((s) => [s.by, s.value, s.n, s.withheld])).toEqual([
      ['sex', 'F', 50, false],
      ['sex', 'M', 50, false],
      ['sex', 'unknown', 30, false],
    ]);
    expect(found[0]).toMatchObject(evaluateFinding(female, { replicates: 20 }));
  });

  test('groups are in the order of their values, numbers as numbers', () => {
    const all = [...group('10', 11, 11), ...group('9', 11, 11)];
    expect(shown(all).map(([value]) => value)).toEqual(['9', '10']);
  });

  test('1 to 10 images, positives or negatives withhold a group, and a second so that it cannot be subtracted', () => {
    const a = group('A', 40, 40);
    const b = group('B', 30, 30);
    expect(shown([...a, ...b, ...group('C', 10, 30), ...group('D', 50, 50)])).toEqual([
      ['A', 80],
      ['B', null],
      ['C', null],
      ['D', 100],
    ]);
    expect(shown([...a, ...b, ...group('C', 30, 1)])).toEqual([
      ['A', 80],
      ['B', null],
      ['C', null],
    ]);
    expect(shown([...a, ...b, ...group('C', 11, 11)])).toEqual([
      ['A', 80],
      ['B', 60],
      ['C', 22],
    ]);
  });

  test('two small groups whose sum is small withhold a third', () => {
    const all = [...group('A', 40, 40), ...group('B', 30, 30), ...group('C', 3, 20), ...group('D', 4, 20)];
    expect(shown(all)).toEqual([
      ['A', 80],
      ['B', null],
      ['C', null],
      ['D', null],
    ]);
    const enough = [...group('A', 40, 40), ...group('B', 30, 30), ...group('C', 6, 20), ...group('D', 5, 20)];
    expect(shown(enough)).toEqual([
      ['A', 80],
      ['B', 60],
      ['C', null],
      ['D', null],
    ]);
  });

  test('a count of 0 hides nobody', () => {
    expect(shown([...group('A', 0, 20), ...group('B', 20, 20)])).toEqual([
      ['A', 20],
      ['B', 40],
    ]);
  });

  test('when everything is small everything is withheld; a least count of 1 shows all', () => {
    const all = [...group('A', 2, 3), ...group('B', 20, 20)];
    expect(shown(all)).toEqual([
      ['A', null],
      ['B', null],
    ]);
    expect(shown(group('A', 2, 3))).toEqual([['A', null]]);
    expect(shown(all, 1)).toEqual([
      ['A', 5],
      ['B', 40],
    ]);
  });

  test('a withheld group shows no figure at all', () => {
    const [a] = evaluateSubgroups(group('A', 2, 3), bySex, { replicates: 5 });
    expect(a).toEqual({ by: 'sex', value: 'A', withheld: true, n: null });
  });
});
