import { useCallback, useEffect, useRef, useState } from 'react';
import { type AnnouncedService, api, type Card, type Exchange, type Feedback } from './api.ts';

/** Seconds that pending cards are asked for again. */
export const mostPolls = 30;

/** A card with the service that gave it. */
export interface ShownCard {
  readonly service: string;
  readonly card: Card;
  /** The result comes with a later call; there is nothing to answer yet. */
  readonly pending: boolean;
}

/** One call with what it was for, newest last. */
export interface LoggedCall {
  readonly id: number;
  readonly label: string;
  readonly exchange: Exchange;
}

export interface DecisionSupport {
  readonly state: 'loading' | 'ready';
  readonly cards: readonly ShownCard[];
  /** Calls that did not end in cards. */
  readonly failures: readonly Exchange[];
  readonly calls: readonly LoggedCall[];
  /** Seconds that pending cards have been polled; null where no card is pending. */
  readonly polled: number | null;
  readonly again: () => void;
  readonly sendFeedback: (service: string, feedback: Feedback) => Promise<Exchange>;
}

const hook = 'patient-view';
/** The topic by which a service says that a later call of the same hook brings the result. */
const pendingTopic = 'analysis-in-progress';
const callsKept = 40;

interface State {
  readonly state: 'loading' | 'ready';
  readonly cards: readonly ShownCard[];
  readonly failures: readonly Exchange[];
  readonly polled: number | null;
}

/** Opens the chart of a patient at every service that listens to `patient-view`, again each second while a card is pending. */
export function useDecisionSupport(patientId: string, userId: string, prefetch: boolean): DecisionSupport {
  const [state, setState] = useState<State>(opening);
  const [calls, setCalls] = useState<readonly LoggedCall[]>([]);
  const [round, setRound] = useState(0);
  const counter = useRef(0);

  const log = useCallback((label: string, exchange: Exchange) => {
    counter.current += 1;
    const id = counter.current;
    setCalls((before) => [...before, { id, label, exchange }].slice(-callsKept));
  }, []);

  // biome-ignore lint/correctness/useExhaustiveDependencies: `round` changes to open the chart again
  useEffect(() => {
    const controller = new AbortController();
    const { signal } = controller;
    setState(opening);
    setCalls([]);
    const run = async () => {
      const discovery = await api.services(signal);
      log('Discovery', discovery);
      if (discovery.status !== 200) return setState({ ...opening, state: 'ready', failures: [discovery] });
      const { services = [] } = (discovery.response ?? {}) as { services?: readonly AnnouncedService[] };
      const asked = services.filter((service) => service.hook === hook);
      for (let polls = 0; ; polls++) {
        const exchanges = await Promise.all(
          asked.map(async ({ id }) => {
            const exchange = await api.callHook({ service: id, hook, patientId, userId, prefetch }, signal);
            if (!signal.aborted) log(id, exchange);
            return { id, exchange };
          }),
        );
        if (signal.aborted) return;
        const cards = exchanges.flatMap(({ id, exchange }) =>
          cardsOf(exchange).map((card) => ({
            service: id,
            card,
            pending: card.source.topic?.code === pendingTopic,
          })),
        );
        const failures = exchanges.map(({ exchange }) => exchange).filter(({ status }) => status !== 200);
        const pending = cards.some((one) => one.pending);
        setState({ state: 'ready', cards, failures, polled: pending ? polls : null });
        if (!pending || polls >= mostPolls) return;
        await new Promise((resolve) => setTimeout(resolve, 1000));
        if (signal.aborted) return;
      }
    };
    run().catch(() => {
      if (signal.aborted) return;
      setState({ ...opening, state: 'ready', failures: [sandboxDown] });
    });
    return () => controller.abort();
  }, [patientId, userId, prefetch, round, log]);

  return {
    ...state,
    calls,
    again: useCallback(() => setRound((before) => before + 1), []),
    sendFeedback: useCallback(
      async (service: string, feedback: Feedback) => {
        const exchange = await api.sendFeedback(service, [feedback]);
        log(`Feedback: ${feedback.outcome}`, exchange);
        return exchange;
      },
      [log],
    ),
  };
}

const opening: State = { state: 'loading', cards: [], failures: [], polled: null };

/** Stands for a call that could not be asked for, because the sandbox itself does not answer. */
const sandboxDown: Exchange = {
  request: { method: 'POST', url: 'ehr/hooks', clientJwt: { header: null, claims: null }, body: null },
  response: null,
  status: null,
  problem: 'unreachable',
  retryAfter: null,
  milliseconds: 0,
};

function cardsOf({ status, response }: Exchange): readonly Card[] {
  const cards = (response as { cards?: unknown } | null)?.cards;
  return status === 200 && Array.isArray(cards) ? (cards as Card[]) : [];
}
