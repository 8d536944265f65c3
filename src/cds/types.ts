/** CDS Hooks 2.0 on the wire, as types. @see https://cds-hooks.hl7.org/2.0/ */

export interface Coding {
  readonly system?: string;
  readonly code: string;
  readonly display?: string;
}

/** @see CDS Hooks 2.0 §Card Attributes */
export interface Card {
  readonly uuid?: string;
  /** < 140 characters. */
  readonly summary: string;
  /** GitHub Flavored Markdown. */
  readonly detail?: string;
  readonly indicator: 'info' | 'warning' | 'critical';
  readonly source: {
    readonly label: string;
    readonly url?: string;
    readonly icon?: string;
    readonly topic?: Coding;
  };
  readonly suggestions?: readonly Suggestion[];
  readonly selectionBehavior?: 'at-most-one' | 'any';
  readonly overrideReasons?: readonly Coding[];
  readonly links?: readonly Link[];
  readonly extension?: Readonly<Record<string, unknown>>;
}

export interface Suggestion {
  readonly label: string;
  readonly uuid?: string;
  readonly isRecommended?: boolean;
  readonly actions?: readonly Action[];
}

export interface Action {
  readonly type: 'create' | 'update' | 'delete';
  readonly description: string;
  readonly resource?: unknown;
  readonly resourceId?: string;
}

export interface Link {
  readonly label: string;
  readonly url: string;
  readonly type: 'absolute' | 'smart';
  readonly appContext?: string;
  readonly autolaunchable?: boolean;
}

/** A card that a service gives, with what the service wants to know again when feedback on it comes. */
export interface IssuedCard {
  readonly card: Card;
  /** Stored with the card's uuid by the `cardsIssued` port; never sent. */
  readonly subject?: Readonly<Record<string, string>>;
}

export interface ServiceResponse {
  readonly cards: readonly IssuedCard[];
  readonly systemActions?: readonly Action[];
}

/** @see CDS Hooks 2.0 §HTTP Request */
export interface HookRequest {
  readonly hook: string;
  readonly hookInstance: string;
  readonly context: Readonly<Record<string, unknown>>;
  /** Every key of the service's prefetch: a resource, or null where the client has none. */
  readonly prefetch: Readonly<Record<string, unknown>>;
  /**
   * Keys of `prefetch` whose search has more results than its Bundle holds: a page failed, came too late or lies
   * beyond a limit, or the client sent only a first page and no access. What is missing is not known to be absent,
   * and a card that rests on such a key has to say so.
   */
  readonly incomplete: ReadonlySet<string>;
}

/** One hook of one service. `prefetch` keys that are absent in a request are fetched; unmet ones end in 412. */
export interface HookDefinition<Tools> {
  readonly prefetch: Readonly<Record<string, string>>;
  handle(request: HookRequest, tools: Tools): Promise<ServiceResponse>;
}

/** Definition and handler together. @see CDS Hooks 2.0 §Discovery */
export interface CdsService<Tools> {
  readonly id: string;
  readonly title: string;
  readonly description: string;
  readonly usageRequirements?: string;
  readonly hooks: Readonly<Record<string, HookDefinition<Tools>>>;
}

/** The access that a request carries; never stored. @see CDS Hooks 2.0 §Passing the Access Token */
export interface FhirAuthorization {
  readonly accessToken: string;
  readonly expiresInSeconds: number;
  readonly scope: string;
  readonly subject: string;
  readonly patient?: string;
}

/** One verified call, as the ports of `cds` see it. `Client` is whatever `verifyClient` gave. */
export interface HookCall<Client> {
  readonly client: Client;
  readonly serviceId: string;
  readonly hook: string;
  readonly hookInstance: string;
  readonly context: Readonly<Record<string, unknown>>;
  readonly fhirServer: string | null;
  readonly authorization: FhirAuthorization | null;
  /** When the request arrived, `performance.now()` milliseconds. */
  readonly arrivedAt: number;
  /** Bytes of FHIR answers that the call may still read, over all its keys and pages. `fetchFhir` takes from it what arrives. */
  readonly fhirBytes: { left: number };
  /** Aborts at the deadline of the whole call. */
  readonly signal: AbortSignal;
}

/** One feedback entry, checked. @see CDS Hooks 2.0 §Feedback */
export interface Feedback {
  readonly card: string;
  readonly outcome: 'accepted' | 'overridden';
  readonly acceptedSuggestions: readonly string[];
  readonly overrideReason: { readonly reason: Coding | null; readonly userComment: string | null } | null;
  readonly outcomeTimestamp: string;
}

/** What `cds` needs from elsewhere. */
export interface CdsPorts<Client, Tools> {
  /** @throws ServiceError CLIENT_UNAUTHENTICATED. `audience`: the exact addresses that `aud` may name. */
  verifyClient(authorization: string | undefined, audiences: readonly string[]): Promise<Client>;
  /** Refuses a `fhirServer` that the client may not name. @throws ServiceError FHIR_SERVER_NOT_ALLOWED */
  checkFhirServer(client: Client, fhirServer: string): void;
  /**
   * GET of `path` (relative, e.g. `Patient/1`, or an absolute `next` link): the parsed resource, a Bundle for a search,
   * null where a read finds nothing. An absolute link comes from a message and is not yet trusted.
   * @throws ServiceError FHIR_SERVER_NOT_ALLOWED for a link that is not below the call's FHIR server (the token would
   * go with it), OUTBOUND_TOO_LARGE when `call.fhirBytes` are used up, and what else keeps the resource from coming
   */
  fetchFhir(call: HookCall<Client>, path: string): Promise<unknown>;
  createTools(call: HookCall<Client>): Tools;
  /** Remembers which cards went out, for feedback and overrides. */
  cardsIssued(
    call: HookCall<Client>,
    cards: readonly { readonly uuid: string; readonly subject: Readonly<Record<string, string>> }[],
  ): Promise<void>;
  /** Idempotent. @throws ServiceError FEEDBACK_FOREIGN_CARD */
  saveFeedback(client: Client, serviceId: string, feedback: readonly Feedback[]): Promise<void>;
}
