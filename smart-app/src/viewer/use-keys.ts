import { eventTarget } from '@cornerstonejs/core';
import { Enums as ToolEnums } from '@cornerstonejs/tools';
import { type RefObject, useEffect, useRef } from 'react';
import type { DragTool } from './cornerstone.ts';
import { askedBy, type KeyId } from './keys.ts';
import { eraseLengths, KeyLine, lengthOf } from './length-lines.ts';
import type { PaneView } from './pane-view.ts';
import { lengthsOf } from './spacing.ts';
import type { GreyWindow, Preset } from './window.ts';
import { lengthWords, type ViewerWords } from './words.ts';

interface Acts {
  readonly root: RefObject<HTMLElement | null>;
  readonly words: ViewerWords;
  /** The pane that was used last. */
  readonly pane: PaneView | null;
  readonly views: readonly PaneView[];
  readonly presets: readonly Preset[];
  readonly tool: DragTool;
  readonly setTool: (tool: DragTool) => void;
  /** Tells a screen reader. */
  readonly say: (text: string) => void;
  /** null where there is none. */
  readonly map: (() => void) | null;
  readonly strengthBy: (step: number) => void;
  readonly compare: (() => void) | null;
  readonly together: (() => void) | null;
  readonly help: () => void;
}

const arrows: Readonly<Record<string, readonly [number, number]>> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};
const panStep = 40;

/** Everything that keys and buttons do, and the keys while the focus is in the viewer. */
export function useKeys(acts: Acts): {
  /** As if the key were pressed. */
  readonly run: (id: KeyId) => void;
  readonly chooseDrag: (tool: DragTool) => void;
} {
  const line = useRef<KeyLine | null>(null);
  const { root, words, pane, views } = acts;

  const chooseDrag = (tool: DragTool) => {
    line.current = null;
    acts.setTool(tool);
    const picture = pane?.snapshot().facts?.picture;
    if (tool === 'length' && picture !== undefined && lengthsOf(picture) === 'none')
      acts.say(words.t('viewer.length.refused'));
  };
  const windowed = (change: (window: GreyWindow) => GreyWindow) => {
    const window = pane?.snapshot().window ?? null;
    if (window !== null) pane?.setWindow(change(window));
  };
  const scroll = (to: (index: number, count: number) => number) => {
    if (pane !== null) void pane.show(to(pane.snapshot().index, pane.snapshot().count));
  };
  const acting: Readonly<Record<KeyId, (event: KeyboardEvent | null) => void>> = {
    window: () => chooseDrag('window'),
    zoom: () => chooseDrag('zoom'),
    pan: () => chooseDrag('pan'),
    scroll: () => chooseDrag('scroll'),
    length: () => chooseDrag('length'),
    next: () => scroll((index) => index + 1),
    previous: () => scroll((index) => index - 1),
    first: () => scroll(() => 0),
    last: () => scroll((_, count) => count - 1),
    move: (event) => {
      const [right, down] = arrows[event?.key ?? ''] ?? [0, 0];
      pane?.panBy(right * panStep, down * panStep);
    },
    in: () => pane?.zoomBy(1.2),
    out: () => pane?.zoomBy(1 / 1.2),
    narrower: () => windowed(({ center, width }) => ({ center, width: width / 1.15 })),
    wider: () => windowed(({ center, width }) => ({ center, width: width * 1.15 })),
    darker: () => windowed(({ center, width }) => ({ center: center + width / 20, width })),
    brighter: () => windowed(({ center, width }) => ({ center: center - width / 20, width })),
    preset: (event) => {
      const preset = acts.presets[Number(event?.key) - 1];
      if (preset !== undefined) pane?.setWindow(preset.window);
    },
    rotate: (event) => pane?.rotateBy(event?.shiftKey === true ? -90 : 90),
    flip: () => pane?.flip(),
    invert: () => pane?.setInverted(!pane.snapshot().inverted),
    fit: () => pane?.fit(),
    reset: () => pane?.reset(),
    erase: () => {
      line.current = null;
      eraseLengths(views);
      acts.say(words.t('viewer.erased'));
    },
    map: () => acts.map?.(),
    opacity: (event) => acts.strengthBy(event?.shiftKey === true ? 0.1 : -0.1),
    compare: () => acts.compare?.(),
    together: () => acts.together?.(),
    help: () => acts.help(),
  };
  const act = (id: KeyId, event: KeyboardEvent | null): void => {
    acting[id](event);
  };
  /** Lines by keys: Enter sets one, arrows move its ends. @returns whether the key was for it */
  const drawn = (event: KeyboardEvent): boolean => {
    const picture = pane?.snapshot().facts?.picture;
    const onStage = event.target instanceof Element && event.target.classList.contains('viewer-stage');
    if (acts.tool !== 'length' || pane === null || picture === undefined || !onStage) return false;
    if (event.key === 'Enter' && lengthsOf(picture) !== 'none') line.current = new KeyLine(pane);
    else if (event.key === 'Escape' && line.current !== null) {
      line.current = null;
      return true;
    } else {
      const arrow = arrows[event.key];
      if (arrow === undefined || line.current === null) return false;
      line.current.move(event.altKey ? 'first' : 'last', arrow[0], arrow[1], event.shiftKey);
    }
    if (line.current === null) return false;
    const length = lengthWords(lengthOf(line.current.ends), picture, words);
    if (length !== null) acts.say(words.t('viewer.length.said', { length }));
    return true;
  };

  const latest = useRef({ act, drawn });
  latest.current = { act, drawn };
  useEffect(() => {
    const element = root.current;
    if (element === null) return;
    // A native listener: keys pressed in popovers, which React lets bubble here, are theirs.
    const pressed = (event: KeyboardEvent) => {
      if (latest.current.drawn(event)) event.preventDefault();
      else {
        const id = askedBy(event);
        if (id === null) return;
        event.preventDefault();
        latest.current.act(id, event);
      }
    };
    element.addEventListener('keydown', pressed);
    return () => element.removeEventListener('keydown', pressed);
  }, [root]);

  const { say } = acts;
  useEffect(() => {
    const measured = (event: Event) => {
      const { annotation } = (event as CustomEvent).detail as {
        annotation: { data: { handles: { points: number[][] } } };
      };
      const picture = pane?.snapshot().facts?.picture;
      if (picture === undefined) return;
      const length = lengthWords(lengthOf(annotation.data.handles.points), picture, words);
      if (length !== null) say(words.t('viewer.length.said', { length }));
    };
    eventTarget.addEventListener(ToolEnums.Events.ANNOTATION_COMPLETED, measured);
    return () => eventTarget.removeEventListener(ToolEnums.Events.ANNOTATION_COMPLETED, measured);
  }, [pane, words, say]);
  return { run: (id) => act(id, null), chooseDrag };
}
