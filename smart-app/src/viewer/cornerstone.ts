import {
  cache,
  Enums,
  getShouldUseCPURendering,
  imageLoader,
  init as initCore,
  metaData,
  RenderingEngine,
} from '@cornerstonejs/core';
import { init as initLoader } from '@cornerstonejs/dicom-image-loader';
import {
  addTool,
  annotation,
  init as initTools,
  LengthTool,
  PanTool,
  StackScrollTool,
  Enums as ToolEnums,
  ToolGroupManager,
  WindowLevelTool,
  ZoomTool,
} from '@cornerstonejs/tools';
import { loadPicture, pictureMetadata, scheme } from './pictures.ts';

/** What a drag with the first button or one finger does. */
export type DragTool = 'window' | 'zoom' | 'pan' | 'scroll' | 'length';

const toolNames: Readonly<Record<DragTool, string>> = {
  window: WindowLevelTool.toolName,
  zoom: ZoomTool.toolName,
  pan: PanTool.toolName,
  scroll: StackScrollTool.toolName,
  length: LengthTool.toolName,
};

/** Decoded images that are kept. Only those around the shown one are fetched ahead. */
const cacheBytes = 256 * 2 ** 20;

let started: Promise<void> | null = null;

/** Starts Cornerstone once a page: workers, loader, metadata, tools. Without WebGL it draws on the CPU. */
export function startCornerstone(): Promise<void> {
  started ??= start();
  return started;
}

async function start(): Promise<void> {
  // Two pictures side by side share one WebGL context.
  initCore({ rendering: { webGlContextCount: 1 }, debug: {} });
  const cores = navigator.hardwareConcurrency || 2;
  initLoader({ maxWebWorkers: Math.min(4, Math.max(1, cores - 1)) });
  initTools();
  imageLoader.registerImageLoader(scheme, loadPicture as never);
  metaData.addProvider(pictureMetadata, 10_000);
  cache.setMaxCacheSize(cacheBytes);
  // The words beside a line are those of `length-layer.tsx`.
  const styles = annotation.config.style.getDefaultToolStyles();
  const global = { ...styles.global, textBoxVisibility: false, lineWidth: '2' };
  annotation.config.style.setDefaultToolStyles({ ...styles, global });
  for (const tool of [WindowLevelTool, ZoomTool, PanTool, StackScrollTool, LengthTool]) addTool(tool);
}

/** True where the browser gave no WebGL: everything works, more slowly. */
export function drawsOnCpu(): boolean {
  return getShouldUseCPURendering();
}

/** One viewer's engine and tools; {@link close} frees the WebGL context. */
export class Workbench {
  readonly engine: RenderingEngine;
  private readonly id: string;
  private readonly group: NonNullable<ReturnType<typeof ToolGroupManager.createToolGroup>>;
  private tool: DragTool | null = null;
  private closed = false;

  constructor(id: string) {
    this.id = id;
    this.engine = new RenderingEngine(id);
    const group = ToolGroupManager.createToolGroup(id);
    if (group === undefined) throw new Error('The tools of this viewer are there already.');
    this.group = group;
    // Cursors are pictures from blob: addresses, which the page's policy does not allow.
    group.setViewportsCursorByToolName = () => undefined;
    group.addTool(WindowLevelTool.toolName);
    group.addTool(ZoomTool.toolName, { pinchToZoom: true, pan: true });
    group.addTool(PanTool.toolName);
    group.addTool(StackScrollTool.toolName);
    group.addTool(LengthTool.toolName, { actions: {}, getTextLines: () => [] });
    this.use('window');
  }

  enable(viewportId: string, element: HTMLDivElement): void {
    this.engine.enableElement({
      viewportId,
      type: Enums.ViewportType.STACK,
      element,
      defaultOptions: { background: [0, 0, 0] },
    });
    this.group.addViewport(viewportId, this.id);
  }

  disable(viewportId: string): void {
    if (this.closed) return;
    this.group.removeViewports(this.id, viewportId);
    this.engine.disableElement(viewportId);
  }

  /** Gives the first button and one finger a tool; the middle button pans, the right one zooms, two fingers do both. */
  use(tool: DragTool): void {
    if (tool === this.tool) return;
    const { Primary, Auxiliary, Secondary } = ToolEnums.MouseBindings;
    for (const name of Object.values(toolNames)) this.group.setToolPassive(name, { removeAllBindings: true });
    const bindings: Record<DragTool, object[]> = {
      window: [],
      zoom: [{ mouseButton: Secondary }, { numTouchPoints: 2 }],
      pan: [{ mouseButton: Auxiliary }],
      scroll: [],
      length: [],
    };
    bindings[tool].unshift({ mouseButton: Primary }, { numTouchPoints: 1 });
    for (const [name, list] of Object.entries(bindings)) {
      if (list.length > 0) this.group.setToolActive(toolNames[name as DragTool], { bindings: list as never });
    }
    this.tool = tool;
  }

  close(): void {
    this.closed = true;
    ToolGroupManager.destroyToolGroup(this.id);
    this.engine.destroy();
  }
}
