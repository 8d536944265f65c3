import { randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { Readable } from 'node:stream';

/** A `multipart/related` body made of files, streamed one after the other. @see RFC 2387, DICOM PS3.18 §8.6.1.2 */
export interface Multipart {
  readonly contentType: string;
  /** Bytes of the whole body. */
  readonly contentLength: number;
  readonly body: Readable;
}

/** @param type media type of every part */
export async function multipartOf(files: readonly string[], type: string): Promise<Multipart> {
  const boundary = randomUUID();
  const parts = await Promise.all(
    files.map(async (file, index) => {
      const { size } = await stat(file);
      const start = index === 0 ? '' : '\r\n';
      return {
        file,
        size,
        head: `${start}--${boundary}\r\nContent-Type: ${type}\r\nContent-Length: ${size}\r\n\r\n`,
      };
    }),
  );
  const end = `\r\n--${boundary}--\r\n`;
  const contentLength =
    parts.reduce((sum, { head, size }) => sum + Buffer.byteLength(head) + size, 0) + end.length;
  return {
    contentType: `multipart/related; type="${type}"; boundary=${boundary}`,
    contentLength,
    body: Readable.from(chunksOf(parts, end)),
  };
}

async function* chunksOf(
  parts: readonly { readonly file: string; readonly head: string }[],
  end: string,
): AsyncGenerator<Buffer> {
  for (const { file, head } of parts) {
    yield Buffer.from(head);
    for await (const chunk of createReadStream(file)) yield chunk as Buffer;
  }
  yield Buffer.from(end);
}
