import { CardView } from './card-view.tsx';
import { Notice } from './notice.tsx';
import type { Apps } from './use-apps.ts';
import { type DecisionSupport, mostPolls, type ShownCard } from './use-decision-support.ts';
import { problemOf } from './words.ts';

/** Decision support: the cards, or why there are none. */
export function CardsPanel({
  support,
  portal,
  apps,
}: {
  readonly support: DecisionSupport;
  readonly portal: boolean;
  readonly apps: Apps;
}) {
  const { state, cards, failures, polled } = support;
  return (
    <section className="support" aria-labelledby="support-title" aria-busy={state === 'loading'}>
      <div className="support-head">
        <h2 id="support-title">Decision support</h2>
        <button type="button" className="quiet" onClick={support.again} disabled={state === 'loading'}>
          Open the chart again
        </button>
      </div>
      <p role="status" className="visually-hidden">
        {announcement(support)}
      </p>
      {state === 'loading' && (
        <div className="skeleton" aria-hidden="true">
          <span />
          <span />
          <span />
        </div>
      )}
      {polled !== null && <Polling polled={polled} again={support.again} />}
      {withKeys(cards).map(({ key, service, card, pending }) => (
        <CardView
          key={key}
          card={card}
          answerable={!pending && card.uuid !== undefined}
          send={(feedback) => support.sendFeedback(service, feedback)}
          apps={apps}
        />
      ))}
      {failures.map((exchange) => {
        const problem = problemOf(exchange);
        return problem === null ? null : (
          <Notice
            key={exchange.request.url}
            title={problem.title}
            text={problem.text}
            action="Try again"
            onAction={support.again}
          />
        );
      })}
      {state === 'ready' && cards.length === 0 && failures.length === 0 && (
        <Notice
          kind="plain"
          title="No cards"
          text={
            portal
              ? 'This service gives cards to clinicians only. No card is not a negative.'
              : 'The service had nothing to say about this chart. No card is not a negative.'
          }
        />
      )}
    </section>
  );
}

/**
 * Each card with what it is about: its topic and its summary, counted where two say the same. The detail is no part of
 * it, because that of a running analysis changes with each call, and neither is the uuid: the card is the same one then
 * and keeps its focus.
 */
function withKeys(cards: readonly ShownCard[]): readonly (ShownCard & { readonly key: string })[] {
  const seen = new Map<string, number>();
  return cards.map((one) => {
    const about = `${one.service} ${one.card.source.topic?.code ?? ''} ${one.card.summary}`;
    const count = (seen.get(about) ?? 0) + 1;
    seen.set(about, count);
    return { ...one, key: `${about} ${count}` };
  });
}

function Polling({ polled, again }: { readonly polled: number; readonly again: () => void }) {
  if (polled >= mostPolls) {
    return (
      <div className="polling">
        <p>Still in progress after {mostPolls} s.</p>
        <button type="button" onClick={again}>
          Ask again
        </button>
      </div>
    );
  }
  return (
    <div className="polling">
      <p>
        Waiting for the result: asking again each second, {polled} of at most {mostPolls} s.
      </p>
      <progress value={polled} max={mostPolls} aria-label="Waiting for the result" />
    </div>
  );
}

/** What a screen reader hears when the cards change; the polls in between are silent. */
function announcement({ state, cards, failures, polled }: DecisionSupport): string {
  if (state === 'loading') return 'Asking for decision support.';
  if (polled !== null)
    return polled >= mostPolls ? 'The analysis is still in progress.' : 'An analysis is in progress.';
  if (failures.length > 0 && cards.length === 0) return 'Decision support did not answer with cards.';
  if (cards.length === 0) return 'No decision support cards.';
  return `${cards.length === 1 ? 'One card' : `${cards.length} cards`}. ${cards.map(({ card }) => card.summary).join('. ')}`;
}
