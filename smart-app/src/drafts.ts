import { useCallback, useState } from 'react';
import type { AnswerKind } from '#core/app';
import type { SetLabel } from '#core/assessment';

/** An answer that was begun and not yet taken. */
export interface Draft {
  readonly kind: AnswerKind | null;
  readonly finding: string | null;
  readonly reason: string | null;
  readonly outcome: SetLabel | null;
  readonly comment: string;
  /** Key of the last try and what was sent with it: the same content is sent again under the same key. */
  readonly sent: { readonly key: string; readonly content: string } | null;
}

export const emptyDraft: Draft = {
  kind: null,
  finding: null,
  reason: null,
  outcome: null,
  comment: '',
  sent: null,
};

/** Whose draft it is: one of another user or EHR is never shown. */
export interface DraftOwner {
  readonly launch: string;
  readonly tenant: string;
  readonly user: string;
}

interface Stored extends DraftOwner {
  readonly assessment: string;
  readonly draft: Draft;
}

const prefix = 'fovea.draft/';
const addressOf = (launch: string, assessment: string) => `${prefix}${launch}/${assessment}`;

/**
 * The draft of one assessment, kept in this window for as long as it is open, so that the end of a session loses
 * nothing. A new launch by the same user in the same window takes over what the old one left.
 */
export function useDraft(
  owner: DraftOwner,
  assessment: string,
): readonly [Draft, (draft: Draft) => void, { readonly restored: boolean }] {
  const [state, setState] = useState(() => {
    const found = draftOf(owner, assessment);
    return { draft: found?.draft ?? emptyDraft, restored: found !== null };
  });
  const set = useCallback(
    (draft: Draft) => {
      setState({ draft, restored: false });
      keep({ ...owner, assessment, draft });
    },
    [owner, assessment],
  );
  return [state.draft, set, { restored: state.restored }];
}

/** How many answers this launch has begun and not sent. */
export function countDrafts(launch: string): number {
  return stored().filter((one) => one.value.launch === launch).length;
}

/** At logout: nothing of the launch stays in the window. */
export function dropDrafts(launch: string): void {
  for (const { key, value } of stored()) if (value.launch === launch) sessionStorage.removeItem(key);
}

function draftOf(owner: DraftOwner, assessment: string): Stored | null {
  const mine = stored().filter(
    ({ value }) =>
      value.assessment === assessment && value.user === owner.user && value.tenant === owner.tenant,
  );
  const found = mine.find(({ value }) => value.launch === owner.launch) ?? mine[0];
  if (found === undefined) return null;
  if (found.value.launch !== owner.launch) {
    sessionStorage.removeItem(found.key);
    keep({ ...found.value, ...owner });
  }
  return found.value;
}

function keep(entry: Stored): void {
  const key = addressOf(entry.launch, entry.assessment);
  const { kind, reason, outcome, comment } = entry.draft;
  try {
    if (kind === null && reason === null && outcome === null && comment === '')
      sessionStorage.removeItem(key);
    else sessionStorage.setItem(key, JSON.stringify(entry));
  } catch (error) {
    // A window without storage keeps what is typed only as long as the page stays.
    if (!(error instanceof DOMException)) throw error;
  }
}

function stored(): readonly { readonly key: string; readonly value: Stored }[] {
  try {
    return Object.keys(sessionStorage)
      .filter((key) => key.startsWith(prefix))
      .flatMap((key) => {
        const value = parsed(sessionStorage.getItem(key) ?? '');
        return value === null ? [] : [{ key, value }];
      });
  } catch (error) {
    if (error instanceof DOMException) return [];
    throw error;
  }
}

function parsed(text: string): Stored | null {
  try {
    const value = JSON.parse(text) as Stored;
    return typeof value.draft?.comment === 'string' ? value : null;
  } catch {
    return null;
  }
}
