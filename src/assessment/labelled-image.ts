import { decode as decodePng } from 'fast-png';
import type { AssessedStudy } from '#core/assessment';
import { ServiceError } from '#core/error';
import type { Codecs } from '#dicom/decoders/codecs';
import { type GreyImage, greyImage8 } from '#inference/preprocess';
import { assessDicom, assessReadable, type ReadyModel } from './assess-image.ts';

/** What a manifest says of an image that has no DICOM header. */
export interface LabelledHeader {
  readonly age: number | null;
  readonly view: string | null;
}

const png = [0x89, 0x50, 0x4e, 0x47] as const;
const jpeg = [0xff, 0xd8, 0xff] as const;

/**
 * Assesses one labelled image: PNG or JPEG (colour is turned to luma, ITU-R BT.601), or DICOM. What neither the file
 * nor the manifest says is not judged: the gate is skipped and says so.
 *
 * @throws ServiceError DICOM_…, FILE_UNREADABLE
 */
export async function assessLabelled(
  bytes: Uint8Array,
  ready: ReadyModel,
  codecs: Codecs,
  header: LabelledHeader,
): Promise<AssessedStudy> {
  const started = performance.now();
  const starts = (magic: readonly number[]) => magic.every((byte, index) => bytes[index] === byte);
  const picture = starts(png) ? pngGrey(bytes) : starts(jpeg) ? jpegGrey(bytes, codecs) : null;
  if (picture === null) {
    return assessDicom(bytes, ready, codecs, {
      patient: null,
      studyInstanceUid: null,
      strictness: 'labelled',
    });
  }
  const image: GreyImage = greyImage8(picture.rows, picture.columns, picture.pixels);
  return assessReadable(
    {
      header: {
        modality: null,
        sopClassUid: null,
        human: null,
        bodyParts: [],
        views: header.view === null ? [] : [header.view],
        orientation: null,
        ageYears: header.age,
        rows: picture.rows,
        columns: picture.columns,
        photometric: null,
        burnedIn: false,
      },
      facts: {
        sopInstanceUid: null,
        view: header.view,
        modality: null,
        ageYears: header.age,
        studyDate: null,
      },
      grey: () => image,
    },
    ready,
    'labelled',
    null,
    started,
  );
}

/** An 8-bit grey picture, rows × columns, row by row. */
export interface GreyPicture {
  readonly rows: number;
  readonly columns: number;
  readonly pixels: Uint8Array;
}

function pngGrey(bytes: Uint8Array): GreyPicture {
  let image: ReturnType<typeof decodePng>;
  try {
    image = decodePng(bytes);
  } catch (cause) {
    throw new ServiceError('FILE_UNREADABLE', { detail: 'It is not a PNG that can be decoded.', cause });
  }
  const { width, height, channels, depth, data, palette } = image;
  if ((depth !== 8 && depth !== 16) || palette !== undefined) {
    throw new ServiceError('FILE_UNREADABLE', {
      detail: 'Only PNG with 8 or 16 bits and without a palette is read.',
    });
  }
  return {
    rows: height,
    columns: width,
    pixels: luma(data, width * height, channels, depth === 16 ? 257 : 1),
  };
}

function jpegGrey(bytes: Uint8Array, codecs: Codecs): GreyPicture {
  return codecs.run('jpeg', (decoder) => {
    decoder.getEncodedBuffer(bytes.length).set(bytes);
    decoder.decode();
    const { width, height, componentCount, bitsPerSample } = decoder.getFrameInfo();
    const data = decoder.getDecodedBuffer();
    if (bitsPerSample !== 8 || data.length !== width * height * componentCount)
      throw new ServiceError('DICOM_CODEC_FAILED');
    return { rows: height, columns: width, pixels: luma(data, width * height, componentCount, 1) };
  });
}

/** Grey of interleaved samples: as they are, or ITU-R BT.601 luma of red, green and blue; further channels are left out. */
function luma(data: ArrayLike<number>, count: number, channels: number, divisor: number): Uint8Array {
  const pixels = new Uint8Array(count);
  for (let at = 0; at < count; at++) {
    const first = at * channels;
    const value =
      channels < 3
        ? (data[first] as number)
        : 0.299 * (data[first] as number) +
          0.587 * (data[first + 1] as number) +
          0.114 * (data[first + 2] as number);
    pixels[at] = Math.round(value / divisor);
  }
  return pixels;
}
