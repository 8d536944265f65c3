import type { Reason } from '#core/assessment';
import { errorTable, isErrorCode } from '#core/error';

/** A stored reason; one whose code this program does not know (a newer one's) is INTERNAL. */
export function toReason(code: string | null, text: string | null): Reason | null {
  if (code === null) return null;
  return { code: isErrorCode(code) ? code : 'INTERNAL', text: text ?? '' };
}

/** Why a job is dead, with the reason of its last try in words. */
export function exhausted(last: string): Reason {
  return {
    code: 'JOB_EXHAUSTED',
    text: `${errorTable.JOB_EXHAUSTED.text} The reason of the last try: ${last}`,
  };
}
