import type { AppFindingEvidence } from '#core/app';
import type { FindingCalibration } from '#inference/package-types';
import { leaveOneOut } from '#statistics/leave-one-out';
import { lowerBound } from '#statistics/lower-bound';
import { vennAbers } from '#statistics/venn-abers';

type Distribution = AppFindingEvidence['distribution'];

/** Cases up to which each is left out of its own calibration: more would take seconds. */
const mostLeftOut = 2_000;
const bins = 20;
const edges: readonly number[] = Array.from({ length: bins + 1 }, (_, index) => index / bins);

/** Everything of a distribution but where one result lies. */
interface Cases {
  readonly present: readonly number[];
  readonly absent: readonly number[];
  /** Ascending. */
  readonly probabilities: Float64Array;
}

const known = new WeakMap<FindingCalibration, Promise<Cases>>();

/**
 * Where a result lies among the calibration cases, by calibrated probability: no raw score is in it. Computed once for
 * each calibration.
 *
 * @param probability of the result, at the calibration set's share
 */
export async function distributionOf(
  calibration: FindingCalibration,
  probability: number,
): Promise<Distribution> {
  const cases = known.get(calibration) ?? casesOf(calibration);
  known.set(calibration, cases);
  const { present, absent, probabilities } = await cases;
  const quantile = lowerBound(probabilities, probability) / probabilities.length;
  return { edges, present, absent, here: probability, quantile };
}

async function casesOf({ logits, labels }: FindingCalibration): Promise<Cases> {
  const probabilities =
    logits.length <= mostLeftOut
      ? await leaveOneOut(logits, labels, () => new Promise((resolve) => setImmediate(resolve)))
      : inSample(logits, labels);
  const counts = { present: new Array<number>(bins).fill(0), absent: new Array<number>(bins).fill(0) };
  for (const [index, probability] of probabilities.entries()) {
    const bin = Math.min(bins - 1, Math.floor(probability * bins));
    counts[labels[index] === 1 ? 'present' : 'absent'][bin]! += 1;
  }
  return { ...counts, probabilities: probabilities.slice().sort() };
}

function inSample(logits: Float64Array, labels: Uint8Array): Float64Array {
  const calibrated = vennAbers(logits, labels);
  return logits.map((logit) => calibrated(logit).probability);
}
