import type { AppAnswer, AppReason, AppReport, AppStudy } from '#core/app';
import type { Reason } from '#core/assessment';
import type { StudyReference } from '#core/imaging';
import type { StoredAnswer } from '#store/answers';
import type { ToldStudy } from '../patient-assessments.ts';
import type { ChartRecord } from './record.ts';
import { line, lines } from './text.ts';

/** What of a study the record says, as the app gets it. */
export function studyFacts(
  { started, description, modalities }: StudyReference,
  key: string,
): Pick<AppStudy, 'key' | 'started' | 'description' | 'modalities'> {
  return {
    key,
    started,
    description: line(description),
    modalities: modalities.map((one) => line(one, 16)).filter((one) => one !== null),
  };
}

/** The report on a study of the record. */
export function reportOf(record: Pick<ChartRecord, 'reports'>, { fhirId }: StudyReference): AppReport | null {
  return fhirId === null ? null : (record.reports.get(fhirId) ?? null);
}

/** One study with what its model says. */
export function studyView(
  { asked, stored, state }: ToldStudy,
  report: AppReport | null,
  answer: StoredAnswer | null,
): AppStudy {
  const facts = {
    ...studyFacts(asked.study, asked.studyKey),
    images: state.images,
    assessment: stored?.id ?? null,
    completed: stored?.created.toISOString() ?? null,
    model: asked.model.presenter.facts,
    findings: [],
    reason: null,
    pending: null,
    report,
    answer: answer === null ? null : answerView(answer),
  };
  switch (state.state) {
    case 'final':
      return { ...facts, state: 'final', findings: state.result.findings };
    case 'abstained':
    case 'failed':
      return { ...facts, state: state.state, reason: reasonView(state.reason) };
    case 'pending':
      return {
        ...facts,
        state: 'pending',
        reason: state.lastReason === null ? null : reasonView(state.lastReason),
        pending: { since: state.since.toISOString(), usualSeconds: state.usualSeconds },
      };
  }
}

function reasonView({ code, text, help }: Reason & { readonly help: string }): AppReason {
  return { code, text, help };
}

export function answerView(answer: StoredAnswer): AppAnswer {
  return {
    id: answer.id,
    kind: answer.kind,
    finding: answer.finding,
    reason: answer.reason,
    outcome: answer.outcome,
    comment: lines(answer.comment),
    by: { name: line(answer.by.name), reference: answer.by.reference },
    at: answer.at.toISOString(),
    replaces: answer.replaces,
  };
}

/** Ids of the assessments behind studies, for their answers. */
export function assessmentIds(told: readonly { readonly stored: ToldStudy['stored'] }[]): readonly string[] {
  return told.map(({ stored }) => stored?.id).filter((id) => id !== undefined);
}
