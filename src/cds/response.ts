import { randomUUID } from 'node:crypto';
import { checkAction, checkCard } from './card.ts';
import type { Action, Card, ServiceResponse } from './types.ts';

/** A card, or an action of `systemActions`, that breaks the standard and was left out of an answer: a bug of its service. */
export interface BadCard {
  readonly serviceId: string;
  readonly hook: string;
  /** `path: problem`; no value of the card is in it. */
  readonly problems: readonly string[];
}

/** The answer as it is sent. @see CDS Hooks 2.0 §HTTP Response */
export interface WireResponse {
  readonly cards: readonly Card[];
  readonly systemActions?: readonly Action[];
}

export interface CheckedResponse {
  readonly wire: WireResponse;
  /** What to remember of each card sent. */
  readonly issued: readonly { readonly uuid: string; readonly subject: Readonly<Record<string, string>> }[];
}

/** Gives every card and suggestion a uuid and leaves out what breaks the standard, telling `onBadCard` of it. */
export function checkResponse(
  { cards, systemActions = [] }: ServiceResponse,
  onBadCard: (problems: readonly string[]) => void,
): CheckedResponse {
  const good = <T>(one: T, problems: readonly string[]): T[] => {
    if (problems.length === 0) return [one];
    onBadCard(problems);
    return [];
  };
  const sent = cards
    .flatMap((one) => good(one, checkCard(one.card)))
    .map(({ card, subject = {} }) => ({ card: withUuids(card), subject }));
  const actions = systemActions.flatMap((action, index) =>
    good(action, checkAction(action, `systemActions[${index}]`)),
  );
  return {
    wire: { cards: sent.map(({ card }) => card), ...(actions.length > 0 && { systemActions: actions }) },
    issued: sent.map(({ card, subject }) => ({ uuid: card.uuid, subject })),
  };
}

/** Without a uuid on card and suggestion, an EHR sends no feedback. @see CDS Hooks 2.0 §Feedback */
function withUuids(card: Card): Card & { readonly uuid: string } {
  return {
    ...card,
    uuid: card.uuid ?? randomUUID(),
    ...(card.suggestions !== undefined && {
      suggestions: card.suggestions.map((one) => ({ ...one, uuid: one.uuid ?? randomUUID() })),
    }),
  };
}
