import { ServiceError } from '#core/error';
import { untilDeadline } from './deadline.ts';
import { isObject, isResource, type JsonObject } from './json.ts';
import { followPages, hasMorePages } from './pages.ts';
import { fillTemplate } from './prefetch-template.ts';
import type { HookRequest } from './types.ts';

export interface PrefetchInput {
  /** Template by key, as discovery names them. */
  readonly templates: Readonly<Record<string, string>>;
  /** The request's `prefetch`. */
  readonly given: JsonObject;
  readonly context: JsonObject;
  /** FHIR base that `fetch` asks; null when the call names none. */
  readonly fhirServer: string | null;
  /** GET below the FHIR base; null when the call gives no access. */
  readonly fetch: ((query: string) => Promise<unknown>) | null;
  /** Pages of one search, the first included. */
  readonly maxPages: number;
  /** Aborts at the call's deadline. */
  readonly signal: AbortSignal;
}

/**
 * Every key of `templates`: a resource, a Bundle, or null where there is none. What the client did not send is
 * fetched, all keys at once. A Bundle whose pages could not all be had keeps its `next` link, and its key is among
 * the incomplete ones.
 * @throws ServiceError PREFETCH_UNMET (412), INVALID_REQUEST
 * @see CDS Hooks 2.0 §Providing FHIR Resources to a CDS Service
 */
export async function resolvePrefetch(
  input: PrefetchInput,
): Promise<Pick<HookRequest, 'prefetch' | 'incomplete'>> {
  const keys = Object.keys(input.templates);
  const plans = keys.map((key) => planOf(key, input));
  const outcomes = await Promise.all(plans.map((plan) => carryOut(plan, input)));
  const unmet = keys.flatMap((key, at) =>
    outcomes[at] instanceof Unmet ? [`${key} (${(outcomes[at] as Unmet).why})`] : [],
  );
  if (unmet.length > 0) throw new ServiceError('PREFETCH_UNMET', { detail: `Unmet: ${unmet.join(', ')}.` });
  return {
    prefetch: Object.fromEntries(keys.map((key, at) => [key, outcomes[at]])),
    incomplete: new Set(keys.filter((_key, at) => hasMorePages(outcomes[at]))),
  };
}

/** Why a key cannot be had: a code of ours, or of the client's OperationOutcome. */
class Unmet {
  readonly why: string;
  constructor(why: string) {
    this.why = why;
  }
}

/** What to do for one key: use what is there, or ask. */
type Plan = { readonly use: unknown } | { readonly ask: string; readonly failed: string | null };

/**
 * The five states of a key: present, null, empty Bundle, absent, OperationOutcome. Everything that is wrong with the
 * request itself is found here, before anything is fetched.
 */
function planOf(key: string, { templates, given, context }: PrefetchInput): Plan {
  const query = fillTemplate(String(templates[key]), context);
  const value = Object.hasOwn(given, key) ? given[key] : undefined;
  if (value === null) return { use: null };
  if (value === undefined) return query === null ? { use: null } : { ask: query, failed: null };
  if (!isResource(value)) throw invalid(key, 'is not a FHIR resource');
  const failure = failureOf(value);
  if (failure === null) {
    const problem = query === null ? null : answerProblem(query, value);
    if (problem !== null) throw invalid(key, problem);
    return { use: value };
  }
  // The client tried and could not. Asking its server again makes sense only where it said that trying again may help.
  const again = query !== null && transientIssues.includes(failure);
  return again ? { ask: query, failed: failure } : { use: new Unmet(`the client: ${failure}`) };
}

function invalid(key: string, problem: string): ServiceError {
  return new ServiceError('INVALID_REQUEST', { detail: `prefetch.${key} ${problem}.` });
}

/** @see http://hl7.org/fhir/R4/valueset-issue-type.html, below `transient` */
const transientIssues: readonly string[] = [
  'transient',
  'timeout',
  'throttled',
  'lock-error',
  'no-store',
  'incomplete',
  'exception',
];

/** The issue type of an OperationOutcome, alone or as error in a search result; null for any other resource. */
function failureOf(resource: JsonObject): string | null {
  if (resource['resourceType'] === 'OperationOutcome') return issuesOf(resource)[0]?.code ?? 'unknown';
  const entries = Array.isArray(resource['entry']) ? resource['entry'] : [];
  for (const entry of entries) {
    const inner = isObject(entry) ? entry['resource'] : null;
    if (!isResource(inner) || inner.resourceType !== 'OperationOutcome') continue;
    const fatal = issuesOf(inner).find(({ severity }) => severity === 'error' || severity === 'fatal');
    if (fatal !== undefined) return fatal.code;
  }
  return null;
}

/** Codes come from elsewhere: what does not look like a FHIR code is not repeated. */
function issuesOf(outcome: JsonObject): { readonly severity: unknown; readonly code: string }[] {
  const issues = Array.isArray(outcome['issue']) ? outcome['issue'].filter(isObject) : [];
  return issues.map(({ severity, code }) => ({
    severity,
    code: typeof code === 'string' && /^[a-z-]{1,40}$/.test(code) ? code : 'unknown',
  }));
}

/** Whether a resource can be the answer to a query: the very resource of a read, a Bundle for a search. */
function answerProblem(query: string, resource: JsonObject): string | null {
  const [type, id] = query.split('/');
  if (query.includes('?')) return resource['resourceType'] === 'Bundle' ? null : 'is not a Bundle';
  if (resource['resourceType'] !== type) return `is not a resource of type ${type}`;
  return resource['id'] === undefined || resource['id'] === id
    ? null
    : 'is another resource than the context names';
}

async function carryOut(plan: Plan, input: PrefetchInput): Promise<unknown> {
  if ('use' in plan) return withPages(plan.use, input);
  const { fetch, signal } = input;
  if (fetch === null)
    return new Unmet(plan.failed === null ? 'not sent, no access' : `the client: ${plan.failed}`);
  try {
    const answer = await untilDeadline(fetch(plan.ask), signal);
    if (answer === null) return new Unmet('not found');
    if (!isResource(answer)) return new Unmet('FHIR_INVALID_RESPONSE');
    const failure = failureOf(answer);
    if (failure !== null) return new Unmet(`the FHIR server: ${failure}`);
    if (answerProblem(plan.ask, answer) !== null) return new Unmet('FHIR_INVALID_RESPONSE');
    return await withPages(answer, input);
  } catch (error) {
    if (error instanceof ServiceError) return new Unmet(error.code);
    throw error;
  }
}

async function withPages(
  resource: unknown,
  { fetch, fhirServer, maxPages, signal }: PrefetchInput,
): Promise<unknown> {
  if (fetch === null || fhirServer === null || !hasMorePages(resource)) return resource;
  return followPages(resource, {
    base: fhirServer,
    maxPages,
    fetch: (url) => untilDeadline(fetch(url), signal),
  });
}
