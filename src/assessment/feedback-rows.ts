import type { Assessment, FindingResult } from '#core/assessment';
import type { ExportedAnswer, ExportedOutcome, FeedbackExport } from '#store/feedback-export';

/** One thing that was said of one result, as a label: in the app by a clinician, or of a card by the EHR. */
export interface FeedbackRow {
  readonly source: 'app' | 'card';
  readonly id: string;
  /** ISO 8601. */
  readonly at: string;
  readonly tenant: string;
  /** null: the card told of no result, or went out before this was remembered. */
  readonly assessment: string | null;
  /** Name of the study in the store; the same for every result of one study. */
  readonly study: string | null;
  readonly model: string;
  readonly version: string;
  readonly status: Assessment['status'] | null;
  readonly finding: string | null;
  /** Of the finding, at the calibration set's share. */
  readonly probability: number | null;
  readonly band: FindingResult['band'] | null;
  /** Of the app: the kind of answer; of a card: `accepted` or `overridden`. */
  readonly kind: string;
  readonly reasonCode: string | null;
  readonly reason: string | null;
  /** Of a final diagnosis. */
  readonly outcome: string | null;
  readonly comment: string | null;
  readonly server: string | null;
  readonly by: string | null;
  readonly name: string | null;
  readonly role: string | null;
  /** The answer of the same person that this one takes the place of. */
  readonly replaces: string | null;
}

/** Columns in the order in which they are written. */
export const feedbackColumns: readonly (keyof FeedbackRow)[] = [
  'source',
  'id',
  'at',
  'tenant',
  'assessment',
  'study',
  'model',
  'version',
  'status',
  'finding',
  'probability',
  'band',
  'kind',
  'reasonCode',
  'reason',
  'outcome',
  'comment',
  'server',
  'by',
  'name',
  'role',
  'replaces',
];

/** Everything that was said, oldest first. */
export async function feedbackRows(source: FeedbackExport): Promise<readonly FeedbackRow[]> {
  const rows = [...(await source.answers()).map(answerRow), ...(await source.outcomes()).map(outcomeRow)];
  return rows.sort((a, b) => a.at.localeCompare(b.at));
}

function answerRow(answer: ExportedAnswer): FeedbackRow {
  return {
    source: 'app',
    id: answer.id,
    at: answer.at.toISOString(),
    tenant: answer.tenant,
    assessment: answer.assessmentId,
    study: answer.studyHash,
    model: answer.model.name,
    version: answer.model.version,
    ...resultOf(answer.assessment, answer.finding),
    kind: answer.kind,
    reasonCode: answer.reason?.code ?? null,
    reason: answer.reason?.display ?? null,
    outcome: answer.outcome,
    comment: answer.comment,
    server: answer.byServer,
    by: answer.byReference,
    name: answer.byName,
    role: answer.byRole,
    replaces: answer.replaces,
  };
}

function outcomeRow(one: ExportedOutcome): FeedbackRow {
  const { code = null, display = null } = (
    typeof one.reason === 'object' && one.reason !== null ? one.reason : {}
  ) as { readonly code?: unknown; readonly display?: unknown };
  return {
    source: 'card',
    id: one.card,
    at: one.at.toISOString(),
    tenant: one.tenant,
    assessment: one.of?.id ?? null,
    study: one.of?.studyHash ?? null,
    model: one.model.name,
    version: one.model.version,
    ...resultOf(one.of?.assessment ?? null, one.finding),
    kind: one.outcome,
    reasonCode: code === null ? null : String(code),
    reason: display === null ? null : String(display),
    outcome: null,
    comment: one.comment,
    server: null,
    by: null,
    name: null,
    role: null,
    replaces: null,
  };
}

function resultOf(
  assessment: Assessment | null,
  finding: string | null,
): Pick<FeedbackRow, 'status' | 'finding' | 'probability' | 'band'> {
  const found = assessment?.findings.find(({ name }) => name === finding);
  return {
    status: assessment?.status ?? null,
    finding,
    probability: found?.probability ?? null,
    band: found?.band ?? null,
  };
}
