import type { Reason } from '#core/assessment';
import { errorTable, ServiceError } from '#core/error';
import type { AssessmentTools, PatientAssessments, StudyAssessment, StudyFacts } from '#core/hook-tools';
import type { ChartPatient, StudyReference } from '#core/imaging';
import type { Tenant } from '#core/tenant';
import type { ModelPackage } from '#inference/package-types';
import type { Assessments, StudyAnswer, StudyAsk } from '#store/assessments';
import { jobIdOf } from '#store/keys';
import type { AcceptedJob, Queue } from '#store/queue';
import type { Credentials } from './credentials.ts';
import type { DeployedModel } from './deployed.ts';
import { couldRead, isRecent } from './deployed.ts';
import { contentDigest, type Pseudonyms } from './identity-keys.ts';
import { type JobPayload, needsToken } from './job-payload.ts';
import type { Presenter } from './present.ts';

/** A deployed model with what turns its results into words. */
export interface SpeakingModel extends DeployedModel<ModelPackage> {
  readonly presenter: Presenter;
}

/** The parts that every call shares. */
export interface AssessmentParts {
  readonly store: Assessments;
  readonly queue: Queue;
  readonly credentials: Credentials;
  readonly pseudonyms: Pseudonyms;
  readonly models: () => readonly SpeakingModel[];
  readonly now: () => Date;
}

/** One call: whose it is and what it may see. */
export interface AssessmentCall {
  readonly tenant: Tenant;
  readonly userId: string;
  readonly fhirServer: string | null;
  readonly access: { readonly token: string; readonly expiresAt: number } | null;
  /** Aborts at the deadline of the call. */
  readonly signal: AbortSignal;
  /** The patient of the chart. @throws ServiceError */
  readonly readPatient: (resource: unknown) => ChartPatient;
  /** The studies of the record; `endpoints: false` leaves referenced Endpoints unread, which costs no call. */
  readonly readStudies: (
    resource: unknown,
    options: { readonly endpoints: boolean },
  ) => Promise<readonly StudyReference[]>;
}

interface Asked {
  readonly study: StudyReference;
  readonly model: SpeakingModel;
  readonly ask: StudyAsk & { readonly contentDigest: string };
  readonly jobId: string;
  readonly studyKey: string;
}

/**
 * The `assessments` tool of one hook call: reads what is stored, accepts a job for what is not, and waits for running
 * jobs until the call's deadline. The studies come from this very call, which proves access. @see DESIGN facts 1, 9
 */
export function createAssessmentTools(parts: AssessmentParts, call: AssessmentCall): AssessmentTools {
  return { forPatient: (query) => forPatient(parts, call, query) };
}

async function forPatient(
  parts: AssessmentParts,
  call: AssessmentCall,
  query: { readonly patient: unknown; readonly imagingStudies: unknown },
): Promise<PatientAssessments> {
  const { tenant } = call;
  const studies = [...(await call.readStudies(query.imagingStudies, { endpoints: false }))].sort(newestFirst);
  const recent = studies.filter((study) => isRecent(study, parts.now(), tenant.lookbackDays));
  const asked = recent.flatMap((study) => askFor(parts, call, study));
  const watch = parts.queue.watch(asked.map((one) => one.jobId));
  try {
    let answers = await parts.store.ask(asked.map((one) => one.ask));
    const missing = asked.filter((_, index) => needsJob(answers[index] as StudyAnswer));
    const accepted =
      missing.length === 0 ? new Map<string, AcceptedJob>() : await enqueueAll(parts, call, query, missing);
    while (
      !call.signal.aborted &&
      asked.some((one, index) => waits(answers[index] as StudyAnswer, accepted.get(one.jobId)))
    ) {
      await watch.next(call.signal);
      if (!call.signal.aborted) answers = await parts.store.ask(asked.map((one) => one.ask));
    }
    const told = await Promise.all(
      asked.map(async (one, index) => ({
        one,
        state: await stateOf(parts, call, one, answers[index] as StudyAnswer, accepted.get(one.jobId)),
      })),
    );
    return {
      studies: recent.flatMap((study) => {
        const states = told.filter(({ one }) => one.study === study && one.model.state === 'active');
        return oneOfStudy(states.map(({ state }) => state));
      }),
      unread: recent.length - new Set(asked.map((one) => one.study)).size,
      olderThanLookback: studies.length - recent.length,
      lookbackDays: tenant.lookbackDays,
      showLow: tenant.showLow,
    };
  } finally {
    watch.close();
  }
}

function newestFirst(a: StudyReference, b: StudyReference): number {
  return (b.started ?? '').localeCompare(a.started ?? '');
}

function askFor(parts: AssessmentParts, call: AssessmentCall, study: StudyReference): Asked[] {
  const digest = contentDigest(study);
  const studyKey = parts.pseudonyms.study(call.tenant.id, study.studyInstanceUid, digest);
  const userKey = parts.pseudonyms.user(call.tenant.id, call.userId);
  return parts
    .models()
    .filter((model) => couldRead(study, model.package.manifest))
    .map((model) => {
      const { name, version } = model.package.manifest;
      const key = {
        tenant: call.tenant.id,
        studyInstanceUid: study.studyInstanceUid,
        contentDigest: digest,
        model: { name, version },
      };
      return { study, model, studyKey, jobId: jobIdOf(key), ask: { ...key, viewer: { userKey, studyKey } } };
    });
}

function needsJob({ assessment, job }: StudyAnswer): boolean {
  return assessment === null && (job === null || job.state === 'needs-credential' || job.state === 'dead');
}

function waits({ assessment, job }: StudyAnswer, accepted: AcceptedJob | undefined): boolean {
  if (assessment !== null) return false;
  const state = job?.state ?? accepted?.state;
  return state === 'queued' || state === 'running';
}

async function enqueueAll(
  parts: AssessmentParts,
  call: AssessmentCall,
  query: { readonly patient: unknown; readonly imagingStudies: unknown },
  missing: readonly Asked[],
): Promise<Map<string, AcceptedJob>> {
  const patient = call.readPatient(query.patient);
  const resolved = new Map(
    (await call.readStudies(query.imagingStudies, { endpoints: true })).map((study) => [
      study.studyInstanceUid,
      study,
    ]),
  );
  const accepted = await Promise.all(
    missing.map(async ({ study, jobId, ask }) => {
      const whole = resolved.get(study.studyInstanceUid) ?? study;
      const credential = call.access !== null && needsToken(whole) ? 'hook' : 'none';
      if (credential === 'hook' && call.access !== null) parts.credentials.hold(jobId, call.access);
      const payload: JobPayload = { study: whole, patient, fhirServer: call.fhirServer };
      return parts.queue.enqueue({
        tenant: ask.tenant,
        studyInstanceUid: ask.studyInstanceUid,
        contentDigest: ask.contentDigest,
        model: ask.model,
        payload: { ...payload },
        credential,
        priority: 10,
        quietSeconds: call.tenant.quietSeconds,
      });
    }),
  );
  return new Map(accepted.map((job) => [job.id, job]));
}

async function stateOf(
  parts: AssessmentParts,
  call: AssessmentCall,
  { study, model, studyKey }: Asked,
  answer: StudyAnswer,
  accepted: AcceptedJob | undefined,
): Promise<StudyAssessment> {
  const facts: StudyFacts = {
    studyKey,
    started: study.started,
    description: study.description,
    modalities: study.modalities,
    overridden: answer.overridden,
  };
  const stored = answer.assessment;
  if (stored !== null) {
    if (stored.assessment.status === 'final') {
      return { ...facts, state: 'final', result: model.presenter.present(call.tenant, stored) };
    }
    const reason = helpful(stored.assessment.reason ?? { code: 'INTERNAL', text: errorTable.INTERNAL.text });
    return stored.assessment.status === 'abstained'
      ? { ...facts, state: 'abstained', assessmentId: stored.id, reason, model: model.presenter.facts }
      : { ...facts, state: 'failed', reason };
  }
  const job = answer.job ?? accepted;
  if (job === undefined || job === null) throw new ServiceError('STORE_UNAVAILABLE', { retryAfter: 1 });
  if (job.state === 'dead')
    return {
      ...facts,
      state: 'failed',
      reason: helpful(job.reason ?? { code: 'JOB_EXHAUSTED', text: errorTable.JOB_EXHAUSTED.text }),
    };
  const { name, version } = model.package.manifest;
  return {
    ...facts,
    state: 'pending',
    since: job.acceptedAt,
    usualSeconds: await parts.queue.usualSeconds({ name, version }),
    lastReason: job.reason === null ? null : helpful(job.reason),
  };
}

function helpful(reason: Reason): Reason & { readonly help: string } {
  return { ...reason, help: errorTable[reason.code].help };
}

/** How much a state tells of a study: when several models read it, the most telling ones stand for it. */
const telling = ['final', 'pending', 'failed', 'abstained'] as const;

/** What one study says when several models could read it: every result, else the running analysis, else one reason. */
function oneOfStudy(states: readonly StudyAssessment[]): readonly StudyAssessment[] {
  for (const state of telling) {
    const found = states.filter((one) => one.state === state);
    if (found.length > 0) return state === 'final' ? found : found.slice(0, 1);
  }
  return [];
}
