import { sql } from 'kysely';
import { ServiceError } from '#core/error';
import type { Database } from './database.ts';
import { isUuid } from './keys.ts';

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
   * @throws ServiceError FEEDBACK_FOREIGN_CARD when a card was not given to this tenant by this service
   */
  save(tenant: string, service: string, entries: readonly FeedbackEntry[]): Promise<void>;
}

export function createFeedback(database: Pick<Database, 'kysely'>): FeedbackStore {
  return {
    async save(tenant, service, entries) {
      if (entries.length === 0) return;
      if (!entries.every((entry) => isUuid(entry.card))) throw new ServiceError('FEEDBACK_FOREIGN_CARD');
      const values = JSON.stringify(
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
        const { rows } = await sql<{ card: string; id: string | null }>`
          select told.card, c.id from ${told}
          left join cards_issued c
            on c.id = told.card and c.tenant = ${tenant} and c.service = ${service}
        `.execute(transaction);
        if (rows.some((row) => row.id === null)) throw new ServiceError('FEEDBACK_FOREIGN_CARD');
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
