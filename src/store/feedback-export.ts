import { sql } from 'kysely';
import type { AnswerKind } from '#core/app';
import type { Assessment, SetLabel } from '#core/assessment';
import type { Coding } from '#core/imaging';
import type { AnswerRow } from './answers.ts';
import type { Database } from './database.ts';

/** The result that something was said of. */
interface OfAssessment {
  readonly tenant: string;
  readonly studyHash: string;
  readonly model: { readonly name: string; readonly version: string };
}

/** An answer of the app with its assessment. */
export interface ExportedAnswer extends OfAssessment {
  readonly id: string;
  readonly at: Date;
  readonly kind: AnswerKind;
  readonly finding: string | null;
  readonly reason: Coding | null;
  readonly outcome: SetLabel | null;
  readonly comment: string | null;
  readonly byServer: string;
  readonly byReference: string;
  readonly byName: string | null;
  readonly byRole: string | null;
  readonly replaces: string | null;
  readonly assessmentId: string;
  readonly assessment: Assessment;
}

/** What an EHR told of one card. */
export interface ExportedOutcome {
  readonly card: string;
  readonly tenant: string;
  readonly model: { readonly name: string; readonly version: string };
  readonly finding: string | null;
  readonly at: Date;
  readonly outcome: 'accepted' | 'overridden';
  readonly reason: unknown;
  readonly comment: string | null;
  /** The result that the card told of; null for a card about a study without one, and where it is not known any more. */
  readonly of: { readonly id: string; readonly studyHash: string; readonly assessment: Assessment } | null;
}

/** Reads what clinicians said, for whoever answers for this Fovea. All throw ServiceError STORE_UNAVAILABLE. */
export interface FeedbackExport {
  /** Oldest first. */
  answers(): Promise<readonly ExportedAnswer[]>;
  /** Oldest first. */
  outcomes(): Promise<readonly ExportedOutcome[]>;
}

/** null: the database holds no schema of Fovea yet, or an older one than this program needs. */
export async function openFeedbackExport({
  kysely,
}: Pick<Database, 'kysely'>): Promise<FeedbackExport | null> {
  const { rows } = await sql<{ there: boolean }>`
    select exists (select from information_schema.columns
      where table_schema = current_schema() and table_name = 'cards_issued' and column_name = 'assessment_id'
    ) as there`.execute(kysely);
  if (rows[0]?.there !== true) return null;
  return {
    async answers() {
      const found = await sql<ExportedAnswerRow>`
        select n.id, n.at, n.kind, n.finding, n.reason::text as reason, n.outcome, n.comment, n.by_server,
          n.by_reference, n.by_name, n.by_role, n.replaces, n.tenant, n.study_hash, n.assessment_id, a.model_name,
          a.model_version, a.assessment::text as assessment
        from answers n join assessments a on a.id = n.assessment_id
        order by n.at, n.id`.execute(kysely);
      return found.rows.map((row) => ({
        id: row.id,
        at: row.at,
        kind: row.kind,
        finding: row.finding,
        reason: row.reason === null ? null : (JSON.parse(row.reason) as Coding),
        outcome: row.outcome,
        comment: row.comment,
        byServer: row.by_server,
        byReference: row.by_reference,
        byName: row.by_name,
        byRole: row.by_role,
        replaces: row.replaces,
        assessmentId: row.assessment_id,
        assessment: JSON.parse(row.assessment) as Assessment,
        ...ofAssessment(row),
      }));
    },
    async outcomes() {
      const found = await sql<OutcomeRow>`
        select c.id as card, c.tenant, c.model_name, c.model_version, c.finding, f.outcome_at as at, f.outcome,
          f.reason::text as reason, f.comment, a.id as assessment_id, a.study_hash,
          a.assessment::text as assessment
        from feedback f join cards_issued c on c.id = f.card_id
        left join assessments a on a.id = c.assessment_id and a.tenant = c.tenant
        order by f.outcome_at, c.id`.execute(kysely);
      return found.rows.map((row) => ({
        card: row.card,
        tenant: row.tenant,
        model: { name: row.model_name, version: row.model_version },
        finding: row.finding,
        at: row.at,
        outcome: row.outcome,
        reason: row.reason === null ? null : (JSON.parse(row.reason) as unknown),
        comment: row.comment,
        of:
          row.assessment_id === null || row.study_hash === null || row.assessment === null
            ? null
            : {
                id: row.assessment_id,
                studyHash: row.study_hash,
                assessment: JSON.parse(row.assessment) as Assessment,
              },
      }));
    },
  };
}

interface ModelRow {
  readonly tenant: string;
  readonly study_hash: string;
  readonly model_name: string;
  readonly model_version: string;
}

interface ExportedAnswerRow extends ModelRow, AnswerRow {
  readonly assessment: string;
}

interface OutcomeRow {
  readonly card: string;
  readonly tenant: string;
  readonly model_name: string;
  readonly model_version: string;
  readonly finding: string | null;
  readonly at: Date;
  readonly outcome: 'accepted' | 'overridden';
  readonly reason: string | null;
  readonly comment: string | null;
  readonly assessment_id: string | null;
  readonly study_hash: string | null;
  readonly assessment: string | null;
}

function ofAssessment(row: ModelRow): OfAssessment {
  return {
    tenant: row.tenant,
    studyHash: row.study_hash,
    model: { name: row.model_name, version: row.model_version },
  };
}
