import type { ChartPatient, StudyReference } from '#core/imaging';

/** What a job keeps to run later: references and whose they must be, never a token. */
export interface JobPayload {
  readonly study: StudyReference;
  readonly patient: ChartPatient;
  /** Base URL of the FHIR server that named the study: a token of its call may go to its own origin. */
  readonly fhirServer: string | null;
}

/** The payload of a stored job, which this program wrote itself. */
export function payloadOf(job: { readonly payload: Readonly<Record<string, unknown>> }): JobPayload {
  return job.payload as unknown as JobPayload;
}

/** Whether fetching the study needs the call's access token. */
export function needsToken(study: StudyReference): boolean {
  return [study.endpoint, ...study.series.map((series) => series.endpoint)].some(
    (endpoint) => endpoint?.requiresAccessToken === true,
  );
}
