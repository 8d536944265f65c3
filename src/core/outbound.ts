import type { AllowedOrigin } from './tenant.ts';

/** One outbound request. Everything that leaves Fovea goes through this port. */
export interface OutboundRequest {
  readonly url: string;
  /** The tenant's origins for this purpose; a URL outside of them is refused with `HOST_NOT_ALLOWED`. */
  readonly allowed: readonly AllowedOrigin[];
  /** Default GET. A POST is for the address asked alone: a redirect of it is refused with `REDIRECT_REFUSED`. */
  readonly method?: 'GET' | 'POST';
  /** Of a POST: a form, `application/x-www-form-urlencoded`. It may hold secrets and is in no log and no error. */
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Bearer token, for the address asked alone: a redirect, which must itself be allowed, is followed without it. */
  readonly token?: string;
  /** Of a POST: the credentials of `Authorization: Basic`, already encoded. @see RFC 7617 §2 */
  readonly basic?: string;
  /** From the start to the last byte, milliseconds. */
  readonly timeoutMs: number;
  /** Longest silence between two chunks, milliseconds. */
  readonly idleTimeoutMs: number;
  readonly maxBytes: number;
  readonly signal?: AbortSignal;
}

export interface OutboundResponse {
  readonly status: number;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  /** Throws OUTBOUND_TIMEOUT, OUTBOUND_TOO_LARGE or OUTBOUND_UNREACHABLE (`cause` tells a body that broke off) while it is read. */
  readonly body: AsyncIterable<Uint8Array>;
}

/** @throws ServiceError HOST_NOT_ALLOWED, ADDRESS_NOT_ALLOWED, REDIRECT_REFUSED, OUTBOUND_TIMEOUT, OUTBOUND_UNREACHABLE */
export type OutboundFetch = (request: OutboundRequest) => Promise<OutboundResponse>;
