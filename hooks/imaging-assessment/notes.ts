import type { PatientAssessments, StudyAssessment } from '#core/hook-tools';

/** What the last card says of everything that has no card of its own. */
export interface Untold
  extends Pick<PatientAssessments, 'unread' | 'olderThanLookback' | 'beyondNewest' | 'lookbackDays'> {
  /** Studies beyond the card limit. */
  readonly rest: readonly StudyAssessment[];
  /** The record's list of studies could not be read to its end. */
  readonly incomplete: boolean;
}

/** Where the list of studies could not be read to its end. */
export const incompleteInWords =
  'The record has more imaging studies than could be read for this answer; nothing is said of those.';

/** In words, what matters most first; null when there is nothing to say. */
export function untoldInWords(untold: Untold): string | null {
  const parts = [
    restInWords(untold.rest),
    untold.incomplete ? incompleteInWords : null,
    unseenInWords(untold),
  ].filter((part) => part !== null);
  return parts.length === 0 ? null : parts.join(' ');
}

const states = ['elevated', 'indeterminate', 'low', 'without a result', 'still in progress'] as const;

/** The studies beyond the card limit, each counted once, by what is known of it. */
function restInWords(rest: readonly StudyAssessment[]): string | null {
  const best = new Map<string, number>();
  for (const study of rest) {
    const rank = states.indexOf(stateInWords(study));
    best.set(study.studyKey, Math.min(best.get(study.studyKey) ?? rank, rank));
  }
  if (best.size === 0) return null;
  const counted = states.flatMap((state, rank) => {
    const count = [...best.values()].filter((one) => one === rank).length;
    return count === 0 ? [] : [{ state, count }];
  });
  return best.size === 1
    ? `One older study is not shown here: ${counted[0]?.state}.`
    : `${best.size} older studies are not shown here: ${counted.map(({ state, count }) => `${count} ${state}`).join(', ')}.`;
}

function stateInWords(study: StudyAssessment): (typeof states)[number] {
  if (study.state === 'pending') return 'still in progress';
  if (study.state !== 'final') return 'without a result';
  const bands = study.result.findings.map(({ band }) => band);
  return (['elevated', 'indeterminate'] as const).find((band) => bands.includes(band)) ?? 'low';
}

function unseenInWords({ unread, olderThanLookback, beyondNewest, lookbackDays }: Untold): string | null {
  const parts = [
    beyondNewest > 0 ? `${studies(beyondNewest)} beyond the newest ones` : null,
    olderThanLookback > 0 ? `${studies(olderThanLookback)} older than ${lookbackDays} days` : null,
    unread > 0 ? `${studies(unread)} of a kind that no model here reads` : null,
  ].filter((part) => part !== null);
  return parts.length === 0 ? null : `Not looked at: ${parts.join(', ')}.`;
}

function studies(count: number): string {
  return count === 1 ? '1 study' : `${count} studies`;
}
