import type { IDToken, TokenEndpointResponse } from 'openid-client';
import type { SmartGrant } from '#core/app-ports';
import { ServiceError } from '#core/error';

/** Lifetime of a token of which the EHR does not say it, and the longest that is believed, seconds. */
const lifetime = { unsaid: 300, longest: 86_400 } as const;
const most = { token: 16_384, text: 8_192, url: 2_048, scopes: 200, contexts: 100 } as const;

/** @see FHIR R4 datatype id */
const fhirId = /^[A-Za-z0-9.-]{1,64}$/;
const scopeToken = /^[\x21\x23-\x5b\x5d-\x7e]{1,300}$/;
const relativeReference = /^[A-Z][A-Za-z]{1,63}\/[A-Za-z0-9.-]{1,64}$/;
/** Below the FHIR base, or at another server by its address, which has no query. */
const userReference =
  /^(?:https?:\/\/[^?#]+\/)?(?:Practitioner|PractitionerRole|Patient|RelatedPerson|Person)\/(?!\.{1,2}$)[A-Za-z0-9.-]{1,64}$/;
/** What may stand in an Authorization header. @see RFC 6750 §2.1 */
const bearerToken = /^[\x21-\x7e]+$/;

export interface TokenAnswer {
  /** Of the token endpoint, as openid-client has checked it. */
  readonly response: TokenEndpointResponse;
  /** Of the verified id_token; undefined: there was none. */
  readonly claims: IDToken | undefined;
  /** FHIR base without a trailing slash. */
  readonly iss: string;
  /** In force where the answer names no scope. @see RFC 6749 §5.1 */
  readonly scopes: readonly string[];
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/**
 * What the EHR granted, out of an answer that may hold anything: a member of another type than it must have, or with
 * more than a launch can need, counts as missing. Only a `patient` that is no FHIR id refuses the whole: a launch of
 * somebody must not become one of nobody.
 *
 * @throws ServiceError SMART_SERVER_INVALID
 * @see SMART App Launch 2.2 §Launch context arrives with your access_token
 */
export function readGrant({ response, claims, iss, scopes, now }: TokenAnswer): SmartGrant {
  const members = response as Readonly<Record<string, unknown>>;
  return {
    ...readTokens(response, now),
    scopes: response.scope === undefined ? scopes : readScopes(response.scope),
    fhirUser: readUser(claims, iss),
    subject: claims?.sub ?? null,
    patient: readPatient(members['patient']),
    encounter: matching(members['encounter'], fhirId),
    fhirContext: readContext(members['fhirContext'], iss),
    // Not said: a banner too many is better than a picture of nobody knows whom.
    needPatientBanner: members['need_patient_banner'] !== false,
    styleUrl: readStyleUrl(members['smart_style_url'], iss),
    intent: text(members['intent'], 200),
    appContext: text(members['appContext'], most.text),
  };
}

/** The token of an answer with its end. @throws ServiceError SMART_SERVER_INVALID for what cannot be sent as a bearer token */
export function readTokens(
  response: TokenEndpointResponse,
  now: number,
): Pick<SmartGrant, 'accessToken' | 'expiresAt' | 'refreshToken'> {
  if (response.token_type !== 'bearer') throw invalid('Its token is not a bearer token.');
  const token = response.access_token;
  if (token.length > most.token || !bearerToken.test(token))
    throw invalid('Its token is not a bearer token.');
  const seconds = Math.min(response.expires_in ?? lifetime.unsaid, lifetime.longest);
  return {
    accessToken: token,
    expiresAt: now + seconds * 1000,
    refreshToken: text(response.refresh_token, most.token),
  };
}

export function readScopes(scope: string): readonly string[] {
  return scope
    .split(' ')
    .filter((one) => scopeToken.test(one))
    .slice(0, most.scopes);
}

/** @throws ServiceError SMART_SERVER_INVALID; null where there is none */
export function readPatient(value: unknown): string | null {
  if (value === undefined || value === null) return null;
  const id = matching(value, fhirId);
  if (id === null) throw invalid('The patient of its launch context is not a FHIR id.');
  return id;
}

const invalid = (detail: string): ServiceError => new ServiceError('SMART_SERVER_INVALID', { detail });

/** `fhirUser`, or `profile` as servers of SMART 1 have it. */
function readUser(claims: IDToken | undefined, iss: string): string | null {
  const user = reference(claims?.['fhirUser'], iss) ?? reference(claims?.['profile'], iss);
  return user !== null && userReference.test(user) ? user : null;
}

function readContext(value: unknown, iss: string): SmartGrant['fhirContext'] {
  if (!Array.isArray(value)) return [];
  return value
    .slice(0, most.contexts)
    .filter((entry): entry is Record<string, unknown> => typeof entry === 'object' && entry !== null)
    .map((entry) => ({ reference: reference(entry['reference'], iss), role: text(entry['role'], most.url) }));
}

/** `Type/id` for what is below the FHIR base, an absolute URL for what is elsewhere, null for anything else. */
function reference(value: unknown, iss: string): string | null {
  const given = text(value, most.url);
  if (given === null) return null;
  const relative = given.startsWith(`${iss}/`) ? given.slice(iss.length + 1) : given;
  if (relativeReference.test(relative)) return relative;
  return relative === given && isWebUrl(given) ? given : null;
}

/** Where the EHR's own styles may come from: not in the clear where the EHR itself is not. */
export function readStyleUrl(value: unknown, iss: string): string | null {
  const url = text(value, most.url);
  if (url === null || !isWebUrl(url)) return null;
  return iss.startsWith('https:') && !url.startsWith('https:') ? null : url;
}

function isWebUrl(value: string): boolean {
  if (!/^https?:\/\/[\x21-\x7e]+$/.test(value) || !URL.canParse(value)) return false;
  const { username, password } = new URL(value);
  return username === '' && password === '';
}

function text(value: unknown, longest: number): string | null {
  return typeof value === 'string' && value !== '' && value.length <= longest ? value : null;
}

function matching(value: unknown, pattern: RegExp): string | null {
  return typeof value === 'string' && pattern.test(value) ? value : null;
}
