import { useEffect, useMemo, useRef, useState } from 'react';
import { Button, Label, Radio, RadioGroup, Text, TextArea, TextField } from 'react-aria-components';
import type { AnswerKind, AppAnswer, AppAnswerRequest } from '#core/app';
import type { FindingView } from '#core/hook-tools';
import type { ApiError } from '../api-error.ts';
import { type Draft, emptyDraft, useDraft } from '../drafts.ts';
import { useSession, useWords } from '../session.tsx';
import { Problem } from '../shell/states.tsx';
import { capitalised } from '../text.ts';
import { asApiError } from '../use-loaded.ts';
import { AnswerLine } from './answer-line.tsx';
import { ReasonChoice } from './reason-choice.tsx';

const longestComment = 2_000;
const kinds = ['agree', 'disagree', 'not-relevant', 'final-diagnosis'] as const;

/** Answering back: a change is a new entry, and nothing counts as said before the server has it. */
export function AnswerPanel({
  assessment,
  findings,
  answers,
  onAnswer,
}: {
  readonly assessment: string;
  readonly findings: readonly FindingView[];
  readonly answers: readonly AppAnswer[];
  readonly onAnswer: (answer: AppAnswer) => void;
}) {
  const { t } = useWords();
  const { api, context } = useSession();
  const owner = useMemo(
    () => ({ launch: context.launch, tenant: context.tenant.id, user: context.user.reference }),
    [context.launch, context.tenant.id, context.user.reference],
  );
  const [draft, setDraft, { restored }] = useDraft(owner, assessment);
  const [problem, setProblem] = useState<'kind' | 'reason' | 'outcome' | 'finding' | null>(null);
  const [error, setError] = useState<ApiError | null>(null);
  const [busy, setBusy] = useState(false);
  const [taken, setTaken] = useState(false);
  const form = useRef<HTMLFormElement>(null);
  const status = useRef<HTMLParagraphElement>(null);
  // Where there is one finding, an answer is on it; without a result it is on the assessment.
  const finding = draft.finding ?? (findings.length === 1 ? (findings[0]?.name ?? null) : null);
  const mine = answers.filter(({ by }) => by.reference === context.user.reference).at(-1);
  const offered: readonly AnswerKind[] =
    findings.length === 0 ? kinds.filter((kind) => kind === 'not-relevant') : kinds;

  const change = (part: Partial<Draft>) => {
    setProblem(null);
    setTaken(false);
    setDraft({ ...draft, ...part });
  };

  useEffect(() => {
    if (problem !== null) form.current?.querySelector<HTMLElement>(`[data-part='${problem}'] input`)?.focus();
  }, [problem]);

  const missing = (): typeof problem => {
    if (draft.kind === null) return 'kind';
    if (findings.length > 1 && draft.kind !== 'not-relevant' && finding === null) return 'finding';
    if (draft.kind === 'disagree' && draft.reason === null) return 'reason';
    if (draft.kind === 'final-diagnosis' && draft.outcome === null) return 'outcome';
    return null;
  };

  const send = async (kind: AnswerKind) => {
    const content = {
      kind,
      finding: kind === 'not-relevant' ? null : finding,
      reason: kind === 'disagree' ? draft.reason : null,
      outcome: kind === 'final-diagnosis' ? draft.outcome : null,
      comment: draft.comment.trim() === '' ? null : draft.comment.trim(),
    } satisfies Omit<AppAnswerRequest, 'key'>;
    const text = JSON.stringify(content);
    const key = draft.sent?.content === text ? draft.sent.key : crypto.randomUUID();
    setDraft({ ...draft, sent: { key, content: text } });
    setBusy(true);
    setError(null);
    try {
      const answer = await api.answer(assessment, { key, ...content });
      setDraft(emptyDraft);
      setTaken(true);
      onAnswer(answer);
      status.current?.focus();
    } catch (failure) {
      setError(asApiError(failure));
    } finally {
      setBusy(false);
    }
  };

  return (
    <section className="panel answer no-print" aria-labelledby="answer">
      <h2 id="answer" tabIndex={-1}>
        {t('answer.title')}
      </h2>
      {mine !== undefined && (
        <>
          <p className="soft small">{t('answer.yours')}</p>
          <AnswerLine answer={mine} />
        </>
      )}
      {restored && <p className="restored small">{t('answer.restored')}</p>}
      <form
        ref={form}
        onSubmit={(event) => {
          event.preventDefault();
          if (busy) return;
          const wrong = missing();
          setProblem(wrong);
          if (wrong === null && draft.kind !== null) void send(draft.kind);
        }}
      >
        <RadioGroup
          className="radios"
          data-part="kind"
          value={draft.kind}
          isInvalid={problem === 'kind'}
          onChange={(value) => change({ kind: value as AnswerKind })}
        >
          <Label>{t(mine === undefined ? 'answer.what' : 'answer.change')}</Label>
          {offered.map((kind) => (
            <Radio key={kind} value={kind} className="radio">
              {t(`answer.kind.${kind}` as 'answer.kind.agree')}
            </Radio>
          ))}
          {problem === 'kind' && (
            <Text slot="errorMessage" className="field-error">
              {t('answer.needKind')}
            </Text>
          )}
        </RadioGroup>
        {findings.length > 1 && draft.kind !== null && draft.kind !== 'not-relevant' && (
          <RadioGroup
            className="radios"
            data-part="finding"
            value={finding}
            isInvalid={problem === 'finding'}
            onChange={(value) => change({ finding: value })}
          >
            <Label>{t('answer.finding')}</Label>
            {findings.map(({ name, label }) => (
              <Radio key={name} value={name} className="radio">
                {capitalised(label)}
              </Radio>
            ))}
            {problem === 'finding' && (
              <Text slot="errorMessage" className="field-error">
                {t('answer.needFinding')}
              </Text>
            )}
          </RadioGroup>
        )}
        {draft.kind === 'disagree' && (
          <ReasonChoice
            value={draft.reason}
            wrong={problem === 'reason'}
            onChange={(reason) => change({ reason })}
          />
        )}
        {draft.kind === 'final-diagnosis' && (
          <RadioGroup
            className="radios"
            data-part="outcome"
            value={draft.outcome}
            isInvalid={problem === 'outcome'}
            onChange={(value) => change({ outcome: value as 'present' | 'absent' })}
          >
            <Label>
              {t('answer.outcome', {
                finding: findings.find(({ name }) => name === finding)?.label ?? t('answer.theFinding'),
              })}
            </Label>
            <Radio value="present" className="radio">
              {t('label.present')}
            </Radio>
            <Radio value="absent" className="radio">
              {t('label.absent')}
            </Radio>
            {problem === 'outcome' && (
              <Text slot="errorMessage" className="field-error">
                {t('answer.needOutcome')}
              </Text>
            )}
          </RadioGroup>
        )}
        {draft.kind !== null && (
          <TextField
            className="text-field"
            value={draft.comment}
            onChange={(comment) => change({ comment })}
            maxLength={longestComment}
          >
            <Label>{t('answer.comment')}</Label>
            <TextArea rows={3} />
            <Text slot="description" className="soft small">
              {t('answer.commentHelp', { n: longestComment - draft.comment.length })}
            </Text>
          </TextField>
        )}
        <Button type="submit" className="primary">
          {t(busy ? 'answer.sending' : 'answer.send')}
        </Button>
      </form>
      <p ref={status} tabIndex={-1} className="taken" aria-live="polite">
        {taken && t('answer.taken')}
      </p>
      {error !== null && (
        <Problem error={error} title={t('answer.failed')}>
          <p>{t('answer.kept')}</p>
        </Problem>
      )}
    </section>
  );
}
