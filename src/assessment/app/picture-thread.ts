import { parentPort, workerData } from 'node:worker_threads';
import { ServiceError, toCodedFailure } from '#core/error';
import { readImagePixel } from '#dicom/image-pixel';
import { parseDicomAside } from '#dicom/parse';
import { storedFrames } from '#dicom/stored-frames';
import { pictureFacts } from './picture-facts.ts';
import { pictureLimits, type ThreadAnswer, type ThreadFrame } from './picture-file.ts';

/** Frames of one file. */
const mostFrames = 65_536;

async function open(file: Uint8Array): Promise<ThreadAnswer> {
  const parsed = await parseDicomAside(file, pictureLimits);
  const pixel = readImagePixel(parsed);
  if (pixel.frames > mostFrames)
    throw new ServiceError('DICOM_TOO_LARGE', { detail: `It has more than ${mostFrames} frames.` });
  const stored = storedFrames(parsed, pixel, pictureLimits);
  const frames: ThreadFrame[] = [];
  let copied = 0;
  for (let index = 0; index < pixel.frames; index += 1) {
    const frame = await stored.frame(index);
    if (frame.buffer === file.buffer) {
      frames.push({ offset: frame.byteOffset - file.byteOffset, length: frame.length });
      continue;
    }
    copied += frame.length;
    if (copied > pictureLimits.pixelBytes)
      throw new ServiceError('DICOM_TOO_LARGE', { detail: 'Its frames take more memory than they may.' });
    frames.push({ bytes: Uint8Array.from(frame) });
  }
  return {
    file,
    ...pictureFacts(parsed, pixel),
    transferSyntaxUid: stored.transferSyntaxUid,
    frames,
  };
}

const { bytes } = workerData as { readonly bytes: Uint8Array<ArrayBuffer> };
const answer = await open(bytes).catch(
  (error: unknown): ThreadAnswer => ({ failure: toCodedFailure(error) }),
);
const buffers = 'failure' in answer ? [] : [bytes.buffer];
parentPort?.postMessage(answer, buffers);
