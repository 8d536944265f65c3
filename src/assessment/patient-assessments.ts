import type { Reason } from '#core/assessment';
import { errorTable, ServiceError } from '#core/error';
import type { AssessmentTools, PatientAssessments, StudyAssessment, StudyFacts } from '#core/hook-tools';
import { isClinician } from '#core/hook-tools';
import type { ChartPatient, StudyReference } from '#core/imaging';
import type { Tenant } from '#core/tenant';
import type { ImagingStudies } from '#fhir/imaging-study';
import type { ModelPackage } from '#inference/package-types';
import type { Assessments, StoredAssessment, StudyAnswer, StudyAsk } from '#store/assessments';
import { jobIdOf } from '#store/keys';
import type { AcceptedJob, Queue } from '#store/queue';
import type { Watch } from '#store/watch';
import type { Credentials } from './credentials.ts';
import type { DeployedModel } from './deployed.ts';
import { couldRead, countImages, isRecent } from './deployed.ts';
import { contentDigest, imagesDigest, type Pseudonyms } from './identity-keys.ts';
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

/** Who asks, a hook call or a launch of the app, and with what access. */
export interface Asker {
  readonly tenant: Tenant;
  readonly userId: string;
  readonly fhirServer: string | null;
  readonly access: { readonly token: string; readonly expiresAt: number } | null;
  /** Gives what aborts when the answer has to be worded. Only a call that waits asks for it. */
  readonly startWaiting: () => AbortSignal;
}

/** One hook call: whose it is and what it may see. */
export interface AssessmentCall extends Asker {
  /** The patient of the chart. @throws ServiceError */
  readonly readPatient: (resource: unknown) => ChartPatient;
  /** The studies of the record; Endpoints that are not in it are read by the job. */
  readonly readStudies: (resource: unknown) => Pick<ImagingStudies, 'studies'>;
}

/** One study with one model that could read it. */
export interface AskedStudy {
  readonly study: StudyReference;
  readonly patient: ChartPatient;
  readonly model: SpeakingModel;
  readonly ask: StudyAsk & { readonly contentDigest: string };
  readonly jobId: string;
  readonly studyKey: string;
}

/** The studies of one chart, each list newest first. */
export interface ChartStudies {
  /** Within the lookback, the newest 50: what is asked about. */
  readonly recent: readonly StudyReference[];
  /** Within the lookback, beyond the newest 50. */
  readonly beyondNewest: readonly StudyReference[];
  readonly older: readonly StudyReference[];
}

/** What is told of one asked study, and the stored result behind it. */
export interface ToldStudy {
  readonly asked: AskedStudy;
  readonly stored: StoredAssessment | null;
  readonly state: StudyAssessment;
}

/** What is known of one asked study: its result or its job. */
interface Known extends Omit<StudyAnswer, 'job'> {
  readonly job: Pick<AcceptedJob, 'state' | 'acceptedAt' | 'reason'> | null;
}

interface Query {
  readonly patient: unknown;
  readonly imagingStudies: unknown;
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
  query: Query,
): Promise<PatientAssessments> {
  const { tenant } = call;
  const record = call.readStudies(query.imagingStudies);
  const { recent, beyondNewest, older } = sortStudies(parts, call, record.studies);
  const patient = recent.length > 0 ? call.readPatient(query.patient) : null;
  const asked = patient === null ? [] : recent.flatMap((study) => askFor(parts, call, study, patient));
  const told = await settleStudies(parts, call, asked);
  return {
    studies: recent.flatMap((study) =>
      oneOfStudy(told.filter((one) => one.asked.study === study).map(({ state }) => state)),
    ),
    unread: recent.length - new Set(told.map((one) => one.asked.study)).size,
    olderThanLookback: older.length,
    beyondNewest: beyondNewest.length,
    lookbackDays: tenant.lookbackDays,
    showLow: tenant.showLow,
  };
}

/** The studies of a chart as they are looked at; none for a patient or a related person. */
export function sortStudies(
  { now }: Pick<AssessmentParts, 'now'>,
  { tenant, userId }: Pick<Asker, 'tenant' | 'userId'>,
  studies: readonly StudyReference[],
): ChartStudies {
  const all = isClinician(userId) ? [...studies].sort(newestFirst) : [];
  const within = all.filter((study) => isRecent(study, now(), tenant.lookbackDays));
  return {
    recent: within.slice(0, mostStudies),
    beyondNewest: within.slice(mostStudies),
    older: all.filter((study) => !within.includes(study)),
  };
}

/**
 * What is known of each asked study of an active model, in their order: the stored result, else its job, which is
 * accepted where there is none; running jobs are waited for until the asker's signal aborts.
 *
 * @param asked of {@link askFor}: studies to which this very asker has proved access
 * @throws ServiceError STORE_UNAVAILABLE, STORE_FULL
 */
export async function settleStudies(
  parts: AssessmentParts,
  asker: Asker,
  asked: readonly AskedStudy[],
): Promise<readonly ToldStudy[]> {
  const usual = usualTimes(parts);
  const watch = parts.queue.watch(asked.map((one) => one.jobId));
  try {
    const known = await settle(parts, asker, asked, { watch, usual });
    return await Promise.all(
      asked
        .map((one, index) => ({ one, known: known[index] as Known }))
        .filter(({ one }) => isActive(one))
        .map(({ one, known }) => tell(asker, one, known, usual)),
    );
  } finally {
    watch.close();
  }
}

/**
 * What is stored of each asked study of an active model, without accepting a job or waiting; studies without a result
 * and without a job are left out.
 *
 * @throws ServiceError STORE_UNAVAILABLE
 */
export async function readStates(
  parts: AssessmentParts,
  asker: Asker,
  asked: readonly AskedStudy[],
): Promise<readonly ToldStudy[]> {
  const usual = usualTimes(parts);
  const active = asked.filter(isActive);
  const known = await parts.store.ask(active.map((one) => one.ask));
  return Promise.all(
    active
      .map((one, index) => ({ one, known: known[index] as Known }))
      .filter(({ known: { assessment, job } }) => assessment !== null || job !== null)
      .map(({ one, known }) => tell(asker, one, known, usual)),
  );
}

/** What is told of an asked study whose result is at hand. */
export function tellStored(
  parts: AssessmentParts,
  asker: Pick<Asker, 'tenant'>,
  asked: AskedStudy,
  stored: StoredAssessment,
): Promise<ToldStudy> {
  return tell(asker, asked, { assessment: stored, job: null, overridden: false }, usualTimes(parts));
}

async function tell(
  asker: Pick<Asker, 'tenant'>,
  asked: AskedStudy,
  known: Known,
  usual: UsualTimes,
): Promise<ToldStudy> {
  return { asked, stored: known.assessment, state: await stateOf(asker, asked, known, usual) };
}

/** Studies that one call looks at, the newest: a record of any length is work of a bounded size. */
const mostStudies = 50;

/** Asks, accepts jobs for what has no result, and asks again until nothing is running or the time is up. */
async function settle(
  parts: AssessmentParts,
  call: Asker,
  asked: readonly AskedStudy[],
  { watch, usual }: { readonly watch: Watch; readonly usual: UsualTimes },
): Promise<readonly Known[]> {
  const ask = (): Promise<readonly Known[]> => parts.store.ask(asked.map((one) => one.ask));
  let known = await ask();
  const missing = asked.filter((_, index) => needsJob(known[index] as Known));
  const waits = () => asked.some((one, index) => isActive(one) && isUnderWay(known[index] as Known));
  if (missing.length === 0 && !waits()) return known;

  const signal = call.startWaiting();
  if (missing.length > 0) {
    const accepted = new Map(
      await Promise.all(missing.map(async (one) => [one.jobId, await accept(parts, call, one)] as const)),
    );
    // A job that ended since it was asked for has its result by now.
    const isStale = [...accepted.values()].some((job) => job.state === 'done');
    known = isStale
      ? await ask()
      : known.map((one, index) => ({
          ...one,
          job: accepted.get((asked[index] as AskedStudy).jobId) ?? one.job,
        }));
  }
  for (const [index, one] of asked.entries()) if (isUnderWay(known[index] as Known)) usual.begin(one.model);
  while (!signal.aborted && waits()) {
    await watch.next(signal);
    if (!signal.aborted) known = await ask();
  }
  return known;
}

/** The usual time of each model's jobs, asked for once a call and while the call waits anyway. */
interface UsualTimes {
  begin(model: SpeakingModel): void;
  of(model: SpeakingModel): Promise<number | null>;
}

function usualTimes({ queue }: AssessmentParts): UsualTimes {
  const asked = new Map<SpeakingModel, Promise<number | null>>();
  const of = (model: SpeakingModel): Promise<number | null> => {
    const { name, version } = model.package.manifest;
    const usual = asked.get(model) ?? queue.usualSeconds({ name, version });
    asked.set(model, usual);
    return usual;
  };
  return {
    of,
    begin(model) {
      // Its failure is told to whoever asks for it.
      of(model).catch(() => undefined);
    },
  };
}

/** Results of other deployments are stored and never shown, so nobody waits for them. */
function isActive({ model }: AskedStudy): boolean {
  return model.state === 'active';
}

/** By the time at which the study began; those without one come last. */
function newestFirst(a: StudyReference, b: StudyReference): number {
  const [first, second] = [a, b].map(({ started }) => Date.parse(started ?? '')) as [number, number];
  if (Number.isNaN(first) || Number.isNaN(second))
    return Number(Number.isNaN(first)) - Number(Number.isNaN(second));
  return second - first;
}

/** The asks of one study: one for each deployed model that could read it. */
export function askFor(
  parts: Pick<AssessmentParts, 'pseudonyms' | 'models'>,
  call: Pick<Asker, 'tenant' | 'userId'>,
  study: StudyReference,
  patient: ChartPatient,
): AskedStudy[] {
  const images = imagesDigest(study);
  const digest = contentDigest(images, patient);
  // What a user overrides is the picture, whatever is corrected in the chart.
  const studyKey = parts.pseudonyms.study(call.tenant.id, study.studyInstanceUid, images);
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
      return {
        study,
        patient,
        model,
        studyKey,
        jobId: jobIdOf(key),
        ask: { ...key, viewer: { userKey, studyKey } },
      };
    });
}

function needsJob({ assessment, job }: Known): boolean {
  return assessment === null && (job === null || job.state === 'needs-credential' || job.state === 'dead');
}

function isUnderWay({ assessment, job }: Known): boolean {
  return assessment === null && (job?.state === 'queued' || job?.state === 'running');
}

/** Accepts the job, with the token of the call where it is of use. */
async function accept(
  { queue, credentials }: AssessmentParts,
  { access, tenant, fhirServer }: Asker,
  asked: AskedStudy,
): Promise<AcceptedJob> {
  const { jobId, ask, study, patient } = asked;
  const payload: JobPayload = { study, patient, fhirServer };
  const held = access !== null && needsToken(payload, tenant);
  // Before the job can be claimed.
  if (held) credentials.hold(jobId, access);
  const job = await queue.enqueue({
    tenant: ask.tenant,
    studyInstanceUid: ask.studyInstanceUid,
    contentDigest: ask.contentDigest,
    model: ask.model,
    payload: { ...payload },
    credential: held ? 'hook' : 'none',
    // Somebody waits for it, unless it is never shown.
    priority: isActive(asked) ? 10 : 0,
    quietSeconds: tenant.quietSeconds,
  });
  if (job.state === 'dead' || job.state === 'done') credentials.drop(jobId);
  return job;
}

async function stateOf(
  call: Pick<Asker, 'tenant'>,
  { study, model, studyKey }: AskedStudy,
  { assessment: stored, job, overridden }: Known,
  usual: UsualTimes,
): Promise<StudyAssessment> {
  const facts: StudyFacts = {
    studyKey,
    started: study.started,
    description: study.description,
    modalities: study.modalities,
    images: countImages(study, model.package.manifest),
    overridden,
  };
  if (stored !== null) {
    if (stored.assessment.status === 'final') {
      return { ...facts, state: 'final', result: model.presenter.present(call.tenant, stored) };
    }
    const reason = helpful(stored.assessment.reason ?? { code: 'INTERNAL', text: errorTable.INTERNAL.text });
    return stored.assessment.status === 'abstained'
      ? { ...facts, state: 'abstained', assessmentId: stored.id, reason, model: model.presenter.facts }
      : { ...facts, state: 'failed', reason, model: model.presenter.facts };
  }
  // Every study without a result has a job by now: somebody else removed its row.
  if (job === null) throw new ServiceError('STORE_UNAVAILABLE', { retryAfter: 1 });
  if (job.state === 'dead')
    return {
      ...facts,
      state: 'failed',
      reason: helpful(job.reason ?? { code: 'JOB_EXHAUSTED', text: errorTable.JOB_EXHAUSTED.text }),
      model: model.presenter.facts,
    };
  return {
    ...facts,
    state: 'pending',
    since: job.acceptedAt,
    usualSeconds: await usual.of(model),
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
