import { sql } from 'kysely';
import type { Database } from './database.ts';
import { chunkRows, inChunks } from './in-chunks.ts';
import { isUuid } from './keys.ts';

/** A launch to be remembered. Whatever is secret or names a person is in `sealed`. */
export interface NewLaunch {
  readonly id: string;
  /** SHA-256 of the browser's secret, hexadecimal. */
  readonly browserHash: string;
  readonly tenant: string;
  /** FHIR base. */
  readonly iss: string;
  readonly sealed: string;
  readonly idleSeconds: number;
  readonly expires: Date;
}

/** A launch that was begun and is waited for. */
export interface TakenLaunch {
  readonly id: string;
  readonly sealed: string;
}

/** An open launch together with the sign-in it uses: its own, or that of the launch it was opened from. */
export interface StoredLaunch {
  readonly id: string;
  readonly tenant: string;
  readonly iss: string;
  readonly sealed: string;
  /** The launch that holds the sign-in; its own id where it was not opened from another. */
  readonly root: string;
  readonly rootSealed: string;
  readonly idleSeconds: number;
  /** When anything of the sign-in was last used. */
  readonly seen: Date;
  /** When it ends at the latest. */
  readonly expires: Date;
}

/** Launches of the SMART app, each found by its browser only. */
export interface LaunchStore {
  /** @param stateHash SHA-256 of `state`, hexadecimal */
  addPending(launch: NewLaunch & { readonly stateHash: string }, now: Date): Promise<void>;
  /** Takes a launch that waits for its answer: once, by its own browser, before it expires. null: there is none. */
  takePending(browserHash: string, stateHash: string, now: Date): Promise<TakenLaunch | null>;
  addOpen(launch: NewLaunch & { readonly parent: string | null; readonly seen: Date }): Promise<void>;
  /**
   * `ended`: it was there and has ended, `foreign`: it is another browser's, null: there is none.
   */
  find(browserHash: string, id: string): Promise<StoredLaunch | 'ended' | 'foreign' | null>;
  touch(root: string, now: Date): Promise<void>;
  /**
   * Takes the renewal of a sign-in in hand until `until`; false: somebody else has it. A caller that died has it no
   * longer than it said.
   */
  startRenewal(root: string, until: Date, now: Date): Promise<boolean>;
  /**
   * Stores what was renewed, or with null that nothing was; false: the renewal is the caller's no more, or the sign-in
   * has ended, and nothing was stored.
   */
  endRenewal(
    root: string,
    until: Date,
    renewed: { readonly sealed: string; readonly expires: Date } | null,
  ): Promise<boolean>;
  /** Ends a sign-in with every launch that uses it, and empties them. */
  end(root: string): Promise<void>;
  /** Forgets launches that ended before `before`; gives how many. */
  purge(before: Date): Promise<number>;
}

/** Launches that were begun and never finished, forgotten with each new one. */
const forgottenAtOnce = 20;

/** @throws ServiceError STORE_UNAVAILABLE, STORE_FULL, from every method */
export function createLaunchStore({ kysely }: Pick<Database, 'kysely'>): LaunchStore {
  return {
    async addPending({ id, browserHash, stateHash, tenant, iss, sealed, idleSeconds, expires }, now) {
      // Whoever calls the launch address may make such rows: they are forgotten as fast as they are made.
      await sql`
        delete from app_launches where id in (
          select id from app_launches where phase = 'pending' and expires_at < ${now}
          limit ${forgottenAtOnce} for update skip locked
        )`.execute(kysely);
      await sql`
        insert into app_launches (id, browser_hash, state_hash, tenant, iss, phase, sealed, idle_seconds, expires_at)
        values (${id}, ${browserHash}, ${stateHash}, ${tenant}, ${iss}, 'pending', ${sealed}, ${idleSeconds},
          ${expires})`.execute(kysely);
    },
    async takePending(browserHash, stateHash, now) {
      const { rows } = await sql<TakenLaunch>`
        delete from app_launches
        where state_hash = ${stateHash} and browser_hash = ${browserHash} and expires_at > ${now}
        returning id, sealed`.execute(kysely);
      return rows[0] ?? null;
    },
    async addOpen({ id, browserHash, tenant, iss, sealed, idleSeconds, expires, parent, seen }) {
      await sql`
        insert into app_launches (id, browser_hash, tenant, iss, phase, sealed, parent, idle_seconds, seen_at,
          expires_at)
        values (${id}, ${browserHash}, ${tenant}, ${iss}, 'open', ${sealed}, ${parent}, ${idleSeconds}, ${seen},
          ${expires})
      `.execute(kysely);
    },
    async find(browserHash, id) {
      if (!isUuid(id)) return null;
      const { rows } = await sql<StoredLaunch & { readonly mine: boolean; readonly open: boolean }>`
        select l.id, l.tenant, l.iss, l.sealed, r.id as root, r.sealed as "rootSealed",
          r.idle_seconds as "idleSeconds", r.seen_at as seen, r.expires_at as expires,
          l.browser_hash = ${browserHash} as mine, l.phase = 'open' and r.phase = 'open' as open
        from app_launches l join app_launches r on r.id = coalesce(l.parent, l.id)
        where l.id = ${id} and l.phase <> 'pending'`.execute(kysely);
      const row = rows[0];
      if (row === undefined) return null;
      const { mine, open, ...launch } = row;
      if (!mine) return 'foreign';
      return open ? launch : 'ended';
    },
    async touch(root, now) {
      await sql`update app_launches set seen_at = ${now} where id = ${root} and seen_at < ${now}`.execute(
        kysely,
      );
    },
    async startRenewal(root, until, now) {
      const { rows } = await sql`
        update app_launches set renewing_until = ${until}
        where id = ${root} and phase = 'open' and (renewing_until is null or renewing_until < ${now})
        returning id`.execute(kysely);
      return rows.length > 0;
    },
    async endRenewal(root, until, renewed) {
      const { rows } = await sql`
        update app_launches set renewing_until = null,
          sealed = coalesce(${renewed?.sealed ?? null}, sealed),
          expires_at = coalesce(${renewed?.expires ?? null}, expires_at)
        where id = ${root} and phase = 'open' and renewing_until = ${until}
        returning id`.execute(kysely);
      return rows.length > 0;
    },
    async end(root) {
      await sql`
        update app_launches set phase = 'ended', sealed = null, renewing_until = null
        where (id = ${root} or parent = ${root}) and phase = 'open'`.execute(kysely);
    },
    purge: (before) =>
      inChunks(
        { kysely },
        sql`
          delete from app_launches where id in (
            select id from app_launches where expires_at < ${before} limit ${chunkRows} for update skip locked
          )`,
      ),
  };
}
