import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { sourceAttributeDefinitions } from '#core/source-attributes';
import { greyImage8, prepareImage, toTensor } from '#inference/preprocess';
import { createRandom } from '#statistics/random';
import { graph, message, model, node, tensor, value } from './onnx-writer.ts';

/** JSON that tests change at will. */
// biome-ignore lint/suspicious/noExplicitAny: tests break these documents in every way
export type Loose = any;

/** A whole package with a network of a few numbers: valid, runs, and is quick to copy and break. */
export interface SmallPackage {
  manifest: Loose;
  calibration: Loose;
  reference: Loose;
  golden: Loose;
  sourceAttributes: Loose;
  evaluation: Loose;
  card: string;
  network: Uint8Array;
}

export const bias = 0.5;
const f32 = (values: readonly number[]): string =>
  Buffer.from(Float32Array.from(values).buffer).toString('base64');
const f64 = (values: readonly number[]): string =>
  Buffer.from(Float64Array.from(values).buffer).toString('base64');
const u8 = (values: readonly number[]): string => Buffer.from(Uint8Array.from(values)).toString('base64');

const ints = (name: string, values: readonly number[]): Uint8Array =>
  message([1, name], ...values.map((v) => [8, v] as const), [20, 7]);

/** cam = factor × mean of 4×4 cells; logits = mean(cam) + bias; features = [mean(cam), 2]. */
export function camNetwork(factor = 2, batch: number | string = 'batch'): Uint8Array {
  return model(
    graph({
      nodes: [
        node('AveragePool', ['image'], ['pooled'], {
          attributes: [ints('kernel_shape', [4, 4]), ints('strides', [4, 4])],
        }),
        node('Mul', ['pooled', 'factor'], ['cam']),
        node('GlobalAveragePool', ['cam'], ['mean']),
        node('Flatten', ['mean'], ['flat']),
        node('Add', ['flat', 'bias'], ['logits']),
        node('Mul', ['flat', 'pair'], ['scaled']),
        node('Add', ['scaled', 'shift'], ['features']),
      ],
      initializers: [
        tensor('factor', [1], [factor]),
        tensor('bias', [1], [bias]),
        tensor('pair', [1, 2], [1, 0]),
        tensor('shift', [1, 2], [0, 2]),
      ],
      inputs: [value('image', [batch, 1, 16, 16])],
      outputs: [value('logits', [batch, 1]), value('features', [batch, 2]), value('cam', [batch, 1, 4, 4])],
    }),
  );
}

/** A valid package; change its parts before {@link writePackage}. */
export function smallPackage(): SmallPackage {
  const input = {
    name: 'image',
    shape: [1, 1, 16, 16],
    resize: { rule: 'area', aspect: 'squash' },
    intensity: { voi: true, stretch: { lower: 1, upper: 99 }, offset: 127, scale: 128 },
  } as const;
  const random = createRandom(5);
  const logits = Array.from({ length: 60 }, (_, i) => (i - 30) / 10);
  const labels = logits.map((logit) => (random.uniform() < 1 / (1 + Math.exp(-2 * logit)) ? 1 : 0));
  const positives = labels.reduce((sum: number, label) => sum + label, 0);
  const of = (label: number): number[] => logits.filter((_, i) => labels[i] === label);
  const rate = (v: number): Loose => ({ value: v, interval: [v - 0.05, v + 0.05], n: 30 });
  return {
    manifest: {
      schema: 1,
      name: 'small',
      version: '0.0.1',
      title: 'A network of a few numbers',
      released: '2026-11-24',
      findings: [
        {
          name: 'brightness',
          label: 'brightness',
          code: { system: 'http://snomed.info/sct', code: '371246006', display: 'Green' },
          output: 0,
          limits: ['It means nothing.'],
        },
      ],
      exclusive: false,
      population: 'pictures',
      populationNoun: 'pictures',
      selects: {
        modality: ['DX'],
        sopClass: ['1.2.840.10008.5.1.4.1.1.1.1'],
        bodyPart: ['CHEST'],
        view: ['PA'],
        ageYears: [1, 6],
        minimumSize: [16, 16],
        photometric: ['MONOCHROME2'],
      },
      input,
      outputs: {
        logits: { name: 'logits', shape: [1, 1] },
        features: { name: 'features', shape: [1, 2] },
        cam: { name: 'cam', shape: [1, 1, 4, 4], cellPixels: 4, bias: [bias] },
      },
      variants: { fp32: { file: 'model.onnx', sha256: '', bytes: 0, opset: 17 } },
      defaultVariant: 'fp32',
      files: {
        calibration: { file: 'calibration.json', sha256: '' },
        reference: { file: 'reference.json', sha256: '' },
        golden: { file: 'golden.json', sha256: '' },
        sourceAttributes: { file: 'source-attributes.json', sha256: '' },
        evaluation: { file: 'evaluation.json', sha256: '' },
        card: { file: 'card.md', sha256: '' },
      },
    },
    calibration: {
      schema: 1,
      findings: {
        brightness: {
          method: 'venn-abers',
          n: 60,
          patients: 55,
          positives,
          prevalence: Math.round((positives / 60) * 1000) / 1000,
          logitsF64: f64(logits),
          labelsU8: u8(labels),
          operatingPoints: [
            { name: 'rule-out', threshold: 0.2, sensitivity: rate(0.95), specificity: rate(0.6) },
            { name: 'rule-in', threshold: 0.8, sensitivity: rate(0.6), specificity: rate(0.95) },
          ],
          conformal: {
            alpha: 0.1,
            presentF64: f64(
              of(1)
                .map((v) => -v)
                .sort((a, b) => a - b),
            ),
            absentF64: f64(of(0).sort((a, b) => a - b)),
          },
        },
      },
    },
    reference: {
      schema: 1,
      n: 60,
      detectors: [
        {
          kind: 'knn-cosine',
          k: 1,
          dimension: 2,
          count: 2,
          prototypesF32: f32([0, 1, 0.6, 0.8]),
          threshold: 0.5,
          falseAlarm: 0.01,
        },
        { kind: 'confidence', threshold: -0.5, falseAlarm: 0 },
      ],
      quality: [{ name: 'standard-deviation', minimum: 5, maximum: 127 }],
      histograms: {
        probability: { edges: [0, 0.5, 1], counts: [30, 30] },
        quality: { mean: { edges: [0, 128, 255], counts: [20, 40] } },
      },
    },
    golden: {
      schema: 1,
      tolerance: { logits: 0.002, cam: 0.01, features: 0.01 },
      cases: [0, 1].map((seed) => goldenCase(`generated-${seed}`, seed, input)),
    },
    sourceAttributes: {
      schema: 1,
      vocabulary: 'hti1-2024',
      attributes: Object.fromEntries(
        sourceAttributeDefinitions.map(({ key, mayBeNotAvailable }) => [
          key,
          mayBeNotAvailable
            ? { status: 'not-available', text: 'Not available.', evidence: [] }
            : {
                status: 'provided',
                text: 'Said.',
                evidence: ['evaluation.json#/sets/0/findings/brightness/auroc', 'card.md'],
              },
        ]),
      ),
    },
    evaluation: {
      schema: 1,
      sets: [
        {
          name: 'val',
          description: 'Sixty numbers.',
          n: 60,
          positives,
          findings: { brightness: { auroc: { value: 0.9, interval: [0.8, 1] } } },
          abstained: [{ code: 'GATE_QUALITY', n: 0 }],
        },
      ],
      robustness: [],
      outOfDistribution: [],
      cost: {},
    },
    card: '# Small\n',
    network: camNetwork(),
  };
}

/** Picture of given seed and what {@link camNetwork} of factor 2 gives for it, computed here. */
function goldenCase(name: string, seed: number, input: Parameters<typeof toTensor>[1]): Loose {
  const random = createRandom(seed);
  const pixels = Uint8Array.from({ length: 20 * 24 }, (_, i) => 40 + (i % 24) * 5 + random.below(30));
  const x = toTensor(prepareImage(greyImage8(20, 24, pixels), input), input);
  const cam = Array.from({ length: 16 }, (_, cell) => {
    let sum = 0;
    for (let r = 0; r < 4; r++) {
      for (let c = 0; c < 4; c++) sum += x[(Math.floor(cell / 4) * 4 + r) * 16 + (cell % 4) * 4 + c]!;
    }
    return (2 * sum) / 16;
  });
  const mean = cam.reduce((sum, v) => sum + v, 0) / 16;
  return {
    name,
    rows: 20,
    columns: 24,
    pixelsU8: u8([...pixels]),
    tensor: { mean: x.reduce((sum, v) => sum + v, 0) / 256, first: [...x.subarray(0, 16)] },
    logits: [mean + bias],
    camF32: f32(cam),
    featuresF32: f32([mean, 2]),
  };
}

const names = {
  calibration: 'calibration.json',
  reference: 'reference.json',
  golden: 'golden.json',
  sourceAttributes: 'source-attributes.json',
  evaluation: 'evaluation.json',
} as const;

/** Writes the package with true digests to `root/<name>/<version>` and returns that folder. */
export function writePackage(root: string, parts: SmallPackage): string {
  const folder = path.join(root, 'small', '0.0.1');
  mkdirSync(folder, { recursive: true });
  const write = (name: string, bytes: string | Uint8Array): string => {
    writeFileSync(path.join(folder, name), bytes);
    return createHash('sha256')
      .update(readFileSync(path.join(folder, name)))
      .digest('hex');
  };
  const { manifest } = parts;
  for (const [key, name] of Object.entries(names)) {
    const digest = write(name, JSON.stringify(parts[key as keyof typeof names]));
    if (manifest.files?.[key] !== undefined) manifest.files[key].sha256 = digest;
  }
  const card = write('card.md', parts.card);
  if (manifest.files?.card !== undefined) manifest.files.card.sha256 = card;
  const network = write('model.onnx', parts.network);
  if (manifest.variants?.fp32 !== undefined) {
    manifest.variants.fp32.sha256 = network;
    manifest.variants.fp32.bytes ||= parts.network.length;
  }
  write('manifest.json', JSON.stringify(manifest));
  return folder;
}
