import { readFileSync } from 'node:fs';
import path from 'node:path';
import { deflateRawSync } from 'node:zlib';
import type { AppEvidence, AppExplanation } from '#core/app';
import {
  bytesOf,
  type Elements,
  type ImageOptions,
  imageModule,
  writeDicom,
  writeEncapsulated,
} from '../support/dicom-writer.ts';
import {
  encodeJpegDct,
  encodeJpegLossless,
  encodeRle,
  encodeWith,
  type Picture,
  picture,
} from '../support/frame-encoders.ts';
import { sandboxData } from '../support/hospital.ts';
import type { Scenario } from './viewer-server.ts';

export const sandboxFile = (folder: string): Uint8Array =>
  new Uint8Array(readFileSync(path.join(sandboxData, folder, '1.dcm')));

const rows = 40;
const columns = 56;

const syntax = (tail: string): string => `1.2.840.10008.1.2${tail}`;

interface Extra {
  readonly before?: Elements;
  readonly after?: Elements;
}

function native(
  image: ImageOptions,
  values: ArrayBufferView,
  transferSyntax = syntax('.1'),
  deflate = false,
) {
  const vr = (image.bitsAllocated ?? 16) > 8 ? 'OW' : 'OB';
  return writeDicom([...imageModule(image), [0x7fe00010, vr, bytesOf(values)]], { transferSyntax, deflate });
}

const swapped = (values: Uint16Array): Uint8Array =>
  new Uint8Array(Buffer.from(bytesOf(values).slice()).swap16());

/** Elements below group 0028 and between it and the pixels. */
export function grey(
  values: Int16Array | Uint16Array,
  image: ImageOptions,
  { before = [], after = [] }: Extra = {},
) {
  return writeDicom([...before, ...imageModule(image), ...after, [0x7fe00010, 'OW', bytesOf(values)]]);
}

/** A slice of a CT: air and a disc of tissue, in Hounsfield units with rescale, padding in the corners. */
export function ctSlice(index: number, count: number, size = 64): Uint8Array {
  const values = new Int16Array(size * size);
  for (let at = 0; at < values.length; at += 1) {
    const [x, y] = [(at % size) - size / 2, Math.floor(at / size) - size / 2];
    const away = Math.hypot(x, y);
    values[at] = away > size / 2 ? -2000 : away < (size / 3) * ((index + 1) / count) ? 1064 : 24;
  }
  return grey(
    values,
    { rows: size, columns: size, signed: true, bitsStored: 16 },
    {
      before: [
        [0x00080060, 'CS', 'CT'],
        [0x00200013, 'IS', String(index + 1)],
      ],
      after: [
        [0x00280120, 'SS', -2000],
        [0x00281050, 'DS', '40'],
        [0x00281051, 'DS', '400'],
        [0x00281052, 'DS', '-1024'],
        [0x00281053, 'DS', '1'],
      ],
    },
  );
}

/** One file a transfer syntax and form that the service reads. */
export async function everyForm(): Promise<ReadonlyMap<string, Uint8Array>> {
  const p8 = picture(rows, columns, 1, 8, 3);
  const p12 = picture(rows, columns, 1, 12, 4);
  const p16 = picture(rows, columns, 1, 16, 5);
  const rgb = picture(rows, columns, 3, 8, 6);
  const form = (bitsAllocated: number, bitsStored = bitsAllocated): ImageOptions => ({
    rows,
    columns,
    bitsAllocated,
    bitsStored,
  });
  const colour: ImageOptions = { rows, columns, samples: 3, bitsAllocated: 8, bitsStored: 8, planar: 0 };
  const signed12 = Int16Array.from(p12.values, (value) => value - 2048);
  const masked: Picture = { ...p12, values: Uint16Array.from(signed12, (value) => value & 0xfff) };
  const rubbish = Uint16Array.from(p12.values, (value, at) => (value << 2) | ((at % 3) << 14) | (at % 4));
  const planes = Uint8Array.from({ length: rgb.values.length }, (_, at) => {
    const plane = Math.floor(at / (rows * columns));
    return rgb.values[(at % (rows * columns)) * 3 + plane] as number;
  });
  const bits = Uint8Array.from({ length: (rows * columns) / 8 }, (_, at) => (at * 37) & 0xff);
  const packed = (tail: string, image: ImageOptions, frame: Uint8Array) =>
    writeEncapsulated(syntax(tail), imageModule(image), [frame]);
  return new Map([
    ['implicit little endian, 16 bits', native(form(16), p16.values, syntax(''))],
    ['explicit little endian, 8 bits', native(form(8), p8.values)],
    [
      'explicit little endian, 12 of 16 bits signed',
      native({ ...form(16, 12), signed: true }, masked.values),
    ],
    ['12 bits between rubbish, high bit 13', native({ ...form(16, 12), highBit: 13 }, rubbish)],
    ['one bit a pixel', native({ ...form(1) }, bits)],
    ['explicit big endian, 16 bits', native(form(16), swapped(p16.values as Uint16Array), syntax('.2'))],
    ['deflated, 16 bits', native(form(16), p16.values, syntax('.1.99'), true)],
    ['encapsulated uncompressed', packed('.1.98', form(16), bytesOf(p16.values))],
    ['deflated frames', packed('.8.1', form(16), new Uint8Array(deflateRawSync(bytesOf(p16.values))))],
    ['RLE, 8 bits', packed('.5', form(8), encodeRle(p8))],
    ['RLE, 16 bits', packed('.5', form(16), encodeRle(p16))],
    ['JPEG baseline', packed('.4.50', form(8), encodeJpegDct(p8, 8))],
    ['JPEG extended, 12 bits', packed('.4.51', form(16, 12), encodeJpegDct(p12, 12))],
    [
      'JPEG lossless, predictor 4',
      packed('.4.57', form(16), encodeJpegLossless(p16, { precision: 16, predictor: 4 })),
    ],
    [
      'JPEG lossless, 12 bits',
      packed('.4.70', form(16, 12), encodeJpegLossless(p12, { precision: 12, predictor: 1 })),
    ],
    [
      'JPEG lossless, 8 bits',
      packed('.4.70', form(8), encodeJpegLossless(p8, { precision: 8, predictor: 1 })),
    ],
    ['JPEG-LS', packed('.4.80', form(16, 12), await encodeWith('jpeg-ls', p12, { bits: 12 }))],
    [
      'JPEG-LS, signed',
      packed('.4.80', { ...form(16, 12), signed: true }, await encodeWith('jpeg-ls', masked, { bits: 12 })),
    ],
    [
      'JPEG-LS near lossless',
      packed('.4.81', form(8), await encodeWith('jpeg-ls', p8, { bits: 8, near: 2 })),
    ],
    ['JPEG 2000', packed('.4.90', form(16), await encodeWith('jpeg-2000', p16, { bits: 16 }))],
    [
      'JPEG 2000, signed',
      packed(
        '.4.90',
        { ...form(16, 12), signed: true },
        await encodeWith('jpeg-2000', { ...p12, values: signed12 }, { bits: 12, signed: true }),
      ),
    ],
    ['JPEG 2000 lossy syntax', packed('.4.91', form(8), await encodeWith('jpeg-2000', p8, { bits: 8 }))],
    ['HTJ2K lossless', packed('.4.201', form(16, 12), await encodeWith('htj2k', p12, { bits: 12 }))],
    ['HTJ2K RPCL', packed('.4.202', form(8), await encodeWith('htj2k', p8, { bits: 8 }))],
    ['HTJ2K', packed('.4.203', form(16), await encodeWith('htj2k', p16, { bits: 16 }))],
    ['RGB by pixel', native(colour, rgb.values)],
    ['RGB by plane', native({ ...colour, planar: 1 }, planes)],
    ['YBR_FULL', native({ ...colour, photometric: 'YBR_FULL' }, rgb.values)],
    [
      'YBR_FULL_422',
      native({ ...colour, photometric: 'YBR_FULL_422' }, rgb.values.slice(0, rows * columns * 2)),
    ],
    ['RLE, RGB', packed('.5', { ...colour, planar: 1 }, encodeRle(rgb))],
    ['JPEG baseline, RGB', packed('.4.50', colour, encodeJpegDct(rgb, 8))],
    [
      'JPEG baseline, YBR_FULL',
      packed('.4.50', { ...colour, photometric: 'YBR_FULL' }, encodeJpegDct(rgb, 8)),
    ],
    ['JPEG lossless, RGB', packed('.4.70', colour, encodeJpegLossless(rgb, { precision: 8, predictor: 1 }))],
    [
      'JPEG-LS, RGB by line',
      packed('.4.80', colour, await encodeWith('jpeg-ls', rgb, { bits: 8, interleave: 1 })),
    ],
    [
      'JPEG-LS, RGB by plane',
      packed(
        '.4.80',
        colour,
        await encodeWith('jpeg-ls', { ...rgb, values: planes }, { bits: 8, interleave: 0 }),
      ),
    ],
    [
      'JPEG 2000, own colour transform',
      packed('.4.90', { ...colour, photometric: 'YBR_RCT' }, await encodeWith('jpeg-2000', rgb, { bits: 8 })),
    ],
  ]);
}

const shares = Array.from({ length: 49 }, (_, cell) =>
  Math.max(0, 1 - Math.hypot(Math.floor(cell / 7) - 4, (cell % 7) - 5) / 3),
);
const map: AppExplanation = {
  grid: [7, 7],
  cellPixels: 32,
  shares,
  zones: ['right lower zone'],
  covers: [0, 0, 1, 1],
};

/** What the viewer is opened with; as much of the evidence as it reads. */
export function scenario(
  key: string,
  options: {
    readonly state?: 'final' | 'abstained';
    readonly explained?: boolean;
    readonly instance?: string | null;
    readonly prior?: string;
    readonly description?: string;
    readonly locale?: 'en' | 'es';
    readonly evidence?: boolean;
  } = {},
): Scenario {
  const { state = 'final', explained = true, instance = 'i0', prior, locale = 'en' } = options;
  const study: Scenario['study'] = {
    key,
    started: '2026-11-20',
    description: options.description ?? 'Chest PA',
    modalities: ['CR'],
    images: 1,
  };
  const final = state === 'final';
  const evidence = {
    study: {
      ...study,
      state,
      findings: final ? [{ name: 'pneumonia', label: 'Pneumonia' }] : [],
      reason: final ? null : { code: 'GATE_VIEW', text: 'The view is not frontal.', help: '' },
    },
    image: { instance },
    findings: final
      ? [
          {
            finding: 'pneumonia',
            here: { probability: 0.71, interval: [0.6, 0.79] },
            explanation: explained ? map : null,
          },
        ]
      : [],
  } as unknown as AppEvidence;
  return {
    study,
    evidence: options.evidence === false ? null : evidence,
    prior: prior === undefined ? null : { ...study, key: prior, started: '2025-01-02' },
    locale,
  };
}
