import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { endChild, endWithThis } from './children.ts';
import { findCommand } from './commands.ts';
import type { Picture } from './dicom-file.ts';

/** Times itself, so that neither its start nor the way to it counts. */
const program = `
import sys, time, cv2, numpy
cv2.setNumThreads(1)
picture = numpy.fromfile(sys.argv[1], numpy.uint16).reshape(int(sys.argv[2]), int(sys.argv[3]))
size = (int(sys.argv[5]), int(sys.argv[4]))
for _ in sys.stdin:
    started = time.perf_counter()
    cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    print(1000 * (time.perf_counter() - started), flush=True)
`;

/** OpenCV's area resize of one picture, in one thread. */
export interface AreaResize {
  /** Milliseconds of one more. */
  once(): Promise<number>;
  stop(): Promise<void>;
}

/**
 * Starts a Python with OpenCV: the one that `FOVEA_PYTHON` names, else `python3`.
 *
 * @param target rows and columns of the result
 * @returns why there is none, in words
 */
export async function startAreaResize(
  folder: string,
  { rows, columns, values }: Picture,
  target: { readonly rows: number; readonly columns: number },
): Promise<AreaResize | string> {
  const python = process.env['FOVEA_PYTHON'] ?? findCommand('python3');
  if (python === null) return 'python3 is not installed';
  if (spawnSync(python, ['-c', 'import cv2, numpy'], { stdio: 'ignore' }).status !== 0)
    return `${path.basename(python)} has no OpenCV (opencv-python-headless; FOVEA_PYTHON names the interpreter)`;
  const file = path.join(folder, 'opencv.u16');
  writeFileSync(file, new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  const sizes = [rows, columns, target.rows, target.columns].map(String);
  const child = spawn(python, ['-c', program, file, ...sizes], { stdio: ['pipe', 'pipe', 'ignore'] });
  endWithThis(child);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  await once(child, 'spawn');
  return {
    async once() {
      child.stdin.write('\n');
      const { value, done } = await lines.next();
      if (done === true) throw new Error('OpenCV ended');
      return Number(value);
    },
    stop: () => endChild(child, 'SIGTERM'),
  };
}
