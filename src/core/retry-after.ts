/** Longest wait that another server can ask for, seconds. */
const longest = 300;

/**
 * `Retry-After` as seconds from `now`, within 0 and 300; null where it is missing or neither a number of seconds nor
 * an HTTP date. @see RFC 9110 §10.2.3
 *
 * @param now milliseconds since the epoch
 */
export function retryAfterSeconds(value: string | undefined, now: number): number | null {
  const text = value?.trim() ?? '';
  const seconds = /^\d+$/.test(text)
    ? Number(text)
    : /[A-Za-z]/.test(text)
      ? (Date.parse(text) - now) / 1000
      : NaN;
  return Number.isNaN(seconds) ? null : Math.min(longest, Math.max(0, Math.ceil(seconds)));
}
