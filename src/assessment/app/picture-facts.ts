import type { AppPicture } from '#core/app';
import { type DicomHeader, readHeader } from '#dicom/attributes';
import { textReader } from '#dicom/character-set';
import { viewOf } from '#dicom/concepts';
import { type DataSet, sequenceItems } from '#dicom/data-set';
import type { ImagePixel } from '#dicom/image-pixel';
import type { DicomFile } from '#dicom/parse';
import * as read from '#dicom/values';
import { line } from './text.ts';

/** What the viewer has to know of a picture before it decodes a frame. */
export interface PictureFacts {
  readonly header: DicomHeader;
  /** `frameOfReference` is a UID still. */
  readonly facts: Omit<AppPicture, 'transferSyntax'>;
}

/** Windows of one picture. */
const mostWindows = 16;

/**
 * The facts of a file. Enhanced objects have some in their functional groups: those of the first frame, else those that
 * all frames share.
 *
 * @see DICOM PS3.3 C.7.6.3, C.7.6.2, C.7.6.16, C.11.1, C.11.2
 */
export function pictureFacts(file: DicomFile, pixel: ImagePixel): PictureFacts {
  const { dataSet } = file;
  const header = readHeader(file);
  const groups = [sequenceItems(dataSet, 0x52009230)[0], sequenceItems(dataSet, 0x52009229)[0]].filter(
    (group) => group !== undefined,
  );
  /** Where an attribute of a functional group is looked for. */
  const places = (sequence: number): readonly DataSet[] => [
    ...groups.flatMap((group) => sequenceItems(group, sequence).slice(0, 1)),
    dataSet,
  ];
  const list = (sequence: number, tag: number, length: number): readonly number[] | null =>
    first(places(sequence), (place) => numbers(place, tag, length));
  const views = [header.viewPosition, ...header.viewCodes.map(viewOf)];
  const position = list(0x00209113, 0x00200032, 3);
  const kind = pixel.signed ? 'signed16' : 'unsigned16';
  return {
    header,
    facts: {
      photometric: line(pixel.photometric, 32) ?? 'MONOCHROME2',
      rows: pixel.rows,
      columns: pixel.columns,
      frames: pixel.frames,
      samplesPerPixel: pixel.samples,
      planarConfiguration: pixel.samples > 1 ? (pixel.planar ? 1 : 0) : null,
      bitsAllocated: pixel.bitsAllocated,
      bitsStored: pixel.bitsStored,
      highBit: pixel.highBit,
      signed: pixel.signed,
      rescale: first(places(0x00289145), rescaleOf),
      windows: first(places(0x00289132), (place) => windowsOf(place, dataSet)) ?? [],
      padding: read.number(dataSet, 0x00280120, kind),
      pixelSpacing: spacing(list(0x00289110, 0x00280030, 2)),
      imagerPixelSpacing: spacing(numbers(dataSet, 0x00181164, 2)),
      position: position === null ? null : [position[0] ?? 0, position[1] ?? 0, position[2] ?? 0],
      orientation: list(0x00209116, 0x00200037, 6),
      frameOfReference: read.text(dataSet, 0x00200052),
      laterality: line(header.laterality, 16),
      view: line(views.find((view) => view !== null) ?? null, 32),
      instanceNumber: header.instanceNumber,
    },
  };
}

function first<Value>(places: readonly DataSet[], take: (place: DataSet) => Value | null): Value | null {
  for (const place of places) {
    const found = take(place);
    if (found !== null) return found;
  }
  return null;
}

/** Exactly `length` decimal numbers. */
function numbers(place: DataSet, tag: number, length: number): readonly number[] | null {
  const values = read.numbers(place, tag, 'decimal');
  const whole = values.filter((value) => value !== null);
  return values.length === length && whole.length === length ? whole : null;
}

function spacing(values: readonly number[] | null): readonly [number, number] | null {
  const [row, column] = values ?? [];
  return row !== undefined && column !== undefined && row > 0 && column > 0 ? [row, column] : null;
}

function rescaleOf(place: DataSet): AppPicture['rescale'] {
  const slope = read.number(place, 0x00281053);
  const intercept = read.number(place, 0x00281052);
  if (slope === null || slope === 0 || intercept === null) return null;
  return { slope, intercept };
}

function windowsOf(place: DataSet, dataSet: DataSet): AppPicture['windows'] | null {
  const centers = read.numbers(place, 0x00281050, 'decimal');
  const widths = read.numbers(place, 0x00281051, 'decimal');
  const names = read.texts(place, 0x00281055, textReader(read.texts(dataSet, 0x00080005)));
  const windows = centers.slice(0, mostWindows).flatMap((center, index) => {
    const width = widths[index] ?? null;
    if (center === null || width === null || !(width > 0)) return [];
    return [{ center, width, name: line(names[index] ?? null, 64) }];
  });
  return windows.length > 0 ? windows : null;
}
