import path from 'node:path';
import { Worker } from 'node:worker_threads';
import { type CodedFailure, ServiceError } from '#core/error';
import type { DicomHeader } from '#dicom/attributes';
import { readImagePixel } from '#dicom/image-pixel';
import { type DicomLimits, defaultLimits } from '#dicom/limits';
import { parseDicomAside } from '#dicom/parse';
import { storedFrames } from '#dicom/stored-frames';
import { type PictureFacts, pictureFacts } from './picture-facts.ts';

/** One file whose frames can be had one at a time. */
export interface PictureFile {
  readonly header: DicomHeader;
  readonly facts: PictureFacts['facts'];
  readonly transferSyntaxUid: string;
  /** Memory that it holds. */
  readonly bytes: number;
  /** @param index from 0. Not to be written to. @throws ServiceError DICOM_… */
  frame(index: number): Promise<Uint8Array>;
}

/**
 * Elements up to which a file is read where requests are answered, some milliseconds; the header of a plain image has a
 * few hundred. A file of more (enhanced objects with a group for each frame, or one that is made to hold others up) is
 * read in a thread of its own.
 */
const mostElementsHere = 3_000;

/** Longest time of such a thread, milliseconds. */
const threadMs = 15_000;

/** What a file may cost. */
export const pictureLimits: DicomLimits = {
  ...defaultLimits,
  inflatedBytes: 256 << 20,
  pixelBytes: 256 << 20,
};

/**
 * Opens a file that was just fetched. Its memory may be moved: the caller's array is not to be used afterwards.
 *
 * @throws ServiceError DICOM_…, WORKER_TIMEOUT, WORKER_DIED
 */
export async function openPictureFile(bytes: Uint8Array): Promise<PictureFile> {
  try {
    return await openHere(bytes, { ...pictureLimits, elements: mostElementsHere });
  } catch (error) {
    if (!(error instanceof ServiceError) || error.code !== 'DICOM_TOO_LARGE') throw error;
    return openAside(bytes);
  }
}

async function openHere(bytes: Uint8Array, limits: DicomLimits): Promise<PictureFile> {
  const file = await parseDicomAside(bytes, limits);
  const pixel = readImagePixel(file);
  const { transferSyntaxUid, frame } = storedFrames(file, pixel, limits);
  const own = file.dataSet.bytes;
  return {
    ...pictureFacts(file, pixel),
    transferSyntaxUid,
    bytes: own.buffer === bytes.buffer ? bytes.length : bytes.length + own.length,
    frame,
  };
}

/** A frame: a part of the file, or bytes of its own where the file has it in another form. */
export type ThreadFrame =
  | { readonly offset: number; readonly length: number }
  | { readonly bytes: Uint8Array };

/** What the thread says of its one file. */
export type ThreadAnswer =
  | { readonly failure: CodedFailure }
  | {
      /** The file's bytes, given back. */
      readonly file: Uint8Array;
      readonly header: DicomHeader;
      readonly facts: PictureFacts['facts'];
      readonly transferSyntaxUid: string;
      readonly frames: readonly ThreadFrame[];
    };

/** Threads load JavaScript: the compiled one, also when this file runs from its TypeScript source. */
const thread = path.join(
  /[\\/]dist[\\/]src[\\/]assessment[\\/]app$/.test(import.meta.dirname)
    ? import.meta.dirname
    : path.join(import.meta.dirname, '..', '..', '..', 'dist', 'src', 'assessment', 'app'),
  'picture-thread.js',
);

async function openAside(bytes: Uint8Array): Promise<PictureFile> {
  // Only a buffer that holds nothing else is moved.
  const whole = bytes.byteLength === bytes.buffer.byteLength && bytes.buffer instanceof ArrayBuffer;
  const moved = whole ? (bytes as Uint8Array<ArrayBuffer>) : Uint8Array.from(bytes);
  const worker = new Worker(thread, {
    workerData: { bytes: moved },
    transferList: [moved.buffer],
    name: 'fovea-picture',
    execArgv: [],
    resourceLimits: { maxOldGenerationSizeMb: 512 },
  });
  worker.unref();
  try {
    const answer = await answerOf(worker);
    if ('failure' in answer) {
      const { code, detail } = answer.failure;
      throw new ServiceError(code, detail === undefined ? {} : { detail });
    }
    const { file, header, facts, transferSyntaxUid, frames } = answer;
    return {
      header,
      facts,
      transferSyntaxUid,
      bytes: file.length + frames.reduce((sum, one) => sum + ('bytes' in one ? one.bytes.length : 0), 0),
      async frame(index) {
        const found = frames[index];
        if (found === undefined)
          throw new ServiceError('DICOM_INVALID', {
            detail: 'The image does not have the frame that is asked for.',
          });
        return 'bytes' in found ? found.bytes : file.subarray(found.offset, found.offset + found.length);
      },
    };
  } finally {
    await worker.terminate();
  }
}

function answerOf(worker: Worker): Promise<ThreadAnswer> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new ServiceError('WORKER_TIMEOUT')), threadMs);
    const died = (cause?: unknown): void => {
      clearTimeout(timer);
      reject(new ServiceError('WORKER_DIED', cause === undefined ? {} : { cause }));
    };
    worker.once('message', (answer: ThreadAnswer) => {
      clearTimeout(timer);
      resolve(answer);
    });
    worker.once('error', died);
    worker.once('exit', () => died());
  });
}
