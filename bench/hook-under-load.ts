import type { Group } from './context.ts';
import { atMost, measuredRow } from './row.ts';
import { createAgent, measureLatency, post } from './support/load.ts';
import { fullSize, shippedModel } from './support/model.ts';
import { median, quantile } from './support/numbers.ts';
import { cardStates, studyUid } from './support/records.ts';
import { openSite, type Site } from './support/site.ts';

const name = 'hook-under-load';
const stall = atMost(`${name}.event-loop-stall`, 50, 'ms');

/** A stored result asked for while every worker thread has studies to read. */
export const hookUnderLoad: Group = {
  name,
  about:
    'p99 at 100 calls a second while every worker reads full-size studies, to twice the idle p99 and 10 ms',
  goals: [atMost(`${name}.p99`, 10, 'ms'), stall],
  async run(context) {
    const site = await openSite(context, name, { raw: (await fullSize(await shippedModel())).file });
    const agent = createAgent();
    try {
      const calls = context.count(400);
      const rounds = context.count(3);
      await site.stock(2 * rounds * calls + calls + 100);
      const target = site.call([studyUid(1)], 'raw');
      while (cardStates((await post(target, agent)).body)[0]?.startsWith('pending') === true) {
        await new Promise((resolve) => setTimeout(resolve, 300));
      }
      context.say(`${name}: warm-up`);
      await measureLatency(target, agent, calls);
      const perSecond = await studiesPerSecond(site, agent, context.quick ? 4 : 20);
      context.say(`${name}: the workers read ${perSecond.toFixed(1)} studies a second`);
      // Enough for the whole measurement and the time around it.
      const backlog = Math.ceil(perSecond * (calls / 100 + 2) * 1.5);

      const idle: number[] = [];
      const loaded: number[] = [];
      const stalls: number[] = [];
      for (let round = 0; round < rounds; round++) {
        context.say(`${name}: round ${round + 1} of ${rounds}, backlog of ${backlog} studies`);
        idle.push(...(await measureLatency(target, agent, calls)));
        const before = await site.sent();
        await enqueue(site, agent, 1000 * (round + 1), backlog);
        await worstStall(site);
        loaded.push(...(await measureLatency(target, agent, calls)));
        stalls.push(await worstStall(site));
        if ((await site.sent()) - before >= backlog) context.say(`${name}: the backlog was too short`);
        await drained(site, before + backlog);
      }
      const [idleP99, loadedP99] = [quantile(idle, 0.99), quantile(loaded, 0.99)];
      const p99 = atMost(`${name}.p99`, 2 * idleP99 + 10, 'ms');
      return [
        measuredRow(p99, {
          value: loadedP99,
          n: loaded.length,
          parts: {
            idleP99Ms: idleP99,
            idleP50Ms: median(idle),
            loadedP50Ms: median(loaded),
            studiesPerSecond: perSecond,
          },
          note: 'The goal is 2 × the idle p99 of this run and 10 ms.',
        }),
        measuredRow(stall, {
          value: Math.max(...stalls),
          n: stalls.length,
          note: 'The longest of all rounds; an idle loop shows its timer of 10 ms.',
        }),
      ];
    } finally {
      agent.destroy();
      await site.stop();
    }
  },
};

/** One call that asks for many studies at once: each becomes a job. */
async function enqueue(
  site: Site,
  agent: ReturnType<typeof createAgent>,
  from: number,
  count: number,
): Promise<void> {
  const studies = Array.from({ length: count }, (_, index) => studyUid(from + index));
  const { status } = await post(site.call(studies, 'raw'), agent);
  if (status !== 200) throw new Error(`the call with ${count} studies was answered with ${status}`);
}

async function studiesPerSecond(
  site: Site,
  agent: ReturnType<typeof createAgent>,
  count: number,
): Promise<number> {
  const before = await site.sent();
  const started = performance.now();
  await enqueue(site, agent, 100, count);
  await drained(site, before + count);
  return (1000 * count) / (performance.now() - started);
}

/** Waits until the imaging server has sent so many instances and the workers have had time to read the last. */
async function drained(site: Site, sent: number): Promise<void> {
  const deadline = performance.now() + 120_000;
  while ((await site.sent()) < sent) {
    if (performance.now() > deadline) throw new Error('the workers did not read the backlog in two minutes');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  await new Promise((resolve) => setTimeout(resolve, 500));
}

/** The longest turn of the service's event loop since this was last asked, milliseconds. */
async function worstStall({ fovea }: Site): Promise<number> {
  const text = await (await fetch(`${fovea.base}/metrics`)).text();
  const seconds = /^nodejs_eventloop_lag_max_seconds (\S+)$/m.exec(text)?.[1];
  if (seconds === undefined) throw new Error('/metrics does not tell nodejs_eventloop_lag_max_seconds');
  return 1000 * Number(seconds);
}
