/** How a share or a probability is said, the same on cards, on pages and in the terminal. */

/** Between a number and its unit: no line breaks there. */
const space = '\u00a0';

/** A probability as a whole percent, `59 %`; the ends are `<1 %` and `>99 %`, never 0 or 100. */
export function percent(share: number): string {
  if (share < 0.01) return `<1${space}%`;
  if (share > 0.99) return `>99${space}%`;
  return `${Math.round(share * 100)}${space}%`;
}

/** `[0.62, 0.94]` as `62 to 94 %`; `below 1 %` or `above 99 %` when both ends are. */
export function percentRange([low, high]: readonly [number, number]): string {
  if (high < 0.01) return `below 1${space}%`;
  if (low > 0.99) return `above 99${space}%`;
  return `${percent(low).replace(`${space}%`, '')} to ${percent(high)}`;
}

/** `59 % (41 to 78 %)`; `below 1 %` or `above 99 %`, said once, when the whole interval is. */
export function percentWithRange(share: number, interval: readonly [number, number]): string {
  const range = percentRange(interval);
  return isBeyondPercent(interval) ? range : `${percent(share)} (${range})`;
}

/** Both ends lie where whole percents do not tell them apart: below 1 % or above 99 %. */
export function isBeyondPercent([low, high]: readonly [number, number]): boolean {
  return high < 0.01 || low > 0.99;
}

/**
 * Of how many people shares are told: 100, or 1,000 when of one of them fewer than about 1 of 100 would be on the rarer
 * side. Shares that are compared are told of the same number.
 * @param shares [0, 1]
 */
export function peopleFor(...shares: readonly number[]): 100 | 1000 {
  return shares.some((share) => Math.min(share, 1 - share) < 0.0095) ? 1000 : 100;
}

/** A share in natural frequencies, `59 of 100` or `fewer than 1 of 1,000`: never none and never all. */
export function outOf(share: number, people: 100 | 1000): string {
  const count = Math.round(share * people);
  const of = `of ${people === 1000 ? '1,000' : '100'}`;
  if (count < 1) return `fewer than 1 ${of}`;
  if (count > people - 1) return `more than ${people - 1} ${of}`;
  return `${count} ${of}`;
}

/** The same as an estimate: `about 59 of 100`, `fewer than 1 of 1,000`. */
export function aboutOutOf(share: number, people: 100 | 1000): string {
  const told = outOf(share, people);
  return /^\d/.test(told) ? `about ${told}` : told;
}
