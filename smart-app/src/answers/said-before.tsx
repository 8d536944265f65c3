import type { AppAnswer, AppCardFeedback } from '#core/app';
import type { FindingView } from '#core/hook-tools';
import { useWords } from '../session.tsx';
import { Recorded, RecordedLines } from '../shell/said.tsx';
import { AnswerWords } from './answer-line.tsx';

type Entry =
  | { readonly at: string; readonly answer: AppAnswer }
  | { readonly at: string; readonly feedback: AppCardFeedback };

/** What was said of this assessment: answers and what the EHR told of its cards, newest first. Nothing is ever deleted. */
export function SaidBefore({
  answers,
  feedback,
  findings,
}: {
  readonly answers: readonly AppAnswer[];
  readonly feedback: readonly AppCardFeedback[];
  readonly findings: readonly FindingView[];
}) {
  const { t, format } = useWords();
  const replaced = new Set(answers.map(({ replaces }) => replaces));
  const entries: readonly Entry[] = [
    ...answers.map((answer) => ({ at: answer.at, answer })),
    ...feedback.map((one) => ({ at: one.at, feedback: one })),
  ].sort((a, b) => Date.parse(b.at) - Date.parse(a.at));
  return (
    <section className="panel" aria-labelledby="said">
      <h2 id="said">{t('said.title')}</h2>
      {entries.length === 0 && <p className="soft">{t('said.none')}</p>}
      <ol className="said">
        {entries.map((entry) =>
          'answer' in entry ? (
            <li key={entry.answer.id} className={replaced.has(entry.answer.id) ? 'replaced' : undefined}>
              <p>
                <AnswerWords answer={entry.answer} />
                {findings.length > 1 && entry.answer.finding !== null && (
                  <>
                    {' '}
                    (
                    {findings.find(({ name }) => name === entry.answer.finding)?.label ??
                      entry.answer.finding}
                    )
                  </>
                )}
                {replaced.has(entry.answer.id) && <span className="tag">{t('said.replaced')}</span>}
              </p>
              {entry.answer.comment !== null && <RecordedLines text={entry.answer.comment} />}
              <p className="soft small">
                <Recorded text={entry.answer.by.name ?? entry.answer.by.reference} longest={80} />
                {' · '}
                {format.moment(entry.at)}
              </p>
            </li>
          ) : (
            <li key={`card ${entry.at}`}>
              <p>
                <strong>{t(`said.card.${entry.feedback.outcome}`)}</strong>
                {entry.feedback.reason !== null && (
                  <>
                    {': '}
                    <Recorded text={entry.feedback.reason} />
                  </>
                )}
              </p>
              {entry.feedback.comment !== null && <RecordedLines text={entry.feedback.comment} />}
              <p className="soft small">
                {t('said.inChart')} · {format.moment(entry.at)}
              </p>
            </li>
          ),
        )}
      </ol>
    </section>
  );
}
