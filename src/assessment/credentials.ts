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
  /** Keeps `credential` for `jobId`, the one that lives longer when there are two. */
  hold(jobId: string, credential: Credential): void;
  /** The token while it lives, else null. */
  tokenFor(jobId: string): string | null;
  drop(jobId: string): void;
}

export function createCredentials(now: () => number): Credentials {
  const held = new Map<string, Credential>();
  return {
    hold(jobId, credential) {
      const before = held.get(jobId);
      if (before === undefined || before.expiresAt < credential.expiresAt) held.set(jobId, credential);
    },
    tokenFor(jobId) {
      const credential = held.get(jobId);
      if (credential === undefined) return null;
      if (credential.expiresAt > now()) return credential.token;
      held.delete(jobId);
      return null;
    },
    drop(jobId) {
      held.delete(jobId);
    },
  };
}
