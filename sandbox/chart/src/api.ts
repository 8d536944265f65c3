/** What the back end of the sandbox answers, and what CDS Hooks puts on the wire, as far as this page reads it. */

export interface Coding {
  readonly system?: string;
  readonly code: string;
  readonly display?: string;
}

export interface CaseFacts {
  readonly id: string;
  readonly title: string;
}

export interface PatientFacts {
  readonly id: string;
  readonly mrn: string;
  readonly family: string;
  readonly given: string;
  readonly gender: string;
  readonly birthDate: string;
  readonly name: string;
}

export type PatientRow = PatientFacts & { readonly case: CaseFacts };

export interface StudyFacts {
  readonly studyInstanceUid: string;
  readonly started: string;
  readonly accession: string;
  readonly description: string;
  readonly modality: string;
  readonly bodySite: string | null;
  readonly view: string | null;
  /** What the radiologist found; null: not read yet. */
  readonly report: {
    readonly issued: string;
    readonly conclusion: string;
    readonly performer: string;
  } | null;
  readonly archive: string;
  readonly images: readonly { readonly sopInstanceUid: string; readonly preview: string }[];
}

export interface Chart {
  readonly patient: PatientFacts;
  readonly case: CaseFacts;
  readonly problems: readonly string[];
  readonly referrer: string;
  readonly studies: readonly StudyFacts[];
}

/** One call of the EHR's back end to a CDS service. */
export interface Exchange {
  readonly request: {
    readonly method: string;
    readonly url: string;
    readonly clientJwt: { readonly header: unknown; readonly claims: unknown };
    readonly body: unknown;
  };
  readonly response: unknown;
  /** null: no answer. */
  readonly status: number | null;
  readonly problem: 'unreachable' | 'timeout' | null;
  readonly retryAfter: string | null;
  readonly milliseconds: number;
}

export interface AnnouncedService {
  readonly hook: string;
  readonly id: string;
  readonly title?: string;
  readonly description: string;
}

/** @see CDS Hooks 2.0 §Card Attributes */
export interface Card {
  readonly uuid?: string;
  readonly summary: string;
  readonly detail?: string;
  readonly indicator: string;
  readonly source: { readonly label: string; readonly url?: string; readonly topic?: Coding };
  readonly suggestions?: readonly Suggestion[];
  readonly overrideReasons?: readonly Coding[];
  readonly links?: readonly CardLink[];
}

export interface Suggestion {
  readonly label: string;
  readonly uuid?: string;
  readonly isRecommended?: boolean;
  readonly actions?: readonly { readonly type: string; readonly description: string }[];
}

export interface CardLink {
  readonly label: string;
  readonly url: string;
  readonly type: string;
  readonly appContext?: string;
}

/** An app to be opened. @see SMART App Launch 2.2 §EHR Launch */
export interface LaunchOrder {
  readonly patientId: string;
  readonly user: string;
  readonly bannerShown: boolean;
  readonly colorScheme: 'light' | 'dark';
  /** Absent: Fovea's launch address. */
  readonly url?: string;
  readonly appContext?: string;
}

/** Where things are. */
export interface SandboxConfig {
  readonly fhirServer: string;
  /** Launch address of Fovea's app. */
  readonly app: string;
}

/** One entry of the feedback that goes back. @see CDS Hooks 2.0 §Feedback */
export interface Feedback {
  readonly card: string;
  readonly outcome: 'accepted' | 'overridden';
  readonly acceptedSuggestions?: readonly { readonly id: string }[];
  readonly overrideReason?: { readonly reason?: Coding; readonly userComment?: string };
  readonly outcomeTimestamp: string;
}

async function answerOf<T>(response: Response): Promise<T> {
  if (!response.ok) throw new Error(`The sandbox answered ${response.status}.`);
  return (await response.json()) as T;
}

const get = async <T>(path: string, signal: AbortSignal): Promise<T> =>
  answerOf<T>(await fetch(path, { signal }));

const post = async <T>(path: string, body: unknown, signal?: AbortSignal): Promise<T> =>
  answerOf<T>(
    await fetch(path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
      ...(signal !== undefined && { signal }),
    }),
  );

/** Addresses are relative to the page. */
export const api = {
  config: (signal: AbortSignal) => get<SandboxConfig>('config.json', signal),
  /** @returns the address that opens the app; it is good once, for five minutes */
  launch: async (order: LaunchOrder) => (await post<{ address: string }>('ehr/launches', order)).address,
  patients: async (signal: AbortSignal) =>
    (await get<{ patients: readonly PatientRow[] }>('ehr/patients', signal)).patients,
  chart: (id: string, signal: AbortSignal) => get<Chart>(`ehr/patients/${encodeURIComponent(id)}`, signal),
  services: (signal: AbortSignal) => get<Exchange>('ehr/services', signal),
  callHook: (
    order: {
      readonly service: string;
      readonly hook: string;
      readonly patientId: string;
      readonly userId: string;
      readonly prefetch: boolean;
    },
    signal: AbortSignal,
  ) => post<Exchange>('ehr/hooks', order, signal),
  sendFeedback: (service: string, feedback: readonly Feedback[]) =>
    post<Exchange>('ehr/feedback', { service, feedback }),
};
