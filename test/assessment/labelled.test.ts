import { encode } from 'fast-png';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { idOf } from '#assessment/catalogue';
import { type EvaluateOptions, evaluateResults, type LabelledResult } from '#assessment/evaluate';
import type { LabelledHeader } from '#assessment/labelled-image';
import type { LabelledRow } from '#assessment/manifest-csv';
import { createPool, type Pool } from '#assessment/pool';
import type { AssessedStudy } from '#core/assessment';
import { loadPackage } from '#inference/package';
import type { GoldenCase, ModelPackage } from '#inference/package-types';
import { encodeJpegDct, picture } from '../support/frame-encoders.ts';
import { shippedPackage } from '../support/model-packages.ts';
import { result } from '../support/store.ts';

let pkg: ModelPackage;
beforeAll(async () => {
  pkg = await loadPackage((await shippedPackage()) as string);
});

describe('a labelled picture without a DICOM header', () => {
  let pool: Pool;
  let chest: GoldenCase;
  beforeAll(() => {
    chest = pkg.golden.cases[0] as GoldenCase;
    pool = createPool({
      folders: { [idOf(pkg)]: pkg.folder },
      providers: ['cpu'],
      size: 1,
      timeoutMs: 30_000,
    });
  });
  afterAll(() => pool?.close());

  const assess = (bytes: Uint8Array, labelled: LabelledHeader = { age: null, view: null }) =>
    pool.assess({ model: idOf(pkg), bytes, patient: null, studyInstanceUid: null, labelled });
  /** The picture as PNG: each sample of a pixel as `sampleOf` makes it of the grey value. */
  function png(channels: number, depth: 8 | 16, samplesOf: (grey: number) => readonly number[]): Uint8Array {
    const samples = [...chest.pixels].flatMap((grey) => samplesOf(grey));
    const data = depth === 8 ? Uint8Array.from(samples) : Uint16Array.from(samples);
    return encode({ width: chest.columns, height: chest.rows, data, channels, depth });
  }
  const logitOf = ({ private: hidden }: AssessedStudy) => hidden?.logits[0] ?? Number.NaN;

  it.each<[string, () => Uint8Array]>([
    ['8-bit grey', () => png(1, 8, (grey) => [grey])],
    ['8-bit grey with transparency', () => png(2, 8, (grey) => [grey, 7])],
    ['16-bit grey', () => png(1, 16, (grey) => [grey * 257])],
    ['colour of equal parts', () => png(3, 8, (grey) => [grey, grey, grey])],
    ['colour with transparency', () => png(4, 8, (grey) => [grey, grey, grey, 7])],
  ])('%s gives what the same grey values give', async (_kind, bytes) => {
    const logit = logitOf(await assess(bytes()));
    expect(Math.abs(logit - (chest.logits[0] as number))).toBeLessThanOrEqual(pkg.golden.tolerance.logits);
  });

  it('what nobody says is skipped and said so; what the manifest says is judged', async () => {
    const bytes = () => png(1, 8, (grey) => [grey]);
    const { assessment } = await assess(bytes());
    const skipped = assessment.gates.filter(({ passed }) => passed === null).map(({ gate }) => gate);
    // Body part and view are left to the gates that see the pixels.
    expect(skipped).toEqual(['modality', 'age', 'photometric']);
    expect((await assess(bytes(), { age: 40, view: 'AP' })).assessment.reason?.code).toBe('GATE_AGE');
    expect((await assess(bytes(), { age: 3, view: 'LL' })).assessment.reason?.code).toBe('GATE_VIEW');
  });

  it('JPEG is decoded: a picture that is no chest reaches the gates that see it', async () => {
    const jpeg = encodeJpegDct(picture(256, 256, 1, 8), 8);
    const { assessment } = await assess(jpeg);
    expect(assessment.status).toBe('abstained');
    expect(['GATE_QUALITY', 'GATE_OUT_OF_DISTRIBUTION']).toContain(assessment.reason?.code);
  });

  it.each<[string, () => Uint8Array, string]>([
    ['a PNG that breaks off', () => png(1, 8, (grey) => [grey]).subarray(0, 300), 'FILE_UNREADABLE'],
    [
      'a PNG with a palette',
      () =>
        encode({
          width: 2,
          height: 1,
          channels: 1,
          depth: 8,
          data: Uint8Array.of(0, 1),
          palette: [
            [0, 0, 0],
            [9, 9, 9],
          ],
        }),
      'FILE_UNREADABLE',
    ],
    ['a JPEG that is only its mark', () => Uint8Array.of(0xff, 0xd8, 0xff), 'DICOM_CODEC_FAILED'],
    ['a text', () => Buffer.from('hello'), 'DICOM_NOT_DICOM'],
  ])('%s has its code', async (_kind, bytes, code) => {
    await expect(assess(bytes())).rejects.toMatchObject({ code });
  });
});

describe('the figures over labelled results', () => {
  const options: EvaluateOptions = { replicates: 50, seed: 1 };
  let count = 0;
  /** One image: its label, what the model said, and why it did not speak where it did not. */
  function image(
    label: string,
    probability: number | null,
    { code = null as string | null, age = 3 as number | null, sex = 'F' as string | null } = {},
  ): LabelledResult {
    count += 1;
    const row: LabelledRow = {
      file: `${count}.png`,
      labels: [label],
      patientId: `p${count}`,
      age,
      sex,
      view: null,
      split: null,
    };
    if (probability === null) return { row, assessed: null, code };
    const whole = result(probability);
    const findings = whole.assessment.findings;
    const hidden = {
      ...(whole.private as NonNullable<AssessedStudy['private']>),
      logits: [Math.log(probability / (1 - probability))],
    };
    const assessed: AssessedStudy =
      code === null
        ? { ...whole, private: hidden }
        : {
            assessment: { ...whole.assessment, status: 'abstained', findings: [] },
            private: { ...hidden, withheld: findings },
          };
    return { row, assessed, code };
  }
  const several = () => [
    ...Array.from({ length: 30 }, (_, index) => image('pneumonia', 0.6 + index / 100, { sex: 'F' })),
    ...Array.from({ length: 30 }, (_, index) => image('normal', 0.1 + index / 100, { sex: 'M', age: 7 })),
  ];

  it('name the model by its digest, count every image, and every reason, the most frequent first', () => {
    const evaluation = evaluateResults(
      pkg,
      [
        ...several(),
        image('normal', null, { code: 'DICOM_TRUNCATED' }),
        image('normal', null, { code: 'GATE_AGE' }),
        image('pneumonia', null, { code: 'GATE_AGE' }),
      ],
      options,
    );
    expect(evaluation.model).toEqual({
      name: pkg.manifest.name,
      version: pkg.manifest.version,
      digest: pkg.digest,
    });
    expect(evaluation.n).toBe(63);
    expect(evaluation.abstained).toEqual([
      { code: 'GATE_AGE', n: 2 },
      { code: 'DICOM_TRUNCATED', n: 1 },
    ]);
    const [finding] = evaluation.findings;
    expect(finding).toMatchObject({ name: 'pneumonia', n: 60, positives: 30 });
    expect(finding?.auroc?.value).toBe(1);
    expect(finding?.operatingPoints.map(({ name }) => name)).toEqual(
      pkg.calibration['pneumonia']?.operatingPoints.map(({ name }) => name),
    );
  });

  it('are over what was spoken; what a pixel gate kept back is told beside them', () => {
    const kept = Array.from({ length: 10 }, () => image('normal', 0.9, { code: 'GATE_QUALITY' }));
    const [finding] = evaluateResults(pkg, [...several(), ...kept], options).findings;
    expect(finding).toMatchObject({ n: 60 });
    expect(finding?.withoutPixelGates).toMatchObject({ n: 70 });
    expect(finding?.auroc?.value).toBe(1);
    expect(finding?.withoutPixelGates.auroc?.value).toBeLessThan(1);
  });

  it('are shown by sex and age band, and by nothing that the manifest never says', () => {
    const { subgroups } = evaluateResults(pkg, several(), options);
    const shown = new Set(subgroups.map(({ by, value }) => `${by} ${value}`));
    expect(shown).toEqual(new Set(['sex F', 'sex M', 'age 1 to under 6', 'age 6 to under 18']));
  });

  it('of exclusive classes rank by the log-odds against the others, not by the class’s own logit', () => {
    const [finding] = pkg.manifest.findings;
    const exclusive = { ...pkg, manifest: { ...pkg.manifest, exclusive: true } };
    const against = (other: number, one: LabelledResult): LabelledResult => ({
      ...one,
      assessed: {
        ...(one.assessed as AssessedStudy),
        private: {
          ...(one.assessed?.private as NonNullable<AssessedStudy['private']>),
          logits: [1, other],
        },
      },
    });
    const results = [
      ...Array.from({ length: 20 }, () => against(-2, image('pneumonia', 0.9))),
      ...Array.from({ length: 20 }, () => against(3, image('normal', 0.2))),
    ];
    const aurocOf = (of: ModelPackage) =>
      evaluateResults(of, results, options).findings.find(({ name }) => name === finding?.name)?.auroc?.value;
    expect([aurocOf(exclusive), aurocOf(pkg)]).toEqual([1, 0.5]);
  });

  it('the same seed gives the same figures', () => {
    const results = several();
    expect(evaluateResults(pkg, results, options)).toEqual(evaluateResults(pkg, results, options));
  });
});
