import { createHash, randomBytes } from 'node:crypto';

/** What an access token opens: one patient's record, for reading. */
export interface Grant {
  readonly patientId: string;
  readonly scope: string;
}

/** What a caller showed: no token at all, a token that holds, or one that does not (unknown or expired). */
export type Shown =
  | { readonly kind: 'none' }
  | { readonly kind: 'granted'; readonly grant: Grant }
  | { readonly kind: 'refused' };

export interface AccessTokens {
  /** Seconds that a token lives. */
  readonly lifetimeSeconds: number;
  issue(grant: Grant): string;
  /** @param authorization the `Authorization` header */
  check(authorization: string | undefined): Shown;
}

const lifetimeSeconds = 300;

/** Opaque bearer tokens of this process; only their digests are kept. @see RFC 6750 */
export function createAccessTokens(now: () => number = Date.now): AccessTokens {
  const grants = new Map<string, { readonly grant: Grant; readonly expires: number }>();
  return {
    lifetimeSeconds,
    issue(grant) {
      for (const [digest, { expires }] of grants) if (expires <= now()) grants.delete(digest);
      const token = randomBytes(32).toString('base64url');
      grants.set(digestOf(token), { grant, expires: now() + lifetimeSeconds * 1000 });
      return token;
    },
    check(authorization) {
      if (authorization === undefined) return { kind: 'none' };
      const token = /^Bearer +([\w\-.~+/]+=*)$/i.exec(authorization)?.[1];
      const found = token === undefined ? undefined : grants.get(digestOf(token));
      return found !== undefined && found.expires > now()
        ? { kind: 'granted', grant: found.grant }
        : { kind: 'refused' };
    },
  };
}

function digestOf(token: string): string {
  return createHash('sha256').update(token).digest('base64');
}
