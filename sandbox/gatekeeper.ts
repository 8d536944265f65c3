import type { FastifyRequest } from 'fastify';
import type { AccessTokens, Grant } from './access-tokens.ts';

/** `optional`: a call from loopback without a token is served, so that curl works at once. `required`: none is. */
export type TokenRule = 'optional' | 'required';

/** What a caller may see: one patient's data, everything, or nothing (null). A token that comes is always checked. */
export function grantOf(
  request: FastifyRequest,
  tokens: AccessTokens,
  rule: TokenRule,
): Grant | 'everything' | null {
  const shown = tokens.check(request.headers.authorization);
  if (shown.kind === 'granted') return shown.grant;
  const open = shown.kind === 'none' && rule === 'optional' && isLoopback(request.ip);
  return open ? 'everything' : null;
}

function isLoopback(address: string): boolean {
  return /^(::ffff:)?127\.\d+\.\d+\.\d+$/.test(address) || address === '::1';
}
