import { sql } from 'kysely';
import { createBatcher } from './batch.ts';
import type { Database } from './database.ts';
import { chunkRows, inChunks } from './in-chunks.ts';

/** A card that went out, remembered for feedback and overrides. No wording, no result. */
export interface IssuedCard {
  /** The card's uuid. */
  readonly id: string;
  readonly tenant: string;
  readonly service: string;
  /** Keyed pseudonym of the user. */
  readonly userKey: string;
  /** Keyed pseudonym of the study's content. */
  readonly studyKey: string;
  readonly model: { readonly name: string; readonly version: string };
  /** Name of the finding; null for a card about the study as a whole. */
  readonly finding: string | null;
  readonly hookInstance: string;
  /** The assessment that it tells of; absent for a card about a study without one. */
  readonly assessmentId?: string;
}

export interface Cards {
  /** Remembers cards; a uuid that stands already is left as it is. @throws ServiceError STORE_UNAVAILABLE, STORE_FULL */
  issued(cards: readonly IssuedCard[]): Promise<void>;
  /** Forgets cards, with their feedback, that went out before `before`; gives how many cards. */
  purge(before: Date): Promise<number>;
}

export function createCards(database: Pick<Database, 'kysely'>): Cards {
  const insert = createBatcher<IssuedCard, undefined>(async (cards) => {
    const values = JSON.stringify(
      cards.map((card) => ({
        id: card.id,
        tenant: card.tenant,
        service: card.service,
        user_key: card.userKey,
        study_key: card.studyKey,
        model_name: card.model.name,
        model_version: card.model.version,
        finding: card.finding,
        hook_instance: card.hookInstance,
        assessment_id: card.assessmentId ?? null,
      })),
    );
    await sql`
      insert into cards_issued (id, tenant, service, user_key, study_key, model_name, model_version, finding,
        hook_instance, assessment_id)
      select * from json_to_recordset(${values}::json) as card (id uuid, tenant text, service text, user_key text,
        study_key text, model_name text, model_version text, finding text, hook_instance text, assessment_id uuid)
      on conflict (id) do nothing`.execute(database.kysely);
    return cards.map(() => undefined);
  });
  return {
    async issued(cards) {
      await insert(cards);
    },
    // One that feedback has in hand is left for the next time.
    purge: (before) =>
      inChunks(
        database,
        sql`
          delete from cards_issued where id in (
            select id from cards_issued where created < ${before} limit ${chunkRows} for update skip locked
          )`,
      ),
  };
}
