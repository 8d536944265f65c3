import { useRef, useState } from 'react';
import { Button } from 'react-aria-components';
import type { AppAnswer, AppWorklistEntry } from '#core/app';
import { AnswerLine } from '../answers/answer-line.tsx';
import type { ApiError } from '../api-error.ts';
import { studyIn } from '../i18n/terms.ts';
import { useSession, useWords } from '../session.tsx';
import { Recorded, Said } from '../shell/said.tsx';
import { Problem } from '../shell/states.tsx';
import { cut, plainText } from '../text.ts';
import { FindingLine, NoResult, StudyName } from '../timeline/study-words.tsx';
import { asApiError } from '../use-loaded.ts';
import { bandOf } from './filtering.ts';

/** One study of one patient: whose, what, and what can be done with it here. */
export function WorklistRow({
  entry,
  onAnswer,
}: {
  readonly entry: AppWorklistEntry;
  readonly onAnswer: (assessment: string, answer: AppAnswer) => void;
}) {
  const { t, format, locale } = useWords();
  const { patient } = entry;
  const study = studyIn(locale, entry.study);
  const name = patient.name === null ? t('patient.noName') : cut(plainText(patient.name), 80);
  return (
    <li className={`entry ${bandOf(entry) ?? 'none'}`}>
      <div className="entry-patient">
        <h3>
          <bdi>{name}</bdi>
        </h3>
        <p className="soft small">
          {patient.birthDate !== null && `${t('patient.born')} ${format.date(patient.birthDate)}`}
          {patient.identifiers[0] !== undefined && (
            <>
              {' · '}
              <Recorded text={patient.identifiers[0]} longest={40} />
            </>
          )}
        </p>
      </div>
      <div className="entry-study">
        <p>
          <StudyName study={study} />
          <span className="soft"> · {format.dateTime(study.started)}</span>
        </p>
        {study.report !== null && (
          <p>
            <span className="tag report-tag">{t('report.there')}</span>
          </p>
        )}
        {study.state === 'final' ? (
          study.findings.map((finding) => <FindingLine key={finding.name} finding={finding} />)
        ) : (
          <NoResult study={study} moves={false} />
        )}
        <p className="soft small">
          <Said>{study.model.title}</Said>
        </p>
      </div>
      <RowActions entry={entry} name={name} onAnswer={onAnswer} />
    </li>
  );
}

function RowActions({
  entry,
  name,
  onAnswer,
}: {
  readonly entry: AppWorklistEntry;
  readonly name: string;
  readonly onAnswer: (assessment: string, answer: AppAnswer) => void;
}) {
  const { t } = useWords();
  const { api } = useSession();
  const { study, patientKey } = entry;
  const [busy, setBusy] = useState(false);
  const [failed, setFailed] = useState<{ readonly error: ApiError; readonly title: string } | null>(null);
  // The same click sent again is one answer.
  const key = useRef<string | null>(null);
  const open = useRef<HTMLButtonElement>(null);

  const acknowledge = async (assessment: string) => {
    if (busy) return;
    setBusy(true);
    setFailed(null);
    key.current ??= crypto.randomUUID();
    try {
      const answer = await api.answer(assessment, {
        key: key.current,
        kind: 'acknowledge',
        finding: null,
        reason: null,
        outcome: null,
        comment: null,
      });
      onAnswer(assessment, answer);
      open.current?.focus();
    } catch (error) {
      setFailed({ error: asApiError(error), title: t('worklist.acknowledgeFailed') });
    } finally {
      setBusy(false);
    }
  };
  const openPatient = async () => {
    if (busy) return;
    setBusy(true);
    setFailed(null);
    try {
      location.assign(await api.open(patientKey, new AbortController().signal));
    } catch (error) {
      setFailed({ error: asApiError(error), title: t('worklist.openFailed') });
      setBusy(false);
    }
  };
  return (
    <div className="entry-actions">
      {study.answer !== null && <AnswerLine answer={study.answer} />}
      <div className="buttons">
        {study.assessment !== null && study.answer === null && (
          <Button
            className="quiet"
            aria-label={t('worklist.acknowledgeOf', { name })}
            onPress={() => void acknowledge(study.assessment as string)}
          >
            {t('worklist.acknowledge')}
          </Button>
        )}
        <Button ref={open} aria-label={t('worklist.openOf', { name })} onPress={() => void openPatient()}>
          {t('worklist.open')}
        </Button>
      </div>
      {failed !== null && <Problem error={failed.error} title={failed.title} />}
    </div>
  );
}
