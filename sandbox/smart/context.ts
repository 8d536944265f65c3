import type { SandboxCase } from '../case-file.ts';
import { studyIdOf } from '../fhir-records.ts';

export type ColorScheme = 'light' | 'dark';

/** In what an app opens: who uses it, on whose record, and where. */
export interface LaunchContext {
  /** `Practitioner/demo`, or `Patient/<id>` for the patient's own portal. */
  readonly user: string;
  /** null: no patient's chart is open. */
  readonly patientId: string | null;
  readonly encounterId: string | null;
  /** Id of the newest ImagingStudy of the patient. */
  readonly studyId: string | null;
  /** The EHR shows who the patient is beside the app, as around a frame in the chart. */
  readonly bannerShown: boolean;
  /** How the chart looks; null: the app opens outside of the chart and looks as its user likes. */
  readonly colorScheme: ColorScheme | null;
  readonly intent: string | null;
  /** Of the link of a CDS card, unread. @see CDS Hooks 2.0 §Link */
  readonly appContext: string | null;
}

/** The context of one patient's chart. The visit bears the id of the patient. */
export function contextOf(
  one: SandboxCase | null,
  more: Pick<LaunchContext, 'user'> & Partial<LaunchContext>,
): LaunchContext {
  return {
    patientId: one?.patient.id ?? null,
    encounterId: one?.patient.id ?? null,
    studyId: one === null ? null : newestStudyOf(one),
    bannerShown: false,
    colorScheme: null,
    intent: null,
    appContext: null,
    ...more,
  };
}

function newestStudyOf({ patient, studies }: SandboxCase): string | null {
  const newest = studies
    .map(({ started }, index) => ({ started: Date.parse(started), index }))
    .sort((a, b) => b.started - a.started)[0];
  return newest === undefined ? null : studyIdOf(patient, newest.index);
}

/**
 * What goes beside the access token.
 *
 * @param base public address of the sandbox
 * @see SMART App Launch 2.2 §Launch context arrives with your access_token
 */
export function launchParameters(context: LaunchContext, base: string): Readonly<Record<string, unknown>> {
  const { patientId, encounterId, studyId, intent, appContext, colorScheme } = context;
  return {
    ...(patientId !== null && { patient: patientId }),
    ...(encounterId !== null && { encounter: encounterId }),
    ...(studyId !== null && {
      fhirContext: [{ reference: `ImagingStudy/${studyId}`, type: 'ImagingStudy' }],
    }),
    need_patient_banner: patientId !== null && !context.bannerShown,
    ...(colorScheme !== null && { smart_style_url: `${base}/smart-style-${colorScheme}.json` }),
    ...(intent !== null && { intent }),
    ...(appContext !== null && { appContext }),
  };
}
