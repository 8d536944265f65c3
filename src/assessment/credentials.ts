/** An access token of a hook call, kept in memory for one job at most. */
export interface Credential {
  readonly token: string;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
}

/**
 * The tokens that jobs of this process run on. A token is never stored: when the process ends its jobs wait as
 * `needs-credential` for the next hook. @see DESIGN fact 8
 */
export interface Credentials {
  /** Keeps `credential` for `jobId` until it expires, the one that lives longer when there are two. */
  hold(jobId: string, credential: Credential): void;
  /** The token while it lives, else null. */
  tokenFor(jobId: string): string | null;
  drop(jobId: string): void;
}

/** Longest time that a token is kept, whatever the caller says of its life, milliseconds. */
const longestMs = 3_600_000;

/** How often expired tokens are looked for, milliseconds. */
const sweepMs = 60_000;

export function createCredentials(now: () => number): Credentials {
  const held = new Map<string, Credential>();
  let sweeper: NodeJS.Timeout | undefined;
  const forgetExpired = (): void => {
    for (const [jobId, { expiresAt }] of held) if (expiresAt <= now()) held.delete(jobId);
    clearTimeout(sweeper);
    sweeper = held.size > 0 ? setTimeout(forgetExpired, sweepMs).unref() : undefined;
  };
  return {
    hold(jobId, { token, expiresAt }) {
      const credential = { token, expiresAt: Math.min(expiresAt, now() + longestMs) };
      const before = held.get(jobId);
      if (before === undefined || before.expiresAt < credential.expiresAt) held.set(jobId, credential);
      forgetExpired();
    },
    tokenFor(jobId) {
      forgetExpired();
      return held.get(jobId)?.token ?? null;
    },
    drop(jobId) {
      held.delete(jobId);
    },
  };
}
