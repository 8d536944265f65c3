import { Button } from 'react-aria-components';
import type { ApiError } from '../api-error.ts';
import { useWords } from '../session.tsx';
import { PageHeading } from './frame.tsx';
import { Said } from './said.tsx';

/** Why there is no launch to show. */
export type LaunchState =
  | { readonly is: 'none' }
  | { readonly is: 'out' }
  /** The service was not told to end the session. */
  | { readonly is: 'not-out'; readonly error: ApiError }
  /** Results are told by a clinician: who is none sees none here. */
  | { readonly is: 'forbidden' }
  | { readonly is: 'ended'; readonly error: ApiError }
  | { readonly is: 'refused'; readonly error: ApiError };

/** The whole page where nobody is signed in: nothing of a patient is on it. */
export function LaunchProblem({
  state,
  drafts,
  retry,
}: {
  readonly state: LaunchState;
  /** Answers that were begun and are kept in this window. */
  readonly drafts: number;
  readonly retry: (() => void) | null;
}) {
  const { t } = useWords();
  const said = wordsOf(state);
  return (
    <section className="whole-page">
      <PageHeading title={t(said.title)}>{t(said.title)}</PageHeading>
      <p role="alert">
        {said.text !== null ? (
          t(said.text)
        ) : (
          <>
            <Said>{(state as { readonly error: ApiError }).error.text}</Said>{' '}
            <Said>{(state as { readonly error: ApiError }).error.help}</Said>
          </>
        )}
      </p>
      {drafts > 0 && <p>{t('launch.drafts', { n: drafts })}</p>}
      {retry !== null && <Button onPress={retry}>{t('common.tryAgain')}</Button>}
      {'error' in state && (
        <p className="soft small">
          {t('problem.code')} <code>{state.error.code}</code>
        </p>
      )}
    </section>
  );
}

/** `text: null`: what the service says. */
function wordsOf(state: LaunchState) {
  if (state.is === 'none') return { title: 'launch.none', text: 'launch.noneText' } as const;
  if (state.is === 'out') return { title: 'launch.out', text: 'launch.outText' } as const;
  if (state.is === 'forbidden') return { title: 'launch.forbidden', text: 'launch.forbiddenText' } as const;
  if (state.is === 'not-out') return { title: 'launch.notOut', text: 'launch.notOutText' } as const;
  const { code, text } = state.error;
  if (state.is === 'ended' || code === 'SMART_SESSION_ENDED')
    return { title: 'launch.ended', text: 'launch.endedText' } as const;
  if (code === 'OFFLINE') return { title: 'launch.offline', text: 'problem.offlineHelp' } as const;
  if (code === 'NOT_FOUND') return { title: 'launch.foreign', text: 'launch.foreignText' } as const;
  if (text === '') return { title: 'launch.refused', text: 'problem.unreadableHelp' } as const;
  return { title: 'launch.refused', text: null } as const;
}
