import type http from 'node:http';
import type { Group } from './context.ts';
import { atMost, measuredRow } from './row.ts';
import { startRoute } from './support/bare-route.ts';
import { createAgent, measureLatency, post } from './support/load.ts';
import { fullSize, shippedModel } from './support/model.ts';
import { median, parted, quantile } from './support/numbers.ts';
import { studyUid } from './support/records.ts';
import { openSite, type Site, untilStored } from './support/site.ts';

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
    const stops = [site.stop];
    try {
      const calls = context.count(400);
      const rounds = context.count(3);
      await site.stock(2 * rounds * calls + calls + 1_000);
      const target = site.call([studyUid(1)], 'raw');
      const { answer } = await untilStored(target, agent);
      // What this machine does to any process while the workers have its cores.
      const route = await startRoute({ answer, storeFolder: null, token: null });
      stops.push(route.stop);
      const bareTarget = { url: route.url, pid: route.pid, body: target.body };
      context.say(`${name}: warm-up`);
      await measureLatency(target, agent, calls);
      await measureLatency(bareTarget, agent, calls);
      const idle: number[] = [];
      const loaded: number[] = [];
      const refused: number[] = [];
      const stalls: number[] = [];
      const bare: number[] = [];
      const bareStalls: number[] = [];
      const reports: LoadReport[] = [];
      const own = async () => {
        await worstStall(site);
        loaded.push(...(await measureLatency(target, agent, calls, (status) => refused.push(status))));
        stalls.push(await worstStall(site));
      };
      const beside = async () => {
        await route.stall();
        bare.push(...(await measureLatency(bareTarget, agent, calls)));
        bareStalls.push(await route.stall());
      };
      for (let round = 0; round < rounds; round++) {
        context.say(`${name}: round ${round + 1} of ${rounds}, idle, then under load`);
        idle.push(...(await measureLatency(target, agent, calls)));
        const load = startLoad(site, agent, 1_000_000 * (round + 1));
        await new Promise((resolve) => setTimeout(resolve, 1_000));
        for (const measure of round % 2 === 0 ? [own, beside] : [beside, own]) await measure();
        reports.push(await load.stop());
      }
      const [idleP99, loadedP99] = [quantile(idle, 0.99), quantile(loaded, 0.99)];
      const p99 = atMost(`${name}.p99`, 2 * idleP99 + 10, 'ms');
      return [
        measuredRow(p99, {
          value: loadedP99,
          n: loaded.length,
          each: parted(loaded, rounds).map((round) => quantile(round, 0.99)),
          parts: {
            idleP99Ms: idleP99,
            idleP50Ms: median(idle),
            loadedP50Ms: median(loaded),
            bareLoadedP99Ms: quantile(bare, 0.99),
            bareLoadedP50Ms: median(bare),
            studiesPerSecond: median(reports.map(({ perSecond }) => perSecond)),
            refusedCalls: refused.length,
            refusedCallsWithNewStudies: reports.reduce((sum, { refused }) => sum + refused, 0),
          },
          note: 'The goal is 2 × the idle p99 of this run and 10 ms.',
        }),
        measuredRow(stall, {
          value: Math.max(...stalls),
          n: stalls.length,
          each: stalls,
          parts: { bareMs: Math.max(...bareStalls) },
          note: 'The longest of all rounds; an idle loop shows its timer of 10 ms.',
        }),
      ];
    } finally {
      agent.destroy();
      for (const stop of stops.reverse()) await stop();
    }
  },
};

/** Studies that one call brings; as many again wait while they are read. */
const batch = 12;

interface LoadReport {
  /** Studies that were sent to the workers. */
  readonly perSecond: number;
  /** Calls with new studies that were not answered with 200. */
  readonly refused: number;
}

/** Keeps every worker busy: a call with new studies whenever fewer than a batch wait. */
function startLoad(site: Site, agent: http.Agent, first: number): { stop(): Promise<LoadReport> } {
  const state = { stopped: false, asked: 0, refused: 0 };
  const started = performance.now();
  const feed = async (): Promise<LoadReport> => {
    const before = await site.sent();
    const read = async () => (await site.sent()) - before;
    while (!state.stopped) {
      if (state.asked - (await read()) < batch) {
        const studies = Array.from({ length: batch }, (_, index) => studyUid(first + state.asked + index));
        state.asked += batch;
        const { status } = await post(site.call(studies, 'raw'), agent);
        if (status !== 200) state.refused += 1;
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    const perSecond = (1000 * (await read())) / (performance.now() - started);
    const deadline = performance.now() + 60_000;
    while ((await read()) < state.asked && performance.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    // What was sent last is still being read.
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    return { perSecond, refused: state.refused };
  };
  const feeding = feed();
  // A failure is told by stop().
  feeding.catch(() => undefined);
  return {
    stop() {
      state.stopped = true;
      return feeding;
    },
  };
}

/** The longest turn of the service's event loop since this was last asked, milliseconds. */
async function worstStall({ fovea }: Site): Promise<number> {
  const text = await (await fetch(`${fovea.base}/metrics`)).text();
  const seconds = /^nodejs_eventloop_lag_max_seconds (\S+)$/m.exec(text)?.[1];
  if (seconds === undefined) throw new Error('/metrics does not tell nodejs_eventloop_lag_max_seconds');
  return 1000 * Number(seconds);
}
