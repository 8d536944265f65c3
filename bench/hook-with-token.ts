import path from 'node:path';
import type { Group } from './context.ts';
import { besideBareRoutes } from './hook-from-store.ts';
import { callsOf, hookGoals } from './support/hook-comparison.ts';
import { createAgent } from './support/load.ts';
import { fullSize, shippedModel } from './support/model.ts';
import { studyUid } from './support/records.ts';
import { openSite, untilStored } from './support/site.ts';

const name = 'hook-with-token';

/** The same call from an EHR that says who it is: an ES384 token of its own for every call. */
export const hookWithToken: Group = {
  name,
  about:
    'the same with a client JWT (ES384, every `jti` once), to bare routes that verify the same token with jose',
  goals: hookGoals(name),
  async run(context) {
    const site = await openSite(context, name, { raw: (await fullSize(await shippedModel())).file });
    const agent = createAgent();
    try {
      const amount = context.quick ? 50 : 1000;
      context.say(`${name}: signing tokens`);
      // Bare routes take from the same stock: they do not remember tokens, but the client's work must be the same.
      await site.stock(callsOf(context, amount) + 500);
      const target = site.call([studyUid(1)], 'raw');
      const { answer, states } = await untilStored(target, agent);
      context.say(`${name}: the stored result is ${states.join(', ')}`);
      const folder = path.join(context.folder, name);
      return await besideBareRoutes(context, folder, name, target, answer, site.trust, { amount });
    } finally {
      agent.destroy();
      await site.stop();
    }
  },
};
