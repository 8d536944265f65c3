import { createHash, randomBytes } from 'node:crypto';

/** What an access token opens: what its scopes say, for reading. */
export interface Grant {
  /** Whose record the `patient/` scopes open; null: nobody's. */
  readonly patientId: string | null;
  /** Separated by spaces. @see SMART App Launch 2.2 §Scopes */
  readonly scope: string;
  /** Who signed in, e.g. `Practitioner/demo`: sees what this user may see by the `user/` scopes. Absent: a service. */
  readonly user?: string;
}

/** What a caller showed: no token at all, a token that holds, or one that does not (unknown or expired). */
export type Shown =
  | { readonly kind: 'none' }
  | { readonly kind: 'granted'; readonly grant: Grant }
  | { readonly kind: 'refused' };

/** Says what a caller's token opens. */
export interface TokenCheck {
  /** @param authorization the `Authorization` header */
  check(authorization: string | undefined): Shown | Promise<Shown>;
}

export interface AccessTokens extends TokenCheck {
  /** Seconds that a token lives. */
  readonly lifetimeSeconds: number;
  issue(grant: Grant): string;
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
      const token = bearerToken(authorization);
      const found = token === undefined ? undefined : grants.get(digestOf(token));
      return found !== undefined && found.expires > now()
        ? { kind: 'granted', grant: found.grant }
        : { kind: 'refused' };
    },
  };
}

/** The token of an `Authorization` header, or undefined where it carries none. @see RFC 6750 §2.1 */
export function bearerToken(authorization: string): string | undefined {
  return /^Bearer +([\w\-.~+/]+=*)$/i.exec(authorization)?.[1];
}

function digestOf(token: string): string {
  return createHash('sha256').update(token).digest('base64');
}
