/** Chunks of this many bytes and more are kept as they are; smaller ones are copied together. */
const largeChunk = 16 << 10;
const blockBytes = 64 << 10;
/** What a buffer costs besides its bytes, about. */
const overheadBytes = 1 << 10;

/** Chunks that have arrived and not been taken, in order. */
export interface Blocks {
  /** The chunk must not change any more. */
  push(chunk: Uint8Array): void;
  /** The next bytes, at least one; undefined when there are none. */
  take(): Uint8Array | undefined;
  /** What is kept, bytes, with about 1 KiB for each buffer. */
  cost(): number;
  clear(): void;
}

/**
 * A queue whose memory goes with its bytes and not with the number of chunks, which the sender chooses: chunks under
 * 16 KiB are copied behind one another into blocks of 64 KiB, larger ones pass uncopied. Bytes that have been taken
 * may lie in a block that is still being filled behind them.
 */
export function createBlocks(): Blocks {
  let queue: (Uint8Array | undefined)[] = [];
  let head = 0;
  let kept = 0;
  /** Small chunks go to `block` at `filled`; what lies from `start` on is not in the queue yet. */
  let block: Uint8Array | null = null;
  let start = 0;
  let filled = 0;

  const enqueue = (bytes: Uint8Array): void => {
    queue.push(bytes);
    kept += bytes.length + overheadBytes;
  };
  const seal = (): void => {
    if (block !== null && filled > start) enqueue(block.subarray(start, filled));
    start = filled;
  };

  return {
    push(chunk) {
      if (chunk.length === 0) return;
      if (chunk.length >= largeChunk) {
        seal();
        enqueue(chunk);
        return;
      }
      if (block === null || block.length - filled < chunk.length) {
        seal();
        block = Buffer.allocUnsafeSlow(blockBytes);
        start = 0;
        filled = 0;
      }
      block.set(chunk, filled);
      filled += chunk.length;
    },
    take() {
      if (head === queue.length) seal();
      const bytes = queue[head];
      if (bytes === undefined) return undefined;
      queue[head++] = undefined;
      kept -= bytes.length + overheadBytes;
      // At each emptying, or when half of a long queue has been taken: never once for every chunk.
      if (head === queue.length || (head >= 64 && head * 2 >= queue.length)) {
        queue = queue.slice(head);
        head = 0;
      }
      return bytes;
    },
    cost: () => kept + (filled > start ? filled - start + overheadBytes : 0),
    clear() {
      queue = [];
      head = 0;
      kept = 0;
      block = null;
      start = 0;
      filled = 0;
    },
  };
}
