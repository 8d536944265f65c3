import { ServiceError } from '#core/error';

/** One part of a multipart/related message. */
export interface Part {
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  /** The part's bytes in a buffer of their own: its ArrayBuffer holds nothing else and may be moved to a thread. */
  readonly bytes: Buffer<ArrayBuffer>;
}

export interface MultipartLimits {
  readonly maxPartBytes: number;
  readonly maxParts: number;
}

const maxPartHeaderBytes = 16 << 10;
const maxPreambleBytes = 64 << 10;
/** RFC 2046 §5.1.1: a boundary has 1 to 70 characters. */
const maxBoundary = 70;

const maxMediaType = 1_000;

/** Pieces of this many bytes and more are kept as they are until they are joined; smaller ones are copied together. */
const largePiece = 16 << 10;
const blockBytes = 64 << 10;

const lineFeed = 0x0a;
const carriageReturn = 0x0d;
const dash = 0x2d;
const [space, tab] = [0x20, 0x09];

const malformed = (detail: string): ServiceError => new ServiceError('DICOMWEB_INVALID_RESPONSE', { detail });
const truncated = (): ServiceError => new ServiceError('DICOMWEB_TRUNCATED');
const tooLarge = (): ServiceError => new ServiceError('DICOMWEB_TOO_LARGE');

/**
 * A media type with its parameters. Quoted values may hold `;` and escaped characters; names and the type are given
 * in lower case. null where the text is not a media type. @see RFC 9110 §5.6.6, §8.3.1
 */
export function parseMediaType(
  text: string,
): { readonly type: string; readonly parameters: Readonly<Record<string, string>> } | null {
  if (text.length > maxMediaType) return null;
  const type = /^\s*([\w!#$&^.+-]+\/[\w!#$&^.+-]+)\s*(?=;|$)/.exec(text);
  if (type === null) return null;
  const parameters: Record<string, string> = Object.create(null);
  const parameter = /\s*;\s*(?:([\w!#$%&'*+.^`|~-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;"]+)))?\s*(?=;|$)/y;
  parameter.lastIndex = type[0].length;
  while (parameter.lastIndex < text.length) {
    const match = parameter.exec(text);
    if (match === null) return null;
    const name = match[1]?.toLowerCase();
    if (name !== undefined) parameters[name] ??= match[2]?.replace(/\\(.)/g, '$1') ?? match[3] ?? '';
  }
  return { type: (type[1] as string).toLowerCase(), parameters };
}

/**
 * Reads multipart/related as it arrives and gives one part at a time; nothing is read ahead of the consumer but what
 * a chunk holds. A part that states its Content-Length is allocated once and filled in place; another is collected
 * and joined once, small chunks in blocks, so that memory goes with the bytes and not with the number of chunks.
 *
 * Line ends are CRLF, or LF alone where the first boundary line ends so.
 *
 * @throws ServiceError DICOMWEB_TRUNCATED when the closing boundary is missing, DICOMWEB_TOO_LARGE,
 *   DICOMWEB_INVALID_RESPONSE; and whatever `body` throws
 * @see RFC 2046 §5.1.1, DICOM PS3.18 §8.6.1.2
 */
export async function* parseMultipart(
  body: AsyncIterable<Uint8Array>,
  boundary: string,
  limits: MultipartLimits,
): AsyncGenerator<Part, void, undefined> {
  if (boundary.length === 0 || boundary.length > maxBoundary) throw malformed('Its boundary is not valid.');
  const input = body[Symbol.asyncIterator]();
  try {
    const reader = createReader(input, boundary);
    let closed = await reader.skipPreamble();
    for (let parts = 0; !closed; parts++) {
      if (parts === limits.maxParts) throw tooLarge();
      const headers = await reader.readHeaders();
      const part = await reader.readContent(headers['content-length'], limits.maxPartBytes);
      closed = part.last;
      yield { headers, bytes: part.bytes };
    }
  } finally {
    await input.return?.();
  }
}

interface Reader {
  /** Up to and with the first boundary line. true when it closes the message. */
  skipPreamble(): Promise<boolean>;
  readHeaders(): Promise<Record<string, string>>;
  /** The content with the delimiter after it. `last` when the delimiter closes the message. */
  readContent(
    contentLength: string | undefined,
    maxBytes: number,
  ): Promise<{ bytes: Buffer<ArrayBuffer>; last: boolean }>;
}

function createReader(input: AsyncIterator<Uint8Array>, boundary: string): Reader {
  const dashed = Buffer.from(`--${boundary}`, 'latin1');
  let delimiter = Buffer.concat([Buffer.from('\r\n'), dashed]);
  /** What has arrived and is not used up: `chunk` from `at` on. */
  let chunk: Buffer = Buffer.alloc(0);
  let at = 0;
  /** Where `chunk` is no longer one that arrived: the memory at whose start it lies, with room behind it. */
  let joined: Buffer | null = null;
  const content = createContent();

  function replace(next: Buffer): void {
    chunk = next;
    at = 0;
    joined = null;
  }

  /** `next` behind what is not used up. Many small ones cost one copy each, not one of all that lies before them. */
  function append(next: Buffer): void {
    if (at === chunk.length) {
      replace(next);
      return;
    }
    if (joined === null || joined.length - chunk.length < next.length) {
      const rest = chunk.subarray(at);
      const length = rest.length + next.length;
      const memory = Buffer.allocUnsafeSlow(
        next.length < largePiece ? Math.max(2 * length, 4 << 10) : length,
      );
      rest.copy(memory);
      chunk = memory.subarray(0, rest.length);
      joined = memory;
      at = 0;
    }
    next.copy(joined, chunk.length);
    chunk = joined.subarray(0, chunk.length + next.length);
  }

  async function pull(): Promise<Buffer | null> {
    for (;;) {
      const { done, value } = await input.next();
      if (done === true) return null;
      if (value.length > 0) return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
    }
  }

  /** Makes sure that `count` bytes lie from `at` on; false when the input ends before. For short counts: it copies. */
  async function ensure(count: number): Promise<boolean> {
    while (chunk.length - at < count) {
      const next = await pull();
      if (next === null) return false;
      append(next);
    }
    return true;
  }

  /** The next line without its end, or null when the input ends before; `limit` bytes at most. */
  async function readLine(limit: number): Promise<string | null> {
    let searched = 0;
    for (;;) {
      const end = chunk.indexOf(lineFeed, at + searched);
      if (end >= 0 && end - at <= limit) {
        const line = chunk.toString(
          'latin1',
          at,
          chunk[end - 1] === carriageReturn && end > at ? end - 1 : end,
        );
        at = end + 1;
        return line;
      }
      searched = chunk.length - at;
      if (searched > limit) throw malformed('A line is too long.');
      if (!(await ensure(searched + 1))) return null;
    }
  }

  /**
   * What stands after `--boundary` at `at`: the close, the end of the line, or other text, which makes it content.
   * Steps over what it recognises.
   */
  async function afterBoundary(): Promise<'close' | 'next' | 'content'> {
    if (!(await ensure(2))) throw truncated();
    if (chunk[at] === dash && chunk[at + 1] === dash) {
      at += 2;
      return 'close';
    }
    let length = 0;
    for (;;) {
      if (!(await ensure(length + 1))) throw truncated();
      const byte = chunk[at + length];
      length++;
      if (byte === lineFeed) break;
      if ((byte !== space && byte !== tab && byte !== carriageReturn) || length > maxBoundary)
        return 'content';
    }
    at += length;
    return 'next';
  }

  async function skipPreamble(): Promise<boolean> {
    for (let skipped = 0; skipped <= maxPreambleBytes; ) {
      if (!(await ensure(dashed.length))) throw truncated();
      if (chunk.subarray(at, at + dashed.length).equals(dashed)) {
        at += dashed.length;
        const kind = await afterBoundary();
        // `at` lies behind the line feed: the byte before it tells which line end the message uses.
        if (kind === 'next' && chunk[at - 2] !== carriageReturn) {
          delimiter = Buffer.concat([Buffer.from('\n'), dashed]);
        }
        if (kind !== 'content') return kind === 'close';
      }
      const line = await readLine(maxPreambleBytes);
      if (line === null) throw truncated();
      skipped += line.length + 1;
    }
    throw malformed('It does not begin with its boundary.');
  }

  async function readHeaders(): Promise<Record<string, string>> {
    const headers: Record<string, string> = Object.create(null);
    let last: string | null = null;
    for (let left = maxPartHeaderBytes; ; ) {
      const line = await readLine(left);
      if (line === null) throw truncated();
      if (line === '') return headers;
      left -= line.length + 1;
      if (left <= 0) throw malformed('The header of a part is too long.');
      const field = /^([!#$%&'*+.^`|~\w-]+)[ \t]*:(.*)$/.exec(line);
      if (field !== null) {
        last = (field[1] as string).toLowerCase();
        headers[last] = (field[2] as string).trim();
      } else if (last !== null && /^[ \t]/.test(line)) {
        headers[last] = `${headers[last]} ${line.trim()}`;
      } else throw malformed('The header of a part is not valid.');
    }
  }

  async function fill(bytes: Buffer<ArrayBuffer>): Promise<void> {
    let filled = 0;
    while (filled < bytes.length) {
      if (at === chunk.length) {
        const next = await pull();
        if (next === null) throw truncated();
        replace(next);
      }
      const taken = chunk.copy(bytes, filled, at);
      filled += taken;
      at += taken;
    }
  }

  async function readExact(length: number): Promise<{ bytes: Buffer<ArrayBuffer>; last: boolean }> {
    const bytes = Buffer.allocUnsafeSlow(length);
    await fill(bytes);
    if (!(await ensure(delimiter.length))) throw truncated();
    if (!chunk.subarray(at, at + delimiter.length).equals(delimiter)) {
      throw malformed('A part is not as long as it says.');
    }
    at += delimiter.length;
    const kind = await afterBoundary();
    if (kind === 'content') throw malformed('A part is not as long as it says.');
    return { bytes, last: kind === 'close' };
  }

  /** `start` are bytes of the part that have been stepped over already. */
  async function readToDelimiter(
    maxBytes: number,
    start: Buffer,
  ): Promise<{ bytes: Buffer<ArrayBuffer>; last: boolean }> {
    content.begin(start);
    const take = (end: number): void => {
      if (content.length() + end - at > maxBytes) throw tooLarge();
      content.push(chunk.subarray(at, end));
      at = end;
    };
    for (;;) {
      const found = chunk.indexOf(delimiter, at);
      if (found >= 0) {
        take(found);
        at += delimiter.length;
        const kind = await afterBoundary();
        if (kind !== 'content') return { bytes: content.join(), last: kind === 'close' };
        content.push(delimiter);
        continue;
      }
      // The last bytes may be the start of a delimiter that goes on in the next chunk.
      take(Math.max(at, chunk.length - delimiter.length + 1));
      const next = await pull();
      if (next === null) throw truncated();
      const seam = Buffer.concat([chunk.subarray(at), next.subarray(0, delimiter.length - 1)]);
      if (next.length >= delimiter.length && !seam.includes(delimiter)) {
        take(chunk.length);
        replace(next);
      } else append(next);
    }
  }

  async function readContent(
    contentLength: string | undefined,
    maxBytes: number,
  ): Promise<{ bytes: Buffer<ArrayBuffer>; last: boolean }> {
    if (contentLength !== undefined) {
      if (!/^\d{1,15}$/.test(contentLength)) throw malformed('A part has no valid length.');
      if (Number(contentLength) > maxBytes) throw tooLarge();
      return readExact(Number(contentLength));
    }
    // An empty part: the line end before its delimiter is the one that ended its header.
    if ((await ensure(dashed.length)) && chunk.subarray(at, at + dashed.length).equals(dashed)) {
      at += dashed.length;
      const kind = await afterBoundary();
      if (kind !== 'content') return { bytes: Buffer.allocUnsafeSlow(0), last: kind === 'close' };
      return readToDelimiter(maxBytes, dashed);
    }
    return readToDelimiter(maxBytes, Buffer.alloc(0));
  }

  return { skipPreamble, readHeaders, readContent };
}

interface Content {
  begin(start: Buffer): void;
  push(piece: Buffer): void;
  length(): number;
  /** What was pushed since the beginning, in a buffer of exactly its length. */
  join(): Buffer<ArrayBuffer>;
}

/** Collects the content of one part after another. Of two neighbours that are kept one holds 16 KiB or more. */
function createContent(): Content {
  let pieces: Buffer[] = [];
  let total = 0;
  /** Small pieces go to `block` at `filled`; what lies from `from` on is not among the pieces yet. */
  let block: Buffer | null = null;
  let from = 0;
  let filled = 0;

  const seal = (): void => {
    if (block !== null && filled > from) pieces.push(block.subarray(from, filled));
    from = filled;
  };
  const push = (piece: Buffer): void => {
    total += piece.length;
    if (piece.length >= largePiece) {
      seal();
      pieces.push(piece);
      return;
    }
    if (block === null || block.length - filled < piece.length) {
      seal();
      block = Buffer.allocUnsafeSlow(blockBytes);
      from = 0;
      filled = 0;
    }
    filled += piece.copy(block, filled);
  };

  return {
    begin(start) {
      pieces = [];
      total = 0;
      // The part before was copied out of the block when it was joined.
      from = 0;
      filled = 0;
      push(start);
    },
    push,
    length: () => total,
    join() {
      seal();
      const bytes = Buffer.allocUnsafeSlow(total);
      let at = 0;
      for (const piece of pieces) at += piece.copy(bytes, at);
      pieces = [];
      return bytes;
    },
  };
}
