import { sql } from 'kysely';
import type { Assessment, PrivateResult, Reason } from '#core/assessment';
import { createBatcher } from './batch.ts';
import type { Database } from './database.ts';
import { isUuid, studyHash } from './keys.ts';
import { toReason } from './reasons.ts';
import type { JobState } from './schema.ts';

/** A stored result. Immutable, so it may be kept in memory by its id. */
export interface StoredAssessment {
  readonly id: string;
  readonly created: Date;
  readonly contentDigest: string;
  readonly assessment: Assessment;
}

/** A job without a result: `dead` says why in `reason`; `done` without an assessment does not occur. */
export interface OpenJob {
  readonly id: string;
  readonly state: JobState;
  readonly acceptedAt: Date;
  readonly runAfter: Date;
  readonly attempts: number;
  /** Why the last try failed; `JOB_EXHAUSTED` with the last reason in words when `dead`. */
  readonly reason: Reason | null;
}

/** One question of a hook: what is known of this study with this model? */
export interface StudyAsk {
  readonly tenant: string;
  readonly studyInstanceUid: string;
  /** null: the newest result whatever the content, and the newest job. */
  readonly contentDigest: string | null;
  readonly model: { readonly name: string; readonly version: string };
  /** Who asks, to learn whether this user overrode a card. Both keyed pseudonyms; absent: `overridden` is false. */
  readonly viewer?: { readonly userKey: string; readonly studyKey: string };
}

export interface StudyAnswer {
  readonly assessment: StoredAssessment | null;
  /** null when there is a result, or no job. */
  readonly job: OpenJob | null;
  /**
   * The viewer overrode a card for the same study content and model version: of a result where there is one now, of its
   * absence where there is none. Who sets aside that an analysis failed has not seen the result that comes later.
   */
  readonly overridden: boolean;
}

/** Reads of assessments. Whoever calls has proved access to the study. @see DESIGN fact 9 */
export interface Assessments {
  /**
   * All studies and models of one hook call in one indexed statement; calls that come at the same time share one.
   * Answers in the order of `asks`.
   *
   * @throws ServiceError STORE_UNAVAILABLE
   */
  ask(asks: readonly StudyAsk[]): Promise<StudyAnswer[]>;
  /** One assessment of a tenant by its id with what the process keeps to itself; null when there is none. */
  byId(tenant: string, id: string): Promise<OpenedAssessment | null>;
}

/** An assessment read by its id, with what it is of and what the process keeps to itself. */
export interface OpenedAssessment extends StoredAssessment {
  /** {@link studyHash} */
  readonly studyHash: string;
  readonly model: { readonly name: string; readonly version: string };
  readonly private: PrivateResult | null;
}

interface AskRow {
  readonly position: number;
  readonly id: string | null;
  readonly created: Date | null;
  readonly content_digest: string | null;
  readonly assessment: string | null;
  readonly job_id: string | null;
  readonly state: JobState | null;
  readonly accepted_at: Date | null;
  readonly run_after: Date | null;
  readonly attempts: number | null;
  readonly reason_code: string | null;
  readonly reason_text: string | null;
  readonly overridden: boolean;
}

export function createAssessments(database: Pick<Database, 'kysely'>): Assessments {
  const ask = createBatcher<StudyAsk, StudyAnswer>(async (asks) => {
    const { rows } = await askStatement(asks).execute(database.kysely);
    const answers: StudyAnswer[] = asks.map(() => ({ assessment: null, job: null, overridden: false }));
    for (const row of rows) answers[row.position] = toAnswer(row);
    return answers;
  });
  return {
    ask,
    async byId(tenant, id) {
      if (!isUuid(id)) return null;
      const { rows } = await sql<{
        id: string;
        created: Date;
        content_digest: string;
        study_hash: string;
        model_name: string;
        model_version: string;
        assessment: string;
        result: string | null;
      }>`
        select a.id, a.created, a.content_digest, a.study_hash, a.model_name, a.model_version, a.assessment::text as assessment, p.result::text as result
        from assessments a left join assessment_private p on p.assessment_id = a.id
        where a.id = ${id} and a.tenant = ${tenant}`.execute(database.kysely);
      const row = rows[0];
      if (row === undefined) return null;
      return {
        id: row.id,
        created: row.created,
        contentDigest: row.content_digest,
        studyHash: row.study_hash,
        model: { name: row.model_name, version: row.model_version },
        assessment: JSON.parse(row.assessment) as Assessment,
        private: row.result === null ? null : (JSON.parse(row.result) as PrivateResult),
      };
    },
  };
}

/**
 * The statement of {@link Assessments.ask}, for EXPLAIN too. `lateral … limit 1` makes each part one descent of one
 * index for each ask, however many rows the tables hold.
 */
export function askStatement(asks: readonly StudyAsk[]) {
  const asked = JSON.stringify(
    asks.map((one, position) => ({
      position,
      tenant: one.tenant,
      study_hash: studyHash(one.tenant, one.studyInstanceUid),
      content_digest: one.contentDigest,
      model_name: one.model.name,
      model_version: one.model.version,
      user_key: one.viewer?.userKey ?? null,
      study_key: one.viewer?.studyKey ?? null,
    })),
  );
  return sql<AskRow>`
    select asked.position, a.id, a.created, a.content_digest, a.assessment, j.id as job_id, j.state,
      j.accepted_at, j.run_after, j.attempts, j.reason_code, j.reason_text,
      exists (
        select from cards_issued c
        where c.overridden_at is not null and c.user_key = asked.user_key and c.study_key = asked.study_key
          and c.tenant = asked.tenant and c.model_name = asked.model_name
          and c.model_version = asked.model_version
          and (c.finding is not null) = (a.id is not null and a.status = 'final')
      ) as overridden
    from json_to_recordset(${asked}::json) as asked (
      position integer, tenant text, study_hash text, content_digest text, model_name text, model_version text,
      user_key text, study_key text
    )
    left join lateral (
      select id, created, content_digest, status, assessment::text as assessment from assessments
      where study_hash = asked.study_hash and model_name = asked.model_name
        and model_version = asked.model_version and tenant = asked.tenant
        and (asked.content_digest is null or content_digest = asked.content_digest)
      order by created desc limit 1
    ) a on true
    left join lateral (
      select id, state, accepted_at, run_after, attempts, reason_code, reason_text from jobs
      where a.id is null and study_hash = asked.study_hash and model_name = asked.model_name
        and model_version = asked.model_version and tenant = asked.tenant
        and (asked.content_digest is null or content_digest = asked.content_digest)
      order by accepted_at desc limit 1
    ) j on true`;
}

function toAnswer(row: AskRow): StudyAnswer {
  const { id, created, content_digest: contentDigest, assessment } = row;
  return {
    assessment:
      id === null || created === null || contentDigest === null || assessment === null
        ? null
        : { id, created, contentDigest, assessment: JSON.parse(assessment) as Assessment },
    job:
      row.job_id === null || row.state === null || row.accepted_at === null || row.run_after === null
        ? null
        : {
            id: row.job_id,
            state: row.state,
            acceptedAt: row.accepted_at,
            runAfter: row.run_after,
            attempts: row.attempts ?? 0,
            reason: toReason(row.reason_code, row.reason_text),
          },
    overridden: row.overridden,
  };
}
