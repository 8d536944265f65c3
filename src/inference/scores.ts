/** Probabilities of exclusive classes from their logits; sums to 1. Not calibrated: never shown. */
export function softmax(logits: ArrayLike<number>): number[] {
  const values = Array.from(logits);
  const largest = Math.max(...values);
  const weights = values.map((logit) => Math.exp(logit - largest));
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return weights.map((weight) => weight / sum);
}

/**
 * The score that a finding's calibration is about, in logit units: the logit itself, or for exclusive classes the
 * log-odds of the class against all others, z − log Σ exp(z of the others).
 */
export function findingScore(logits: ArrayLike<number>, output: number, exclusive: boolean): number {
  const own = logits[output] ?? Number.NaN;
  if (!exclusive) return own;
  const others = Array.from(logits).filter((_, i) => i !== output);
  const largest = Math.max(...others);
  return own - largest - Math.log(others.reduce((sum, z) => sum + Math.exp(z - largest), 0));
}
