import { useEffect, useRef } from 'react';
import { Notice } from './notice.tsx';
import type { Apps } from './use-apps.ts';

/** An app in the chart, below the banner that names the patient. */
export function AppPanel({ apps }: { readonly apps: Apps }) {
  const { framed, problem, close } = apps;
  const panel = useRef<HTMLElement>(null);
  const heading = useRef<HTMLHeadingElement>(null);
  const address = framed?.address;

  useEffect(() => {
    if (address === undefined) return;
    panel.current?.scrollIntoView({ block: 'start' });
    heading.current?.focus({ preventScroll: true });
  }, [address]);

  return (
    <>
      {problem !== null && (
        <div className="app-problem" role="alert">
          <Notice title="The app did not open" text={problem} />
        </div>
      )}
      {framed !== null && (
        <section className="app-panel" aria-labelledby="app-title" ref={panel}>
          <div className="app-head">
            <h2 id="app-title" ref={heading} tabIndex={-1}>
              {framed.title}
            </h2>
            <button type="button" className="quiet" onClick={close}>
              Close the app
            </button>
          </div>
          <iframe title={framed.title} src={framed.address} referrerPolicy="no-referrer" />
        </section>
      )}
    </>
  );
}
