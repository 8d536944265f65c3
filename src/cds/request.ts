import { ServiceError } from '#core/error';
import { type ContextFields, type ContextKind, knownHooks } from './hook-table.ts';
import {
  isFhirId,
  isObject,
  isReference,
  isResource,
  isText,
  isUuid,
  type JsonObject,
  webUrl,
} from './json.ts';
import type { FhirAuthorization } from './types.ts';

/** The body of a hook call, checked. Unknown members and `extension` are not in it. */
export interface ParsedRequest {
  readonly hook: string;
  readonly hookInstance: string;
  readonly context: JsonObject;
  /** As it came; `{}` when the client sent none. */
  readonly prefetch: JsonObject;
  /** Without trailing slashes. */
  readonly fhirServer: string | null;
  readonly authorization: FhirAuthorization | null;
}

function invalid(detail: string): ServiceError {
  return new ServiceError('INVALID_REQUEST', { detail });
}

/** The body as an object with its `hook`. @throws ServiceError INVALID_REQUEST */
export function parseEnvelope(body: unknown): JsonObject & { readonly hook: string } {
  if (!isObject(body)) throw invalid('The body is not a JSON object.');
  if (!isText(body['hook'])) throw invalid('hook is missing or not a string.');
  return body as JsonObject & { readonly hook: string };
}

/**
 * The members of a hook call. Every detail names a member, never its value.
 * @throws ServiceError INVALID_REQUEST
 * @see CDS Hooks 2.0 §HTTP Request
 */
export function parseRequest(body: JsonObject & { readonly hook: string }): ParsedRequest {
  const { hookInstance, context, prefetch } = body;
  if (!isUuid(hookInstance)) throw invalid('hookInstance is missing or not a UUID.');
  if (!isObject(context)) throw invalid('context is missing or not an object.');
  checkContext(body.hook, context);
  if (prefetch !== undefined && prefetch !== null && !isObject(prefetch))
    throw invalid('prefetch is not an object.');
  const authorization = parseAuthorization(body['fhirAuthorization']);
  const fhirServer = parseFhirServer(body['fhirServer']);
  if (authorization !== null && fhirServer === null)
    throw invalid('fhirServer is missing beside fhirAuthorization.');
  return { hook: body.hook, hookInstance, context, prefetch: prefetch ?? {}, fhirServer, authorization };
}

/** Holds the context against the published forms of a known hook; another hook's context is its service's own. */
function checkContext(hook: string, context: JsonObject): void {
  const known = knownHooks[hook];
  if (known === undefined) return;
  const problems = known.forms.map((form) => contextProblem(form, context));
  if (problems.includes(null)) return;
  throw invalid(String(problems[0]));
}

function contextProblem({ required, optional }: ContextFields, context: JsonObject): string | null {
  for (const [field, kind] of Object.entries(required)) {
    if (!isOfKind(context[field], kind)) return `context.${field} is missing or not ${inWords[kind]}.`;
  }
  for (const [field, kind] of Object.entries(optional)) {
    const value = context[field];
    if (value !== undefined && value !== null && !isOfKind(value, kind))
      return `context.${field} is not ${inWords[kind]}.`;
  }
  return null;
}

const inWords: Readonly<Record<ContextKind, string>> = {
  id: 'a FHIR id',
  user: 'a reference Type/id',
  reference: 'a reference Type/id',
  references: 'an array of references Type/id',
  bundle: 'a Bundle',
  resource: 'a FHIR resource',
  resources: 'an array of FHIR resources',
};

function isOfKind(value: unknown, kind: ContextKind): boolean {
  switch (kind) {
    case 'id':
      return isFhirId(value);
    case 'user':
    case 'reference':
      return isReference(value);
    case 'references':
      return Array.isArray(value) && value.every(isReference);
    case 'bundle':
      return isResource(value) && value.resourceType === 'Bundle';
    case 'resource':
      return isResource(value);
    case 'resources':
      return Array.isArray(value) && value.every(isResource);
  }
}

/** Shape only: whether the client may name this server is the `checkFhirServer` port's to say, http included. */
function parseFhirServer(value: unknown): string | null {
  if (value === undefined || value === null) return null;
  const url = webUrl(value);
  if (url === null || /[?#]/.test(url.href))
    throw invalid('fhirServer is not an absolute http(s) URL of a FHIR base.');
  return String(value).replace(/\/+$/, '');
}

/** @see CDS Hooks 2.0 §Passing the Access Token to the CDS Service */
function parseAuthorization(value: unknown): FhirAuthorization | null {
  if (value === undefined || value === null) return null;
  const at = 'fhirAuthorization';
  if (!isObject(value)) throw invalid(`${at} is not an object.`);
  const { access_token, token_type, expires_in, scope, subject, patient } = value;
  // A character outside of these could end the header that the token is sent in.
  if (typeof access_token !== 'string' || !/^[\x21-\x7e]+$/.test(access_token))
    throw invalid(`${at}.access_token is missing or not a token.`);
  if (typeof token_type !== 'string' || token_type.toLowerCase() !== 'bearer')
    throw invalid(`${at}.token_type is not Bearer.`);
  // How long a token is kept is bounded where it is kept: a long life said here is no reason to refuse a call.
  if (!Number.isSafeInteger(expires_in) || (expires_in as number) < 1)
    throw invalid(`${at}.expires_in is not a whole number of seconds above 0.`);
  if (!isText(scope)) throw invalid(`${at}.scope is missing or not a string.`);
  if (!isText(subject)) throw invalid(`${at}.subject is missing or not a string.`);
  if (patient !== undefined && patient !== null && !isFhirId(patient))
    throw invalid(`${at}.patient is not a FHIR id.`);
  return {
    accessToken: access_token,
    expiresInSeconds: expires_in as number,
    scope,
    subject,
    ...(typeof patient === 'string' && { patient }),
  };
}
