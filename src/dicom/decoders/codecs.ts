import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { ServiceError } from '#core/error';
import { type DicomLimits, defaultLimits } from '../limits.ts';

/** What the `@cornerstonejs` decoders report of a decoded frame. */
interface CodecFrameInfo {
  readonly width: number;
  readonly height: number;
  readonly bitsPerSample: number;
  readonly componentCount: number;
  readonly isSigned?: boolean;
}

/** A decoder object in WebAssembly memory. */
interface WasmDecoder {
  getEncodedBuffer(bytes: number): Uint8Array;
  getDecodedBuffer(): Uint8Array;
  decode(): void;
  getFrameInfo(): CodecFrameInfo;
  /** JPEG-LS only: 0 none (planar), 1 line, 2 sample. */
  getInterleaveMode?(): number;
  delete(): void;
}

export type CodecName = 'jpeg' | 'jpeg-ls' | 'jpeg-2000' | 'htj2k';

/** The WebAssembly codecs of one thread. Made once a thread; not shared between threads. */
export interface Codecs {
  /**
   * Runs one decoder; `use` copies what it needs, the decoder is gone afterwards. A codec that fails is dropped and
   * made anew for the next frame, because its memory may be damaged.
   * @throws ServiceError DICOM_CODEC_FAILED, or what `use` throws
   */
  run<T>(name: CodecName, use: (decoder: WasmDecoder) => T): T;
}

/** What is used of WebAssembly's JavaScript interface; Node's types leave it to the DOM library. */
interface WasmApi {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object, imports: object) => { readonly exports: object };
}

const wasmApi = (globalThis as unknown as { readonly WebAssembly: WasmApi }).WebAssembly;

interface CodecModule {
  readonly file: string;
  readonly decoder: string;
}

const modules: Readonly<Record<CodecName, CodecModule>> = {
  jpeg: { file: 'codec-libjpeg-turbo-8bit/decodewasm', decoder: 'JPEGDecoder' },
  'jpeg-ls': { file: 'codec-charls/decodewasm', decoder: 'JpegLSDecoder' },
  'jpeg-2000': { file: 'codec-openjpeg/decodewasm', decoder: 'J2KDecoder' },
  htj2k: { file: 'codec-openjph/wasm', decoder: 'HTJ2KDecoder' },
};

interface Instance {
  readonly create: () => WasmDecoder;
  readonly memoryBytes: () => number;
}

/** Memory never shrinks: a codec that has grown beyond this is dropped after use. */
const keptBytes = 256 * 1024 * 1024;

/** Codecs for one thread. They are compiled when first needed (10 to 25 ms each). */
export function createCodecs(limits: DicomLimits = defaultLimits): Codecs {
  const compiled = new Map<CodecName, object>();
  const instances = new Map<CodecName, Instance>();
  const load = (name: CodecName): Instance => {
    const ready = instances.get(name);
    if (ready !== undefined) return ready;
    const wasm = compiled.get(name) ?? compile(name, limits);
    compiled.set(name, wasm);
    const instance = instantiate(name, wasm);
    instances.set(name, instance);
    return instance;
  };
  return {
    run(name, use) {
      let decoder: WasmDecoder | null = null;
      try {
        const instance = load(name);
        decoder = instance.create();
        const result = use(decoder);
        decoder.delete();
        if (instance.memoryBytes() > keptBytes) instances.delete(name);
        return result;
      } catch (cause) {
        instances.delete(name);
        if (cause instanceof ServiceError) throw cause;
        throw new ServiceError('DICOM_CODEC_FAILED', { cause });
      }
    },
  };
}

const require = createRequire(import.meta.url);

function compile(name: CodecName, limits: DicomLimits): object {
  const file = require.resolve(`@cornerstonejs/${modules[name].file}`);
  return new wasmApi.Module(withMemoryLimit(readFileSync(file), limits.codecBytes));
}

type Factory = (settings: Record<string, unknown>) => Promise<unknown>;

/** The factory fills `settings` with the module's exports before it returns, since it is given the instance. */
function instantiate(name: CodecName, wasm: object): Instance {
  const factory = require(`@cornerstonejs/${modules[name].file}js`) as Factory;
  const settings: Record<string, unknown> = {
    print: () => undefined,
    printErr: () => undefined,
    instantiateWasm(imports: object, receive: (instance: object) => void) {
      const instance = new wasmApi.Instance(wasm, imports);
      receive(instance);
      return instance.exports;
    },
  };
  factory(settings).catch(() => undefined);
  const Decoder = settings[modules[name].decoder] as new () => WasmDecoder;
  return {
    create: () => new Decoder(),
    memoryBytes: () => (settings['HEAPU8'] as Uint8Array).byteLength,
  };
}

const pageBytes = 65_536;
const memorySection = 5;

/** The module with the maximum of its memory lowered to `bytes`. @see WebAssembly core specification §5.5.8 */
export function withMemoryLimit(wasm: Uint8Array, bytes: number): Uint8Array {
  const limited = Uint8Array.from(wasm);
  let at = 8;
  const leb = (): number => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = limited[at++] ?? 0;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  while (at < limited.length) {
    const id = limited[at++];
    const length = leb();
    const end = at + length;
    if (id === memorySection && limited[at] === 1 && limited[at + 1] === 1) {
      at += 2;
      leb();
      writePadded(limited.subarray(at, end), Math.floor(bytes / pageBytes));
      return limited;
    }
    at = end;
  }
  throw new ServiceError('DICOM_CODEC_FAILED', { detail: 'The codec has no memory that can be limited.' });
}

/** LEB128 over exactly the bytes that the old value took. */
function writePadded(target: Uint8Array, value: number): void {
  let rest = value;
  for (let index = 0; index < target.length; index += 1) {
    target[index] = (rest & 0x7f) | (index < target.length - 1 ? 0x80 : 0);
    rest >>>= 7;
  }
}
