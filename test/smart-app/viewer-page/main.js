import { cache, Enums, getRenderingEngines, RenderingEngine } from '@cornerstonejs/core';
import { ToolGroupManager, WindowLevelTool } from '@cornerstonejs/tools';
import { createElement, useState } from 'react';
import { createRoot } from 'react-dom/client';
import { createApi } from '../../../smart-app/src/api.ts';
import { translator } from '../../../smart-app/src/i18n/translate.ts';
import { WordsProvider } from '../../../smart-app/src/session.tsx';
import { startCornerstone } from '../../../smart-app/src/viewer/cornerstone.ts';
import { fetchImage, imageIdOf } from '../../../smart-app/src/viewer/pictures.ts';
import { Viewer } from '../../../smart-app/src/viewer/viewer.tsx';

/** The viewer alone, as the shell would show it: what it gets stands in /scenario/{name}. */
const name = new URLSearchParams(location.search).get('scenario') ?? 'plain';
const { study, evidence, prior, locale } = await (await fetch(`/scenario/${name}`)).json();
const api = createApi({ page: location.href, launch: 'launch', onSessionEnded: () => undefined });
const t = translator(locale);

function Page() {
  const [open, setOpen] = useState(true);
  return createElement(
    WordsProvider,
    { locale },
    open
      ? createElement(Viewer, { api, study, evidence, prior, locale, t, onClose: () => setOpen(false) })
      : createElement('button', { type: 'button', onClick: () => setOpen(true) }, 'Open the image'),
  );
}

/** When Cornerstone drew an image, milliseconds. */
const rendered = [];
document.addEventListener(
  Enums.Events.IMAGE_RENDERED,
  () => {
    if (getRenderingEngines().some((engine) => engine.getViewports().some((one) => one.getImageData())))
      rendered.push(performance.now());
  },
  true,
);

/** What tests read back: the stored values that Cornerstone draws. */
globalThis.viewerTest = {
  images: () => [...cache._imageCache.keys()],
  pixels: (imageId) => Array.from(cache.getImage(imageId)?.getPixelData() ?? []),
  /** One frame through the viewer's loader: its values, or the fault. */
  load: async (study, instance, frame = 1) => {
    const imageId = imageIdOf(api, { study, series: 's0', instance, frame }, null, 0);
    return fetchImage(imageId).then(
      () =>
        ((image) => ({
          values: Array.from(image.getPixelData()),
          type: image.dataType,
          color: image.color,
          range: [image.minPixelValue, image.maxPixelValue],
        }))(cache.getImage(imageId)),
      (error) => ({ fault: error.fault }),
    );
  },
  /** Greys of the canvas at pixels of the image, [column, row]. */
  greys: (points, pane = 0) => {
    const viewport = getRenderingEngines().flatMap((engine) => engine.getViewports())[pane];
    const { canvas } = viewport;
    const { spacing, origin } = viewport.getImageData();
    const half = viewport.useCPURendering ? 0.5 : 0;
    return points.map(([column, row]) => {
      const place = [(column + half) * spacing[0], (row + half) * spacing[1], origin[2]];
      const [x, y] = viewport.worldToCanvas(place).map((one) => Math.round(one * devicePixelRatio));
      return [...canvas.getContext('2d').getImageData(x, y, 1, 1).data.slice(0, 3)];
    });
  },
  /** Whether an image stands on the canvas. */
  drawn: () => rendered.length > 0,
  startCounting: () => {
    rendered.length = 0;
  },
  framesPerSecond: () => (1000 * (rendered.length - 1)) / (rendered.at(-1) - rendered[0]),
  /** Milliseconds from the key to the frame that shows the map, or shows it no more. */
  toggleMap: async () => {
    const shown = () => document.querySelector('.viewer-map') !== null;
    const frame = () => new Promise(requestAnimationFrame);
    const before = shown();
    const from = performance.now();
    document.activeElement.dispatchEvent(new KeyboardEvent('keydown', { key: 'm', bubbles: true }));
    while (shown() === before) await frame();
    await frame();
    return performance.now() - from;
  },
  cacheBytes: () => cache.getCacheSize(),
  viewports: () =>
    getRenderingEngines().flatMap((engine) =>
      engine.getViewports().map((viewport) => ({
        imageId: viewport.getCurrentImageId(),
        range: viewport.getProperties().voiRange,
        invert: viewport.getProperties().invert,
        zoom: viewport.getZoom(),
        corner: viewport.worldToCanvas([0, 0, 0]),
        type: viewport.getImageData()?.scalarData?.constructor.name ?? null,
      })),
    ),
};
/** Cornerstone alone, as its own examples set it up: what the viewer's speed is measured beside. */
async function bare(element) {
  await startCornerstone();
  const imageId = imageIdOf(api, { study: study.key, series: 's0', instance: 'i0', frame: 1 }, null, 0);
  await fetchImage(imageId);
  const engine = new RenderingEngine('bare');
  engine.enableElement({ viewportId: 'bare', type: Enums.ViewportType.STACK, element });
  const group = ToolGroupManager.createToolGroup('bare');
  group.addTool(WindowLevelTool.toolName);
  group.setToolActive(WindowLevelTool.toolName, { bindings: [{ mouseButton: 1 }] });
  group.addViewport('bare', 'bare');
  const viewport = engine.getViewport('bare');
  await viewport.setStack([imageId], 0);
  viewport.render();
}

document.documentElement.lang = locale;
if (new URLSearchParams(location.search).has('bare')) {
  const element = document.getElementById('root');
  element.className = 'viewer-canvas bare';
  await bare(element);
} else createRoot(document.getElementById('root')).render(createElement(Page));
