import type { Interval } from './intervals.ts';

/** A probability with its interval. */
export interface WithInterval {
  readonly probability: number;
  readonly interval: Interval;
}

/**
 * Moves a calibrated probability and both ends of its interval to another prevalence:
 * logit p' = logit p + logit to − logit from. 0 and 1 stay.
 * Holds when only the share of the sick differs and the sick and the healthy look as before (label shift).
 * @param from prevalence of the calibration set, (0, 1)
 * @param to prevalence where the probability is read, (0, 1)
 * @see Saerens, Latinne, Decaestecker, 2002
 */
export function shiftPrevalence(value: WithInterval, from: number, to: number): WithInterval {
  const present = to / from;
  const absent = (1 - to) / (1 - from);
  const shift = (p: number): number => weighted(p, present, absent);
  return {
    probability: shift(value.probability),
    interval: [shift(value.interval[0]), shift(value.interval[1])],
  };
}

/**
 * The same for exclusive classes: weights to / from, renormalised. An end of an interval is moved with the other
 * classes in the proportion that they have among themselves.
 * @param values one a class, probabilities summing to 1
 * @param from prevalence of each class in the calibration set, above 0
 * @param to prevalence of each class where the probabilities are read
 */
export function shiftExclusivePrevalence(
  values: readonly WithInterval[],
  from: readonly number[],
  to: readonly number[],
): readonly WithInterval[] {
  const weights = values.map((_, k) => to[k]! / from[k]!);
  const total = values.reduce((sum, { probability }, k) => sum + weights[k]! * probability, 0);
  return values.map(({ probability, interval }, k) => {
    const others = total - weights[k]! * probability;
    const rest = probability < 1 ? others / (1 - probability) : 1;
    const shift = (p: number): number => weighted(p, weights[k]!, rest);
    return { probability: shift(probability), interval: [shift(interval[0]), shift(interval[1])] };
  });
}

function weighted(p: number, present: number, absent: number): number {
  return (p * present) / (p * present + (1 - p) * absent);
}
