import { sql } from 'kysely';
import { ServiceError } from '#core/error';
import type { Database } from './database.ts';
import { isUuid } from './keys.ts';
import { storableJson } from './storable.ts';

/** One outcome of one card. @see CDS Hooks 2.0 §Feedback */
export interface FeedbackEntry {
  /** The card's uuid. */
  readonly card: string;
  readonly outcome: 'accepted' | 'overridden';
  readonly acceptedSuggestions: readonly string[];
  readonly overrideReason: { readonly reason: unknown; readonly userComment: string | null } | null;
  /** ISO 8601 with time zone. */
  readonly outcomeTimestamp: string;
}

export interface FeedbackStore {
  /**
   * Stores all entries or none. Idempotent by card, time and outcome. An override keeps further cards on the same study
   * and model version from this user.
   *
   * @throws ServiceError FEEDBACK_FOREIGN_CARD when a card was not given to this tenant by this service,
   * INVALID_REQUEST for a time that no database holds, STORE_UNAVAILABLE, STORE_FULL
   */
  save(tenant: string, service: string, entries: readonly FeedbackEntry[]): Promise<void>;
}

export function createFeedback(database: Pick<Database, 'kysely'>): FeedbackStore {
  return {
    async save(tenant, service, entries) {
      if (entries.length === 0) return;
      if (!entries.every((entry) => isUuid(entry.card))) throw new ServiceError('FEEDBACK_FOREIGN_CARD');
      const values = storableJson(
        entries.map((entry) => ({
          card: entry.card,
          outcome: entry.outcome,
          outcome_at: entry.outcomeTimestamp,
          reason: entry.overrideReason?.reason ?? null,
          comment: entry.overrideReason?.userComment ?? null,
          accepted_suggestions: entry.acceptedSuggestions,
        })),
      );
      const told = sql`json_to_recordset(${values}::json) as told (card uuid, outcome text, outcome_at timestamptz,
        reason json, comment text, accepted_suggestions json)`;
      await database.kysely.transaction().execute(async (transaction) => {
        // Locked in one order first: calls on the same cards, in whatever order, wait for each other in turn.
        const { rows } = await sql<{ id: string }>`
          select id from cards_issued
          where id in (select card from ${told}) and tenant = ${tenant} and service = ${service}
          order by id for update`.execute(transaction);
        const known = new Set(rows.map(({ id }) => id));
        if (!entries.every(({ card }) => known.has(card.toLowerCase())))
          throw new ServiceError('FEEDBACK_FOREIGN_CARD');
        await sql`
          insert into feedback (card_id, outcome_at, outcome, reason, comment, accepted_suggestions)
          select card, outcome_at, outcome, reason, comment, accepted_suggestions from ${told}
          on conflict do nothing`.execute(transaction);
        await sql`
          update cards_issued c set overridden_at = told.outcome_at from ${told}
          where told.outcome = 'overridden' and c.id = told.card and c.overridden_at is null
        `.execute(transaction);
      });
    },
  };
}
