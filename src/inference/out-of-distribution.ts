import type { GateResult } from '#core/assessment';
import type { Detector, KnnCosine, Mahalanobis, Neighbours, Residual } from './package-types.ts';
import { softmax } from './scores.ts';

/** What one detector says of one image. Private: never shown. */
export interface DetectorScore {
  readonly kind: Detector['kind'];
  /** Unit of the detector; larger is more unlike. */
  readonly score: number;
  readonly threshold: number;
}

/**
 * Every detector's score of one image.
 * @param features pooled features, float32, length = dimension
 * @param logits raw outputs, one a class
 * @see docs/model-package.md, reference.json `detectors`
 */
export function detectorScores(
  detectors: readonly Detector[],
  features: Float32Array,
  logits: Float32Array,
  exclusive: boolean,
): readonly DetectorScore[] {
  return detectors.map((detector) => ({
    kind: detector.kind,
    score: scoreOf(detector, features, logits, exclusive),
    threshold: detector.threshold,
  }));
}

/** The gate: no detector's score is above its threshold. A score that is not a number does not pass. */
export function outOfDistributionGate(scores: readonly DetectorScore[]): GateResult {
  const passed = scores.every(({ score, threshold }) => score <= threshold);
  return {
    gate: 'out-of-distribution',
    passed,
    detail: passed
      ? 'The image looks like the images the model was made from.'
      : 'The image looks unlike the images the model was made from.',
  };
}

/**
 * One figure for ranking images: the largest relative excess, 1 + (score − threshold) / |threshold|.
 * Above 1 exactly when the gate refuses. Dimensionless.
 */
export function outOfDistributionIndex(scores: readonly DetectorScore[]): number {
  return Math.max(
    ...scores.map(({ score, threshold }) => 1 + (score - threshold) / Math.max(Math.abs(threshold), 1e-9)),
  );
}

function scoreOf(
  detector: Detector,
  features: Float32Array,
  logits: Float32Array,
  exclusive: boolean,
): number {
  switch (detector.kind) {
    case 'knn-cosine':
      return knnCosine(detector, features);
    case 'mahalanobis':
      return mahalanobis(detector, features);
    case 'residual':
      return residual(detector, features);
    case 'confidence':
      return -confidence(logits, exclusive);
  }
}

function knnCosine({ k, count, dimension, prototypes }: KnnCosine, features: Float32Array): number {
  let squares = 0;
  for (const value of features) squares += value * value;
  const length = Math.sqrt(squares);
  if (length === 0) return 1;
  const cosines = new Float64Array(count);
  for (let row = 0; row < count; row++) {
    cosines[row] = dot(prototypes, row * dimension, features) / length;
  }
  cosines.sort();
  let sum = 0;
  for (let i = count - k; i < count; i++) sum += cosines[i]!;
  return 1 - sum / k;
}

function mahalanobis(detector: Mahalanobis, features: Float32Array): number {
  const z = coordinates(detector, features);
  return Math.min(...detector.classes.map(({ centre }) => squaredDistance(detector, z, centre, 0)));
}

/** z = P (f − mean), length = rank. */
function coordinates(
  { rank, dimension, mean, projection }: Mahalanobis,
  features: Float32Array,
): Float64Array {
  return project(projection, rank, dimension, centred(features, mean));
}

/** (z − point)ᵀ Λ (z − point); the point begins at `start` of `points`. */
function squaredDistance(
  { rank, precision }: Mahalanobis,
  z: Float64Array,
  points: Float32Array,
  start: number,
): number {
  const difference = Float64Array.from(z, (value, i) => value - points[start + i]!);
  let distance = 0;
  for (let i = 0; i < rank; i++) distance += difference[i]! * dot(precision, i * rank, difference);
  return distance;
}

/** A held-out case near an image. */
export interface NearCase {
  /** Row of {@link Neighbours.values}. */
  readonly index: number;
  /** In units of the median distance between two held-out cases. */
  readonly distance: number;
}

/** The `k` held-out cases that are nearest to an image by its features, nearest first. */
export function nearestCases(
  { detector, n, values, median }: Neighbours,
  features: Float32Array,
  k: number,
): readonly NearCase[] {
  const z = coordinates(detector, features);
  return Array.from({ length: n }, (_, index) => ({
    index,
    distance: Math.sqrt(Math.max(0, squaredDistance(detector, z, values, index * detector.rank))) / median,
  }))
    .sort((a, b) => a.distance - b.distance || a.index - b.index)
    .slice(0, k);
}

function residual({ rank, dimension, mean, projection }: Residual, features: Float32Array): number {
  const rest = centred(features, mean);
  const z = project(projection, rank, dimension, rest);
  for (let row = 0; row < rank; row++) {
    const weight = z[row]!;
    for (let i = 0; i < dimension; i++) rest[i]! -= weight * projection[row * dimension + i]!;
  }
  return Math.sqrt(dot(rest, 0, rest));
}

function confidence(logits: Float32Array, exclusive: boolean): number {
  if (exclusive) return Math.max(...softmax(logits));
  // Several findings of one model: the least certain decides.
  return Math.min(...Array.from(logits, (logit) => 1 / (1 + Math.exp(-Math.abs(logit)))));
}

function centred(features: Float32Array, mean: Float32Array): Float64Array {
  return Float64Array.from(features, (value, i) => value - mean[i]!);
}

function project(matrix: Float32Array, rank: number, dimension: number, vector: Float64Array): Float64Array {
  return Float64Array.from({ length: rank }, (_, row) => dot(matrix, row * dimension, vector));
}

function dot(
  matrix: Float32Array | Float64Array,
  start: number,
  vector: Float32Array | Float64Array,
): number {
  let sum = 0;
  for (let i = 0; i < vector.length; i++) sum += matrix[start + i]! * vector[i]!;
  return sum;
}
