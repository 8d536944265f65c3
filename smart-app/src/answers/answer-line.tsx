import type { AppAnswer } from '#core/app';
import { term } from '../i18n/terms.ts';
import { useWords } from '../session.tsx';
import { Recorded, Said } from '../shell/said.tsx';

/** The newest answer in one line: what, by whom, when. */
export function AnswerLine({ answer }: { readonly answer: AppAnswer }) {
  const { format } = useWords();
  return (
    <p className="answer-line small">
      <span className="answer-mark" aria-hidden="true" />
      <span>
        <AnswerWords answer={answer} />
        <span className="soft">
          {' · '}
          <Recorded text={answer.by.name ?? answer.by.reference} longest={80} />
          {' · '}
          {format.moment(answer.at)}
        </span>
      </span>
    </p>
  );
}

/** What an answer says, without its comment. */
export function AnswerWords({ answer }: { readonly answer: AppAnswer }) {
  const { t, locale } = useWords();
  const outcome = answer.outcome === null ? null : t(`label.${answer.outcome}`);
  return (
    <>
      <strong>{t(`answer.was.${answer.kind}`)}</strong>
      {outcome !== null && `: ${outcome}`}
      {answer.reason !== null && (
        <>
          {': '}
          <Said>{term(locale, answer.reason.display)}</Said>
        </>
      )}
    </>
  );
}
