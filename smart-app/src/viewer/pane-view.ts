import { cache, Enums, getShouldUseCPURendering, type StackViewport, type Types } from '@cornerstonejs/core';
import type { Workbench } from './cornerstone.ts';
import { type PictureError, pictureError } from './picture-error.ts';
import { type DrawnFacts, factsOf, fetchImage, isInverted } from './pictures.ts';
import { type GreyWindow, storedRange, windowOf } from './window.ts';

/** What a pane shows now. A new object whenever something changed. */
export interface PaneState {
  /** Place in the stack, from 0. */
  readonly index: number;
  readonly count: number;
  /** The image at `index` is not drawn yet. */
  readonly loading: boolean;
  readonly fault: PictureError | null;
  /** Of the image that is drawn; null before the first. */
  readonly facts: DrawnFacts | null;
  readonly window: GreyWindow | null;
  readonly inverted: boolean;
  /** Clockwise, degrees: 0, 90, 180 or 270. */
  readonly rotation: number;
  readonly flipped: boolean;
}

/** Zoom, 1 where the whole picture fits, and how far the middle lies off, in halves of the pane's height. */
type Place = readonly [zoom: number, right: number, down: number];

const ahead = 3;
const behind = 2;

/** One stack on one canvas, with everything that can be done to it. Not React: a store of {@link PaneState}. */
export class PaneView {
  readonly element: HTMLDivElement;
  readonly viewport: StackViewport;
  private readonly bench: Workbench;
  private readonly id: string;
  private readonly listeners = new Set<() => void>();
  private readonly sizes: ResizeObserver;
  private imageIds: readonly string[] = [];
  private turn = 0;
  private negative = false;
  private lastPlace: Place = [1, 0, 0];
  private state: PaneState = {
    index: 0,
    count: 0,
    loading: true,
    fault: null,
    facts: null,
    window: null,
    inverted: false,
    rotation: 0,
    flipped: false,
  };

  constructor(bench: Workbench, id: string, element: HTMLDivElement) {
    this.bench = bench;
    this.id = id;
    this.element = element;
    bench.enable(id, element);
    this.viewport = bench.engine.getViewport(id) as StackViewport;
    element.addEventListener(Enums.Events.VOI_MODIFIED, this.windowMoved);
    element.addEventListener(Enums.Events.CAMERA_MODIFIED, this.cameraMoved);
    let first = true;
    this.sizes = new ResizeObserver(() => {
      if (!first) this.resized();
      first = false;
    });
    this.sizes.observe(element);
  }

  close(): void {
    this.turn += 1;
    this.sizes.disconnect();
    this.element.removeEventListener(Enums.Events.VOI_MODIFIED, this.windowMoved);
    this.element.removeEventListener(Enums.Events.CAMERA_MODIFIED, this.cameraMoved);
    this.bench.disable(this.id);
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  readonly snapshot = (): PaneState => this.state;

  private set(change: Partial<PaneState>): void {
    this.state = { ...this.state, ...change };
    for (const listener of this.listeners) listener();
  }

  get imageId(): string | null {
    return this.imageIds[this.state.index] ?? null;
  }

  /** Shows a stack from one of its images on. Faults are told by the state. */
  async open(imageIds: readonly string[], index: number): Promise<void> {
    this.imageIds = imageIds;
    this.set({ count: imageIds.length, facts: null });
    await this.show(index, true);
  }

  /** Shows an image of the stack; a later call overtakes an earlier one. */
  async show(index: number, anew = false): Promise<void> {
    const to = Math.min(this.imageIds.length - 1, Math.max(0, index));
    const imageId = this.imageIds[to];
    if (imageId === undefined || (!anew && to === this.state.index && this.state.fault === null)) return;
    this.turn += 1;
    const { turn } = this;
    this.set({ index: to, loading: true, fault: null });
    try {
      await fetchImage(imageId);
      if (turn !== this.turn) return;
      if (this.state.facts === null) await this.firstImage(to);
      else await this.viewport.setImageIdIndex(to);
    } catch (thrown) {
      if (turn === this.turn) this.set({ loading: false, fault: pictureError(thrown) });
      return;
    }
    if (turn !== this.turn) return;
    const facts = factsOf(imageId);
    // Rescale may differ from image to image: the window is kept in the picture's units.
    const { window } = this.state;
    if (window !== null && facts?.window !== null && facts !== null) this.apply(window, facts);
    this.set({ loading: false, facts });
    this.fetchAround(to);
  }

  private async firstImage(index: number): Promise<void> {
    await this.viewport.setStack([...this.imageIds], index);
    this.lastPlace = [1, 0, 0];
    const facts = factsOf(this.imageIds[index] as string);
    this.negative = facts !== null && facts.window !== null && isInverted(facts.picture);
    this.set({ facts, window: facts?.window ?? null, inverted: false, rotation: 0, flipped: false });
    if (facts?.window != null) this.apply(facts.window, facts);
    this.viewport.setProperties({ invert: this.negative });
    this.viewport.render();
  }

  /** Fetches the neighbours, the nearest first; what is far away is left to the cache's bound. */
  private fetchAround(index: number): void {
    const steps = [1, -1, 2, -2, 3, -3].filter((step) => step <= ahead && step >= -behind);
    const { turn } = this;
    const next = async (): Promise<void> => {
      for (;;) {
        const step = steps.shift();
        if (step === undefined || turn !== this.turn) return;
        const imageId = this.imageIds[index + step];
        // A neighbour that fails says so when it is shown.
        if (imageId !== undefined) await fetchImage(imageId).catch(() => undefined);
      }
    };
    void next();
  }

  /** Tries an image that could not be shown once more. */
  retry(): void {
    const { imageId } = this;
    if (imageId !== null && cache.getImageLoadObject(imageId) !== undefined)
      cache.removeImageLoadObject(imageId);
    void this.show(this.state.index, true);
  }

  private apply(window: GreyWindow, facts: DrawnFacts): void {
    this.viewport.setProperties({ voiRange: storedRange(window, facts.picture) });
  }

  private readonly windowMoved = (event: Event): void => {
    const { range } = (event as CustomEvent<{ readonly range: Types.VOIRange }>).detail;
    const { facts } = this.state;
    if (facts?.window == null || this.state.loading) return;
    this.set({ window: windowOf(range, facts.picture) });
  };

  private readonly cameraMoved = (): void => {
    if (this.state.facts !== null) this.lastPlace = this.place();
  };

  /** Another size of the pane shows the same part of the picture. */
  private resized(): void {
    const before = this.lastPlace;
    this.bench.engine.resize(true, true);
    if (this.state.facts !== null) this.setPlace(before);
  }

  setWindow(window: GreyWindow): void {
    const { facts } = this.state;
    if (facts?.window == null) return;
    this.apply({ center: window.center, width: Math.max(1, window.width) }, facts);
    this.viewport.render();
  }

  setInverted(inverted: boolean): void {
    this.viewport.setProperties({ invert: inverted !== this.negative });
    this.viewport.render();
    this.set({ inverted });
  }

  zoomBy(factor: number): void {
    this.viewport.setZoom(this.viewport.getZoom() * factor);
    this.viewport.render();
  }

  /** Moves the picture by CSS pixels. */
  panBy(right: number, down: number): void {
    const middle: Types.Point2 = [this.element.clientWidth / 2, this.element.clientHeight / 2];
    const from = this.viewport.canvasToWorld(middle);
    const to = this.viewport.canvasToWorld([middle[0] - right, middle[1] - down]);
    this.moveBy(to.map((one, axis) => one - (from[axis] as number)) as unknown as Types.Point3);
  }

  private moveBy(delta: Types.Point3): void {
    const { focalPoint, position } = this.viewport.getCamera();
    const moved = (point: Types.Point3 | undefined): Types.Point3 =>
      (point ?? [0, 0, 0]).map((one, axis) => one + (delta[axis] as number)) as unknown as Types.Point3;
    this.viewport.setCamera(
      getShouldUseCPURendering()
        ? { focalPoint: moved(focalPoint) }
        : { focalPoint: moved(focalPoint), position: moved(position) },
    );
    this.viewport.render();
  }

  rotateBy(degrees: number): void {
    const rotation = (this.state.rotation + degrees + 360) % 360;
    this.viewport.setViewPresentation({ rotation });
    this.set({ rotation });
    this.fit();
  }

  flip(): void {
    const flipped = !this.state.flipped;
    this.viewport.setCamera({ flipHorizontal: flipped });
    this.set({ flipped });
    this.viewport.render();
  }

  /** The whole picture, as large as the pane lets it be. */
  fit(): void {
    if (getShouldUseCPURendering()) {
      this.viewport.resetCamera({ resetPan: true, resetZoom: true });
    } else {
      this.viewport.setZoom(this.turnedZoom());
      this.viewport.setPan([0, 0]);
    }
    this.viewport.render();
  }

  /** Cornerstone fits the picture as if it were not turned. */
  private turnedZoom(): number {
    const { dimensions, spacing } = this.viewport.getImageData();
    const [width, height] = [dimensions[0] * spacing[0], dimensions[1] * spacing[1]];
    const { clientWidth, clientHeight } = this.element;
    const scale = (w: number, h: number): number => Math.min(clientWidth / w, clientHeight / h);
    return this.state.rotation % 180 === 0 ? 1 : scale(height, width) / scale(width, height);
  }

  reset(): void {
    const { facts } = this.state;
    this.viewport.setViewPresentation({ rotation: 0 });
    this.viewport.setCamera({ flipHorizontal: false, flipVertical: false });
    this.set({ rotation: 0, flipped: false });
    this.fit();
    if (facts?.window != null) this.setWindow(facts.window);
    this.setInverted(false);
  }

  /** Zoom and place without units: what another pane needs to show the same part. */
  place(): Place {
    const { focalPoint, parallelScale } = this.viewport.getCamera();
    const scale = parallelScale ?? 1;
    const middle = this.middle();
    const off = [0, 1].map((axis) => ((focalPoint?.[axis] ?? 0) - (middle[axis] as number)) / scale);
    return [this.fitScale() / scale, off[0] as number, off[1] as number];
  }

  setPlace([zoom, right, down]: Place): void {
    const scale = this.fitScale() / zoom;
    const middle = this.middle();
    const { focalPoint } = this.viewport.getCamera();
    const delta: Types.Point3 = [
      middle[0] + right * scale - (focalPoint?.[0] ?? 0),
      middle[1] + down * scale - (focalPoint?.[1] ?? 0),
      0,
    ];
    this.viewport.setCamera({ parallelScale: scale });
    this.moveBy(delta);
  }

  private fitScale(): number {
    const { dimensions, spacing } = this.viewport.getImageData();
    const [width, height] = [dimensions[0] * spacing[0], dimensions[1] * spacing[1]];
    return Math.max(height, (width * this.element.clientHeight) / this.element.clientWidth) / 2;
  }

  private middle(): readonly [number, number] {
    const { dimensions, spacing, origin } = this.viewport.getImageData();
    return [0, 1].map(
      (axis) =>
        (origin[axis] as number) + (((dimensions[axis] as number) - 1) * (spacing[axis] as number)) / 2,
    ) as unknown as readonly [number, number];
  }

  /**
   * Where the picture lies on the pane: CSS pixels of its top left corner, of its right edge and of its lower edge
   * from there; null before it is drawn.
   */
  corners(): readonly [Types.Point2, Types.Point2, Types.Point2] | null {
    const data = this.state.facts === null ? undefined : this.viewport.getImageData();
    if (data === undefined) return null;
    const { dimensions, spacing, origin } = data;
    // A pixel's place is its middle on the GPU and its corner on the CPU.
    const half = getShouldUseCPURendering() ? 0 : 0.5;
    const at = (column: number, row: number): Types.Point2 =>
      this.viewport.worldToCanvas([
        origin[0] + (column - half) * spacing[0],
        origin[1] + (row - half) * spacing[1],
        origin[2],
      ]);
    return [at(0, 0), at(dimensions[0], 0), at(0, dimensions[1])];
  }
}
