import path from 'node:path';
import { Piscina } from 'piscina';
import type { AssessedStudy } from '#core/assessment';
import { ServiceError } from '#core/error';
import type { ChartPatient } from '#core/imaging';
import type { LabelledHeader } from './labelled-image.ts';
import { createCell, endOutsideNative } from './thread-gate.ts';
import type { Inspected, WarmModel, WorkerAnswer, WorkerData, WorkerTask, WorkerWork } from './worker.ts';

/** Worker threads that decode and infer. A thread that dies or takes too long costs its task, never the service. */
export interface Pool {
  readonly size: number;
  /** Opens the model in every thread, parity check included. */
  warm(model: string): Promise<WarmModel>;
  /** `bytes` are moved: the caller's array is empty afterwards. */
  assess(request: {
    readonly model: string;
    readonly bytes: Uint8Array;
    readonly patient: ChartPatient | null;
    readonly studyInstanceUid: string | null;
    readonly labelled: LabelledHeader | null;
    readonly signal?: AbortSignal;
  }): Promise<AssessedStudy>;
  inspect(bytes: Uint8Array): Promise<Inspected>;
  close(): Promise<void>;
}

export interface PoolOptions extends WorkerData {
  readonly size: number;
  /** Longest time of one task in its thread, milliseconds. */
  readonly timeoutMs: number;
  /** Told when a thread died between two tasks; another one takes its place. */
  readonly onWorkerLost?: () => void;
}

/** Threads load JavaScript: the compiled worker, also when this file runs from its TypeScript source. */
const entry = path.join(
  import.meta.dirname.replace(/(^|[\\/])src([\\/])assessment$/, (all, before: string, sep: string) =>
    /[\\/]dist[\\/]src[\\/]assessment$/.test(import.meta.dirname)
      ? all
      : `${before}dist${sep}src${sep}assessment`,
  ),
  'worker.js',
);

/** How far the threads that decode and infer stand behind those that answer calls and the store. */
const niceness = process.platform === 'linux' ? 10 : 0;

/** @throws by its methods: ServiceError with the worker's code, WORKER_TIMEOUT, WORKER_DIED */
export function createPool(options: PoolOptions): Pool {
  const piscina = new Piscina({
    filename: entry,
    name: 'run',
    minThreads: options.size,
    maxThreads: options.size,
    idleTimeout: Number.POSITIVE_INFINITY,
    concurrentTasksPerWorker: 1,
    atomics: 'disabled',
    // Whoever waits at a hook comes before the next study (Linux: of this thread alone).
    niceIncrement: niceness,
    // Flags of the caller (--conditions, a debugger) are not meant for these threads.
    execArgv: [],
    workerData: { folders: options.folders, providers: options.providers } satisfies WorkerData,
    // Bounds JavaScript's own heap; buffers are bounded by the decoder's limits. @see DESIGN fact 4
    resourceLimits: { maxOldGenerationSizeMb: 1024 },
  });
  // Without a listener the death of an idle thread would end the process.
  piscina.on('error', () => options.onWorkerLost?.());
  const threads = createSlots(options.size);
  const closing = new AbortController();
  const running = new Set<Promise<unknown>>();

  /** Runs a task in a free thread. When `stop` aborts, the thread is ended as soon as it is outside of native code. */
  const inThread = async (work: WorkerWork, move: readonly ArrayBuffer[], stop: AbortSignal) => {
    const ending = new AbortController();
    const cell = createCell();
    const task: WorkerTask = { ...work, cell };
    let isDone = false;
    const end = () =>
      void endOutsideNative(
        cell,
        () => ending.abort(),
        () => isDone,
      );
    if (stop.aborted) end();
    else stop.addEventListener('abort', end, { once: true });
    try {
      return (await piscina.run(task, { signal: ending.signal, transferList: [...move] })) as WorkerAnswer;
    } finally {
      isDone = true;
      stop.removeEventListener('abort', end);
      threads.give();
    }
  };

  const run = async (
    work: WorkerWork,
    move: readonly ArrayBuffer[],
    outer?: AbortSignal,
  ): Promise<WorkerAnswer> => {
    // The clock starts when a thread is free: a task is not judged by the one before it.
    await threads.take();
    const timeout = AbortSignal.timeout(options.timeoutMs);
    const stop = AbortSignal.any([timeout, closing.signal, ...(outer === undefined ? [] : [outer])]);
    const task = inThread(work, move, stop);
    running.add(task);
    let answer: WorkerAnswer;
    try {
      answer = await Promise.race([task, stuck(stop)]);
    } catch (cause) {
      throw new ServiceError(timeout.aborted ? 'WORKER_TIMEOUT' : 'WORKER_DIED', { cause });
    } finally {
      task.catch(() => undefined).finally(() => running.delete(task));
    }
    if (answer.kind === 'failure') {
      const { code, detail, retryAfter } = answer.failure;
      throw new ServiceError(code, {
        ...(detail !== undefined && { detail }),
        ...(retryAfter !== undefined && { retryAfter }),
      });
    }
    return answer;
  };

  return {
    size: options.size,
    async warm(model) {
      const answers = await Promise.all(
        Array.from({ length: options.size }, () => run({ kind: 'warm', model }, [])),
      );
      return (answers[0] as Extract<WorkerAnswer, { kind: 'warm' }>).warm;
    },
    async assess({ bytes, signal, ...request }) {
      const moved = movable(bytes);
      const answer = await run({ kind: 'assess', ...request, bytes: moved }, [moved.buffer], signal);
      return (answer as Extract<WorkerAnswer, { kind: 'assess' }>).assessed;
    },
    async inspect(bytes) {
      const moved = movable(bytes);
      const answer = await run({ kind: 'inspect', bytes: moved }, [moved.buffer]);
      return (answer as Extract<WorkerAnswer, { kind: 'inspect' }>).inspected;
    },
    async close() {
      closing.abort();
      await Promise.allSettled([...running].map((task) => Promise.race([task, stuck(closing.signal)])));
      // A thread that is ended while it loads its modules aborts the process.
      const until = performance.now() + patience;
      while (piscina.threads.length < options.size && performance.now() < until)
        await new Promise((resolve) => setTimeout(resolve, lookEvery));
      await piscina.destroy();
    },
  };
}

/** How often is looked whether a thread has started, milliseconds. */
const lookEvery = 5;

/** How long native code may go on after its task was to end, milliseconds. */
const patience = 10_000;

/** Rejects when `stop` has been aborted for so long that nobody should wait any more. */
function stuck(stop: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    const begin = () => setTimeout(() => reject(stop.reason), patience).unref();
    if (stop.aborted) begin();
    else stop.addEventListener('abort', begin, { once: true });
  });
}

/** `count` places: `take` resolves when one is free, in the order of asking. */
function createSlots(count: number) {
  const waiting: (() => void)[] = [];
  let free = count;
  return {
    async take(): Promise<void> {
      if (free > 0) free -= 1;
      else await new Promise<void>((resolve) => waiting.push(resolve));
    },
    give(): void {
      const next = waiting.shift();
      if (next === undefined) free += 1;
      else next();
    },
  };
}

/** Bytes that own their whole buffer; a view into a shared one (Node's buffer pool) is copied first. */
function movable(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const { buffer, byteOffset, byteLength } = bytes;
  return buffer instanceof ArrayBuffer && byteOffset === 0 && byteLength === buffer.byteLength
    ? new Uint8Array(buffer)
    : new Uint8Array(bytes);
}
