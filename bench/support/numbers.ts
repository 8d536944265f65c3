/** Quantile with linear interpolation between order statistics. @param q 0 to 1; values: at least one */
export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const position = q * (sorted.length - 1);
  const low = Math.floor(position);
  const at = (index: number) => sorted[Math.min(index, sorted.length - 1)] ?? Number.NaN;
  return at(low) + (at(low + 1) - at(low)) * (position - low);
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** Who comes first changes, so that none always finds the caches that the same other left. */
export function inTurn<Name>(names: readonly Name[], round: number): readonly Name[] {
  return round % 2 === 0 ? names : [...names].reverse();
}

/** `a[i] / b[i]`: of measurements that were made in the same round. */
export function ratios(a: readonly number[], b: readonly number[]): number[] {
  return a.map((value, index) => value / (b[index] ?? Number.NaN));
}

/** The values in `parts` parts as they came: how far these lie apart is the spread of a quantile. */
export function parted(values: readonly number[], parts: number): number[][] {
  const length = Math.ceil(values.length / parts);
  return Array.from({ length: parts }, (_, part) => values.slice(part * length, (part + 1) * length));
}

/** Measures `count` rounds of each way, one after the other in every round, so that what slows the machine slows all. */
export async function interleaved<Name extends string>(
  ways: Readonly<Record<Name, (round: number) => Promise<number> | number>>,
  count: number,
): Promise<Record<Name, number[]>> {
  const names = Object.keys(ways) as Name[];
  const found = Object.fromEntries(names.map((name) => [name, [] as number[]])) as Record<Name, number[]>;
  for (let round = 0; round < count; round++) {
    for (const name of inTurn(names, round)) found[name].push(await ways[name](round));
  }
  return found;
}

/** Milliseconds that `work` takes. */
export async function timed(work: () => unknown): Promise<number> {
  const started = performance.now();
  await work();
  return performance.now() - started;
}
