import { randomUUID } from 'node:crypto';
import { sql } from 'kysely';
import type { AnswerKind } from '#core/app';
import type { SetLabel } from '#core/assessment';
import { ServiceError } from '#core/error';
import type { Coding } from '#core/imaging';
import type { Database } from './database.ts';
import { storableJson } from './storable.ts';

/** Who answered. */
export interface AnswerAuthor {
  /** FHIR base of the EHR that says who it is. */
  readonly server: string;
  /** `Practitioner/12`. */
  readonly reference: string;
  readonly name: string | null;
  readonly role: string | null;
}

/** An answer to be stored. */
export interface NewAnswer {
  readonly tenant: string;
  /** UUID made by the app: the same key twice is one answer. */
  readonly key: string;
  readonly assessmentId: string;
  /** Of the assessment. */
  readonly studyHash: string;
  readonly kind: AnswerKind;
  readonly finding: string | null;
  readonly reason: Coding | null;
  readonly outcome: SetLabel | null;
  readonly comment: string | null;
  readonly by: AnswerAuthor;
}

/** A stored answer. Immutable: a new one takes its place. */
export interface StoredAnswer extends Omit<NewAnswer, 'tenant' | 'key' | 'studyHash'> {
  readonly id: string;
  readonly at: Date;
  /** The answer of the same person on the same finding that this one takes the place of. */
  readonly replaces: string | null;
}

/** What the EHR told of one card. */
export interface CardOutcome {
  readonly outcome: 'accepted' | 'overridden';
  /** As sent: a Coding, or anything. */
  readonly reason: unknown;
  readonly comment: string | null;
  readonly at: Date;
}

/** What clinicians said of assessments. All throw ServiceError STORE_UNAVAILABLE, STORE_FULL. */
export interface Answers {
  /**
   * Stores an answer, once by tenant and key.
   * @throws ServiceError INVALID_REQUEST where the key stands for another answer
   */
  add(answer: NewAnswer): Promise<StoredAnswer>;
  /** Every answer to one assessment, oldest first. */
  of(tenant: string, assessmentId: string): Promise<readonly StoredAnswer[]>;
  /** The newest answer to each of these assessments that has one. */
  newest(tenant: string, assessmentIds: readonly string[]): Promise<ReadonlyMap<string, StoredAnswer>>;
  /** What the EHR told of the cards on one content of a study from one model version, oldest first. */
  cardOutcomes(
    tenant: string,
    studyKey: string,
    model: { readonly name: string; readonly version: string },
  ): Promise<readonly CardOutcome[]>;
}

/** A row of `answers` as it is read. */
export interface AnswerRow {
  readonly id: string;
  readonly assessment_id: string;
  readonly kind: AnswerKind;
  readonly finding: string | null;
  readonly reason: string | null;
  readonly outcome: SetLabel | null;
  readonly comment: string | null;
  readonly by_server: string;
  readonly by_reference: string;
  readonly by_name: string | null;
  readonly by_role: string | null;
  readonly at: Date;
  readonly replaces: string | null;
}

/** Kinds of which one takes the place of another: what one holds of the finding, what it turned out to be, that one saw it. */
const groups: readonly (readonly AnswerKind[])[] = [
  ['agree', 'disagree', 'not-relevant'],
  ['final-diagnosis'],
  ['acknowledge'],
];

const columns = sql.raw(
  'id, assessment_id, kind, finding, reason::text as reason, outcome, comment, by_server, by_reference, by_name, by_role, at, replaces',
);

export function createAnswers({ kysely }: Pick<Database, 'kysely'>): Answers {
  return {
    async add(answer) {
      const { by } = answer;
      const group = groups.find((kinds) => kinds.includes(answer.kind)) ?? [answer.kind];
      const reason = answer.reason === null ? null : storableJson(answer.reason);
      return kysely.transaction().execute(async (transaction) => {
        // Answers of one person to one assessment come one after the other, so each replaces the one before.
        const turn = JSON.stringify([answer.assessmentId, by.server, by.reference]);
        await sql`select pg_advisory_xact_lock(hashtextextended(${turn}, 0))`.execute(transaction);
        const { rows } = await sql<AnswerRow>`
          insert into answers (id, tenant, key, assessment_id, study_hash, kind, finding, reason, outcome, comment,
            by_server, by_reference, by_name, by_role, at, replaces)
          values (${randomUUID()}, ${answer.tenant}, ${answer.key}, ${answer.assessmentId}, ${answer.studyHash},
            ${answer.kind}, ${answer.finding}, ${reason}::json, ${answer.outcome}, ${answer.comment}, ${by.server},
            ${by.reference}, ${by.name}, ${by.role}, clock_timestamp(), (
              select id from answers
              where assessment_id = ${answer.assessmentId} and tenant = ${answer.tenant}
                and by_server = ${by.server} and by_reference = ${by.reference}
                and finding is not distinct from ${answer.finding}::text
                and kind in (select json_array_elements_text(${JSON.stringify(group)}::json))
              order by at desc limit 1))
          on conflict (tenant, key) do nothing
          returning ${columns}`.execute(transaction);
        if (rows[0] !== undefined) return toAnswer(rows[0]);
        const stood = await sql<AnswerRow>`
          select ${columns} from answers
          where tenant = ${answer.tenant} and key = ${answer.key}`.execute(transaction);
        const same = stood.rows.map(toAnswer).find((one) => isSame(one, answer));
        if (same === undefined)
          throw new ServiceError('INVALID_REQUEST', {
            detail: 'The key of the answer stands for another one.',
          });
        return same;
      });
    },
    async of(tenant, assessmentId) {
      const { rows } = await sql<AnswerRow>`
        select ${columns} from answers
        where assessment_id = ${assessmentId} and tenant = ${tenant} order by at, id`.execute(kysely);
      return rows.map(toAnswer);
    },
    async newest(tenant, assessmentIds) {
      if (assessmentIds.length === 0) return new Map();
      const { rows } = await sql<AnswerRow>`
        select newest.* from json_array_elements_text(${JSON.stringify(assessmentIds)}::json) as asked (id),
          lateral (
            select ${columns} from answers
            where assessment_id = asked.id::uuid and tenant = ${tenant} order by at desc limit 1
          ) newest`.execute(kysely);
      return new Map(rows.map((row) => [row.assessment_id, toAnswer(row)]));
    },
    async cardOutcomes(tenant, studyKey, { name, version }) {
      const { rows } = await sql<Omit<CardOutcome, 'reason'> & { readonly reason: string | null }>`
        select f.outcome, f.reason::text as reason, f.comment, f.outcome_at as at
        from cards_issued c join feedback f on f.card_id = c.id
        where c.study_key = ${studyKey} and c.tenant = ${tenant}
          and c.model_name = ${name} and c.model_version = ${version}
        order by f.outcome_at`.execute(kysely);
      return rows.map((row) => ({
        ...row,
        reason: row.reason === null ? null : (JSON.parse(row.reason) as unknown),
      }));
    },
  };
}

function toAnswer(row: AnswerRow): StoredAnswer {
  return {
    id: row.id,
    assessmentId: row.assessment_id,
    kind: row.kind,
    finding: row.finding,
    reason: row.reason === null ? null : (JSON.parse(row.reason) as Coding),
    outcome: row.outcome,
    comment: row.comment,
    by: { server: row.by_server, reference: row.by_reference, name: row.by_name, role: row.by_role },
    at: row.at,
    replaces: row.replaces,
  };
}

function isSame(stood: StoredAnswer, sent: NewAnswer): boolean {
  return (
    stood.assessmentId === sent.assessmentId &&
    stood.kind === sent.kind &&
    stood.finding === sent.finding &&
    stood.reason?.code === sent.reason?.code &&
    stood.outcome === sent.outcome &&
    stood.comment === sent.comment &&
    stood.by.server === sent.by.server &&
    stood.by.reference === sent.by.reference
  );
}
