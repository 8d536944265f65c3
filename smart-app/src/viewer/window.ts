import type { AppPicture } from '#core/app';

/** A window in the picture's own units (after rescale; Hounsfield units for CT). @see DICOM PS3.3 C.11.2.1.2 */
export interface GreyWindow {
  readonly center: number;
  /** At least 1. */
  readonly width: number;
}

/** A window that can be chosen. */
export interface Preset {
  readonly id: string;
  /** Of the file, as written; null where `id` names a message. */
  readonly name: string | null;
  readonly window: GreyWindow;
}

type Rescaled = Pick<AppPicture, 'rescale'>;

const slopeOf = ({ rescale }: Rescaled): number =>
  rescale === null || rescale.slope === 0 || !Number.isFinite(rescale.slope) ? 1 : rescale.slope;
const interceptOf = ({ rescale }: Rescaled): number =>
  rescale !== null && Number.isFinite(rescale.intercept) ? rescale.intercept : 0;

/** Stored values that are drawn darkest and brightest (the other way round for a negative slope). */
export function storedRange(
  { center, width }: GreyWindow,
  picture: Rescaled,
): { readonly lower: number; readonly upper: number } {
  const ends = [center - 0.5 - (width - 1) / 2, center - 0.5 + (width - 1) / 2].map(
    (end) => (end - interceptOf(picture)) / slopeOf(picture),
  );
  const [lower, upper] = [Math.min(...ends), Math.max(...ends)];
  // A window of one value is a step: Cornerstone needs two ends.
  return upper > lower ? { lower, upper } : { lower, upper: lower + 1e-3 };
}

/** The window of a range of stored values. */
export function windowOf(
  { lower, upper }: { readonly lower: number; readonly upper: number },
  picture: Rescaled,
): GreyWindow {
  const ends = [lower, upper].map((end) => end * slopeOf(picture) + interceptOf(picture));
  const [low, high] = [Math.min(...ends), Math.max(...ends)];
  return { center: (low + high + 1) / 2, width: Math.max(1, high - low + 1) };
}

/** Smallest to largest stored value. */
export function fullRange([low, high]: readonly [number, number], picture: Rescaled): GreyWindow {
  return windowOf({ lower: low, upper: Math.max(high, low + 1) }, picture);
}

const usable = ({ center, width }: GreyWindow): boolean =>
  Number.isFinite(center) && Number.isFinite(width) && width >= 1;

/** The first usable window of the file, else the full range. */
export function firstWindow(picture: AppPicture, range: readonly [number, number]): GreyWindow {
  const window = picture.windows.find(usable);
  return window === undefined ? fullRange(range, picture) : { center: window.center, width: window.width };
}

/** Usual windows of CT in Hounsfield units. */
const ctPresets: readonly Preset[] = [
  { id: 'soft-tissue', name: null, window: { center: 40, width: 400 } },
  { id: 'lung', name: null, window: { center: -600, width: 1500 } },
  { id: 'bone', name: null, window: { center: 400, width: 1800 } },
  { id: 'brain', name: null, window: { center: 40, width: 80 } },
  { id: 'mediastinum', name: null, window: { center: 50, width: 350 } },
];

/** The file's windows, the full range, and for CT with a rescale the usual ones; at most nine, one a number key. */
export function presetsOf(
  picture: AppPicture,
  range: readonly [number, number],
  modality: string | null,
): readonly Preset[] {
  const own = picture.windows.filter(usable).slice(0, 3);
  const named = own.map(
    ({ center, width, name }, index): Preset => ({
      id: `file-${index + 1}`,
      name,
      window: { center, width },
    }),
  );
  const full: Preset = { id: 'full', name: null, window: fullRange(range, picture) };
  return [...named, full, ...(modality === 'CT' && picture.rescale !== null ? ctPresets : [])];
}

/**
 * A window of one image carried over to another: as it is where both measure the same (CT), else by how far it is
 * from the window that each image opened with.
 */
export function carriedOver(
  window: GreyWindow,
  from: GreyWindow,
  to: GreyWindow,
  sameUnits: boolean,
): GreyWindow {
  if (sameUnits) return window;
  const ratio = to.width / from.width;
  return {
    center: to.center + (window.center - from.center) * ratio,
    width: Math.max(1, window.width * ratio),
  };
}
