import { Enums, eventTarget } from '@cornerstonejs/core';
import { annotation, LengthTool, Enums as ToolEnums } from '@cornerstonejs/tools';
import { useEffect, useRef } from 'react';
import { lengthOf } from './length-lines.ts';
import type { PaneView } from './pane-view.ts';
import { lengthWords, type ViewerWords } from './words.ts';

const svg = 'http://www.w3.org/2000/svg';

/**
 * The words beside the lengths of a pane. Cornerstone draws the lines; its own texts carry style attributes, which the
 * page's policy forbids, and do not know what a millimetre at the detector is.
 */
export function LengthLayer({ view, words }: { readonly view: PaneView; readonly words: ViewerWords }) {
  const layer = useRef<SVGSVGElement>(null);
  useEffect(() => {
    const draw = () => {
      const picture = view.snapshot().facts?.picture;
      const lines =
        picture === undefined
          ? []
          : (annotation.state.getAnnotations(LengthTool.toolName, view.element) ?? []);
      const texts = lines.flatMap(({ metadata, data }) => {
        const points = data.handles?.points ?? [];
        const length =
          picture === undefined || metadata?.referencedImageId !== view.imageId
            ? null
            : lengthWords(lengthOf(points), picture, words);
        const [from, to] = points.map((point) => view.viewport.worldToCanvas(point));
        if (length === null || from === undefined || to === undefined) return [];
        const text = document.createElementNS(svg, 'text');
        text.textContent = length;
        text.setAttribute('x', ((from[0] + to[0]) / 2).toFixed(1));
        text.setAttribute('y', (Math.max(from[1], to[1]) + 20).toFixed(1));
        return [text];
      });
      layer.current?.replaceChildren(...texts);
    };
    draw();
    const drawn = [Enums.Events.IMAGE_RENDERED, ToolEnums.Events.ANNOTATION_RENDERED];
    for (const event of drawn) view.element.addEventListener(event, draw);
    eventTarget.addEventListener(ToolEnums.Events.ANNOTATION_REMOVED, draw);
    return () => {
      for (const event of drawn) view.element.removeEventListener(event, draw);
      eventTarget.removeEventListener(ToolEnums.Events.ANNOTATION_REMOVED, draw);
    };
  }, [view, words]);
  return <svg className="viewer-lengths" ref={layer} aria-hidden="true" />;
}
