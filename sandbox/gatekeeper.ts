import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Grant, TokenCheck } from './access-tokens.ts';
import { outcomeOf, sendFhir } from './outcome.ts';

/** `optional`: a call from loopback without a token is served, so that curl works at once. `required`: none is. */
export type TokenRule = 'optional' | 'required';

/** What a caller may see: what a grant opens, everything, or nothing (null). A token that comes is always checked. */
export async function grantOf(
  request: FastifyRequest,
  tokens: TokenCheck,
  rule: TokenRule,
): Promise<Grant | 'everything' | null> {
  const shown = await tokens.check(request.headers.authorization);
  if (shown.kind === 'granted') return shown.grant;
  const open = shown.kind === 'none' && rule === 'optional' && isLoopback(request.ip);
  return open ? 'everything' : null;
}

/** A token of either kind opens the same doors. */
export function eitherOf(...checks: readonly TokenCheck[]): TokenCheck {
  return {
    async check(authorization) {
      for (const one of checks) {
        const shown = await one.check(authorization);
        if (shown.kind !== 'refused') return shown;
      }
      return { kind: 'refused' };
    },
  };
}

/** 401. @see RFC 6750 §3 */
export function askForToken(reply: FastifyReply): FastifyReply {
  reply.header('www-authenticate', 'Bearer');
  return sendFhir(reply, 401, outcomeOf('login', 'A valid access token is needed.'));
}

/** 403: the token holds, and does not reach this far. @param scope that would open it. @see RFC 6750 §3.1 */
export function refuseScope(reply: FastifyReply, scope: string): FastifyReply {
  reply.header('www-authenticate', `Bearer error="insufficient_scope", scope="${scope}"`);
  return sendFhir(reply, 403, outcomeOf('forbidden', `The token’s scopes do not include ${scope}.`));
}

function isLoopback(address: string): boolean {
  return /^(::ffff:)?127\.\d+\.\d+\.\d+$/.test(address) || address === '::1';
}
