import type { Types } from '@cornerstonejs/core';
import { annotation, LengthTool, utilities } from '@cornerstonejs/tools';
import type { PaneView } from './pane-view.ts';

type Ends = readonly (readonly number[])[];

interface Line {
  readonly annotationUID?: string;
  readonly metadata: { readonly FrameOfReferenceUID?: string };
  readonly data: { readonly handles: { readonly points: Types.Point3[] } };
  invalidated?: boolean;
}

const steps = { small: 1, large: 10 } as const;

/** Millimetres between the two ends, in the picture's spacing. */
export function lengthOf([from, to]: Ends): number {
  return Math.hypot(...(from ?? []).map((one, axis) => one - (to?.[axis] ?? 0)));
}

/** A line that is set and moved by keys alone. */
export class KeyLine {
  private readonly view: PaneView;
  private readonly line: Line;

  /** Sets a level line, a quarter of the pane long, in the middle of what is seen. */
  constructor(view: PaneView) {
    this.view = view;
    const { clientWidth: width, clientHeight: height } = view.element;
    const ends = [-1, 1].map((side) =>
      view.viewport.canvasToWorld([width / 2 + (side * width) / 8, height / 2]),
    );
    const annotationUID = crypto.randomUUID();
    LengthTool.hydrate(view.viewport.id, ends, {
      annotationUID,
      ...(view.imageId !== null && { referencedImageId: view.imageId }),
    });
    this.line = annotation.state.getAnnotation(annotationUID) as unknown as Line;
  }

  get ends(): Ends {
    return this.line.data.handles.points;
  }

  /** Moves one end by CSS pixels, or ten times as far. */
  move(end: 'first' | 'last', right: number, down: number, far: boolean): void {
    const { points } = this.line.data.handles;
    const index = end === 'first' ? 0 : 1;
    const { viewport } = this.view;
    const step = far ? steps.large : steps.small;
    const [x, y] = viewport.worldToCanvas(points[index] as Types.Point3);
    points[index] = viewport.canvasToWorld([x + right * step, y + down * step]);
    this.line.invalidated = true;
    utilities.triggerAnnotationRenderForViewportIds([viewport.id]);
  }
}

/** Removes the lengths on the images of these panes. */
export function eraseLengths(views: readonly PaneView[]): void {
  for (const view of views) {
    const lines = annotation.state.getAnnotations(LengthTool.toolName, view.element) ?? [];
    for (const { annotationUID } of [...lines])
      if (annotationUID !== undefined) annotation.state.removeAnnotation(annotationUID);
    utilities.triggerAnnotationRenderForViewportIds([view.viewport.id]);
  }
}
