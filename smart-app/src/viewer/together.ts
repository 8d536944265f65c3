import { Enums } from '@cornerstonejs/core';
import type { PaneView } from './pane-view.ts';
import { carriedOver } from './window.ts';

/**
 * Two panes follow each other in window, zoom, place and through their stacks until the returned function is called.
 * A stack moves by as many images as the other; where it ends it waits.
 * @param sameUnits both measure the same (CT): the window is carried over as it is
 */
export function moveTogether(one: PaneView, other: PaneView, sameUnits: boolean): () => void {
  let following = false;
  const follow = (act: () => void) => {
    if (following) return;
    following = true;
    try {
      act();
    } finally {
      following = false;
    }
  };
  const drawn = () => one.snapshot().facts !== null && other.snapshot().facts !== null;
  const bind = (from: PaneView, to: PaneView) => {
    const moved = () =>
      follow(() => {
        if (drawn()) to.setPlace(from.place());
      });
    const windowed = () =>
      follow(() => {
        const [here, there] = [from.snapshot(), to.snapshot()];
        if (here.window === null || !here.facts?.window || !there.facts?.window) return;
        to.setWindow(carriedOver(here.window, here.facts.window, there.facts.window, sameUnits));
      });
    const apart = to.snapshot().index - from.snapshot().index;
    let at = from.snapshot().index;
    const scrolled = () => {
      const { index } = from.snapshot();
      if (index === at) return;
      at = index;
      follow(() => {
        if (drawn()) void to.show(index + apart);
      });
    };
    const leave = from.subscribe(scrolled);
    from.element.addEventListener(Enums.Events.CAMERA_MODIFIED, moved);
    from.element.addEventListener(Enums.Events.VOI_MODIFIED, windowed);
    return () => {
      leave();
      from.element.removeEventListener(Enums.Events.CAMERA_MODIFIED, moved);
      from.element.removeEventListener(Enums.Events.VOI_MODIFIED, windowed);
    };
  };
  const ends = [bind(one, other), bind(other, one)];
  return () => {
    for (const end of ends) end();
  };
}
