import type { Generated } from 'kysely';

/** States of a job. `done` and `dead` are final; `dead` may be asked for again after a while. */
export type JobState = 'queued' | 'running' | 'waiting' | 'needs-credential' | 'done' | 'dead';

/** Which access a job needs. Never the access itself. @see DESIGN fact 8 */
export type CredentialKind = 'none' | 'tenant' | 'hook';

/** `assessments`: what may be shown to whoever proves access to the study. Rows are never updated (a trigger refuses it). */
interface AssessmentRow {
  readonly id: string;
  readonly tenant: string;
  /** {@link studyHash} */
  readonly study_hash: string;
  readonly content_digest: string;
  readonly model_name: string;
  readonly model_version: string;
  readonly status: 'final' | 'abstained' | 'failed';
  readonly reason_code: string | null;
  readonly reason_text: string | null;
  /** JSON of the `Assessment`. */
  readonly assessment: unknown;
  readonly created: Generated<Date>;
}

/** `assessment_private`: what stays in the process. No card reads it. The app shows what is drawn from it (map, distances to limits and to cases), never its scores. */
interface AssessmentPrivateRow {
  readonly assessment_id: string;
  readonly study_uid: string;
  /** JSON of the `PrivateResult`, null when the study never reached the model. */
  readonly result: unknown;
}

interface JobRow {
  readonly id: string;
  readonly tenant: string;
  readonly study_hash: string;
  readonly study_uid: string;
  readonly content_digest: string;
  readonly model_name: string;
  readonly model_version: string;
  readonly payload: unknown;
  readonly credential: CredentialKind;
  /** The process that holds the token of a `hook` credential. */
  readonly credential_owner: string | null;
  readonly state: JobState;
  readonly priority: number;
  readonly attempts: number;
  readonly max_attempts: number;
  readonly run_after: Date;
  readonly lease_id: string | null;
  readonly lease_owner: string | null;
  readonly lease_until: Date | null;
  readonly reason_code: string | null;
  readonly reason_text: string | null;
  readonly accepted_at: Generated<Date>;
  readonly started_at: Date | null;
  readonly settled_at: Date | null;
}

/** `processes`: which Fovea processes live; a row past `seen_until` is a dead one. */
interface ProcessRow {
  readonly id: string;
  readonly started: Generated<Date>;
  readonly seen_until: Date;
}

interface CardIssuedRow {
  readonly id: string;
  readonly tenant: string;
  readonly service: string;
  /** Keyed pseudonym of the user. */
  readonly user_key: string;
  /** The study key of the hook's tools: keyed, changes with the study's content. */
  readonly study_key: string;
  readonly model_name: string;
  readonly model_version: string;
  readonly finding: string | null;
  readonly hook_instance: string;
  /** The assessment that the card told of; null for none, and for cards of before this column. */
  readonly assessment_id: string | null;
  readonly created: Generated<Date>;
  readonly overridden_at: Date | null;
}

interface FeedbackRow {
  readonly card_id: string;
  readonly outcome_at: Date;
  readonly outcome: 'accepted' | 'overridden';
  readonly reason: unknown;
  readonly comment: string | null;
  readonly accepted_suggestions: unknown;
  readonly created: Generated<Date>;
}

interface SeenTokenRow {
  /** SHA-256 over issuer and `jti`. */
  readonly token_hash: string;
  readonly expires: Date;
}

/** `app_launches`: sign-ins of the SMART app. Whatever is secret or names a person is in `sealed`. */
interface AppLaunchRow {
  readonly id: string;
  /** SHA-256 of the secret in the browser's cookie. */
  readonly browser_hash: string;
  /** SHA-256 of `state` while `pending`. */
  readonly state_hash: string | null;
  readonly tenant: string;
  /** FHIR base. */
  readonly iss: string;
  readonly phase: 'pending' | 'open' | 'ended';
  /** AES-256-GCM under a key that only the browser's cookie gives; null when ended. */
  readonly sealed: string | null;
  /** The launch whose sign-in this one uses: a patient's chart opened from a worklist. */
  readonly parent: string | null;
  readonly idle_seconds: number;
  readonly created: Generated<Date>;
  readonly seen_at: Generated<Date>;
  /** When it ends at the latest. */
  readonly expires_at: Date;
  /** Until when one caller, of whatever process, has the token's renewal in hand. */
  readonly renewing_until: Date | null;
}

/** `answers`: what clinicians said of assessments. Rows are never updated (a trigger refuses it). */
interface AnswerRow {
  readonly id: string;
  readonly tenant: string;
  /** Made by the app; once a tenant. */
  readonly key: string;
  readonly assessment_id: string;
  /** {@link studyHash} */
  readonly study_hash: string;
  readonly kind: 'agree' | 'disagree' | 'not-relevant' | 'final-diagnosis' | 'acknowledge';
  readonly finding: string | null;
  /** JSON of a coding, for `disagree`. */
  readonly reason: unknown;
  readonly outcome: 'present' | 'absent' | null;
  readonly comment: string | null;
  /** FHIR base that `by_reference` counts from. */
  readonly by_server: string;
  readonly by_reference: string;
  readonly by_name: string | null;
  readonly by_role: string | null;
  readonly at: Generated<Date>;
  readonly replaces: string | null;
}

/** Every table. docs/store.md says of each column what it holds and who may see it. */
export interface Schema {
  readonly assessments: AssessmentRow;
  readonly assessment_private: AssessmentPrivateRow;
  readonly jobs: JobRow;
  readonly processes: ProcessRow;
  readonly cards_issued: CardIssuedRow;
  readonly feedback: FeedbackRow;
  readonly seen_jti: SeenTokenRow;
  readonly app_launches: AppLaunchRow;
  readonly answers: AnswerRow;
}
