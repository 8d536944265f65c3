import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Deadline, startDeadline, untilDeadline } from '#cds/deadline';
import { ServiceError } from '#core/error';

describe('item 37 the clock of a call', () => {
  let deadline: Deadline;
  let from: number;
  beforeEach(() => {
    vi.useFakeTimers();
    from = performance.now();
    deadline = startDeadline({ deadlineMs: 400, graceMs: 600 });
  });
  afterEach(() => void vi.useRealTimers());
  const aborted = () => [deadline.signal.aborted, deadline.lastSignal.aborted];

  it('asks at the deadline and ends after the grace, each with its code', () => {
    expect(deadline.arrivedAt).toBe(from);
    vi.advanceTimersByTime(399);
    expect(aborted()).toEqual([false, false]);
    vi.advanceTimersByTime(1);
    expect(aborted()).toEqual([true, false]);
    vi.advanceTimersByTime(599);
    expect(aborted()).toEqual([true, false]);
    vi.advanceTimersByTime(1);
    expect(aborted()).toEqual([true, true]);
    for (const { reason } of [deadline.signal, deadline.lastSignal])
      expect(reason).toMatchObject({ code: 'DEADLINE_EXCEEDED' });
  });

  it('stands still while it is stopped, however long, and goes on with what was left', () => {
    vi.advanceTimersByTime(300);
    deadline.pause();
    vi.advanceTimersByTime(5_000);
    deadline.pause();
    vi.advanceTimersByTime(5_000);
    expect(aborted()).toEqual([false, false]);
    deadline.resume();
    expect(deadline.arrivedAt).toBe(from + 10_000);
    vi.advanceTimersByTime(99);
    expect(aborted()).toEqual([false, false]);
    vi.advanceTimersByTime(1);
    expect(aborted()).toEqual([true, false]);
    vi.advanceTimersByTime(600);
    expect(aborted()).toEqual([true, true]);
  });

  it('takes no notice of a second start, and starts no second pair of timers', () => {
    vi.advanceTimersByTime(100);
    deadline.resume();
    expect([deadline.arrivedAt, vi.getTimerCount()]).toEqual([from, 2]);
    deadline.pause();
    expect(vi.getTimerCount()).toBe(0);
    deadline.resume();
    deadline.resume();
    expect(vi.getTimerCount()).toBe(2);
  });

  it('leaves no timer behind when the call has ended, also one that ends while its body is on the line', () => {
    deadline.clear();
    expect(vi.getTimerCount()).toBe(0);
    const second = startDeadline({ deadlineMs: 400, graceMs: 600 });
    second.pause();
    second.clear();
    second.resume();
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('untilDeadline', () => {
  it('gives what the promise gives, also its failure', async () => {
    const { signal } = new AbortController();
    await expect(untilDeadline(Promise.resolve(5), signal)).resolves.toBe(5);
    await expect(untilDeadline(Promise.reject(new ServiceError('NOT_FOUND')), signal)).rejects.toMatchObject({
      code: 'NOT_FOUND',
    });
  });

  it('fails when the signal aborts, and at once when it has', async () => {
    const controller = new AbortController();
    const waiting = untilDeadline(new Promise(() => undefined), controller.signal);
    controller.abort();
    await expect(waiting).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    await expect(untilDeadline(new Promise(() => undefined), controller.signal)).rejects.toMatchObject({
      code: 'DEADLINE_EXCEEDED',
    });
  });
});
