import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createCredentials } from '#assessment/credentials';

const hour = 3_600_000;

describe('tokens of hook calls', () => {
  beforeEach(() => void vi.useFakeTimers({ now: 0 }));
  afterEach(() => void vi.useRealTimers());

  it('are kept for their own job, until it is dropped', () => {
    const credentials = createCredentials(Date.now);
    credentials.hold('a', { token: 'one', expiresAt: hour });
    expect([credentials.tokenFor('a'), credentials.tokenFor('b')]).toEqual(['one', null]);
    credentials.drop('a');
    expect(credentials.tokenFor('a')).toBeNull();
  });

  it('end when they expire', () => {
    const credentials = createCredentials(Date.now);
    credentials.hold('a', { token: 'one', expiresAt: 5_000 });
    vi.setSystemTime(5_000);
    expect(credentials.tokenFor('a')).toBeNull();
  });

  it('of two for one job the one that lives longer is kept', () => {
    const credentials = createCredentials(Date.now);
    credentials.hold('a', { token: 'long', expiresAt: hour });
    credentials.hold('a', { token: 'short', expiresAt: 1_000 });
    expect(credentials.tokenFor('a')).toBe('long');
    credentials.hold('b', { token: 'short', expiresAt: 1_000 });
    credentials.hold('b', { token: 'long', expiresAt: hour });
    expect(credentials.tokenFor('b')).toBe('long');
  });

  it('are kept for an hour at most, whatever life the caller promises', () => {
    const credentials = createCredentials(Date.now);
    credentials.hold('a', { token: 'one', expiresAt: Number.MAX_SAFE_INTEGER });
    vi.setSystemTime(hour - 1);
    expect(credentials.tokenFor('a')).toBe('one');
    vi.setSystemTime(hour);
    expect(credentials.tokenFor('a')).toBeNull();
  });

  it('that expired are forgotten without anybody asking, and no timer stays behind', () => {
    const credentials = createCredentials(Date.now);
    credentials.hold('a', { token: 'one', expiresAt: 1_000 });
    expect(vi.getTimerCount()).toBe(1);
    vi.advanceTimersByTime(60_000);
    expect(vi.getTimerCount()).toBe(0);
  });
});
