import { describe, expect, it } from 'vitest';
import { begin, createCell, endOutsideNative, inNative } from '#assessment/thread-gate';

/** A cell whose task has begun. */
function begunCell(): SharedArrayBuffer {
  const cell = createCell();
  begin(cell);
  return cell;
}

const soon = () => new Promise<string>((resolve) => setTimeout(() => resolve('nothing'), 30));

describe('a thread and native code', () => {
  it('outside of it the thread is ended at once', () => {
    let ended = 0;
    void endOutsideNative(
      begunCell(),
      () => (ended += 1),
      () => false,
    );
    expect(ended).toBe(1);
  });

  it('while the thread still loads its modules the end is waited for', async () => {
    const cell = createCell();
    let ended = 0;
    const ending = endOutsideNative(
      cell,
      () => (ended += 1),
      () => false,
    );
    await soon();
    expect(ended).toBe(0);
    begin(cell);
    await ending;
    expect(ended).toBe(1);
  });

  it('within it the end is waited for, and comes when it is left, failed or not', async () => {
    for (const leave of ['resolve', 'reject'] as const) {
      const cell = begunCell();
      const native = deferred();
      const working = inNative(cell, () => native.promise).catch((error: unknown) => error);
      let ended = 0;
      const ending = endOutsideNative(
        cell,
        () => (ended += 1),
        () => false,
      );
      await soon();
      expect(ended).toBe(0);
      native[leave]('done');
      expect(await working).toBe('done');
      await ending;
      expect(ended).toBe(1);
    }
  });

  it('a thread that is about to be ended does not get into it any more', async () => {
    const cell = begunCell();
    await endOutsideNative(
      cell,
      () => undefined,
      () => false,
    );
    let entered = false;
    const work = inNative(cell, async () => {
      entered = true;
      return 'worked';
    });
    expect(await Promise.race([work, soon()])).toBe('nothing');
    expect(entered).toBe(false);
  });

  it('a task that is done needs no end', async () => {
    const cell = begunCell();
    let ended = 0;
    let isDone = false;
    const working = inNative(cell, soon);
    const ending = endOutsideNative(
      cell,
      () => (ended += 1),
      () => isDone,
    );
    isDone = true;
    await Promise.all([working, ending]);
    expect(ended).toBe(0);
  });
});

function deferred() {
  let resolve: (value: string) => void = () => undefined;
  let reject: (reason: string) => void = () => undefined;
  const promise = new Promise<string>((one, other) => {
    resolve = one;
    reject = other;
  });
  return { promise, resolve, reject };
}
