import { type ReactNode, useEffect, useRef, useState, useSyncExternalStore } from 'react';
import { Button, ProgressBar, Slider, SliderThumb, SliderTrack } from 'react-aria-components';
import type { AppExplanation, AppPictures } from '#core/app';
import { Choice } from './choice.tsx';
import type { ViewedStudy, ViewerApi } from './contract.ts';
import type { Workbench } from './cornerstone.ts';
import { LengthLayer } from './length-layer.tsx';
import { MapLayer } from './map-layer.tsx';
import { PaneView } from './pane-view.ts';
import type { PictureError } from './picture-error.ts';
import { frameOf } from './pictures.ts';
import { useStack } from './use-stack.ts';
import { faultWords, pictureLabel, recorded, type ViewerWords, windowWords } from './words.ts';

/** A map, and the one instance over which it may lie. */
export interface PaneMap {
  readonly explanation: AppExplanation;
  readonly finding: string;
  readonly instance: string;
  readonly strength: number;
}

/** What a pane tells the viewer of itself. */
export interface OpenPane {
  readonly view: PaneView;
  readonly modality: string | null;
}

/** One study's pictures with all states on the way to them. */
export function Pane({
  bench,
  api,
  study,
  instance,
  caption,
  map,
  words,
  onOpen,
  onActive,
}: {
  readonly bench: Workbench;
  readonly api: ViewerApi;
  readonly study: ViewedStudy;
  /** Where to open: the instance that was read. */
  readonly instance: string | null;
  readonly caption: string;
  readonly map: PaneMap | null;
  readonly words: ViewerWords;
  readonly onOpen: (pane: OpenPane | null) => void;
  readonly onActive: () => void;
}) {
  const { t } = words;
  const stage = useRef<HTMLDivElement>(null);
  const [view, setView] = useState<PaneView | null>(null);
  const [chosen, setChosen] = useState<string | null>(null);
  const [round, setRound] = useState(0);
  const stack = useStack(api, study.key, chosen, instance, round);
  const state = useSyncExternalStore(
    view?.subscribe ?? subscribeToNothing,
    view?.snapshot ?? snapshotOfNothing,
  );
  const modality = stack.state === 'ready' ? stack.series.modality : null;

  useEffect(() => {
    const made = new PaneView(bench, crypto.randomUUID(), stage.current as HTMLDivElement);
    setView(made);
    return () => {
      setView(null);
      made.close();
    };
  }, [bench]);
  useEffect(() => {
    if (view !== null && stack.state === 'ready') void view.open(stack.imageIds, stack.start);
  }, [view, stack]);
  useEffect(() => {
    onOpen(view !== null && stack.state === 'ready' ? { view, modality } : null);
  }, [view, stack.state, modality, onOpen]);
  useEffect(() => {
    if (view === null) return;
    const { element } = view;
    const turn = (event: WheelEvent) => {
      if (view.snapshot().facts === null || event.deltaY === 0) return;
      event.preventDefault();
      const { index, count } = view.snapshot();
      if (count > 1 && !event.ctrlKey) void view.show(index + Math.sign(event.deltaY));
      else view.zoomBy(1.1 ** -Math.sign(event.deltaY));
    };
    element.addEventListener('wheel', turn, { passive: false });
    return () => element.removeEventListener('wheel', turn);
  }, [view]);

  const at = view?.imageId === null || view === null ? null : frameOf(view.imageId);
  const mapped =
    map !== null && state?.facts != null && !state.loading && at?.instance === map.instance && at.frame === 1;
  const label =
    state === null || stack.state !== 'ready'
      ? t('viewer.notDrawn', { which: caption })
      : pictureLabel(state, modality, caption, mapped ? map.finding : null, words);
  const retry = () => {
    if (stack.state === 'ready' && state?.facts != null) view?.retry();
    else setRound(round + 1);
  };
  return (
    <figure className="viewer-pane" onPointerDown={onActive} onFocus={onActive}>
      <figcaption>
        <span>{caption}</span>
        {stack.state === 'ready' && stack.pictures.series.length > 1 && (
          <Choice
            label={t('viewer.series')}
            value={stack.series.key}
            options={stack.pictures.series
              .filter(({ instances }) => instances.length > 0)
              .map((series, index) => ({ id: series.key, text: seriesWords(series, index, words) }))}
            onChange={setChosen}
          />
        )}
      </figcaption>
      {/* biome-ignore lint/a11y/useSemanticElements: a fieldset is for a form */}
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: keys scroll, move and measure here */}
      <div className="viewer-stage" role="group" aria-label={t('viewer.stage')} tabIndex={0}>
        {/* Cornerstone keeps a press from moving the focus: the keys are to work where one has pressed. */}
        <div
          className="viewer-canvas"
          ref={stage}
          role="img"
          aria-label={label}
          onPointerUp={() => stage.current?.parentElement?.focus({ preventScroll: true })}
        />
        {mapped && view !== null && (
          <MapLayer view={view} explanation={map.explanation} strength={map.strength} />
        )}
        {view !== null && <LengthLayer view={view} words={words} />}
        {state?.facts != null && (
          <div className="viewer-readout" aria-hidden="true">
            <span>
              {state.window === null ? '' : windowWords(state.window, state.facts.picture, modality, words)}
            </span>
            {state.count > 1 && (
              <span>{t('viewer.readout.nth', { n: state.index + 1, count: state.count })}</span>
            )}
          </div>
        )}
        <Curtain>
          {stack.state === 'list' && <Progress text={t('viewer.loadingList')} />}
          {(stack.state === 'image' ||
            (stack.state === 'ready' && state?.facts == null && state?.loading)) && (
            <Progress text={t('viewer.loadingImage')} />
          )}
          {stack.state === 'failed' && (
            <Fault title={t('viewer.failedList')} error={stack.error} onRetry={retry} words={words} />
          )}
          {stack.state === 'empty' && (
            <div className="viewer-message">
              <p>{t('viewer.empty')}</p>
              <LeftOut left={stack.left} words={words} />
            </div>
          )}
          {stack.state === 'ready' && state?.fault != null && (
            <Fault title={t('viewer.failedImage')} error={state.fault} onRetry={retry} words={words} />
          )}
        </Curtain>
        {state?.facts != null && state.loading && (
          <p className="viewer-fetching">
            {t('viewer.loadingNth', { n: state.index + 1, count: state.count })}
          </p>
        )}
      </div>
      {state !== null && state.count > 1 && (
        <Slider
          className="viewer-slider"
          aria-label={t('viewer.stack')}
          minValue={1}
          maxValue={state.count}
          value={state.index + 1}
          onChange={(value) => void view?.show(value - 1)}
        >
          <SliderTrack>
            <SliderThumb />
          </SliderTrack>
        </Slider>
      )}
      {map !== null && state?.facts != null && at !== null && at.instance !== map.instance && (
        <p className="soft small">{t('viewer.map.none.notRead')}</p>
      )}
      {stack.state === 'ready' && <LeftOut left={stack.pictures.left} words={words} />}
    </figure>
  );
}

const subscribeToNothing = () => () => undefined;
const snapshotOfNothing = () => null;

function seriesWords(
  { modality, description }: AppPictures['series'][number],
  index: number,
  { t }: ViewerWords,
): string {
  return t('viewer.seriesName', {
    n: index + 1,
    modality: modality === null ? '' : recorded(modality, 20),
    description: description === null ? '' : recorded(description, 60),
  });
}

/** What lies over the stage while there is no picture. */
function Curtain({ children }: { readonly children: ReactNode }) {
  return <div className="viewer-curtain">{children}</div>;
}

export function Progress({ text }: { readonly text: string }) {
  return (
    <ProgressBar className="viewer-progress" isIndeterminate aria-label={text}>
      <span className="viewer-spinner" />
      <span>{text}</span>
    </ProgressBar>
  );
}

export function Fault({
  title,
  error,
  onRetry,
  words: { t },
}: {
  readonly title: string;
  readonly error: PictureError;
  readonly onRetry: () => void;
  readonly words: ViewerWords;
}) {
  const { text, english, code } = faultWords(error, t);
  return (
    <div className="viewer-message" role="alert">
      <p className="viewer-message-title">{title}</p>
      <p lang={english ? 'en' : undefined}>{text}</p>
      {code !== null && (
        <p>
          <code>{code}</code>
        </p>
      )}
      <Button onPress={onRetry}>{t('viewer.tryAgain')}</Button>
    </div>
  );
}

/** Series that are not shown, and why. */
function LeftOut({
  left,
  words: { t },
}: {
  readonly left: AppPictures['left'];
  readonly words: ViewerWords;
}) {
  if (left.length === 0) return null;
  return (
    <div className="viewer-left soft small">
      <p>{t('viewer.left', { n: left.length })}</p>
      <ul>
        {left.map(({ modality, why }, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: the list never changes
          <li key={index}>
            <bdi lang="en">
              {t('viewer.leftOne', {
                modality: modality === null ? t('viewer.unknownModality') : recorded(modality, 20),
                why: recorded(why, 240),
              })}
            </bdi>
          </li>
        ))}
      </ul>
    </div>
  );
}
