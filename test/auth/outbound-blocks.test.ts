import { describe, expect, it } from 'vitest';
import { type Blocks, createBlocks } from '#auth/outbound-blocks';

const bytesOf = (length: number, from = 0): Buffer =>
  Buffer.from(Array.from({ length }, (_, at) => (from + at) % 251));

function drain(blocks: Blocks): Uint8Array[] {
  const taken: Uint8Array[] = [];
  for (let next = blocks.take(); next !== undefined; next = blocks.take()) taken.push(next);
  return taken;
}

describe('chunks that wait for their consumer', () => {
  it('200,000 of one byte are kept as four buffers', () => {
    const blocks = createBlocks();
    const content = bytesOf(200_000);
    for (let at = 0; at < content.length; at++) blocks.push(content.subarray(at, at + 1));
    expect(blocks.cost()).toBe(200_000 + 4 * 1024);
    const taken = drain(blocks);
    expect(taken).toHaveLength(4);
    expect(Buffer.concat(taken).equals(content)).toBe(true);
    expect(blocks.cost()).toBe(0);
  });

  it('a large one passes uncopied, in its place among small ones', () => {
    const blocks = createBlocks();
    const large = bytesOf(16 << 10);
    blocks.push(Buffer.from('ab'));
    blocks.push(large);
    blocks.push(Buffer.from('c'));
    blocks.push(new Uint8Array(0));
    blocks.push(Buffer.from('d'));
    const taken = drain(blocks);
    expect(taken).toHaveLength(3);
    expect(Buffer.from(taken[0] as Uint8Array).toString()).toBe('ab');
    expect(taken[1]).toBe(large);
    expect(Buffer.from(taken[2] as Uint8Array).toString()).toBe('cd');
  });

  it('bytes that were taken stay as they are while more arrives behind them', () => {
    const blocks = createBlocks();
    const content = bytesOf(150_000);
    const taken: Uint8Array[] = [];
    for (let at = 0; at < content.length; at += 500) {
      blocks.push(content.subarray(at, at + 500));
      const next = blocks.take();
      if (at % 1_000 === 0 && next !== undefined) taken.push(next);
      else if (next !== undefined) taken.push(Buffer.from(next));
    }
    expect(Buffer.concat(taken).equals(content)).toBe(true);
    expect(new Set(taken.map(({ buffer }) => buffer)).size).toBeLessThan(taken.length);
  });

  it('order and cost hold while a long queue is taken and filled at once', () => {
    const blocks = createBlocks();
    const chunks = Array.from({ length: 600 }, (_, index) => Buffer.alloc(16 << 10, index));
    const taken: (Uint8Array | undefined)[] = [];
    for (const [index, chunk] of chunks.entries()) {
      blocks.push(chunk);
      if (index >= 200) taken.push(blocks.take());
    }
    expect(blocks.cost()).toBe(200 * ((16 << 10) + 1024));
    taken.push(...drain(blocks));
    expect(taken.length).toBe(600);
    expect(taken.every((chunk, index) => chunk === chunks[index])).toBe(true);
    expect(blocks.cost()).toBe(0);
  });

  it('nothing is left after it was cleared', () => {
    const blocks = createBlocks();
    blocks.push(bytesOf(20_000));
    blocks.push(bytesOf(10));
    blocks.clear();
    expect(blocks.cost()).toBe(0);
    expect(blocks.take()).toBeUndefined();
    blocks.push(bytesOf(10));
    expect(drain(blocks)).toEqual([bytesOf(10)]);
  });
});
