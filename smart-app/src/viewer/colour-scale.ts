/** Cividis: the same order of brightness for every eye. @see Nuñez, Anderton, Renslow, PLOS ONE 2018 */
const stops = [
  [0, 34, 78],
  [18, 53, 112],
  [59, 73, 108],
  [87, 93, 109],
  [112, 113, 115],
  [138, 134, 120],
  [165, 156, 116],
  [195, 179, 105],
  [225, 204, 85],
  [254, 232, 56],
] as const;

/** @param share [0, 1] */
export function scaleColour(share: number): string {
  const place = Math.min(1, Math.max(0, share)) * (stops.length - 1);
  const index = Math.min(stops.length - 2, Math.floor(place));
  const [from, to] = [stops[index]!, stops[index + 1]!];
  const part = place - index;
  return `rgb(${from.map((one, channel) => Math.round(one + (to[channel]! - one) * part)).join(', ')})`;
}
