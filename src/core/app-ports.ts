import type {
  AppAnswer,
  AppAnswerReasons,
  AppAnswerRequest,
  AppChart,
  AppContext,
  AppEvidence,
  AppPicture,
  AppPictures,
  AppPrevalenceView,
  AppStudy,
  AppUser,
  AppWorklist,
} from './app.ts';
import type { Tenant } from './tenant.ts';

/**
 * The ports of the SMART app's back end: the HTTP routes take them, `src/assessment/app` and `src/auth` fill them.
 * A browser is named by the secret of its cookie, a launch by an id of its own; every call brings both.
 */

/** Where the browser is sent to sign in. @see SMART App Launch 2.2 §Obtain authorization code */
export interface AuthorizationRequest {
  readonly method: 'GET' | 'POST';
  /** Without query for POST. */
  readonly url: string;
  readonly parameters: Readonly<Record<string, string>>;
}

/** What the EHR granted. */
export interface SmartGrant {
  readonly accessToken: string;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
  readonly refreshToken: string | null;
  /** Granted, not asked for. */
  readonly scopes: readonly string[];
  /** Relative to the FHIR server where it is below it. */
  readonly fhirUser: string | null;
  readonly subject: string | null;
  readonly patient: string | null;
  readonly encounter: string | null;
  readonly fhirContext: readonly { readonly reference: string | null; readonly role: string | null }[];
  readonly needPatientBanner: boolean;
  readonly styleUrl: string | null;
  readonly intent: string | null;
  readonly appContext: string | null;
}

/** What has to be remembered between the two halves of a launch. Plain JSON; sealed where it is stored. */
export interface PendingLaunch {
  readonly tenant: string;
  /** FHIR base. */
  readonly iss: string;
  readonly state: string;
  readonly nonce: string;
  readonly codeVerifier: string;
  readonly redirectUri: string;
  readonly scopes: readonly string[];
}

/** The protocol. Everything that leaves goes through the outbound policy. @see SMART App Launch 2.2 */
export interface SmartClient {
  /** @param launch absent: standalone. @throws ServiceError SMART_ISS_NOT_ALLOWED, SMART_SERVER_INVALID, OUTBOUND_… */
  begin(request: {
    readonly iss: string;
    readonly launch: string | null;
    /** Standalone: whether a patient is to be chosen, or the worklist is wanted. */
    readonly context: 'patient' | 'worklist';
    readonly redirectUri: string;
  }): Promise<{ readonly authorize: AuthorizationRequest; readonly pending: PendingLaunch }>;
  /**
   * @param answer the query of the redirect
   * @throws ServiceError SMART_LAUNCH_REFUSED (the EHR or the user said no), SMART_STATE_INVALID, SMART_TOKEN_INVALID
   */
  finish(pending: PendingLaunch, answer: Readonly<Record<string, string>>): Promise<SmartGrant>;
  /**
   * A new token; the same grant where the EHR cannot give one now and the old one still lives. Refresh tokens may hold
   * for one use: the caller sees to it that one call is under way for a grant and that its result is stored.
   *
   * @throws ServiceError SMART_SESSION_ENDED where the EHR gives no new token; SMART_TOKEN_INVALID; SMART_SERVER_INVALID
   * or OUTBOUND_… where it could not be asked and the old token has run out: a later call may do better
   */
  refresh(tenant: string, iss: string, grant: SmartGrant): Promise<SmartGrant>;
  /** RFC 7009 where the EHR offers it; never fails. */
  revoke(tenant: string, iss: string, grant: SmartGrant): Promise<void>;
  /** Own public keys, old ones as long as they may be asked for. @see RFC 7517 §5 */
  readonly jwks: () => { readonly keys: readonly Readonly<Record<string, unknown>>[] };
}

/** One open launch. */
export interface AppSession {
  readonly launch: string;
  readonly tenant: Tenant;
  readonly fhirServer: string;
  readonly user: AppUser;
  /** `null`: worklist. */
  readonly patientId: string | null;
  readonly grant: Omit<SmartGrant, 'accessToken' | 'refreshToken'>;
  readonly expiresAt: Date;
  /** A token that lives for at least another 30 s, renewed where need be. @throws ServiceError SMART_SESSION_ENDED */
  accessToken(): Promise<string>;
}

export interface AppLaunches {
  begin(request: {
    readonly browser: string;
    readonly iss: string;
    readonly launch: string | null;
    readonly context: 'patient' | 'worklist';
  }): Promise<AuthorizationRequest>;
  /** @returns the id of the open launch. @throws ServiceError SMART_… */
  finish(browser: string, answer: Readonly<Record<string, string>>): Promise<string>;
  /** @throws ServiceError NOT_FOUND (no such launch of this browser), SMART_SESSION_ENDED (it ended, or was idle) */
  open(browser: string, launch: string): Promise<AppSession>;
  /** When it ends as things are, null when it has; a look that is no use: an idle session still ends. */
  endsAt(browser: string, launch: string): Promise<Date | null>;
  /** A launch of one patient's chart from a launch without a patient. @throws ServiceError NOT_FOUND */
  openPatient(session: AppSession, browser: string, patientId: string): Promise<string>;
  end(browser: string, launch: string): Promise<void>;
}

/** What the app reads and writes within one launch. Each method proves access by the EHR's own answers. @see DESIGN fact 9 */
export interface AppTools {
  /** Begins to read what {@link context} will need, while the page itself is on its way. A failure is told there. */
  prepare(session: AppSession): void;
  context(session: AppSession): Promise<AppContext>;
  chart(session: AppSession, signal: AbortSignal): Promise<AppChart>;
  /** Yields each study as it settles or moves, until nothing is pending or `signal` aborts. */
  changes(session: AppSession, signal: AbortSignal): AsyncIterable<AppStudy>;
  /** @throws ServiceError NOT_FOUND also where the assessment is another tenant's or patient's; that is logged */
  evidence(session: AppSession, assessment: string): Promise<AppEvidence>;
  prevalence(
    session: AppSession,
    assessment: string,
    asked: { readonly finding: string; readonly value: number },
  ): Promise<AppPrevalenceView>;
  answerReasons(): AppAnswerReasons;
  answer(session: AppSession, assessment: string, answer: AppAnswerRequest): Promise<AppAnswer>;
  pictures(session: AppSession, study: string, signal: AbortSignal): Promise<AppPictures>;
  picture(
    session: AppSession,
    at: { readonly study: string; readonly series: string; readonly instance: string },
    signal: AbortSignal,
  ): Promise<AppPicture>;
  /** One frame as stored. @param frame from 1 */
  frame(
    session: AppSession,
    at: {
      readonly study: string;
      readonly series: string;
      readonly instance: string;
      readonly frame: number;
    },
    signal: AbortSignal,
  ): Promise<{ readonly transferSyntax: string; readonly bytes: Uint8Array }>;
  worklist(session: AppSession, signal: AbortSignal): Promise<AppWorklist>;
  /** The FHIR id behind a worklist entry's key. @throws ServiceError NOT_FOUND */
  patientOf(session: AppSession, patientKey: string): Promise<string>;
}
