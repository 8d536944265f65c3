import { positivesOf, type Scored, tieGroups } from './scored.ts';

/**
 * Area under the ROC curve: the probability that a positive has a higher score than a negative, ties counted half
 * (Mann–Whitney). NaN when a class is missing.
 */
export function auroc(scored: Scored): number {
  let negativesBelow = 0;
  let pairs = 0;
  for (const { n, positives } of tieGroups(scored)) {
    const negatives = n - positives;
    pairs += positives * (negativesBelow + negatives / 2);
    negativesBelow += negatives;
  }
  return pairs / (positivesOf(scored) * negativesBelow);
}

/**
 * Area under the precision–recall curve as average precision: sum over thresholds of the gain in recall times the
 * precision there, no interpolation, equal scores at once. NaN without positives.
 */
export function auprc(scored: Scored): number {
  const total = positivesOf(scored);
  let found = 0;
  let named = 0;
  let area = 0;
  for (const { n, positives } of tieGroups(scored).reverse()) {
    named += n;
    found += positives;
    area += (positives / total) * (found / named);
  }
  return total === 0 ? Number.NaN : area;
}

/** Counts of calls at one threshold: a call is positive when score >= threshold. */
export interface Confusion {
  readonly truePositives: number;
  readonly falsePositives: number;
  readonly trueNegatives: number;
  readonly falseNegatives: number;
}

export function confusionAt({ scores, labels }: Scored, threshold: number): Confusion {
  let truePositives = 0;
  let falsePositives = 0;
  let trueNegatives = 0;
  let falseNegatives = 0;
  for (let i = 0; i < scores.length; i++) {
    const positive = labels[i] === 1;
    if (scores[i]! >= threshold) {
      if (positive) truePositives += 1;
      else falsePositives += 1;
    } else if (positive) falseNegatives += 1;
    else trueNegatives += 1;
  }
  return { truePositives, falsePositives, trueNegatives, falseNegatives };
}
