/**
 * Keeps a worker thread from being ended while that would end the whole process: in native code, because ONNX Runtime's
 * binding throws into a thread that is being torn down, and while it still loads its modules, because V8 aborts. One cell
 * a task, shared by the pool and the thread. @see DESIGN fact 4
 */
const states = { busy: 0, free: 1, ending: 2 } as const;

/** How often the pool looks whether a thread has left native code, milliseconds. */
const lookEvery = 5;

/** A cell for one task, which its thread has not begun. */
export function createCell(): SharedArrayBuffer {
  return new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
}

/** In the thread: the task has begun, the modules are loaded. */
export function begin(cell: SharedArrayBuffer): void {
  Atomics.store(new Int32Array(cell), 0, states.free);
}

/** In the thread: runs `work`, which calls native code, unless the thread is about to be ended; then it never comes back. */
export async function inNative<Result>(
  cell: SharedArrayBuffer,
  work: () => Promise<Result>,
): Promise<Result> {
  const view = new Int32Array(cell);
  const before = Atomics.compareExchange(view, 0, states.free, states.busy);
  if (before === states.ending) return new Promise(() => undefined);
  try {
    return await work();
  } finally {
    Atomics.store(view, 0, states.free);
  }
}

/** In the pool: calls `end` once the task has begun and is outside of native code and cannot get into it; gives up when `isDone`. */
export async function endOutsideNative(
  cell: SharedArrayBuffer,
  end: () => void,
  isDone: () => boolean,
): Promise<void> {
  const view = new Int32Array(cell);
  while (!isDone()) {
    if (Atomics.compareExchange(view, 0, states.free, states.ending) === states.free) return end();
    await new Promise((resolve) => setTimeout(resolve, lookEvery));
  }
}
