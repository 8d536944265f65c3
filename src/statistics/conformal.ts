import { lowerBound } from './lower-bound.ts';

/**
 * Conformal p-value of one label: (1 + #{held-out nonconformity >= own}) / (n + 1).
 * The label is in the class-conditional set when it is above alpha; under exchangeability within the class the
 * true label is then in the set with probability at least 1 − alpha.
 * @param scores nonconformity of held-out images of that class, ascending
 * @param own nonconformity of the new image for that label
 * @see Vovk, "Conditional validity of inductive conformal predictors", 2012
 */
function conformalPValue(scores: Float64Array, own: number): number {
  return (1 + scores.length - lowerBound(scores, own)) / (scores.length + 1);
}

/** Nonconformity of the held-out images of each class of one finding, ascending. */
export interface ConformalScores {
  /** Error rate allowed in each class, (0, 1). */
  readonly alpha: number;
  /** −score of held-out positives. */
  readonly present: Float64Array;
  /** +score of held-out negatives. */
  readonly absent: Float64Array;
}

/**
 * The class-conditional conformal set of a score: none, one or both of the labels.
 * Empty: between the classes, above most negatives and below most positives. Full: cannot be told apart at this alpha.
 */
export function conformalSet(
  score: number,
  { alpha, present, absent }: ConformalScores,
): readonly ('present' | 'absent')[] {
  const set: ('present' | 'absent')[] = [];
  if (conformalPValue(present, -score) > alpha) set.push('present');
  if (conformalPValue(absent, score) > alpha) set.push('absent');
  return set;
}
