import { useCallback, useEffect, useMemo, useRef, useState } from 'react';
import type { AppAnswer, AppChart, AppEvent, AppStudy } from '#core/app';
import type { Api } from '../api.ts';
import { asApiError, type Loaded, useLoaded } from '../use-loaded.ts';

/** The chart and what moves in it. */
export interface ChartView {
  readonly loaded: Loaded<AppChart>;
  readonly again: () => void;
  /** The study that moved last, for a live region; null: none yet. */
  readonly moved: AppStudy | null;
  /** An answer that the server took: the study carries it. */
  readonly answered: (assessment: string, answer: AppAnswer) => void;
}

/** How often the chart is asked again, in milliseconds: without events, and beside them, as a proxy may hold them back. */
const pollEvery = { refused: 5_000, heard: 30_000 } as const;

/**
 * Reads the chart. While something is pending it listens to the server's events, and where those do not come it asks
 * again and again; what moved takes its place.
 */
export function useChart(api: Api): ChartView {
  const [loaded, again, change] = useLoaded(api.chart);
  const [moved, setMoved] = useState<AppStudy | null>(null);
  const waiting =
    loaded.state === 'ready' ? loaded.value.studies.filter(({ state }) => state === 'pending') : [];
  const pending = waiting.length > 0;
  const waitingNow = useRef(waiting);
  waitingNow.current = waiting;

  const take = useCallback(
    (study: AppStudy) => {
      change((chart) => ({ ...chart, studies: placed(chart.studies, study) }));
      if (study.state !== 'pending') setMoved(study);
    },
    [change],
  );
  useEffect(
    () => (pending ? listen(api, waitingNow.current, take, change) : undefined),
    [pending, api, take, change],
  );

  const answered = useCallback(
    (assessment: string, answer: AppAnswer) =>
      change((chart) => ({
        ...chart,
        studies: chart.studies.map((study) =>
          study.assessment === assessment ? { ...study, answer } : study,
        ),
      })),
    [change],
  );
  return useMemo(() => ({ loaded, again, moved, answered }), [loaded, again, moved, answered]);
}

/** Whether two entries are of one study and one model. */
export function isSame(one: AppStudy, other: AppStudy): boolean {
  return (
    one.key === other.key && one.model.name === other.model.name && one.model.version === other.model.version
  );
}

function placed(studies: readonly AppStudy[], study: AppStudy): readonly AppStudy[] {
  return studies.some((one) => isSame(one, study))
    ? studies.map((one) => (isSame(one, study) ? study : one))
    : [study, ...studies];
}

/** Until the returned function is called. @param waiting what was pending when it began */
function listen(
  api: Api,
  waiting: readonly AppStudy[],
  take: (study: AppStudy) => void,
  change: (by: (chart: AppChart) => AppChart) => void,
): () => void {
  const controller = new AbortController();
  const { signal } = controller;
  const events = new EventSource(api.events);
  let timer: ReturnType<typeof setTimeout> | undefined;
  const later = () => {
    clearTimeout(timer);
    timer = setTimeout(poll, events.readyState === EventSource.CLOSED ? pollEvery.refused : pollEvery.heard);
  };
  const poll = () => {
    api.chart(signal).then(
      (chart) => {
        change(() => chart);
        for (const study of chart.studies) if (waiting.some((one) => isSame(one, study))) take(study);
        later();
      },
      (error: unknown) => {
        // Called back, or the session has ended: the page says so. Otherwise it is tried again.
        if (!signal.aborted && asApiError(error).status !== 401) later();
      },
    );
  };
  events.addEventListener('study', (event) => {
    take((JSON.parse((event as MessageEvent<string>).data) as AppEvent).study);
  });
  events.addEventListener('end', () => {
    // Nothing is pending any more: what is still so here was missed.
    events.close();
    poll();
  });
  events.addEventListener('failed', () => {
    events.close();
    later();
  });
  events.addEventListener('error', () => {
    // The browser connects again by itself unless it was refused.
    if (events.readyState === EventSource.CLOSED && !signal.aborted) later();
  });
  later();
  return () => {
    controller.abort();
    events.close();
    clearTimeout(timer);
  };
}
