import { useEffect, useState } from 'react';
import type { AppPictures, AppSeries } from '#core/app';
import type { ViewerApi } from './contract.ts';
import { type PictureError, pictureError } from './picture-error.ts';
import { factsOf, fetchImage, forget, imageIdOf, patiently, remember } from './pictures.ts';

/** The images of a study on their way to a pane. */
export type StackState =
  | { readonly state: 'list' }
  /** The first image is fetched. */
  | { readonly state: 'image' }
  | { readonly state: 'failed'; readonly error: PictureError }
  | { readonly state: 'empty'; readonly left: AppPictures['left'] }
  | {
      readonly state: 'ready';
      readonly pictures: AppPictures;
      readonly series: AppSeries;
      readonly imageIds: readonly string[];
      /** Where the pane opens. */
      readonly start: number;
    };

/** Requests for the facts of a multi-frame series at the same time. */
const atOnce = 4;

/**
 * Lists the images of one series, fetching its first image on the way: only that tells how many frames there are.
 * @param chosen key of the series; null: the one with `instance`, else the first
 * @param instance where to open; null: at the first
 * @param round another number tries again
 */
export function useStack(
  api: ViewerApi,
  study: string,
  chosen: string | null,
  instance: string | null,
  round: number,
): StackState {
  const [state, setState] = useState<StackState>({ state: 'list' });
  // biome-ignore lint/correctness/useExhaustiveDependencies: another round is another try
  useEffect(() => {
    const stop = new AbortController();
    const made: string[] = [];
    const tell = (next: StackState) => {
      if (!stop.signal.aborted) setState(next);
    };
    tell({ state: 'list' });
    listStack(api, study, chosen, instance, made, tell, stop.signal).catch((thrown: unknown) => {
      tell({ state: 'failed', error: pictureError(thrown) });
    });
    return () => {
      stop.abort();
      forget(made);
    };
  }, [api, study, chosen, instance, round]);
  return state;
}

async function listStack(
  api: ViewerApi,
  study: string,
  chosen: string | null,
  instance: string | null,
  made: string[],
  tell: (state: StackState) => void,
  signal: AbortSignal,
): Promise<void> {
  const pictures = await patiently(signal, (limited) => api.pictures(study, limited));
  const full = pictures.series.filter(({ instances }) => instances.length > 0);
  const series =
    full.find(({ key }) => key === chosen) ??
    full.find(({ instances }) => instance !== null && instances.includes(instance)) ??
    full[0];
  if (series === undefined) {
    tell({ state: 'empty', left: pictures.left });
    return;
  }
  tell({ state: 'image' });
  const { instances, modality } = series;
  const first = Math.max(0, instance === null ? 0 : instances.indexOf(instance));
  const idOf = (key: string, frame: number, index: number): string => {
    const imageId = imageIdOf(api, { study, series: series.key, instance: key, frame }, modality, index);
    made.push(imageId);
    return imageId;
  };
  const single = instances.map((key, index) => idOf(key, 1, index));
  // What keeps the first image from being drawn is told by its pane.
  await fetchImage(single[first] as string).catch(() => undefined);
  signal.throwIfAborted();
  const frames = factsOf(single[first] as string)?.picture.frames ?? 1;
  if (frames === 1) {
    tell({ state: 'ready', pictures, series, imageIds: single, start: first });
    return;
  }
  const counts = await framesOf(api, study, series, single, signal);
  const imageIds: string[] = [];
  let start = 0;
  instances.forEach((key, place) => {
    if (place === first) start = imageIds.length;
    for (let frame = 1; frame <= (counts[place] ?? 1); frame += 1)
      imageIds.push(idOf(key, frame, imageIds.length));
  });
  const [one] = instances;
  const facts = factsOf(single[first] as string);
  // All frames of one instance share its facts.
  if (one !== undefined && instances.length === 1 && facts !== null)
    for (const imageId of imageIds) remember(imageId, facts.picture);
  tell({ state: 'ready', pictures, series, imageIds, start });
}

/** Frames of each instance, in order. */
async function framesOf(
  api: ViewerApi,
  study: string,
  series: AppSeries,
  imageIds: readonly string[],
  signal: AbortSignal,
): Promise<readonly number[]> {
  const counts: number[] = new Array<number>(imageIds.length).fill(1);
  let next = 0;
  const work = async () => {
    for (;;) {
      const place = next;
      next += 1;
      const instance = series.instances[place];
      if (instance === undefined) return;
      const at = { study, series: series.key, instance };
      const picture =
        factsOf(imageIds[place] as string)?.picture ??
        (await patiently(signal, (limited) => api.picture(at, limited)));
      remember(imageIds[place] as string, picture);
      counts[place] = picture.frames;
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  return counts;
}
