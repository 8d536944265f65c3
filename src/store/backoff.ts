import { createHash } from 'node:crypto';

/** When a failed job is tried again. */
export interface Backoff {
  /** Pause after the first failure, seconds. */
  readonly first: number;
  /** Longest pause, seconds. */
  readonly longest: number;
  /** Makes the jitter: the same seed, job and attempt give the same pause. */
  readonly seed: string;
}

/**
 * Seconds until the next try: doubling from `first` to `longest`, of which a seeded share between a half and all, so
 * that jobs which failed together do not come back together; never earlier than `retryAfter` of the other server.
 */
export function pauseBefore(
  backoff: Backoff,
  jobId: string,
  attempt: number,
  retryAfter: number | undefined,
): number {
  const full = Math.min(backoff.longest, backoff.first * 2 ** (attempt - 1));
  const hash = createHash('sha256').update(`${backoff.seed} ${jobId} ${attempt}`).digest();
  const share = 0.5 + hash.readUInt32BE(0) / 2 ** 33;
  return Math.max(full * share, retryAfter ?? 0);
}
