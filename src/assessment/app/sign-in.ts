import { setTimeout as wait } from 'node:timers/promises';
import type { SmartClient, SmartGrant } from '#core/app-ports';
import { type ErrorCode, ServiceError } from '#core/error';
import type { LaunchStore, StoredLaunch } from '#store/app-launches';
import { seal, secretHash, unseal } from './seal.ts';

/** A token is renewed when it has less than this to live, milliseconds. */
const leastLife = 30_000;
/** How long one caller has a renewal in hand before it counts as dead, milliseconds: longer than any call to an EHR. */
const renewalMs = 60_000;
/** Between two looks at a renewal that another process has in hand, milliseconds. */
const lookMs = 150;
/** How long a sign-in that can be renewed lasts at most, milliseconds: a working day. */
const longestMs = 12 * 3_600_000;

/** After these the EHR gives no token any more: the old refresh token was refused, or used up for an answer that does not hold. */
const endings: ReadonlySet<ErrorCode> = new Set([
  'SMART_ISS_NOT_ALLOWED',
  'SMART_SESSION_ENDED',
  'SMART_TOKEN_INVALID',
]);

/** When a sign-in ends at the latest: with its token where that cannot be renewed. */
export function lastMoment(grant: SmartGrant, began: Date): Date {
  return new Date(grant.refreshToken === null ? grant.expiresAt : began.getTime() + longestMs);
}

/** The grant of a stored launch. @throws ServiceError SMART_SESSION_ENDED where the browser's secret does not open it */
export function grantOf(browser: string, { root, rootSealed }: StoredLaunch): SmartGrant {
  return unseal(browser, root, rootSealed) as SmartGrant;
}

export interface SignInParts {
  readonly client: Pick<SmartClient, 'refresh' | 'revoke'>;
  readonly store: LaunchStore;
  readonly now: () => Date;
}

/**
 * Keeps the tokens of sign-ins alive. Calls that need a new token at the same time renew it once: those of one process
 * share a promise, those of several wait for the one that has it in hand. What was renewed is stored before it is used:
 * where the EHR rotates refresh tokens, the old one is void from then on.
 *
 * @returns gives a grant whose token lives for another 30 s at least.
 * @throws ServiceError SMART_SESSION_ENDED; OUTBOUND_… where the EHR cannot be reached, which ends nothing
 */
export function createRenewal({ client, store, now }: SignInParts) {
  const underWay = new Map<string, Promise<SmartGrant>>();

  const lives = (grant: SmartGrant) => grant.expiresAt - now().getTime() > leastLife;

  async function renewed(browser: string, root: string): Promise<SmartGrant> {
    for (;;) {
      const found = await store.find(secretHash(browser), root);
      if (found === null || found === 'ended' || found === 'foreign')
        throw new ServiceError('SMART_SESSION_ENDED');
      const grant = grantOf(browser, found);
      if (lives(grant)) return grant;
      if (grant.refreshToken === null || found.expires <= now()) {
        await store.end(root);
        throw new ServiceError('SMART_SESSION_ENDED');
      }
      const until = new Date(now().getTime() + renewalMs);
      if (await store.startRenewal(root, until, now())) return renew(browser, found, grant, until);
      await wait(lookMs);
    }
  }

  async function renew(
    browser: string,
    { root, tenant, iss, expires }: StoredLaunch,
    grant: SmartGrant,
    until: Date,
  ): Promise<SmartGrant> {
    const next = await client.refresh(tenant, iss, grant).catch(async (error: unknown) => {
      if (error instanceof ServiceError && endings.has(error.code)) await store.end(root);
      else await store.endRenewal(root, until, null);
      throw error;
    });
    const latest =
      next.refreshToken === null ? new Date(Math.min(next.expiresAt, expires.getTime())) : expires;
    if (await store.endRenewal(root, until, { sealed: seal(browser, root, next), expires: latest }))
      return next;
    // It ended meanwhile: nobody may have these tokens.
    await client.revoke(tenant, iss, next);
    throw new ServiceError('SMART_SESSION_ENDED');
  }

  return {
    lives,
    fresh(browser: string, root: string): Promise<SmartGrant> {
      const running = underWay.get(root) ?? renewed(browser, root).finally(() => underWay.delete(root));
      underWay.set(root, running);
      return running;
    },
  };
}
