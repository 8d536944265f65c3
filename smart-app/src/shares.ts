/** How shares are told in natural frequencies and moved to another share of the sick: as the service does it. */

/**
 * Of how many people shares are told: 100, or 1,000 when of one of them fewer than about 1 of 100 would be on the rarer
 * side. Shares that are compared are told of the same number.
 */
export function peopleFor(...shares: readonly number[]): 100 | 1000 {
  return shares.some((share) => Math.min(share, 1 - share) < 0.0095) ? 1000 : 100;
}

/**
 * A probability moved to another prevalence: logit p' = logit p + logit to − logit from. 0 and 1 stay.
 * @see Saerens, Latinne, Decaestecker, 2002
 */
export function atShare(probability: number, from: number, to: number): number {
  const present = (to / from) * probability;
  const absent = ((1 - to) / (1 - from)) * (1 - probability);
  return present / (present + absent);
}
