import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Context, Group } from './context.ts';
import { atMost, type Goal, measuredRow, type Row, skippedRow } from './row.ts';
import { startFovea, writeConfig } from './support/fovea.ts';
import { median } from './support/numbers.ts';
import { createTokenSigner } from './support/tokens.ts';

const name = 'start';
const fresh = atMost(`${name}.fresh`, 3, 's');
const reopened = atMost(`${name}.reopened`, 3, 's');
const postgres = atMost(`${name}.postgres`, 1.5, 's');

/** From the start of the process until hooks are answered from the store. */
export const start: Group = {
  name,
  about:
    '`fovea serve` from its start until /readyz is 200: new embedded database, one that was there, PostgreSQL',
  goals: [fresh, reopened, postgres],
  async run(context) {
    const folder = path.join(context.folder, name);
    mkdirSync(folder);
    const signer = await createTokenSigner();
    const config = writeConfig(folder, { ...signer, imagingServers: ['http://127.0.0.1:9'] });
    const times = async (
      goal: Goal,
      rounds: number,
      data: (round: number) => string,
      more: object,
    ): Promise<Row> => {
      const found: number[] = [];
      for (let round = 0; round < rounds; round++) {
        context.say(`${goal.name}: ${round + 1} of ${rounds}`);
        const fovea = await startFovea('serve', path.join(folder, data(round)), {
          FOVEA_CONFIG: config,
          ...more,
        });
        found.push(fovea.readyAfter / 1000);
        await fovea.stop();
      }
      return measuredRow(goal, { value: median(found), n: rounds, each: found });
    };
    const rounds = context.quick ? 1 : 5;
    return [
      await times(fresh, rounds, (round) => `fresh-${round}`, {}),
      await times(reopened, rounds, () => 'fresh-0', {}),
      await onPostgres(context, folder, (environment) =>
        times(postgres, rounds, () => 'server', environment),
      ),
    ];
  },
};

async function onPostgres(
  context: Context,
  folder: string,
  measure: (environment: Readonly<Record<string, string>>) => Promise<Row>,
): Promise<Row> {
  const server = await context.postgres();
  if (typeof server === 'string') return skippedRow(postgres, server);
  // Processes that share a database share the key of their pseudonyms, so Fovea makes none by itself there.
  const keyFile = path.join(folder, 'pseudonym.key');
  writeFileSync(keyFile, randomBytes(32), { mode: 0o600 });
  return measure({
    DATABASE_URL: await server.createDatabase('fovea_bench_start'),
    FOVEA_PSEUDONYM_KEY_FILE: keyFile,
  });
}
