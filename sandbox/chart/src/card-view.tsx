import { useEffect, useRef, useState } from 'react';
import Markdown from 'react-markdown';
import remarkGfm from 'remark-gfm';
import type { Card, CardLink, Coding, Exchange, Feedback, Suggestion } from './api.ts';
import { OverrideDialog } from './override-dialog.tsx';
import type { Apps } from './use-apps.ts';

type Outcome =
  | { readonly state: 'open' }
  | { readonly state: 'sending' }
  | { readonly state: 'done'; readonly text: string }
  | { readonly state: 'failed' };

/** The indicator as a word and a sign, so that colour is never alone. @see CDS Hooks 2.0 §Card Attributes */
const indicators: Readonly<Record<string, { readonly word: string; readonly sign: string }>> = {
  info: { word: 'Information', sign: 'i' },
  warning: { word: 'Warning', sign: '!' },
  critical: { word: 'Critical', sign: '‼' },
};

/** One card as an EHR renders it, with what the clinician may answer. */
export function CardView(props: {
  readonly card: Card;
  /** The card takes feedback: it has a uuid, and a result. */
  readonly answerable: boolean;
  readonly send: (feedback: Feedback) => Promise<Exchange>;
  readonly apps: Apps;
}) {
  const { card } = props;
  const [outcome, setOutcome] = useState<Outcome>({ state: 'open' });
  const [overriding, setOverriding] = useState(false);
  const done = useRef<HTMLParagraphElement>(null);
  const indicator = indicators[card.indicator] ?? { word: card.indicator, sign: '·' };

  useEffect(() => {
    if (outcome.state === 'done' || outcome.state === 'failed') done.current?.focus();
  }, [outcome.state]);

  const answer = async (text: string, feedback: Omit<Feedback, 'card' | 'outcomeTimestamp'>) => {
    if (card.uuid === undefined) return;
    setOutcome({ state: 'sending' });
    const sent = await props
      .send({ card: card.uuid, ...feedback, outcomeTimestamp: new Date().toISOString() })
      .catch(() => null);
    const taken = sent?.status != null && sent.status >= 200 && sent.status < 300;
    setOutcome(taken ? { state: 'done', text } : { state: 'failed' });
  };
  const override = (reason: Coding | null, comment: string) => {
    setOverriding(false);
    const overrideReason = {
      ...(reason !== null && { reason }),
      ...(comment !== '' && { userComment: comment }),
    };
    const told = reason?.display ?? reason?.code;
    answer(told === undefined ? 'Set aside.' : `Set aside: ${told}.`, {
      outcome: 'overridden',
      ...(Object.keys(overrideReason).length > 0 && { overrideReason }),
    });
  };
  const accept = (suggestion: Suggestion) => {
    answer(`Accepted: ${suggestion.label}.`, {
      outcome: 'accepted',
      acceptedSuggestions: [{ id: suggestion.uuid ?? '' }],
    });
  };

  const answered = outcome.state === 'done';
  return (
    <article className={`card ${card.indicator} ${answered ? 'answered' : ''}`}>
      <header>
        <p className="indicator">
          <span className="sign" aria-hidden="true">
            {indicator.sign}
          </span>
          {indicator.word}
        </p>
        <h3>{card.summary}</h3>
      </header>
      {!answered && (
        <>
          <Detail text={card.detail} />
          {(card.links ?? []).length > 0 && (
            <ul className="links">
              {card.links?.map((link) => (
                <li key={link.url + link.label}>
                  {link.type === 'smart' ? (
                    <AppLink link={link} apps={props.apps} />
                  ) : (
                    <ExternalLink href={link.url}>{link.label}</ExternalLink>
                  )}
                </li>
              ))}
            </ul>
          )}
          {(card.suggestions ?? []).map((suggestion) => (
            <div className="suggestion" key={suggestion.uuid ?? suggestion.label}>
              <div>
                <p className="label">
                  {suggestion.label}
                  {suggestion.isRecommended && <span className="tag">Recommended</span>}
                </p>
                {suggestion.actions?.map((action) => (
                  <p className="soft" key={action.description}>
                    {action.description}
                  </p>
                ))}
              </div>
              <button
                type="button"
                disabled={suggestion.uuid === undefined || outcome.state === 'sending'}
                onClick={() => accept(suggestion)}
                aria-label={`Accept: ${suggestion.label}`}
              >
                Accept
              </button>
            </div>
          ))}
        </>
      )}
      {!answered && (
        <footer>
          <p className="source">
            Source:{' '}
            {card.source.url === undefined ? (
              card.source.label
            ) : (
              <ExternalLink href={card.source.url}>{card.source.label}</ExternalLink>
            )}
          </p>
          {props.answerable && (
            <div className="answers">
              {(card.overrideReasons ?? []).length > 0 ? (
                <button
                  type="button"
                  disabled={outcome.state === 'sending'}
                  onClick={() => setOverriding(true)}
                >
                  Override…
                </button>
              ) : (
                <button
                  type="button"
                  disabled={outcome.state === 'sending'}
                  onClick={() => override(null, '')}
                >
                  Dismiss
                </button>
              )}
            </div>
          )}
        </footer>
      )}
      {(answered || outcome.state === 'failed') && (
        <p className="outcome" ref={done} tabIndex={-1}>
          {answered
            ? `${outcome.text} Feedback sent.`
            : 'The feedback could not be sent; the card stays open. Try again.'}
        </p>
      )}
      {answered && card.detail !== undefined && (
        <details className="again">
          <summary>Read the card again</summary>
          <Detail text={card.detail} />
        </details>
      )}
      {overriding && (
        <OverrideDialog
          summary={card.summary}
          reasons={card.overrideReasons ?? []}
          onOverride={override}
          onCancel={() => setOverriding(false)}
        />
      )}
    </article>
  );
}

/** An app of the card: it opens with the card's context, in the chart or beside it. @see CDS Hooks 2.0 §Link */
function AppLink({ link, apps }: { readonly link: CardLink; readonly apps: Apps }) {
  return (
    <div className="app-link">
      <button type="button" onClick={() => apps.openInFrame(link)}>
        {link.label}
      </button>
      <button type="button" className="quiet" onClick={() => apps.openInWindow(link)}>
        In a new window <span className="visually-hidden">({link.label})</span>
      </button>
    </div>
  );
}

/** GitHub-flavoured Markdown; HTML in it stays text, pictures are left out. */
function Detail({ text }: { readonly text: string | undefined }) {
  if (text === undefined) return null;
  return (
    <div className="detail">
      <Markdown remarkPlugins={[remarkGfm]} disallowedElements={['img']} components={{ a: ExternalLink }}>
        {text}
      </Markdown>
    </div>
  );
}

function ExternalLink({
  href,
  children,
}: {
  readonly href?: string | undefined;
  readonly children?: React.ReactNode;
}) {
  return (
    <a href={href} target="_blank" rel="noopener noreferrer">
      {children}
      <span className="visually-hidden"> (opens in a new tab)</span>
    </a>
  );
}
