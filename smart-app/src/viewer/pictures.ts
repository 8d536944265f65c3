import { cache, getShouldUseCPURendering, type Types, utilities } from '@cornerstonejs/core';
import type { AppPicture } from '#core/app';
import type { PictureAt, ViewerApi } from './contract.ts';
import { decodeFrame } from './decode.ts';
import { PictureError, pictureError } from './picture-error.ts';
import { isSpacing } from './spacing.ts';
import { paddingDarkened, paddingOf, rangeOf, toRgb } from './stored-values.ts';
import { firstWindow, type GreyWindow, storedRange } from './window.ts';

/** Image ids of Cornerstone: `fovea:` and the keys of a frame. */
export const scheme = 'fovea';

/** One frame that can be drawn. */
export interface FrameAt extends PictureAt {
  /** From 1. */
  readonly frame: number;
}

/** What is known of an image id. */
interface Known {
  readonly api: ViewerApi;
  readonly at: FrameAt;
  readonly modality: string | null;
  /** Place in its stack. */
  readonly index: number;
  picture: AppPicture | null;
}

/** Facts of one drawn image that Cornerstone does not hold. */
export interface DrawnFacts {
  readonly picture: AppPicture;
  /** Stored values, smallest and largest without padding. */
  readonly range: readonly [number, number];
  /** The window that it opens with; null for colour. */
  readonly window: GreyWindow | null;
}

const known = new Map<string, Known>();
const drawn = new Map<string, DrawnFacts>();

/** A request that is not answered within this time is given up, and may be tried again. */
const patienceMs = 30_000;

/** @returns the image id of a frame; {@link forget} it when its viewer closes */
export function imageIdOf(api: ViewerApi, at: FrameAt, modality: string | null, index: number): string {
  const parts = [at.study, at.series, at.instance, String(at.frame)];
  const imageId = `${scheme}:${parts.map(encodeURIComponent).join('/')}`;
  if (!known.has(imageId)) known.set(imageId, { api, at, modality, index, picture: null });
  return imageId;
}

export function forget(imageIds: readonly string[]): void {
  for (const imageId of imageIds) {
    known.delete(imageId);
    drawn.delete(imageId);
    if (cache.getImageLoadObject(imageId) !== undefined) cache.removeImageLoadObject(imageId);
  }
}

export function factsOf(imageId: string): DrawnFacts | null {
  return drawn.get(imageId) ?? null;
}

export function frameOf(imageId: string): FrameAt | null {
  return known.get(imageId)?.at ?? null;
}

/** Remembers the facts of an image that were fetched to learn how many frames it has. */
export function remember(imageId: string, picture: AppPicture): void {
  const entry = known.get(imageId);
  if (entry !== undefined) entry.picture = picture;
}

/**
 * Runs one request with patience.
 * @throws PictureError timeout; what `run` throws, unless `signal` is aborted
 */
export async function patiently<T>(
  signal: AbortSignal,
  run: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const timer = new AbortController();
  const late = setTimeout(() => timer.abort(), patienceMs);
  try {
    return await run(AbortSignal.any([signal, timer.signal]));
  } catch (thrown) {
    if (timer.signal.aborted && !signal.aborted) throw new PictureError('timeout', thrown);
    throw thrown;
  } finally {
    clearTimeout(late);
  }
}

/**
 * The image, from Cornerstone's cache or through it.
 * @throws PictureError
 */
export async function fetchImage(imageId: string): Promise<void> {
  const held = cache.getImageLoadObject(imageId);
  if (held !== undefined) {
    await held.promise;
    return;
  }
  // Not `imageLoader.loadAndCacheImage`: a failure leaves a second rejection there that nobody takes.
  const loading = loadPicture(imageId, { useRGBA: getShouldUseCPURendering() });
  await cache.putImageLoadObject(imageId, loading).catch((thrown: unknown) => {
    throw pictureError(thrown);
  });
}

/** Cornerstone's loader of `fovea:` images. The promise rejects with a {@link PictureError}. */
export function loadPicture(
  imageId: string,
  options?: { readonly useRGBA?: boolean },
): { promise: Promise<Types.IImage>; cancelFn: () => void } {
  const cancel = new AbortController();
  return {
    promise: load(imageId, options?.useRGBA === true, cancel.signal).catch((thrown: unknown) => {
      throw pictureError(thrown);
    }),
    cancelFn: () => cancel.abort(),
  };
}

async function load(imageId: string, rgba: boolean, signal: AbortSignal): Promise<Types.IImage> {
  const entry = known.get(imageId);
  if (entry === undefined) throw new PictureError('decode');
  const { api, at } = entry;
  // The file's facts and its pixels do not wait for each other.
  const [picture, frame] = await Promise.all([
    entry.picture ?? patiently(signal, (limited) => api.picture(at, limited)),
    patiently(signal, (limited) => api.frame(at, at.frame, limited)),
  ]);
  entry.picture = picture;
  if (picture.photometric === 'PALETTE COLOR') throw new PictureError('palette');
  const decoded = await decodeFrame(
    new Uint8Array(frame.bytes),
    frame.transferSyntax ?? picture.transferSyntax,
    picture,
  );
  return picture.samplesPerPixel === 1
    ? greyImage(imageId, picture, decoded.values)
    : colourImage(imageId, picture, decoded.values, decoded.photometric, rgba);
}

type Values = Parameters<typeof paddingDarkened>[0];

function greyImage(imageId: string, picture: AppPicture, stored: Values): Types.IImage {
  const padding = paddingOf(picture);
  const range = rangeOf(stored, padding);
  const window = firstWindow(picture, range);
  drawn.set(imageId, { picture, range, window });
  const values = paddingDarkened(stored, padding, isInverted(picture) ? 'high' : 'low');
  const { lower, upper } = storedRange(window, picture);
  const level = utilities.windowLevel.toWindowLevel(lower, upper);
  return image(imageId, picture, values, 1, range, level, false);
}

function colourImage(
  imageId: string,
  picture: AppPicture,
  stored: Values,
  photometric: string,
  rgba: boolean,
): Types.IImage {
  const rgb = picture.samplesPerPixel === 3 ? toRgb(stored, photometric, picture.bitsStored) : null;
  if (rgb === null) throw new PictureError('pixels');
  drawn.set(imageId, { picture, range: [0, 255], window: null });
  const level = { windowCenter: 128, windowWidth: 256 };
  return image(imageId, picture, rgba ? withAlpha(rgb) : rgb, rgba ? 4 : 3, [0, 255], level, rgba);
}

function withAlpha(rgb: Uint8Array): Uint8Array {
  const rgba = new Uint8Array((rgb.length / 3) * 4).fill(255);
  for (let pixel = 0; pixel * 3 < rgb.length; pixel += 1)
    rgba.set(rgb.subarray(pixel * 3, pixel * 3 + 3), pixel * 4);
  return rgba;
}

/** The image opens bright where its values are low. */
export function isInverted({ photometric, rescale }: AppPicture): boolean {
  return (photometric === 'MONOCHROME1') !== (rescale !== null && rescale.slope < 0);
}

/** Cornerstone gets stored values and windows in stored values: the rescale is this side's, see `window.ts`. */
function image(
  imageId: string,
  { rows, columns, photometric }: AppPicture,
  values: Values,
  numberOfComponents: number,
  range: readonly [number, number],
  level: { readonly windowCenter: number; readonly windowWidth: number },
  rgba: boolean,
): Types.IImage {
  const [rowSpacing, columnSpacing] = spacingOf(imageId);
  const voxelManager = utilities.VoxelManager.createImageVoxelManager({
    scalarData: values,
    width: columns,
    height: rows,
    numberOfComponents,
  });
  return {
    imageId,
    dataType: values.constructor.name,
    color: numberOfComponents > 1,
    rgba,
    numberOfComponents,
    rows,
    columns,
    height: rows,
    width: columns,
    rowPixelSpacing: rowSpacing,
    columnPixelSpacing: columnSpacing,
    slope: 1,
    intercept: 0,
    invert: false,
    photometricInterpretation: photometric,
    minPixelValue: range[0],
    maxPixelValue: range[1],
    windowCenter: level.windowCenter,
    windowWidth: level.windowWidth,
    voiLUTFunction: 'LINEAR',
    sizeInBytes: values.byteLength,
    voxelManager,
    getPixelData: () => values,
    getCanvas: () => {
      throw new PictureError('decode');
    },
  } as unknown as Types.IImage;
}

/** Millimetres [row, column], or [1, 1] where none is known: only the ratio matters for drawing. */
function spacingOf(imageId: string): readonly [number, number] {
  const picture = known.get(imageId)?.picture;
  const spacing = picture?.pixelSpacing ?? picture?.imagerPixelSpacing ?? null;
  return isSpacing(spacing) ? spacing : [1, 1];
}

/**
 * Cornerstone's metadata of `fovea:` images. All lie in planes of their own, rows to the right and columns down:
 * drawing needs no more, and odd orientations in files cannot turn an image.
 */
export function pictureMetadata(type: string, imageId: unknown): unknown {
  const entry = typeof imageId === 'string' ? known.get(imageId) : undefined;
  if (entry?.picture === undefined || entry.picture === null) return undefined;
  const { picture, at } = entry;
  const [rowPixelSpacing, columnPixelSpacing] = spacingOf(imageId as string);
  switch (type) {
    case 'imagePixelModule':
      return {
        samplesPerPixel: picture.samplesPerPixel,
        // Inversion is set by this side alone.
        photometricInterpretation: picture.samplesPerPixel === 1 ? 'MONOCHROME2' : 'RGB',
        rows: picture.rows,
        columns: picture.columns,
        bitsAllocated: picture.bitsAllocated,
        bitsStored: picture.bitsStored,
        highBit: picture.highBit,
        pixelRepresentation: picture.signed ? 1 : 0,
      };
    case 'imagePlaneModule':
      return {
        frameOfReferenceUID: `${at.study}/${at.series}`,
        rows: picture.rows,
        columns: picture.columns,
        imageOrientationPatient: [1, 0, 0, 0, 1, 0],
        rowCosines: [1, 0, 0],
        columnCosines: [0, 1, 0],
        imagePositionPatient: [0, 0, entry.index],
        rowPixelSpacing,
        columnPixelSpacing,
        pixelSpacing: [rowPixelSpacing, columnPixelSpacing],
        usingDefaultValues: false,
      };
    case 'generalSeriesModule':
      return { modality: entry.modality ?? 'OT', seriesInstanceUID: at.series };
    case 'modalityLutModule':
      return { rescaleSlope: 1, rescaleIntercept: 0 };
    default:
      return undefined;
  }
}
