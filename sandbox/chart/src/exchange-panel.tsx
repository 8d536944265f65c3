import { useState } from 'react';
import type { Exchange } from './api.ts';
import { Json } from './json.tsx';
import type { LoggedCall } from './use-decision-support.ts';

/** The calls behind the cards, as they went over the wire: request and response side by side. */
export function ExchangePanel({ calls }: { readonly calls: readonly LoggedCall[] }) {
  const [chosen, setChosen] = useState<number | null>(null);
  const newest = calls.findLast(({ label }) => !label.startsWith('Discovery')) ?? calls.at(-1);
  const shown = calls.find(({ id }) => id === chosen) ?? newest;
  return (
    <details
      className="exchange"
      onToggle={(event) => {
        if (event.currentTarget.open) event.currentTarget.scrollIntoView({ block: 'start' });
      }}
    >
      <summary>
        <span>Request and response</span>
        {shown !== undefined && <span className="soft">{lineOf(shown.exchange)}</span>}
      </summary>
      {shown === undefined ? (
        <p className="soft pad">No call yet.</p>
      ) : (
        <>
          <label className="field">
            <span>Call</span>
            <select
              value={chosen === null ? '' : shown.id}
              onChange={(event) => setChosen(event.target.value === '' ? null : Number(event.target.value))}
            >
              <option value="">The newest</option>
              {[...calls].reverse().map(({ id, label, exchange }) => (
                <option key={id} value={id}>
                  {id}. {label}: {lineOf(exchange)}
                </option>
              ))}
            </select>
          </label>
          <div className="sides">
            <Side
              title="Request"
              line={`${shown.exchange.request.method} ${shown.exchange.request.url}`}
              content={shown.exchange.request.body}
            />
            <Side
              title="Response"
              line={`${shown.exchange.status ?? 'no answer'} in ${Math.round(shown.exchange.milliseconds)} ms`}
              content={shown.exchange.response}
            />
          </div>
          <details className="jwt">
            <summary>Client JWT of the request, decoded</summary>
            <Json content={shown.exchange.request.clientJwt} label="Client JWT, decoded" />
          </details>
        </>
      )}
    </details>
  );
}

function Side(props: { readonly title: string; readonly line: string; readonly content: unknown }) {
  const [copied, setCopied] = useState(false);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(JSON.stringify(props.content, null, 2));
      setCopied(true);
      setTimeout(() => setCopied(false), 2000);
    } catch {
      setCopied(false);
    }
  };
  return (
    <section className="side" aria-label={props.title}>
      <div className="side-head">
        <h3>{props.title}</h3>
        <code>{props.line}</code>
        <button
          type="button"
          className="quiet"
          onClick={copy}
          aria-label={`Copy the ${props.title.toLowerCase()}`}
        >
          {copied ? 'Copied' : 'Copy'}
        </button>
      </div>
      {props.content === null ? (
        <p className="soft">No body.</p>
      ) : (
        <Json content={props.content} label={`${props.title} body`} />
      )}
    </section>
  );
}

function lineOf({ request, status, milliseconds }: Exchange): string {
  return `${request.method} ${new URL(request.url, location.href).pathname} · ${status ?? 'no answer'} · ${Math.round(milliseconds)} ms`;
}
