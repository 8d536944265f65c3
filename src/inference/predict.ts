import type { Band, FindingResult, GateResult, PrivateResult, SetLabel } from '#core/assessment';
import { ServiceError } from '#core/error';
import type { ManifestFinding } from '#core/model-package';
import { createZoneReader, explainFinding, type ModelOutputs, type Sides } from './explain.ts';
import type { Model } from './model.ts';
import {
  detectorScores,
  nearestCases,
  outOfDistributionGate,
  outOfDistributionIndex,
} from './out-of-distribution.ts';
import type { FindingCalibration, ModelPackage, Neighbours } from './package-types.ts';
import type { PreparedImage } from './preprocess.ts';
import { qualityFeatures, qualityGate } from './quality.ts';
import { findingScore } from './scores.ts';

/** A calibrated probability, [0, 1], with its calibration uncertainty; low <= probability <= high. */
export interface Calibrated {
  readonly probability: number;
  readonly interval: readonly [number, number];
}

/** The statistics that interpretation needs; `compose.ts` fills them from `#statistics/…`. */
export interface CalibrationTools {
  /** Inductive Venn-ABERS on ascending held-out scores: score to probability. */
  readonly vennAbers: (scores: Float64Array, labels: Uint8Array) => (score: number) => Calibrated;
  /** The class-conditional conformal set of a score; may be empty or full. */
  readonly conformalSet: (score: number, calibration: FindingCalibration['conformal']) => readonly SetLabel[];
}

/** One forward pass. @property ms milliseconds of the pass alone */
export interface Prediction extends ModelOutputs {
  readonly ms: number;
}

/** What one image's outputs mean. */
export interface Interpretation {
  /** In the manifest's order. To be shown only when both gates passed. */
  readonly findings: readonly FindingResult[];
  /** `quality` and `out-of-distribution`. */
  readonly gates: readonly [quality: GateResult, outOfDistribution: GateResult];
  /** Rank of unlikeness; above 1 exactly when the out-of-distribution gate refuses. Dimensionless. */
  readonly outOfDistributionIndex: number;
  readonly private: PrivateResult;
  /** Milliseconds: completeness checks and zones. */
  readonly explainMs: number;
}

/**
 * One forward pass over one tensor of the manifest's shape. Blocks the thread.
 * @throws MODEL_PROVIDER_UNAVAILABLE when the runtime fails
 */
export async function predict(model: Model, tensor: Float32Array): Promise<Prediction> {
  const { input, outputs } = model.package.manifest;
  const start = performance.now();
  let results: ReadonlyMap<string, Float32Array>;
  try {
    results = await model.session.run(input.name, tensor, input.shape, [
      outputs.logits.name,
      outputs.features.name,
      outputs.cam.name,
    ]);
  } catch (cause) {
    throw new ServiceError('MODEL_PROVIDER_UNAVAILABLE', { cause });
  }
  const ms = performance.now() - start;
  const output = (name: string): Float32Array => results.get(name) ?? new Float32Array();
  return {
    logits: output(outputs.logits.name),
    features: output(outputs.features.name),
    cam: output(outputs.cam.name),
    ms,
  };
}

/**
 * Prepares the calibration of a package once and returns the function that turns outputs into results.
 * Probabilities stay at the prevalence of the calibration set.
 * The returned function throws MODEL_COMPLETENESS_FAILED when a map does not add up to its logit.
 */
export function createInterpreter(
  pkg: ModelPackage,
  tools: CalibrationTools,
): (outputs: ModelOutputs, prepared: PreparedImage, sides?: Sides) => Interpretation {
  const { manifest, reference } = pkg;
  const calibrated = manifest.findings.map((finding) => {
    const calibration = pkg.calibration[finding.name];
    if (calibration === undefined) throw new ServiceError('MODEL_PACKAGE_INVALID');
    return { finding, calibration, toProbability: tools.vennAbers(calibration.logits, calibration.labels) };
  });
  const [, , rows = 0, columns = 0] = manifest.outputs.cam.shape;
  const zonesOf = createZoneReader([rows, columns]);
  return (outputs, prepared, sides = 'unknown') => {
    const start = performance.now();
    const explanations = manifest.findings.map((finding) => explainFinding(outputs, manifest, finding));
    const zones = explanations.map(({ values }) => zonesOf(values, sides));
    const explainMs = performance.now() - start;

    const scores = calibrated.map(({ finding }) =>
      findingScore(outputs.logits, finding.output, manifest.exclusive),
    );
    const values = calibrated.map(({ toProbability }, i) => toProbability(scores[i]!));
    const shares = manifest.exclusive ? normalised(values) : values;
    const findings = calibrated.map(({ finding, calibration }, i) =>
      toResult(finding, calibration, scores[i]!, shares[i]!, zones[i]!, tools),
    );

    const quality = qualityFeatures(prepared);
    const unlike = detectorScores(reference.detectors, outputs.features, outputs.logits, manifest.exclusive);
    return {
      findings,
      gates: [qualityGate(quality, reference.quality), outOfDistributionGate(unlike)],
      outOfDistributionIndex: outOfDistributionIndex(unlike),
      private: {
        logits: Array.from(outputs.logits),
        outOfDistribution: unlike,
        quality,
        explanations,
        ...(reference.neighbours !== null && { neighbours: nearby(reference.neighbours, outputs.features) }),
      },
      explainMs,
    };
  };
}

function toResult(
  finding: ManifestFinding,
  calibration: FindingCalibration,
  score: number,
  { probability, interval }: Calibrated,
  zones: readonly string[],
  tools: CalibrationTools,
): FindingResult {
  const set = [...tools.conformalSet(score, calibration.conformal)];
  const atypical = set.length === 0;
  if (atypical) set.push(probability >= 0.5 ? 'present' : 'absent');
  const band = bandOf(probability, set, calibration);
  return {
    name: finding.name,
    code: finding.code,
    probability,
    interval,
    band,
    set,
    atypical,
    zones: band === 'elevated' ? zones : [],
  };
}

/**
 * low: below rule-out; elevated: at or above rule-in; else indeterminate. The conformal set has a veto: a full
 * set is indeterminate, and so is a set that holds only the other label.
 */
function bandOf(
  probability: number,
  set: readonly SetLabel[],
  { ruleOut, ruleIn }: FindingCalibration,
): Band {
  if (set.length === 2) return 'indeterminate';
  if (probability >= ruleIn) return set[0] === 'present' ? 'elevated' : 'indeterminate';
  if (probability < ruleOut) return set[0] === 'absent' ? 'low' : 'indeterminate';
  return 'indeterminate';
}

/** Exclusive classes: calibrated one against the rest, then scaled so that they sum to 1. */
function normalised(values: readonly Calibrated[]): readonly Calibrated[] {
  const sum = values.reduce((total, { probability }) => total + probability, 0);
  if (!(sum > 0)) return values;
  return values.map(({ probability, interval: [low, high] }) => ({
    probability: probability / sum,
    interval: [Math.min(1, low / sum), Math.min(1, high / sum)],
  }));
}

/** How many held-out cases a result is set beside. */
const nearest = 5;

/** By finding, the held-out cases that are nearest. */
function nearby(neighbours: Neighbours, features: Float32Array): NonNullable<PrivateResult['neighbours']> {
  const cases = nearestCases(neighbours, features, nearest);
  return Object.fromEntries(
    Object.entries(neighbours.labels).map(([finding, labels]) => [
      finding,
      cases.map(({ index, distance }) => ({
        outcome: labels[index] === 1 ? ('present' as const) : ('absent' as const),
        distance: Math.round(distance * 1000) / 1000,
      })),
    ]),
  );
}
