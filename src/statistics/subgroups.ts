import {
  type EvaluationOptions,
  type EvaluationRow,
  evaluateFinding,
  type FindingEvaluation,
} from './evaluation.ts';

/** One way to part the images: age band, sex, view … */
export interface Grouping<Row extends EvaluationRow> {
  readonly by: string;
  /** null: not known; such images are a group of their own. */
  readonly valueIn: (row: Row) => string | null;
}

/** One group with its figures. */
export interface ShownSubgroup extends FindingEvaluation {
  readonly by: string;
  readonly value: string;
  readonly withheld: false;
}

/** A group whose counts are too small to show, or would give away one that is. */
export interface WithheldSubgroup {
  readonly by: string;
  readonly value: string;
  readonly withheld: true;
  readonly n: null;
}

export type Subgroup = ShownSubgroup | WithheldSubgroup;

export interface SubgroupOptions extends EvaluationOptions {
  /** Counts from 1 to one less than this are withheld. Default 11; 1 shows all. */
  readonly leastCount?: number;
}

/** The value of images that lack the attribute. */
const unknownValue = 'unknown';

/**
 * Every figure for every group. A group is withheld when its images, positives or negatives number 1 to 10, and
 * further groups, smallest first, until what is withheld together cannot be found by subtraction: at least two
 * groups, whose sums are not themselves small. A count of 0 hides nobody.
 * @see CMS cell size suppression policy
 */
export function evaluateSubgroups<Row extends EvaluationRow>(
  rows: readonly Row[],
  groupings: readonly Grouping<Row>[],
  { leastCount = 11, ...options }: SubgroupOptions = {},
): readonly Subgroup[] {
  return groupings.flatMap(({ by, valueIn }) => {
    const groups = groupBy(rows, (row) => valueIn(row) ?? unknownValue);
    const withheld = withheldValues(groups, leastCount);
    return [...groups]
      .sort(([a], [b]) => a.localeCompare(b, 'en', { numeric: true }))
      .map(
        ([value, members]): Subgroup =>
          withheld.has(value)
            ? { by, value, withheld: true, n: null }
            : { by, value, withheld: false, ...evaluateFinding(members, options) },
      );
  });
}

function groupBy<Row>(rows: readonly Row[], keyOf: (row: Row) => string): Map<string, Row[]> {
  const groups = new Map<string, Row[]>();
  for (const row of rows) {
    const key = keyOf(row);
    const members = groups.get(key) ?? [];
    members.push(row);
    groups.set(key, members);
  }
  return groups;
}

interface Counts {
  readonly n: number;
  readonly positives: number;
  readonly negatives: number;
}

function withheldValues(
  groups: ReadonlyMap<string, readonly EvaluationRow[]>,
  leastCount: number,
): ReadonlySet<string> {
  const counts = [...groups].map(([value, members]) => ({ value, counts: countsOf(members) }));
  const small = ({ n, positives, negatives }: Counts): boolean =>
    [n, positives, negatives].some((count) => count > 0 && count < leastCount);
  const withheld = counts.filter((group) => small(group.counts));
  const others = counts.filter((group) => !small(group.counts)).sort((a, b) => a.counts.n - b.counts.n);
  const derivable = (): boolean =>
    withheld.length > 0 && (withheld.length < 2 || small(sumOf(withheld.map((group) => group.counts))));
  while (derivable()) {
    const next = others.shift();
    if (next === undefined) break;
    withheld.push(next);
  }
  return new Set(withheld.map((group) => group.value));
}

function countsOf(rows: readonly EvaluationRow[]): Counts {
  const count = (label: 0 | 1): number => rows.filter((row) => row.label === label).length;
  return { n: rows.length, positives: count(1), negatives: count(0) };
}

function sumOf(all: readonly Counts[]): Counts {
  return all.reduce((sum, one) => ({
    n: sum.n + one.n,
    positives: sum.positives + one.positives,
    negatives: sum.negatives + one.negatives,
  }));
}
