import { type Static, Type } from '@sinclair/typebox';
import type { Manifest } from '#core/model-package';
import { readF32, readU8 } from './bytes.ts';
import {
  type Detector,
  type Histogram,
  type Neighbours,
  qualityFeatureNames,
  type Reference,
} from './package-types.ts';
import { check, count, mustHold, parseJson, positiveCount, share, strict, text } from './schema.ts';

const limit = { name: Type.Optional(text), threshold: Type.Number(), falseAlarm: share };
const subspace = {
  dimension: positiveCount,
  rank: positiveCount,
  meanF32: Type.String(),
  projectionF32: Type.String(),
};
const detectorSchema = Type.Union([
  Type.Object({
    kind: Type.Literal('knn-cosine'),
    k: positiveCount,
    dimension: positiveCount,
    count: positiveCount,
    prototypesF32: Type.String(),
    ...limit,
  }),
  Type.Object({
    kind: Type.Literal('mahalanobis'),
    ...subspace,
    classes: Type.Array(Type.Object({ name: text, centreF32: Type.String() }), { minItems: 1 }),
    precisionF32: Type.String(),
    ...limit,
  }),
  Type.Object({ kind: Type.Literal('residual'), ...subspace, ...limit }),
  Type.Object({ kind: Type.Literal('confidence'), ...limit }),
]);
const histogram = Type.Object({
  edges: Type.Array(Type.Number(), { minItems: 2 }),
  counts: Type.Array(count, { minItems: 1 }),
});

const referenceSchema = Type.Object(
  {
    schema: Type.Literal(1),
    n: positiveCount,
    detectors: Type.Array(detectorSchema, { minItems: 1, maxItems: 8 }),
    quality: Type.Array(
      Type.Object(
        {
          name: Type.Union(qualityFeatureNames.map((name) => Type.Literal(name))),
          minimum: Type.Number(),
          maximum: Type.Number(),
        },
        strict,
      ),
      { maxItems: 16 },
    ),
    neighbours: Type.Optional(
      Type.Object(
        {
          detector: text,
          n: positiveCount,
          valuesF32: Type.String(),
          labelsU8: Type.Record(Type.String(), Type.String()),
          median: Type.Number({ exclusiveMinimum: 0 }),
        },
        strict,
      ),
    ),
    histograms: Type.Object({
      probability: histogram,
      quality: Type.Record(Type.String(), histogram),
    }),
  },
  strict,
);

/**
 * `reference.json`: detectors whose arrays fit the features, limits and histograms that can be used.
 * Features and confidence are both needed: confidence alone does not see what is far away, features alone do
 * not see what is in between.
 * @throws MODEL_PACKAGE_INVALID
 */
export function parseReference(bytes: Uint8Array, manifest: Manifest): Reference {
  const file = manifest.files.reference.file;
  const reference = check(referenceSchema, parseJson(bytes, file), file);
  const dimension = manifest.outputs.features.shape[1] ?? 0;
  const detectors = reference.detectors.map((d, i) => decodeDetector(d, dimension, file, `/detectors/${i}`));
  mustHold(
    detectors.some((d) => d.kind !== 'confidence'),
    file,
    '/detectors: needs one on the features',
  );
  for (const [index, { minimum, maximum }] of reference.quality.entries()) {
    mustHold(minimum <= maximum, file, `/quality/${index}: minimum is above maximum`);
  }
  const { probability, quality } = reference.histograms;
  requireHistogram(probability, file, '/histograms/probability');
  for (const [name, one] of Object.entries(quality))
    requireHistogram(one, file, `/histograms/quality/${name}`);
  const raw = reference.neighbours;
  return {
    n: reference.n,
    detectors,
    quality: reference.quality,
    neighbours:
      raw === undefined
        ? null
        : decodeNeighbours(
            raw,
            detectors[
              reference.detectors.findIndex((d) => d.kind === 'mahalanobis' && d.name === raw.detector)
            ],
            manifest,
            file,
          ),
    histograms: reference.histograms,
  };
}

function decodeNeighbours(
  { n, valuesF32, labelsU8, median }: NonNullable<Static<typeof referenceSchema>['neighbours']>,
  detector: Detector | undefined,
  manifest: Manifest,
  file: string,
): Neighbours {
  const at = '/neighbours';
  mustHold(detector?.kind === 'mahalanobis', file, `${at}/detector: names no mahalanobis detector`);
  const values = readF32(valuesF32);
  const length = n * detector.rank;
  mustHold(values?.length === length, file, `${at}/valuesF32: must be ${length} float32 values`);
  mustHold(values.every(Number.isFinite), file, `${at}/valuesF32: has a value that is not a number`);
  const labels = manifest.findings.map(({ name }) => {
    const label = readU8(labelsU8[name] ?? '');
    mustHold(label?.length === n, file, `${at}/labelsU8/${name}: must be ${n} labels`);
    mustHold(
      label.every((one) => one <= 1),
      file,
      `${at}/labelsU8/${name}: has a label that is not 0 or 1`,
    );
    return [name, label] as const;
  });
  return { detector, n, values, labels: Object.fromEntries(labels), median };
}

function decodeDetector(
  raw: Static<typeof detectorSchema>,
  dimension: number,
  file: string,
  at: string,
): Detector {
  const { threshold, falseAlarm } = raw;
  const limits = { ...(raw.name !== undefined && { name: raw.name }), threshold, falseAlarm };
  if (raw.kind === 'confidence') return { kind: raw.kind, ...limits };
  mustHold(raw.dimension === dimension, file, `${at}/dimension: is not that of the features`);
  const array = (field: string, base64: string, length: number): Float32Array => {
    const values = readF32(base64);
    mustHold(values?.length === length, file, `${at}/${field}: must be ${length} float32 values`);
    mustHold(values.every(Number.isFinite), file, `${at}/${field}: has a value that is not a number`);
    return values;
  };
  if (raw.kind === 'knn-cosine') {
    mustHold(raw.k <= raw.count, file, `${at}/k: is more than the prototypes`);
    const prototypes = array('prototypesF32', raw.prototypesF32, raw.count * dimension);
    for (let row = 0; row < raw.count; row++) {
      const length = Math.hypot(...prototypes.subarray(row * dimension, (row + 1) * dimension));
      mustHold(Math.abs(length - 1) <= 1e-3, file, `${at}/prototypesF32: row ${row} is not of length 1`);
    }
    return { kind: raw.kind, k: raw.k, dimension, count: raw.count, prototypes, ...limits };
  }
  const { rank } = raw;
  mustHold(rank <= dimension, file, `${at}/rank: is more than the dimension`);
  const mean = array('meanF32', raw.meanF32, dimension);
  const projection = array('projectionF32', raw.projectionF32, rank * dimension);
  if (raw.kind === 'residual') return { kind: raw.kind, dimension, rank, mean, projection, ...limits };
  const classes = raw.classes.map(({ name, centreF32 }, i) => ({
    name,
    centre: array(`classes/${i}/centreF32`, centreF32, rank),
  }));
  const precision = array('precisionF32', raw.precisionF32, rank * rank);
  return { kind: raw.kind, dimension, rank, mean, projection, classes, precision, ...limits };
}

function requireHistogram({ edges, counts }: Histogram, file: string, at: string): void {
  mustHold(edges.length === counts.length + 1, file, `${at}: needs one edge more than counts`);
  mustHold(
    edges.every((edge, i) => i === 0 || edges[i - 1]! < edge),
    file,
    `${at}/edges: must ascend`,
  );
}
