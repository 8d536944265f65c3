import { randomUUID } from 'node:crypto';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import type { AccessTokens } from './access-tokens.ts';
import type { Addresses } from './addresses.ts';
import type { FhirStore } from './fhir-store.ts';
import { resolvePrefetch } from './prefetch.ts';
import type { SigningKey } from './signing-key.ts';

/** A service as discovery announces it, as far as an EHR reads it. @see CDS Hooks 2.0 §Discovery */
export interface AnnouncedService {
  readonly hook: string;
  readonly id: string;
  readonly title?: string;
  readonly description: string;
  readonly prefetch?: Readonly<Record<string, string>>;
}

/** One call of the EHR to a CDS service, whole, as the chart page shows it. */
export interface Exchange {
  readonly request: {
    readonly method: 'GET' | 'POST';
    readonly url: string;
    /** The client JWT that went along, decoded: its header and its claims. */
    readonly clientJwt: { readonly header: unknown; readonly claims: unknown };
    readonly body: unknown;
  };
  /** The parsed JSON of the answer, its text where it is not JSON, null without an answer. */
  readonly response: unknown;
  /** HTTP status; null: no answer. */
  readonly status: number | null;
  /** Why there is no answer. */
  readonly problem: 'unreachable' | 'timeout' | null;
  /** `Retry-After` of the answer. */
  readonly retryAfter: string | null;
  readonly milliseconds: number;
}

export interface HookOrder {
  readonly service: string;
  readonly hook: string;
  readonly patientId: string;
  /** `Practitioner/demo`, or `Patient/<id>` for the patient's own portal. */
  readonly userId: string;
  /** false: nothing is sent along, the service has to fetch. */
  readonly prefetch: boolean;
}

/** The back end of the EHR towards CDS services. */
export interface CdsCaller {
  /** Discovery, freshly signed. */
  discover(): Promise<Exchange>;
  /** Builds, signs and sends one hook call; the answer to discovery where that fails. */
  callHook(order: HookOrder): Promise<Exchange>;
  sendFeedback(service: string, feedback: readonly unknown[]): Promise<Exchange>;
}

/** An EHR gives up on a service after this long, milliseconds. */
const patience = 10_000;
/** Discovery is asked again after this long, milliseconds. */
const discoveryLifetime = 60_000;

const scope = 'patient/Patient.rs patient/ImagingStudy.rs patient/Endpoint.rs';

export function createCdsCaller(options: {
  /** Base of the CDS service, without a trailing slash. */
  readonly foveaBase: string;
  readonly addresses: Addresses;
  readonly store: FhirStore;
  readonly tokens: AccessTokens;
  readonly key: SigningKey;
}): CdsCaller {
  const { foveaBase, addresses, store, tokens, key } = options;
  let known: { readonly services: readonly AnnouncedService[]; readonly until: number } | null = null;

  const call = async (method: 'GET' | 'POST', url: string, body: unknown): Promise<Exchange> => {
    const jwt = await key.sign(url);
    const request = {
      method,
      url,
      clientJwt: { header: decodeProtectedHeader(jwt), claims: decodeJwt(jwt) },
      body: body ?? null,
    };
    const started = performance.now();
    const since = () => Math.round((performance.now() - started) * 10) / 10;
    try {
      const answer = await fetch(url, {
        method,
        headers: {
          authorization: `Bearer ${jwt}`,
          accept: 'application/json',
          ...(body !== undefined && { 'content-type': 'application/json' }),
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(patience),
      });
      const text = await answer.text();
      const retryAfter = answer.headers.get('retry-after');
      return {
        request,
        response: parsed(text),
        status: answer.status,
        problem: null,
        retryAfter,
        milliseconds: since(),
      };
    } catch (error) {
      const problem = error instanceof Error && error.name === 'TimeoutError' ? 'timeout' : 'unreachable';
      return { request, response: null, status: null, problem, retryAfter: null, milliseconds: since() };
    }
  };

  const discover = async (): Promise<Exchange> => {
    const exchange = await call('GET', `${foveaBase}/cds-services`, undefined);
    const services = (exchange.response as { services?: unknown } | null)?.services;
    if (exchange.status === 200 && Array.isArray(services)) {
      known = { services: services as AnnouncedService[], until: Date.now() + discoveryLifetime };
    }
    return exchange;
  };

  return {
    discover,
    async callHook({ service, hook, patientId, userId, prefetch }) {
      if (known === null || known.until < Date.now()) {
        const exchange = await discover();
        if (exchange.status !== 200) return exchange;
      }
      const templates = known?.services.find((one) => one.id === service && one.hook === hook)?.prefetch;
      const context = { userId, patientId };
      const resolved =
        prefetch && templates !== undefined ? await resolvePrefetch(templates, context, store) : null;
      return call('POST', `${foveaBase}/cds-services/${encodeURIComponent(service)}`, {
        hook,
        hookInstance: randomUUID(),
        fhirServer: addresses.fhirServer,
        fhirAuthorization: {
          access_token: tokens.issue({ patientId, scope }),
          token_type: 'Bearer',
          expires_in: tokens.lifetimeSeconds,
          scope,
          subject: 'fovea',
          patient: patientId,
        },
        context,
        ...(resolved !== null && { prefetch: resolved }),
      });
    },
    sendFeedback: (service, feedback) =>
      call('POST', `${foveaBase}/cds-services/${encodeURIComponent(service)}/feedback`, { feedback }),
  };
}

function parsed(text: string): unknown {
  if (text === '') return null;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
