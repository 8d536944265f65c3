import { useCallback, useEffect, useRef, useState } from 'react';
import { api, type CardLink } from './api.ts';

/** Opens SMART apps in the context of the chart. */
export interface Apps {
  /** The app that stands in the chart, or null. */
  readonly framed: { readonly title: string; readonly address: string } | null;
  /** Why the last app did not open, or null. */
  readonly problem: string | null;
  /** @param link of a card; null: Fovea, as it opens by itself */
  readonly openInFrame: (link: CardLink) => void;
  readonly openInWindow: (link: CardLink | null) => void;
  /** Takes the app out of the chart; the focus goes back to where it was opened. */
  readonly close: () => void;
}

export function useApps(patientId: string, user: string): Apps {
  const [framed, setFramed] = useState<Apps['framed']>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const opener = useRef<Element | null>(null);

  // What was opened for one user is nobody else's to look at.
  // biome-ignore lint/correctness/useExhaustiveDependencies: `user` and `patientId` change to close it
  useEffect(() => {
    setFramed(null);
    setProblem(null);
  }, [patientId, user]);

  const launch = useCallback(
    async (link: CardLink | null, bannerShown: boolean): Promise<string | null> => {
      setProblem(null);
      try {
        const of = link === null ? {} : { url: link.url };
        const context = link?.appContext === undefined ? {} : { appContext: link.appContext };
        const colorScheme = matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light';
        return await api.launch({ patientId, user, bannerShown, colorScheme, ...of, ...context });
      } catch {
        setProblem(
          'The sandbox gave no launch for it. It opens the apps that are registered here, and no others.',
        );
        return null;
      }
    },
    [patientId, user],
  );

  return {
    framed,
    problem,
    openInFrame: useCallback(
      async (link) => {
        opener.current = document.activeElement;
        const address = await launch(link, true);
        if (address !== null) setFramed({ title: link.label, address });
      },
      [launch],
    ),
    openInWindow: useCallback(
      async (link) => {
        // Opened before the launch is there: later the browser would take it for a pop-up.
        const view = window.open('about:blank', '_blank');
        if (view === null) return setProblem('The browser opened no window. Allow pop-ups for this page.');
        view.opener = null;
        const address = await launch(link, false);
        if (address === null) view.close();
        else view.location.replace(address);
      },
      [launch],
    ),
    close: useCallback(() => {
      setFramed(null);
      if (opener.current instanceof HTMLElement && opener.current.isConnected) opener.current.focus();
    }, []),
  };
}
